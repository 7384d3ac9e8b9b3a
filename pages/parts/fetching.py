"""Getting weights from the hub while the visitor goes on using the app: started by a click, shown, and stopped by one.

A download belongs to the machine, so all visitors see the same one; its state lives in this module, behind a lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from geoloc_core.errors import GeolocError
from geoloc_core.hub import Progress
from pages.parts.frame import log_unexpected
from pages.parts.text import message, size

Get = Callable[[Progress, threading.Event], object]
"""Downloads, telling how far it is, until the event is set."""


@dataclass
class Download:
    """A running or ended download."""

    done: int = 0
    total: int = 0
    ended: bool = False
    problem: str = ""
    cancel: threading.Event = field(default_factory=threading.Event)

    def report(self, done: int, total: int) -> None:
        """Bytes there, bytes in all."""
        self.done, self.total = done, total


_downloads: dict[str, Download] = {}
_lock = threading.Lock()


def running(name: str) -> bool:
    """Whether that download is under way."""
    download = _downloads.get(name)
    return download is not None and not download.ended


def fetch_panel(name: str, get: Get, label: str) -> None:
    """The button that gets something, or its progress."""
    if running(name):
        _progress(name)
        return
    if (before := _downloads.get(name)) and before.problem:
        st.warning(message(before.problem), icon=":material/cloud_off:")
    if st.button(label, key=f"get-{name}", icon=":material/download:"):
        _start(name, get)
        st.rerun()


@st.fragment(run_every=0.5)
def _progress(name: str) -> None:
    download = _downloads[name]
    if download.ended:
        st.rerun()
    part = download.done / download.total if download.total else 0.0
    text = f"{size(download.done)} of {size(download.total)}" if download.total else "Asking the model hub"
    st.progress(min(part, 1.0), text)
    if st.button("Stop", key=f"stop-{name}", icon=":material/stop:", disabled=download.cancel.is_set()):
        download.cancel.set()


def _start(name: str, get: Get) -> None:
    with _lock:
        if running(name):
            return
        download = _downloads[name] = Download()
    threading.Thread(target=_fetch, args=(get, download), daemon=True, name=f"geoloc-fetch-{name}").start()


def _fetch(get: Get, download: Download) -> None:
    try:
        get(download.report, download.cancel)
    except GeolocError as error:
        download.problem = str(error)
    except Exception as error:
        log_unexpected(error)
        download.problem = "The download failed for an unexpected reason. Try again."
    finally:
        download.ended = True
