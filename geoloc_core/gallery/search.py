"""Exact search for both ends at once: each block is scored once, its most and least similar rows kept together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Embeddings

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Hits:
    """(k,) rows of a gallery with their similarity (inner product), best first; ties by the lower row."""

    rows: Rows
    similarity: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TwoEnded:
    """The most similar rows, similarity falling, and the least similar ones, similarity rising."""

    nearest: Hits
    farthest: Hits


def two_ended(blocks: Iterable[Embeddings], query: Embeddings, k: int) -> TwoEnded:
    """Both ends of the exact order of all rows by inner product with `query`.

    Args:
        blocks: consecutive (n_i, d) float32 blocks of the gallery.
        query: (d,) float32.
        k: at most this many at each end.
    """
    return both_ends((block @ query for block in blocks), k)


def both_ends(scores: Iterable[NDArray[np.float32]], k: int) -> TwoEnded:
    """The at most `k` rows with the highest and with the lowest of consecutive (n_i,) scores."""
    near, far = _Best(k, sign=-1), _Best(k, sign=1)
    first = 0
    for part in scores:
        near.add(part, first)
        far.add(part, first)
        first += len(part)
    return TwoEnded(near.hits(), far.hits())


class _Best:
    """The k smallest of sign * score over the blocks seen so far, ties by the lower row."""

    def __init__(self, k: int, sign: int) -> None:
        self.k, self.sign = k, sign
        self.scores = np.empty(0, np.float32)
        self.rows = np.empty(0, np.int64)

    def add(self, scores: NDArray[np.float32], first: int) -> None:
        """Take in the scores of the rows that start at `first`."""
        keyed = self.sign * scores
        if len(keyed) > self.k:
            worst_kept = np.partition(keyed, self.k - 1)[self.k - 1]
            chosen = np.flatnonzero(keyed <= worst_kept)  # every tie at the edge, so that the lower row can win
        else:
            chosen = np.arange(len(keyed))
        rows = np.concatenate([self.rows, chosen + first])
        kept = np.concatenate([self.scores, keyed[chosen]])
        order = np.lexsort((rows, kept))[: self.k]
        self.scores, self.rows = kept[order], rows[order]

    def hits(self) -> Hits:
        """What was kept, best first."""
        return Hits(self.rows, self.sign * self.scores)
