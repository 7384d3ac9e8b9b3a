"""The builder's memory by rows: the same few tiny photos under ever more ids, so that only the rows grow."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

from tests.benchmarks.pipeline import build, make_photos, speed_of
from tests.tiny_clip import save_checkpoint

_FILES = 40


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """The most that the largest process of a build takes."""
    measured = []
    with tempfile.TemporaryDirectory() as home:
        photos, tiny = make_photos(Path(home) / "tiny", (160, 120), _FILES), save_checkpoint(Path(home) / "model")
        for count in (2_000, 6_000) if quick else (2_000, 10_000, 50_000):
            table = photos / f"{count}.csv"
            with table.open("w", newline="") as file:
                lines = csv.writer(file)
                lines.writerow(("id", "file", "lat", "lon"))
                lines.writerows((f"p{i}", f"{i % _FILES:05d}.jpg", i % 120 - 60, i % 300 - 150) for i in range(count))
            told, most = build(table, f"open_clip:{tiny}")
            measured.append({"rows": count, "photos/s": speed_of(told), "peak memory, MiB": round(most)})
    return measured
