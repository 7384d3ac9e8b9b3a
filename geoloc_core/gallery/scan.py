"""Every row's score, read from where the rows lie: the plain way through a gallery's vectors, and the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from geoloc_core.errors import GalleryDamaged
from geoloc_core.gallery.kernels import Halves, Kernel, slack
from geoloc_core.gallery.search import Mask, Search

_MOST_SCORES = 2**24  # held at a time, 64 MB


class Scan:
    """Consecutive (n_i, d) shards through a kernel. The first pass measures the rows too.

    `longest` is the length of the longest row, at least 1, by which scores can be off more; 0 until it was measured.
    """

    def __init__(self, shards: Sequence[Halves], kernel: Kernel) -> None:
        self.kernel = kernel
        self.longest = 0.0
        self._shards = shards

    def show(self, searches: Sequence[Search]) -> None:
        """Show every row's score to every search.

        Raises:
            GalleryDamaged: a vector is not finite.
        """
        exact = np.stack([search.scaled for search in searches])
        used = exact.astype(np.float32)
        slacks = [slack(*pair) for pair in zip(exact, used, strict=True)]
        wanted = wanted_by_any(searches, sum(len(shard) for shard in self._shards))
        longest = self.longest
        for first, parts in self._groups(_MOST_SCORES // len(searches)):
            if not self.longest:
                longest = max(longest, self._measure(parts))
            last = first + sum(len(part) for part in parts)
            table = self.kernel.score(parts, used, wanted[first:last])
            for search, scores, most in zip(searches, table, slacks, strict=True):
                search.add(scores, scores, first, most * longest)
        self.longest = longest

    def _groups(self, most: int) -> Iterator[tuple[int, list[Halves]]]:
        """Consecutive shards of together at most `most` rows, or one, with the number of their first row."""
        first, group = 0, list[Halves]()
        for shard in self._shards:
            if group and sum(map(len, group)) + len(shard) > most:
                yield first, group
                first, group = first + sum(map(len, group)), []
            group.append(shard)
        yield first, group

    def _measure(self, parts: list[Halves]) -> float:
        squared = self.kernel.most_squared(parts)
        if not np.isfinite(squared):
            raise GalleryDamaged("A vector of the gallery is not finite. Build or copy the gallery again.")
        return float(max(1.0, 1.001 * squared**0.5))


def wanted_by_any(searches: Sequence[Search], rows: int) -> Mask:
    """(n,) whether a row may be found by at least one of the searches."""
    wanted = np.zeros(rows, np.bool_)
    for search in searches:
        if search.allowed is None:
            return np.ones(rows, np.bool_)
        wanted |= search.allowed
    return wanted
