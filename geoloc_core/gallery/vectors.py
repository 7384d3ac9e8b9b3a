"""A gallery's vectors: float16 in files, mapped into memory and searched where they are, or through a faster copy."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoloc_core.gallery.card import Card, choose_card
from geoloc_core.gallery.codes import Codes, choose_codes
from geoloc_core.gallery.kernels import Halves, NumpyKernel, fast_kernel
from geoloc_core.gallery.scan import Scan
from geoloc_core.gallery.search import Rows, Search, TwoEnded
from geoloc_core.status import Choice

WORTH_COMPILING = 8_000_000  # bytes of vectors from which half a second for it is soon repaid
WORTH_A_COPY = 32_000_000
_MOST_AT_ONCE = 256


class _Way(Protocol):
    """A way through all rows."""

    def show(self, searches: Sequence[Search]) -> None:
        """Show each search every row that can be among its k."""
        ...


class Vectors:
    """(n, d) unit rows in consecutive shards. Safe to share between threads.

    Args:
        shards: the rows.
        coded: search through a copy in memory at 8 bits a number.
    """

    def __init__(self, shards: Sequence[NDArray[np.float16]], *, coded: bool = False) -> None:
        self._shards: list[Halves] = [shard.view(np.ndarray) for shard in shards]
        self._starts = np.cumsum([0, *(len(shard) for shard in shards)])
        self._size = sum(shard.nbytes for shard in shards)
        self._coded = coded
        self._scan: Scan | None = None
        self._copy: _Way | None = None  # faster than the scan; it may appear any time
        self._settler: threading.Thread | None = None
        self._waiting: list[tuple[list[Search], Future[None]]] = []
        self._guard, self._turn = threading.Lock(), threading.Lock()
        self.choice = Choice("not chosen yet", "the first search decides")

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
        if self._scan is None:
            self._scan = Scan(self._shards, fast_kernel() if self._size >= WORTH_COMPILING else NumpyKernel())
            self.choice = self._scan.kernel.choice
        (self._copy or self._scan).show(searches)
        self._settle(self._scan)

    def _settle(self, scan: Scan) -> None:
        """Begin to make a copy behind the searches' back: codes if asked for, or else on a GPU that torch knows of."""
        worth = self._size >= WORTH_A_COPY and (self._coded or "torch" in sys.modules)
        if worth and self._settler is None:
            self._settler = threading.Thread(target=self._make_copy, args=(scan,), daemon=True, name="gallery")
            self._settler.start()

    def _make_copy(self, scan: Scan) -> None:
        try:
            fits, reason = choose_codes(scan, self._size) if self._coded else choose_card(self._size)
            if fits:
                self._copy = Codes(self._shards, scan) if self._coded else Card(self._shards, fits, scan.longest)
                self.choice = Choice("8-bit codes in memory" if self._coded else "float16 on the GPU", reason)
                return
        except (MemoryError, RuntimeError) as error:  # the memory went to somebody else meanwhile
            reason = str(error)
        self.choice = Choice(
            self.choice.value, f"{self.choice.reason}; no {'codes' if self._coded else 'GPU'}: {reason}"
        )
