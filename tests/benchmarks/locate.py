"""Locate on the command line's path: the first photo of a process and the following ones, split by step."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from geoloc_core.paths import ROOT

_SCRIPT = """
import json, sys, time
from pathlib import Path
from geoloc_core.gallery import Gallery
from geoloc_core.locate import locate
from geoloc_core.photo import open_photo
start = time.perf_counter()
gallery = Gallery.open("assets/starter")
opened = time.perf_counter() - start
for path in sorted(Path("assets/examples").glob("*.jpg")):
    start = time.perf_counter()
    photo = open_photo(path)
    read = time.perf_counter() - start
    answer = locate(photo, gallery)
    total = time.perf_counter() - start
    seconds = {"read": read, **answer.prediction.seconds}
    print(json.dumps({"open": opened, **seconds, "names": total - sum(seconds.values()), "total": total}))
    opened = 0.0
"""


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Milliseconds by step: the medians over processes of the first photo, and over photos of the others."""
    first, later = [], []
    for _ in range(2 if quick else 5):
        done = subprocess.run([sys.executable, "-c", _SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
        records = [json.loads(line) for line in done.stdout.splitlines()]
        first.append(records[0])
        later += records[1:]
    return [{"photo": "first of a process", **_medians(first)}, {"photo": "later", **_medians(later)}]


def _medians(records: list[dict[str, float]]) -> dict[str, object]:
    steps = ("open", "read", "load", "encode", "search", "predict", "names", "total")
    return {f"{s}, ms": round(statistics.median(r.get(s, 0.0) for r in records) * 1000, 1) for s in steps}
