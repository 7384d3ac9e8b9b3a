"""Nearest and farthest together against FAISS flat, numpy and the time it takes to read the bytes, in one run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from geoloc_core.gallery import Gallery
from geoloc_core.gallery.search import TwoEnded
from geoloc_core.paths import ROOT
from geoloc_core.settings import settings
from tests.make_vectors import photo_like, write_gallery

DIM, K, BATCH, ASKERS, EACH = 768, 16, 256, 16, 6
LARGE = "GEOLOC_BENCH_LARGE"  # set it to add 4.72 million rows, without FAISS: 7.3 GB on disk


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Median milliseconds; the ways take turns within each round so that the machine's mood is shared."""
    sizes = [10_000, 100_000] + ([] if quick else [1_000_000]) + ([4_720_000] if os.environ.get(LARGE) else [])
    with tempfile.TemporaryDirectory() as home:
        return [_measure(Path(home) / str(count), count, rounds=5 if quick else 11) for count in sizes]


def _measure(folder: Path, count: int, rounds: int) -> dict[str, object]:
    write_gallery(folder, photo_like(count, DIM, outliers=0.005))
    alone = json.loads(subprocess.check_output([sys.executable, "-c", _ALONE, str(folder), str(K)], cwd=ROOT))
    import torch

    gallery = Gallery.open(folder, verify=False)
    halves = np.concatenate(gallery._vectors._shards)
    queries = halves[:: count // BATCH][:BATCH].astype(np.float32)
    coded = _coded(folder)
    ways: dict[str, Callable[[int], Any]] = {
        "ours": lambda i: gallery.two_ended(queries[i], K),
        "8-bit codes": lambda i: coded.two_ended(queries[i], K),
    }
    if count <= 1_000_000:
        ways |= _others(halves, queries)
    ways["read fp16"] = lambda _: torch.from_numpy(halves).view(torch.int64).sum()
    ways["read int8"] = lambda _: torch.from_numpy(halves[: count // 2]).view(torch.int64).sum()
    for way in ("ours", "8-bit codes"):
        _agree(ways[way](0), halves, queries[0])
    medians = _in_turn(ways, rounds)
    began = time.perf_counter()
    gallery.two_ended_batch(queries, K)
    batch = (time.perf_counter() - began) * 1000 / BATCH
    p50, p95 = _together(gallery, queries)
    p50_coded, p95_coded = _together(coded, queries)
    ratio = {f"{name} / ours": round(took / medians["ours"], 2) for name, took in medians.items() if name != "ours"}
    return {
        "vectors of 768": count,
        **{f"{name}, ms": round(took, 2) for name, took in medians.items()},
        **ratio,
        f"batch of {BATCH}, ms a query": round(batch, 2),
        f"{ASKERS} threads p50, ms": round(p50, 1),
        f"{ASKERS} threads p95, ms": round(p95, 1),
        f"8-bit codes, {ASKERS} threads p50, ms": round(p50_coded, 1),
        f"8-bit codes, {ASKERS} threads p95, ms": round(p95_coded, 1),
        **alone,
    }


def _coded(folder: Path) -> Gallery:
    os.environ["GEOLOC_SEARCH_BACKEND"] = "codes"
    settings.cache_clear()
    gallery = Gallery.open(folder, verify=False)
    del os.environ["GEOLOC_SEARCH_BACKEND"]
    settings.cache_clear()
    gallery.nearest(np.ones(DIM), 1)
    if gallery._vectors._settler:
        gallery._vectors._settler.join()
    return gallery


def _others(halves: np.ndarray, queries: np.ndarray) -> dict[str, Callable[[int], Any]]:
    import faiss
    import torch

    index = faiss.IndexFlatIP(DIM)
    for at in range(0, len(halves), 65_536):
        index.add(halves[at : at + 65_536].astype(np.float32))
    singles = faiss.rev_swig_ptr(index.get_xb(), halves.size).reshape(halves.shape)

    def plain(i: int) -> object:
        scores = singles @ queries[i]
        return np.argpartition(scores, (K, len(scores) - K)), index  # the index owns the memory

    return {
        "faiss q, then -q": lambda i: (index.search(queries[i][None], K), index.search(-queries[i][None], K)),
        "faiss [q, -q]": lambda i: index.search(np.stack([queries[i], -queries[i]]), K),
        "numpy fp32": plain,
        "read fp32": lambda _: torch.from_numpy(singles).view(torch.int64).sum(),
    }


def _in_turn(ways: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way(turn)
            times[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(took[1:]) for name, took in times.items()}


def _together(gallery: Gallery, queries: np.ndarray) -> tuple[float, float]:
    took: list[float] = []

    def ask(asker: int) -> None:
        for turn in range(EACH):
            began = time.perf_counter()
            gallery.two_ended(queries[asker * EACH + turn], K)
            took.append((time.perf_counter() - began) * 1000)

    threads = [threading.Thread(target=ask, args=(asker,)) for asker in range(ASKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return float(np.percentile(took, 50)), float(np.percentile(took, 95))


def _agree(found: TwoEnded, halves: np.ndarray, query: np.ndarray) -> None:
    blocks = (halves[at : at + 65_536].astype(np.float64) for at in range(0, len(halves), 65_536))
    scores = np.concatenate([np.vecdot(block, query.astype(np.float64)) for block in blocks])
    order = np.argsort(scores, kind="stable")
    assert list(found.farthest.rows) == list(order[:K])
    assert np.array_equal(found.nearest.similarity, scores[order[::-1][:K]].astype(np.float32))


_ALONE = """
import json, sys, time
import numpy as np
from geoloc_core.gallery import Gallery

def memory(kind):
    lines = open("/proc/self/status").read().splitlines() if sys.platform == "linux" else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(kind)), -1)

before, began = memory("RssAnon"), time.perf_counter()
gallery = Gallery.open(sys.argv[1], verify=False)
opened, mapped = (time.perf_counter() - began) * 1000, memory("RssFile")
query, k = np.random.default_rng(0).standard_normal(gallery.manifest.dim), int(sys.argv[2])
open_memory, began = memory("RssAnon") - before, time.perf_counter()
gallery.two_ended(query, k)
first = (time.perf_counter() - began) * 1000
import torch
if gallery._vectors._settler: gallery._vectors._settler.join()
loaded = memory("RssAnon")
for _ in range(3): gallery.two_ended(query, k)
print(json.dumps({"open, ms": round(opened, 1), "first search in a new process, ms": round(first, 1),
    "memory of its own once open, MiB": open_memory, "more after searches, MiB": memory("RssAnon") - loaded}))
"""
