"""A gallery's vectors: float16 in files, mapped into memory, and float32 once there was time to convert them.

The first search converts a few rows at a time and throws them away: making room for a float32 copy takes longer than
the search. The copy is made behind its back, and later searches, ten times faster, use it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Embeddings

RESIDENT_LIMIT = 4_000_000_000  # bytes of float32 vectors up to which they are kept in memory
JOB_ROWS = 8_192
BLOCK_ROWS = 512  # converted at a time: they stay in the processor's cache


class Vectors:
    """(n, d) unit rows in consecutive shards. Safe to share between threads."""

    def __init__(self, shards: Sequence[NDArray[np.float16]]) -> None:
        self._shards = shards
        self._resident: list[Embeddings] | None = None
        self._keeper: threading.Thread | None = None
        self._lock = threading.Lock()

    def scores(self, query: Embeddings) -> Iterator[NDArray[np.float32]]:
        """The inner products of a (d,) query with all rows, in consecutive parts."""
        if self._resident is not None:
            yield from (shard @ query for shard in self._resident)
            return
        with ThreadPoolExecutor(_threads(), thread_name_prefix="search") as pool:
            yield from pool.map(lambda rows: _scores(rows, query), _parts(self._shards))
        self._keep()

    def _keep(self) -> None:
        """Begin to make the float32 copy, once, if it is not too large."""
        with self._lock:
            size = sum(4 * shard.size for shard in self._shards)
            if self._keeper is None and size <= RESIDENT_LIMIT:
                self._keeper = threading.Thread(target=self._convert, daemon=True, name="gallery")
                self._keeper.start()

    def _convert(self) -> None:
        copies = [np.empty(shard.shape, np.float32) for shard in self._shards]
        for copy, shard in zip(copies, self._shards, strict=True):
            for start in range(0, len(shard), JOB_ROWS):
                copy[start : start + JOB_ROWS] = shard[start : start + JOB_ROWS]
        self._resident = copies


def _parts(shards: Sequence[NDArray[np.float16]]) -> Iterator[NDArray[np.float16]]:
    for shard in shards:
        for start in range(0, len(shard), JOB_ROWS):
            yield shard[start : start + JOB_ROWS]


def _scores(rows: NDArray[np.float16], query: Embeddings) -> NDArray[np.float32]:
    scores = np.empty(len(rows), np.float32)
    block = np.empty((min(BLOCK_ROWS, len(rows)), len(query)), np.float32)
    for start in range(0, len(rows), BLOCK_ROWS):
        some = rows[start : start + BLOCK_ROWS]
        block[: len(some)] = some
        np.vecdot(block[: len(some)], query, out=scores[start : start + len(some)])
    return scores


def _threads() -> int:
    return min(os.cpu_count() or 1, 16)
