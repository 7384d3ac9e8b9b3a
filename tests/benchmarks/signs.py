"""Reading what is written in a photo: seconds by its size and number of lines, and the memory that the models take."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from geoloc_core.paths import ROOT

SIZES = ((1000, 750), (2000, 1500), (4000, 3000))
LINES = (0, 8, 40)


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """A row for each photo, each in a process of its own, so that its peak memory is its own."""
    rows = []
    for size in SIZES[:: 2 if quick else 1]:
        for lines in LINES[: 2 if quick else 3]:
            command = [
                sys.executable,
                "-m",
                "tests.benchmarks.signs",
                *map(str, size),
                str(lines),
                str(2 if quick else 7),
            ]
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            rows.append({"photo": f"{size[0]} x {size[1]}", "lines": lines, **json.loads(done.stdout)})
    return rows


def _photo(width: int, height: int, lines: int) -> Image.Image:
    rng = np.random.default_rng(4)
    photo = Image.fromarray(rng.integers(60, 200, (12, 16, 3), dtype=np.uint8)).resize((width, height), 3)
    draw = ImageDraw.Draw(photo)
    for i in range(lines):
        size = int(rng.choice((16, 20, 28, 40)))
        corner = int(width * (0.05 + 0.45 * (i % 2))), int(height * (0.03 + 0.9 * (i // 2) / max(1, lines / 2)))
        text = f"Street name {i} No {i * 7}"
        box = draw.textbbox(corner, text, font=ImageFont.load_default(size))
        draw.rectangle((box[0] - 9, box[1] - 6, box[2] + 9, box[3] + 6), fill="white")
        draw.text(corner, text, fill="black", font=ImageFont.load_default(size))
    return photo


def _measure(width: int, height: int, lines: int, times: int) -> dict[str, object]:
    from geoloc_core.signs.reading import read

    photo, before = _photo(width, height, lines), _peak()
    taken, cpu = [], []
    for _ in range(times + 1):
        start, cpu_start = time.perf_counter(), time.process_time()
        writing = read(photo, ("rapid",))
        taken.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    return {
        "read": sum(bool(line.text) for line in writing.lines),
        "first, ms": round(taken[0] * 1000),
        "median, ms": round(statistics.median(taken[1:]) * 1000),
        "of CPUs, ms": round(statistics.median(cpu[1:]) * 1000),
        "peak memory, MB": _peak(),
        "before, MB": before,
    }


def _peak() -> int:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024 // 1_000_000


if __name__ == "__main__":
    print(json.dumps(_measure(*(int(word) for word in sys.argv[1:]))))
