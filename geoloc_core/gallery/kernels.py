"""Ways to score float16 rows where they lie, and by how much their scores can be off."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Embeddings
from geoloc_core.status import Choice

Halves = NDArray[np.float16]
Mask = NDArray[np.bool_]
_T = TypeVar("_T")

FEW = 16  # queries at once up to which a product each beats widening the rows once for a matrix product
_HALF, _SINGLE = 2.0**-11, 2.0**-24  # units of roundoff: the most a result is off, relative to itself
_CACHE_ROWS = 512  # widened at a time by each thread: they stay in its processor's cache
_TASK_ROWS = 8_192
_PRODUCT_ROWS = 4_096


def slack(exact: NDArray[np.float64], used: NDArray[np.floating], *, half: bool = False) -> float:
    """The most by which a fast score differs from the inner product, for rows of length 1; else times the length.

    Rounding the query costs |x| |q - q'| (Cauchy-Schwarz); n float32 sums and products in any order gamma_n |x| |q'|
    (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1); a float16 result half its last digit.
    """
    length = float(np.linalg.norm(used.astype(np.float64)))
    summing = 1.01 * len(exact) * _SINGLE * length
    result = _HALF * (length + summing) if half else 0.0
    return 1.001 * (float(np.linalg.norm(exact - used)) + summing + result + _SINGLE)


class Kernel(Protocol):
    """Scores consecutive (n_i, d) parts with float32 sums; n is the number of all their rows."""

    choice: Choice

    def score(self, parts: Sequence[Halves], queries: Embeddings, wanted: Mask) -> Embeddings:
        """The (m, n) inner products with (m, d) queries; those of rows that are not `wanted`, (n,), mean nothing."""
        ...

    def most_squared(self, parts: Sequence[Halves]) -> float:
        """The largest sum of squares of a row; not finite if any number is not."""
        ...


class NumpyKernel:
    """Needs nothing but NumPy, whose conversion from float16 is slow: threads share it."""

    def __init__(self, reason: str = "the gallery is small") -> None:
        self.choice = Choice("float32 by NumPy", reason)

    def score(self, parts: Sequence[Halves], queries: Embeddings, wanted: Mask) -> Embeddings:
        """As `Kernel.score`; all rows are scored."""
        scores = np.empty((len(queries), len(wanted)), np.float32)

        def run(first: int, rows: Halves) -> None:
            block, mine = rows.astype(np.float32), slice(first, first + len(rows))
            if len(queries) == 1:
                np.vecdot(block, queries[0], out=scores[0, mine])
            else:
                scores[:, mine] = queries @ block.T

        self._map(run, parts)
        return scores

    def most_squared(self, parts: Sequence[Halves]) -> float:
        """As `Kernel.most_squared`."""

        def run(_: int, rows: Halves) -> float:
            block = rows.astype(np.float32)
            return float(np.vecdot(block, block).max())

        return float(np.max(self._map(run, parts)))

    @staticmethod
    def _map(run: Callable[[int, Halves], _T], parts: Sequence[Halves]) -> list[_T]:
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 16), thread_name_prefix="search") as pool:
            return list(pool.map(lambda task: run(*task), _tasks(parts, _CACHE_ROWS)))


class CompiledKernel:
    """Reads rows as they are stored, at nearly the memory's speed. Threads take the next rows as they get free."""

    choice = Choice("float16, compiled", "rows are read once, as they are stored")

    def __init__(self) -> None:
        from numba import config

        from geoloc_core.gallery import compiled

        self._compiled = compiled
        self._threads = int(config.NUMBA_NUM_THREADS)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="search")

    def score(self, parts: Sequence[Halves], queries: Embeddings, wanted: Mask) -> Embeddings:
        """As `Kernel.score`; up to `FEW` queries skip rows that are not wanted."""
        scores = np.empty((len(queries), len(wanted)), np.float32)
        if len(queries) > FEW:
            self._product(parts, queries, scores)
            return scores

        def run(first: int, rows: Halves) -> None:
            mine = slice(first, first + len(rows))
            self._compiled.score(rows.view(np.uint16), queries, wanted[mine], scores[:, mine])

        self.map(run, parts)
        return scores

    def most_squared(self, parts: Sequence[Halves]) -> float:
        """As `Kernel.most_squared`."""
        squares = self.map(lambda _, rows: float(self._compiled.most_squared(rows.view(np.uint16))), parts)
        return float(np.max(squares))

    def _product(self, parts: Sequence[Halves], queries: Embeddings, scores: Embeddings) -> None:
        """Widen some rows at a time and leave them to the matrix product, which has threads of its own."""
        singles = np.empty((_PRODUCT_ROWS, queries.shape[1]), np.float32)

        def widen(at: int, rows: Halves) -> None:
            self._compiled.widen(rows.view(np.uint16), singles[at : at + len(rows)])

        for first, rows in _tasks(parts, _PRODUCT_ROWS):
            list(self._pool.map(lambda task: widen(*task), _tasks([rows], _CACHE_ROWS)))
            scores[:, first : first + len(rows)] = queries @ singles[: len(rows)].T

    def map(self, run: Callable[[int, NDArray[Any]], _T], parts: Sequence[NDArray[Any]]) -> list[_T]:
        """`run` on blocks of consecutive parts, each with the number of its first row, by all threads."""
        rows = sum(len(part) for part in parts)
        step = min(max(rows // (8 * self._threads), 256), _TASK_ROWS)
        return list(self._pool.map(lambda task: run(*task), _tasks(parts, step)))


def _tasks(parts: Sequence[NDArray[Any]], step: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Consecutive blocks of at most `step` rows, each with the number of its first row."""
    first = 0
    for part in parts:
        for at in range(0, len(part), step):
            yield first + at, part[at : at + step]
        first += len(part)


@cache
def fast_kernel() -> Kernel:
    """The process's one, since it compiles and has threads; NumPy's, with the reason, where nothing can be compiled."""
    try:
        from llvmlite.binding import get_host_cpu_features
        from numba import config
    except ImportError as error:
        return NumpyKernel(f"numba cannot be loaded: {error}")
    if platform.machine() in ("x86_64", "AMD64") and not get_host_cpu_features().get("f16c"):
        return NumpyKernel("this processor does not convert float16")
    if config.CPU_NAME or config.CPU_FEATURES:
        return NumpyKernel("numba is set to compile for another processor")
    return CompiledKernel()
