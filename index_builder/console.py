"""Progress bars that suit a terminal as well as a log."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


def interval() -> float:
    """Seconds between two drawings of a bar: often where somebody looks, seldom in a log.

    `GEOLOC_PROGRESS_S` is set by a program that reads along, such as the app.
    """
    return 0.1 if sys.stderr.isatty() else float(os.environ.get("GEOLOC_PROGRESS_S", "30"))


@contextmanager
def progress_in_bytes(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar as a function of (bytes done, bytes in all)."""
    with progress(what, unit="B", unit_scale=True) as on_progress:
        yield on_progress


@contextmanager
def progress(what: str, unit: str = " rows", *, unit_scale: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A progress bar as a function of (done, all)."""
    with tqdm(desc=what, unit=unit, unit_scale=unit_scale, delay=1, mininterval=interval()) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield on_progress
