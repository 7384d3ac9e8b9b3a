"""Making GeoCLIP's gallery of places at a click: the builder's own command, run beside the app.

The gallery belongs to the machine, so all visitors see the same build; its state lives in this module, behind a lock.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from geoloc_core.gallery.catalogue import STARTER_LOCATIONS, Listed
from geoloc_core.paths import ROOT
from geoloc_core.settings import settings
from pages.parts.text import message

NAME = "geoclip-100k"
_PERCENT = re.compile(rb"(\d{1,3})%\|")
_MOST_SAID = 10_000


@dataclass
class Build:
    """A running or ended build: how far it is, and why it failed."""

    process: subprocess.Popen[bytes]
    part: float = 0.0
    problem: str = ""
    stopped: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        """Read what the command says until it ends."""
        said = b""
        assert self.process.stderr is not None
        while piece := self.process.stderr.read1(4096):  # type: ignore[attr-defined]
            said = (said + piece)[-_MOST_SAID:]
            if found := _PERCENT.findall(said):
                self.part = min(int(found[-1]), 100) / 100
        if self.process.wait() and not self.stopped:
            lines = said.decode("utf-8", "replace").replace("\r", "\n").split("\n")
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            self.problem = last[:500] or "The build ended without a word. Run the command to see more."
        self.ended.set()

    def stop(self) -> None:
        """End it; nothing is left of it."""
        self.stopped = True
        self.process.terminate()


_running: list[Build] = []  # at most one
_lock = threading.Lock()


def locations_panel(listed: tuple[Listed, ...]) -> None:
    """What GeoCLIP needs of places, and the button that makes it."""
    if any(entry.locations and entry.path != STARTER_LOCATIONS for entry in listed):
        return
    build = _running[0] if _running else None
    with st.container(border=True):
        st.markdown(
            "**No photos of your own?** GeoCLIP compares a photo with places themselves. Its 100,000 places are "
            "encoded once, in about a minute, into 100 MB; for photos it also needs CLIP's weights, below."
        )
        if build and not build.ended.is_set():
            _progress()
            return
        if build and build.problem:
            st.warning(message(build.problem), icon=":material/error:")
        if st.button("Make GeoCLIP's gallery", key="make-locations", icon=":material/add_location_alt:"):
            _start(settings().galleries / NAME)
            st.rerun()
        st.caption(f"`python -m index_builder geoclip FOLDER` does the same; here it is `{NAME}` in your galleries.")


@st.fragment(run_every=0.5)
def _progress() -> None:
    build = _running[0]
    if build.ended.is_set():
        st.rerun()
    st.progress(build.part, "Encoding the places" if build.part else "Loading the location encoder")
    st.button("Stop", key="stop-locations", icon=":material/stop:", on_click=build.stop, disabled=build.stopped)


def _start(out: Path) -> None:
    with _lock:
        if _running and not _running[0].ended.is_set():
            return
        out.parent.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "index_builder", "geoclip", str(out)],
            cwd=ROOT,
            env={**os.environ, "GEOLOC_PROGRESS_S": "0.5"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        _running[:] = [Build(process)]
    threading.Thread(target=_running[0].follow, daemon=True, name="geoloc-locations").start()
