"""Asking a model while the visitor watches: the question runs in a thread, a fragment shows how it goes.

It ends early when the visitor stops it, takes another photo or asks for another answer, and when nobody has looked at
it for a while, as after the tab was closed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from geoloc_core.errors import GeolocError, LmmError
from geoloc_core.lmm.base import Watch
from geoloc_core.prediction import Prediction
from pages.parts.frame import log_unexpected
from pages.parts.options import Options
from pages.parts.state import ANSWER, work
from pages.parts.text import inert, plain

_EVERY_S = 0.5
_UNWATCHED_S = 90.0  # browsers let a page in the background look once a minute
_TAIL = 4_000  # characters of a reply that are shown while it is written


@dataclass
class Asking:
    """A question under way, or its outcome: exactly one of `prediction` and `failure` once `ended` is set."""

    model: str
    destination: str
    chosen: Options
    step: str = ""
    waiting: str = ""
    tails: dict[int, str] = field(default_factory=dict)
    lengths: dict[int, int] = field(default_factory=dict)
    prediction: Prediction | None = None
    failure: GeolocError | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)
    looked_at: float = field(default_factory=time.monotonic)

    def watch(self) -> Watch:
        """What tells this object how the question goes, from the thread that asks."""
        return Watch(self._on_text, self._on_wait, self.cancelled)

    def on_step(self, text: str) -> None:
        """A step that a person would wait for has begun."""
        self.step = text

    def start(self, predict: Callable[[], Prediction]) -> None:
        """Ask in a thread of its own."""
        threading.Thread(target=self._run, args=(predict,), daemon=True, name="geoloc-ask").start()
        threading.Thread(target=self._guard, daemon=True, name="geoloc-ask-guard").start()

    def _run(self, predict: Callable[[], Prediction]) -> None:
        try:
            self.prediction = predict()
        except GeolocError as error:
            self.failure = error
        except Exception as error:
            log_unexpected(error)
            self.failure = LmmError("Asking the model failed for an unexpected reason. Try again, or another model.")
        finally:
            self.ended.set()

    def _guard(self) -> None:
        while not self.ended.wait(1):
            if time.monotonic() - self.looked_at > _UNWATCHED_S:
                self.cancelled.set()
                return

    def _on_text(self, number: int, piece: str) -> None:
        self.waiting = ""
        if not piece:  # the reply starts anew
            self.lengths[number], self.tails[number] = 0, ""
        self.lengths[number] = self.lengths.get(number, 0) + len(piece)
        self.tails[number] = (self.tails.get(number, "") + piece)[-_TAIL:]

    def _on_wait(self, text: str) -> None:
        self.waiting = text


@st.fragment(run_every=_EVERY_S)
def watching() -> None:
    """How the session's question goes, with the button that stops it."""
    asking = work().asking
    if asking is None or asking.ended.is_set():
        st.rerun()
    assert asking is not None
    asking.looked_at = time.monotonic()
    stopping = asking.cancelled.is_set()
    with st.container(border=True, key="asking"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(f"Asking {plain(asking.model)} at {plain(asking.destination)}", anchor=ANSWER, width="stretch")
            st.caption(f"{time.monotonic() - asking.began:.0f} s", width="content")
            st.button(
                "Stopping" if stopping else "Stop", key="lmm_stop", icon=":material/stop:", disabled=stopping,
                on_click=asking.cancelled.set,
            )  # fmt: skip
        if asking.step and not asking.step.startswith("Asking"):
            st.caption(plain(asking.step))
        if asking.waiting:
            st.warning(plain(asking.waiting), icon=":material/hourglass_top:")
        _replies(asking)


def _replies(asking: Asking) -> None:
    """The end of each reply as far as it has come: untrusted, so as bare text."""
    tails = sorted(asking.tails.items())
    if not tails:
        st.progress(0.0, "Nothing has come back yet")
    for number, tail in tails:
        cut = asking.lengths[number] - len(tail)
        if len(tails) > 1:
            st.caption(f"Reply {number + 1}")
        st.code(("…" if cut else "") + inert(tail, _TAIL), language=None, wrap_lines=True)
