"""Galleries of precomputed embeddings of 768 numbers: index, verify, open and search, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from geoloc_core.paths import ROOT

DIM, PER_FILE = 768, 50_000
_PRELUDE = """
import json, sys, time
from pathlib import Path
import numpy as np
from geoloc_core.gallery import Gallery
def peak():  # ru_maxrss would count the parent's memory too
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
"""
_INDEX = """
from geoloc_core.gallery.manifest import EncoderRef
from index_builder.gallery.index import index
from index_builder.gallery.publish import Provenance
about, encoder = Provenance(title="Benchmark"), EncoderRef(id="bench", name="bench")
seconds, _ = timed(lambda: index(Path(sys.argv[1]), Path(sys.argv[2]), about, encoder=encoder))
print(json.dumps({"index, s": seconds, "index, peak MB": peak()}))
"""
_VERIFY = """
from index_builder.gallery.verify import verify
seconds, report = timed(lambda: verify(Path(sys.argv[2])))
assert report.ok
print(json.dumps({"verify, s": seconds}))
"""
_SEARCH = """
import pyarrow.parquet
query = np.full(768, 768 ** -0.5, np.float32)
opened, gallery = timed(lambda: Gallery.open(Path(sys.argv[2])))
first, hits = timed(lambda: gallery.two_ended(query, 100))
shown, _ = timed(lambda: gallery.neighbours(hits.nearest))
gallery._vectors._keeper.join()
later = sorted(timed(lambda: gallery.two_ended(query, 100))[0] for _ in range(9))[4]
print(json.dumps({"open, s": opened, "first query, s": first, "its 100 rows, s": shown, "later, ms": later * 1000}))
"""


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """A row for each number of photos; files are made in the system's temporary folder."""
    counts = (2_000, 50_000, 100_000, *([] if quick else [1_000_000]))
    with tempfile.TemporaryDirectory() as folder:
        return [_measure(Path(folder) / str(count), count) for count in counts]


def _measure(folder: Path, count: int) -> dict[str, object]:
    _make(folder / "embeddings", count)
    gallery = folder / "gallery"
    found = {"photos": count, **_script(_INDEX, folder)}
    found["size, MB"] = sum(file.stat().st_size for file in gallery.iterdir()) / 1e6
    found |= _script(_VERIFY, folder) | _script(_SEARCH, folder)
    if _drop_page_cache():
        cold = _script(_SEARCH, folder)
        found |= {f"{name} (disk cold)": cold[name] for name in ("open, s", "first query, s")}
    return {name: round(value, 2) for name, value in found.items()}


def _script(body: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-c", _PRELUDE + body, folder / "embeddings", folder / "gallery"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _make(folder: Path, count: int) -> None:
    """Pairs of float16 arrays and tables, as another program may have left them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, start in enumerate(range(0, count, PER_FILE)):
        size = min(PER_FILE, count - start)
        vectors = rng.standard_normal((size, DIM), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        np.save(folder / f"{number:05d}.npy", vectors.astype(np.float16))
        rows = range(start, start + size)
        columns = {
            "id": [f"photo-{row:08d}" for row in rows],
            "lat": rng.uniform(-60, 75, size),
            "lon": rng.uniform(-180, 180, size),
            "author": [f"user {row % 5000}" for row in rows],
            "content_hash": [rng.bytes(16).hex() for _ in rows],
        }
        pq.write_table(pa.table(columns), folder / f"{number:05d}.parquet", compression="zstd")


def _drop_page_cache() -> bool:
    """Make the next reads come from the disk, where this user may."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True
