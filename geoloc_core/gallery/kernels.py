"""Fast ways to score float16 rows, and by how much each can be off.

`half` multiplies the rows as stored: torch's product of a float16 matrix and vector sums in float32 and rounds the
result to float16. `single` converts some rows at a time, worth its while for many queries or where there is no torch.
"""

from __future__ import annotations

import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Embeddings

Halves = NDArray[np.float16]

_HALF_ROWS = 8_192
_SINGLE_ROWS = 2_048
_CACHE_ROWS = 512  # converted at a time by each of numpy's threads: they stay in its processor's cache
LONGEST = 2.0**15  # rows up to this length cannot overflow a float16 score
_HALF, _SINGLE = 2.0**-11, 2.0**-24  # units of roundoff: the most a result is off, relative to itself


def slack(exact: NDArray[np.float64], used: NDArray[np.floating], *, half: bool) -> float:
    """The most by which a fast score differs from the inner product, for rows of length 1; else times the length.

    Rounding the query costs |x| |q - q'| (Cauchy-Schwarz); n float32 sums and products in any order gamma_n |x| |q'|
    (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1); a float16 result half its last digit.
    """
    length = float(np.linalg.norm(used.astype(np.float64)))
    summing = 1.01 * len(exact) * _SINGLE * length
    result = _HALF * (length + summing) if half else 0.0
    return 1.001 * (float(np.linalg.norm(exact - used)) + summing + result + _SINGLE)


class NumpyKernel:
    """Needs nothing but numpy, whose conversion from float16 is slow: threads share it."""

    half: None = None
    half_holds = False

    def single(self, rows: Halves, queries: Embeddings, *, survey: bool = False) -> tuple[Embeddings, float]:
        """The (m, n) float32 scores of (m, d) queries; with `survey`, the largest sum of squares of a row, else 0."""
        scores = np.empty((len(queries), len(rows)), np.float32)

        def score(at: int) -> float:
            block = rows[at : at + _CACHE_ROWS].astype(np.float32)
            if len(queries) == 1:
                np.vecdot(block, queries[0], out=scores[0, at : at + len(block)])
            else:
                scores[:, at : at + len(block)] = queries @ block.T
            return float(np.vecdot(block, block).max()) if survey else 0.0

        with ThreadPoolExecutor(min(os.cpu_count() or 1, 16), thread_name_prefix="search") as pool:
            return scores, float(np.max(list(pool.map(score, range(0, len(rows), _CACHE_ROWS)))))


class TorchKernel:
    """Threads of one core each take the next rows: on a busy machine none waits long for another."""

    def __init__(self) -> None:
        import torch

        self._torch = torch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said once in a process: these rows are read-only, which suits us
            torch.from_numpy(np.frombuffer(b"\0\0", np.float16))
        cores = torch.get_num_threads()
        started = threading.Barrier(cores)
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="search", initializer=self._one_core)
        list(self._pool.map(lambda _: started.wait(), range(cores)))
        torch.set_num_threads(cores)  # a thread keeps its own number, but new threads get the last one set
        self.half_holds = self._half_is_within_slack()

    def _half_is_within_slack(self) -> bool:
        """Whether `half` sums in float32 on this machine, as the bound needs: tried on rows where it would show."""
        rng = np.random.default_rng(0)
        rows = (1 + rng.standard_normal((256, 4096)) / 64).astype(np.float16) / np.float16(64)
        exact = (1 + rng.standard_normal(4096) / 64) / 64
        off = np.abs(self.half(rows, exact.astype(np.float16)[None])[0] - rows.astype(np.float64) @ exact)
        length = float(np.linalg.norm(rows.astype(np.float64), axis=1).max())
        return bool(off.max() <= slack(exact, exact.astype(np.float16), half=True) * length)

    def half(self, rows: Halves, queries: Halves) -> Embeddings:
        """The (m, n) scores of (m, d) float16 queries, rounded to float16."""
        matrix, vectors = self._torch.from_numpy(rows), self._torch.from_numpy(queries)
        scores = self._torch.empty(len(queries), len(rows))

        def score(at: int) -> None:
            for number, vector in enumerate(vectors):
                scores[number, at : at + _HALF_ROWS] = matrix[at : at + _HALF_ROWS] @ vector

        list(self._pool.map(score, range(0, len(rows), _HALF_ROWS)))
        return scores.numpy()

    def single(self, rows: Halves, queries: Embeddings, *, survey: bool = False) -> tuple[Embeddings, float]:
        """As `NumpyKernel.single`."""
        torch = self._torch
        matrix, vectors = torch.from_numpy(rows), torch.from_numpy(queries)
        scores = torch.empty(len(queries), len(rows))

        def score(at: int) -> float:
            block = matrix[at : at + _SINGLE_ROWS].float()
            scores[:, at : at + len(block)] = vectors @ block.T
            return float(torch.linalg.vector_norm(block, dim=1).max()) ** 2 if survey else 0.0

        return scores.numpy(), float(np.max(list(self._pool.map(score, range(0, len(rows), _SINGLE_ROWS)))))

    def _one_core(self) -> None:
        self._torch.get_num_threads()  # torch sets a thread's number at its first use: before ours, not after
        self._torch.set_num_threads(1)


@cache
def torch_kernel() -> TorchKernel:
    """The process's one, since it has threads.

    Raises:
        ImportError: torch cannot be loaded.
    """
    return TorchKernel()
