"""The vectors once more, in memory at 8 bits a number: half the bytes to read for a query, and still exact answers.

Each dimension has its own scale, so that the few large ones of CLIP's vectors do not coarsen the rest: a number x_j is
kept as the integer c_j nearest to (x_j - centre_j) / step_j. What a row loses by that is a vector r. Its length is kept
too, so the row's score lies within |q| |r| of the one its codes give (Cauchy-Schwarz). Rows that this leaves in doubt
are scored again from the vectors themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoloc_core.gallery.kernels import CompiledKernel, Halves
from geoloc_core.gallery.scan import Scan, wanted_by_any
from geoloc_core.gallery.search import Mask, Search
from geoloc_core.machine import available_memory

_SPARE = 1.25  # of the codes' bytes must be free
_SAMPLE_ROWS = 4_096
_REACH = 5.0  # standard deviations that codes span; what lies beyond is cut off, and counted among the row's loss
_QUARTILES = 1.349  # between a normal distribution's quartiles, in standard deviations
_MOST = 127
_SINGLE = 2.0**-24


def choose_codes(scan: Scan, size: int) -> tuple[str, str]:
    """ "memory" if the codes of float16 vectors of `size` bytes can be made and fit, or "", and the reason."""
    if not isinstance(scan.kernel, CompiledKernel):
        return "", scan.kernel.choice.reason
    needed, free = _SPARE * size / 2, available_memory()
    if free is not None and free < needed:
        return "", f"{free / 1e9:.1f} GB of memory are free, the codes need {needed / 1e9:.1f} GB"
    return "memory", f"half the bytes to read; they take {size / 2e9:.1f} GB"


class Codes:
    """(n, d) int8 codes of the rows of consecutive shards."""

    def __init__(self, shards: Sequence[Halves], scan: Scan) -> None:
        assert isinstance(scan.kernel, CompiledKernel)
        from geoloc_core.gallery import compiled

        self._kernel, self._score = scan.kernel, compiled.score_codes
        count = sum(len(shard) for shard in shards)
        self._centre, self._step = _scales(shards, count)
        self._codes = np.empty((count, len(self._centre)), np.int8)
        self._lost = np.empty(count, np.float32)

        def encode(first: int, rows: Halves) -> None:
            mine = slice(first, first + len(rows))
            compiled.encode(rows.view(np.uint16), self._centre, self._step, self._codes[mine], self._lost[mine])

        self._kernel.map(encode, shards)
        self._lost *= 1.001  # sums in float32
        self._longest, self._most_lost = scan.longest, float(self._lost.max())

    def show(self, searches: Sequence[Search]) -> None:
        """Show each search between which numbers every row's score lies."""
        for search in searches:
            self._show(search, wanted_by_any([search], len(self._codes)))

    def _show(self, search: Search, wanted: Mask) -> None:
        low, high = np.empty((2, len(self._codes)), np.float32)
        weights = search.scaled * self._step.astype(np.float64)
        most = min(32_767, (2**31 - 1) // (_MOST * len(weights)))  # sums fit into 32 bits
        unit = max(float(np.abs(weights).max()) / most, 1e-300)
        whole = np.rint(weights / unit).astype(np.int16)
        base, length = float(search.scaled @ self._centre.astype(np.float64)), float(np.linalg.norm(search.scaled))

        def score(first: int, codes: NDArray[np.int8]) -> None:
            mine = slice(first, first + len(codes))
            self._score(codes, self._lost[mine], whole, base, unit, length, wanted[mine], low[mine], high[mine])

        self._kernel.map(score, [self._codes])
        coarse = _MOST * float(np.abs(weights - unit * whole).sum())
        largest = abs(base) + _MOST * float(np.abs(weights).sum()) + length * (self._most_lost + 4 * self._longest)
        search.add(low, high, 0, 1.001 * (coarse + 4 * _SINGLE * largest))  # float32 numbers, here and in `encode`


def _scales(shards: Sequence[Halves], count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(d,) centres and steps, from rows all over the gallery."""
    stride = max(1, count // _SAMPLE_ROWS)
    sample = np.concatenate([shard[::stride] for shard in shards]).astype(np.float32)
    low, centre, high = np.quantile(sample, (0.25, 0.5, 0.75), axis=0)
    spread = np.maximum((high - low) / _QUARTILES, sample.std(axis=0) / 100)  # a few wild rows shall not coarsen all
    return centre.astype(np.float32), (np.maximum(spread, 1e-9) * _REACH / _MOST).astype(np.float32)
