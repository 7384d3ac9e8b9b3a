"""Geo-cells of clustered synthetic places, as many as MP-16 has photos: seconds and memory, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from geoloc_core.paths import ROOT

_SCRIPT = """
import json, sys, tempfile, time
from pathlib import Path
import numpy as np
from geoloc_core.cells import Partition
from index_builder.cells.build import build

def peak():  # ru_maxrss would count the parent's memory too
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024

def timed(work):
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - start, time.process_time() - cpu, result

count, centres = int(sys.argv[1]), 30_000
rng = np.random.default_rng(1)
middle = np.column_stack([np.degrees(np.arcsin(rng.uniform(-0.8, 0.95, centres))), rng.uniform(-180, 180, centres)])
weight = 1 / np.arange(1, centres + 1)
which = rng.choice(centres, count, p=weight / weight.sum())
away = rng.standard_t(2, (count, 2)) * 0.08 * (rng.random((count, 1)) > 0.02)  # one in fifty at exactly the centre
points = np.clip(middle[which] + away, [-89, -540], [89, 540])
del away, which
before = peak()
seconds, cpu, built = timed(lambda: build(points))
found = {"photos": count, "build, s": seconds, "of the processor, s": cpu, "peak memory, MB": peak()}
found |= {"before it, MB": before} | dict(zip(built.partition.levels, built.partition.sizes))
path = Path(tempfile.mkdtemp()) / "cells.parquet"
found["save, s"] = timed(lambda: built.partition.save(path))[0]
opened, _, partition = timed(lambda: Partition.open(path))
found |= {"file, kB": path.stat().st_size / 1000, "open, s": opened}
found["assign 1,000, ms"] = timed(lambda: partition.assign(points[:1000]))[0] * 1000
print(json.dumps(found))
"""


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """A row for each number of photos; the last is that of MP-16's."""
    return [_measure(count) for count in ((100_000,) if quick else (100_000, 1_000_000, 4_700_000))]


def _measure(count: int) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(count)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))
