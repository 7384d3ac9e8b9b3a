"""A gallery's vectors: float16 in files, mapped into memory and searched where they are, without a copy.

The first search measures the rows' lengths, from which the later ones know how far their rounded scores can be off.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import GalleryDamaged
from geoloc_core.gallery.card import Card, choose_card
from geoloc_core.gallery.kernels import LONGEST, Halves, NumpyKernel, TorchKernel, slack, torch_kernel
from geoloc_core.gallery.search import Rows, Search, TwoEnded
from geoloc_core.status import Choice

PART_ROWS = 65_536
FEW = 4  # queries at once up to which as many products with the float16 rows beat converting these once
WORTH_TORCH = 32_000_000  # bytes of vectors from which loading torch, over a second, is soon repaid
_MOST_AT_ONCE = 256
_NUMPY = Choice("float32 by numpy", "torch is not loaded, and a small gallery is not worth it")
_TORCH = Choice("float16 by torch", "it multiplies the vectors as they are stored")


class Vectors:
    """(n, d) unit rows in consecutive shards. Safe to share between threads."""

    def __init__(self, shards: Sequence[NDArray[np.float16]]) -> None:
        self._shards = shards
        self._starts = np.cumsum([0, *(len(shard) for shard in shards)])
        self._parts: list[tuple[int, Halves]] = [
            (int(start) + at, shard[at : at + PART_ROWS].view(np.ndarray))
            for start, shard in zip(self._starts, shards, strict=False)
            for at in range(0, len(shard), PART_ROWS)
        ]
        self._lengths: list[float] = []  # of each part's longest row, at least 1; the first search measures them
        self._kernel: NumpyKernel | TorchKernel = torch_kernel() if "torch" in sys.modules else NumpyKernel()
        self._size = sum(shard.nbytes for shard in shards)
        self._card: Card | None = None
        self._settler: threading.Thread | None = None
        self._waiting: list[tuple[list[Search], Future[None]]] = []
        self._guard, self._turn = threading.Lock(), threading.Lock()
        self.choice = _NUMPY if isinstance(self._kernel, NumpyKernel) else _TORCH

    def search(self, searches: list[Search]) -> list[TwoEnded]:
        """Both ends of each query. Callers that come while another's search runs share the next pass over the rows.

        Raises:
            GalleryDamaged: a vector is not finite.
        """
        done: Future[None] = Future()
        with self._guard:
            self._waiting.append((searches, done))
        with self._turn:
            if not done.done():
                self._run_waiting()
        done.result()
        return [search.found(self.take) for search in searches]

    def take(self, rows: Rows) -> Halves:
        """The (m, d) vectors of (m,) rows, in their order."""
        found = np.empty((len(rows), self._shards[0].shape[1]), np.float16)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for shard in np.unique(owner):
            mine = owner == shard
            found[mine] = self._shards[shard][rows[mine] - self._starts[shard]]
        return found

    def _run_waiting(self) -> None:
        with self._guard:
            callers, self._waiting = self._waiting, []
        try:
            searches = [search for wanted, _ in callers for search in wanted]
            for at in range(0, len(searches), _MOST_AT_ONCE):
                self._pass(searches[at : at + _MOST_AT_ONCE])
        except BaseException as error:
            for _, done in callers:
                done.set_exception(error)
        else:
            for _, done in callers:
                done.set_result(None)

    def _pass(self, searches: list[Search]) -> None:
        """Show every row's score to every search; the first time, measure the rows too."""
        exact = np.stack([search.scaled for search in searches])
        if self._card and self._lengths:
            for search in searches:
                self._card.show(search, max(self._lengths))
            return
        half = self._kernel.half if self._kernel.half_holds else None
        if half is None or not self._lengths or len(searches) > FEW or max(self._lengths) > LONGEST:
            self._single_pass(searches, exact)
            return
        used = exact.astype(np.float16)
        slacks = [slack(*pair, half=True) for pair in zip(exact, used, strict=True)]
        for (first, rows), length in zip(self._parts, self._lengths, strict=True):
            for search, scores, most in zip(searches, half(rows, used), slacks, strict=True):
                search.add(scores, first, most * length)

    def _single_pass(self, searches: list[Search], exact: NDArray[np.float64]) -> None:
        used = exact.astype(np.float32)
        slacks = [slack(*pair, half=False) for pair in zip(exact, used, strict=True)]
        lengths = list(self._lengths)
        for number, (first, rows) in enumerate(self._parts):
            table, squares = self._kernel.single(rows, used, survey=not self._lengths)
            if not self._lengths:
                if not np.isfinite(squares):
                    raise GalleryDamaged("A vector of the gallery is not finite. Build or copy the gallery again.")
                lengths.append(max(1.0, 1.001 * squares**0.5))
            for search, scores, most in zip(searches, table, slacks, strict=True):
                search.add(scores, first, most * lengths[number])
        if not self._lengths:
            self._lengths = lengths
            self._settle()

    def _settle(self) -> None:
        """Begin to prepare the fastest way behind the first search's back, if the gallery is large enough."""
        if "torch" in sys.modules or self._size >= WORTH_TORCH:
            self._settler = threading.Thread(target=self._choose, daemon=True, name="gallery")
            self._settler.start()

    def _choose(self) -> None:
        try:
            self._kernel = torch_kernel()
            device, reason = choose_card(self._size) if self._size >= WORTH_TORCH else ("", "the gallery is small")
            if device:
                self._card = Card(self._shards, device)
        except (ImportError, RuntimeError) as error:  # RuntimeError: the GPU's memory went to somebody else meanwhile
            device, reason = "", str(error)
        if isinstance(self._kernel, NumpyKernel):
            self.choice = Choice("float32 by numpy", f"torch cannot be loaded: {reason}")
        elif device:
            self.choice = Choice("float16 on the GPU", reason)
        elif not self._kernel.half_holds:
            self.choice = Choice("float32 by torch", "its float16 products are too coarse on this machine")
        else:
            self.choice = Choice(_TORCH.value, f"{_TORCH.reason}; no GPU: {reason}")
