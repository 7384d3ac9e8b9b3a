"""A question to a model on its way, in a thread of its own; `watching` shows how it goes.

It ends early when the visitor stops it, takes another photo or asks for another answer, and when nobody has looked at
it for a while, as after the tab was closed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from geoloc_core.errors import GeolocError, LmmError
from geoloc_core.lmm.base import Watch
from geoloc_core.prediction import Prediction
from pages.parts.frame import log_unexpected
from pages.parts.options import Options

_UNWATCHED_S = 90.0  # browsers let a page in the background look once a minute
TAIL = 4_000  # characters of a reply that are shown while it is written


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
        self.tails[number] = (self.tails.get(number, "") + piece)[-TAIL:]

    def _on_wait(self, text: str) -> None:
        self.waiting = text
