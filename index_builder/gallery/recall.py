"""How much of the exact answer an index finds, at both ends, and how little effort is enough for a wanted recall."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Embeddings
from geoloc_core.gallery.near import Near, Vectors
from geoloc_core.gallery.search import Rows

Progress = Callable[[str, int, int], None]  # stage, done, of how many
_BLOCK_ROWS = 16_384
_ROUNDING = 2e-6  # two sums of the same 768 products in float32 differ by less
_MOST_EFFORT = 4096


def quiet(stage: str, done: int, total: int) -> None:
    """Shows nothing."""


@dataclass(frozen=True, eq=False)
class Exact:
    """What the exact search says: for each of q rows, as a query without itself, how similar its k-th row is.

    `near` and `far` are (q,) similarities: whatever is at least as near, or at least as far, belongs to the answer. So
    duplicates and other ties count for whoever finds them.
    """

    rows: Rows
    queries: Embeddings
    k: int
    near: NDArray[np.float32]
    far: NDArray[np.float32]


def exact_ends(vectors: Vectors, rows: Rows, k: int, progress: Progress = quiet) -> Exact:
    """Compare each of (q,) `rows` with all others, block by block; memory does not grow with the gallery."""
    queries = vectors.take(rows)
    near = np.full((len(rows), k), np.inf, np.float32)
    far = near.copy()
    for start, block in vectors.blocks(_BLOCK_ROWS):
        scores = queries @ block.T
        own = np.flatnonzero((rows >= start) & (rows < start + len(block)))
        at = rows[own] - start
        scores[own, at] = np.inf
        far = _smallest(far, scores)
        scores[own, at] = -np.inf
        near = _smallest(near, -scores)
        progress("exact answer", start + len(block), len(vectors))
    return Exact(rows, queries, k, near=-near.max(1), far=far.max(1))


def recall_near(near: Near, exact: Exact) -> float:
    """Mean recall at k of the nearest rows."""
    return _share(near, exact, exact.queries, exact.near)


def recall_far(near: Near, exact: Exact) -> float:
    """Mean recall at k of the farthest rows, asked for with -q, as is usual with FAISS."""
    return _share(near, exact, -exact.queries, -exact.far)


def least_effort(near: Near, exact: Exact, target: float, progress: Progress = quiet) -> int:
    """The least nprobe or efSearch (to a tenth) whose near recall is `target`; the most there is if none reaches it."""
    cells, graph = hasattr(near.index, "nprobe"), hasattr(near.index, "hnsw")
    if not (cells or graph):
        return 0
    most = int(near.index.nlist) if cells else _MOST_EFFORT

    def enough(effort: int) -> bool:
        near.set_effort(effort)
        found = recall_near(near, exact)
        progress(f"effort {effort}: near recall {found:.3f}", effort, most)
        return found >= target

    low, high = 0, 1
    while not enough(high):
        if high == most:
            return most
        low, high = high, min(2 * high, most)
    while high - low > max(1, low // 10):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _smallest(kept: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    k = kept.shape[1]
    return np.partition(np.concatenate([kept, scores], axis=1), k - 1, axis=1)[:, :k]


def _share(near: Near, exact: Exact, queries: Embeddings, bound: NDArray[np.float32]) -> float:
    rows, scores = near.search_many(queries, exact.k + 1)
    right = (rows != exact.rows[:, None]) & (scores >= bound[:, None] - _ROUNDING)
    return float(np.minimum(right.sum(1), exact.k).mean() / exact.k)
