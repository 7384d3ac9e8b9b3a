"""Nearest and farthest together, ours against FAISS flat asked twice (q, then -q) or once with both as a batch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from geoloc_core.gallery.search import two_ended

DIM, K = 768, 16


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Median milliseconds a query, the ways in turn within each round so that the machine's mood is shared."""
    return [_measure(count, rounds=5 if quick else 15) for count in (10_000, 100_000, *([] if quick else [1_000_000]))]


def _measure(count: int, rounds: int) -> dict[str, object]:
    import faiss

    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((count, DIM), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(DIM)
    index.add(vectors)
    query = vectors[count // 2]
    ways: dict[str, Callable[[], object]] = {
        "two_ended": lambda: two_ended([vectors], query, K),
        "faiss q, then -q": lambda: (index.search(query[None], K), index.search(-query[None], K)),
        "faiss [q, -q]": lambda: index.search(np.stack([query, -query]), K),
    }
    _agree(ways)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append((time.perf_counter() - start) * 1000)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "vectors of 768": count,
        **{f"{name}, ms": round(value, 2) for name, value in medians.items()},
        "faiss twice / ours": round(medians["faiss q, then -q"] / medians["two_ended"], 2),
    }


def _agree(ways: dict[str, Callable[[], object]]) -> None:
    ours, ((near, _), (far, _)) = ways["two_ended"](), ways["faiss q, then -q"]()  # type: ignore[misc]
    assert np.allclose(ours.nearest.similarity, near[0], atol=1e-5)
    assert np.allclose(ours.farthest.similarity, -far[0], atol=1e-5)
