"""The app from a cold start: server, first paint in Chromium, then an answer for an example photo in one click."""

from __future__ import annotations

import statistics
import time
from typing import Any

from geoloc_core.paths import ROOT
from tests.browser import chromium, serve

QUESTION = "Where in the world was this photo taken?"


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Medians in seconds over fresh servers and fresh browsers."""
    records = [_once() for _ in range(1 if quick else 3)]
    return [{name: round(statistics.median(r[name] for r in records), 2) for name in records[0]}]


def _once() -> dict[str, float]:
    started = time.perf_counter()
    with serve(ROOT / "app.py") as url:
        healthy = time.perf_counter()
        with chromium() as visit:
            opened = time.perf_counter()
            page = visit(url).page
            page.get_by_role("heading", name=QUESTION).wait_for()
            painted = time.perf_counter()
            first = _answer(page)
            page.reload()
            second = _answer(page)
    return {
        "server ready, s": healthy - started,
        "first paint, s": painted - opened,
        "first answer, s": first,
        "second answer, s": second,
    }


def _answer(page: Any) -> float:
    button = page.get_by_role("button", name="Locate example 1", exact=True)
    button.wait_for()
    clicked = time.perf_counter()
    button.click()
    page.get_by_text("Most likely place").wait_for()
    return time.perf_counter() - clicked
