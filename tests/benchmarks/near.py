"""Near indexes against the exact answer: seconds and bytes to build, recall at both ends, milliseconds a query.

Vectors have the spectrum of photos' ones, with 0.5 % outliers off their cone; each index searches with the least effort
that finds 95 % of the nearest. BENCH_NEAR_ROWS=1000000 measures that size instead, which takes about half an
hour on two cores. Peak memory counts the pages of the mapped vectors, which the system may take back.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from geoloc_core.gallery.manifest import read_manifest
from geoloc_core.gallery.near import Near, Vectors
from geoloc_core.gallery.search import two_ended
from geoloc_core.paths import ROOT
from tests.make_vectors import photo_like, write_gallery

DIM, K, QUERIES, OUTLIERS = 768, 16, 200, 0.005
KEYS = {
    10_000: ("SQfp16", "SQ8", "HNSW32_SQfp16", "IVF256,SQfp16", "IVF256,SQ8"),
    100_000: ("SQfp16", "SQ8", "HNSW32_SQfp16", "HNSW32_SQ8", "IVF1024,SQfp16", "IVF1024,SQ8"),
    1_000_000: ("IVF4096,SQ8", "HNSW32_SQfp16", "IVF4096,SQfp16", "SQfp16", "SQ8"),
}


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """A row for each index and size; each is built in a process of its own, so that its peak memory is its own."""
    sizes = [int(size) for size in os.environ.get("BENCH_NEAR_ROWS", "10000" if quick else "100000").split()]
    rows: list[dict[str, object]] = []
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            gallery = Path(folder) / "gallery"
            write_gallery(gallery, photo_like(count, DIM, outliers=OUTLIERS))
            rows.append(_exact(gallery))
            for key in KEYS.get(count, KEYS[1_000_000]):
                command = [sys.executable, "-m", "tests.benchmarks.near", str(gallery), key]
                subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"OMP_WAIT_POLICY": "passive"})
                rows.append(_index(gallery, json.loads((gallery / "built.json").read_text())))
                print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _exact(gallery: Path) -> dict[str, object]:
    vectors = Vectors.open(gallery, read_manifest(gallery))
    blocks = [block for _, block in vectors.blocks(65_536)]
    ms = _median_ms(vectors, lambda query: two_ended(blocks, query, K))
    size = len(vectors) * DIM * 2 / 1e6
    return _row(len(vectors), "exact, both ends", 0.0, 0.0, size, "", "", 100.0, 100.0, ms)


def _index(gallery: Path, built: tuple[float, float, int]) -> dict[str, object]:
    manifest = read_manifest(gallery)
    facts = manifest.near
    assert facts
    near = Near.open(gallery, manifest)
    ms = _median_ms(near.vectors, lambda query: near.search(query, K))
    size = manifest.files[facts.file].bytes / 1e6
    recalls = [round(share * 100, 1) for share in (facts.recall_near, facts.recall_far)]
    seconds, cpu, peak = built
    return _row(manifest.count, facts.key, seconds, cpu, size, peak, facts.search, *recalls, ms)


def _row(count: int, index: str, *values: object) -> dict[str, object]:
    names = (
        "train + add, s",
        "of CPUs, s",
        "MB",
        "peak MB",
        "nprobe or ef",
        "near recall, %",
        "far recall, %",
        "ms/query",
    )
    return {"vectors of 768": count, "index": index, **dict(zip(names, values, strict=True))}


def _median_ms(vectors: Vectors, search) -> float:  # type: ignore[no-untyped-def]
    """The median of single queries, after as many to warm up."""
    queries = vectors.take(np.random.default_rng(3).choice(len(vectors), 60, replace=False))
    times = []
    for query in queries:
        start = time.perf_counter()
        search(query)
        times.append((time.perf_counter() - start) * 1000)
    return round(statistics.median(times[30:]), 2)


def _build(gallery: Path, key: str) -> None:
    """Build an index and leave beside it the seconds and CPU seconds to fill it, and the process's peak MB."""
    from index_builder.gallery.near import build_near

    started, cpu_started = time.perf_counter(), time.process_time()
    filled = (0.0, 0.0)

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal filled
        if stage == "adding":
            filled = (time.perf_counter() - started, time.process_time() - cpu_started)

    build_near(gallery, key=key, queries=QUERIES, k=K, progress=progress)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) * 1024 // 1_000_000  # ru_maxrss would be the parent's, if that was larger
    (gallery / "built.json").write_text(json.dumps([*(round(seconds, 1) for seconds in filled), peak]))


if __name__ == "__main__":
    _build(Path(sys.argv[1]), sys.argv[2])
