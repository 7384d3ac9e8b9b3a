"""What became of the tiles that were asked for: how many came, from where, and why the others did not."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from geoloc_core.tiles.picture import Trouble
from geoloc_core.tiles.sources.base import Got


@dataclass
class Tally:
    """Counts, safe to add to from several threads."""

    from_cache: int = 0
    fetched: int = 0
    blank: int = 0
    resized: int = 0
    failed: Counter[Trouble] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, got: Got) -> None:
        """Count one tile."""
        with self._lock:
            if got.trouble:
                self.failed[got.trouble] += 1
                return
            self.from_cache += got.from_cache
            self.fetched += not got.from_cache
            self.blank += got.picture.blank
            self.resized += got.picture.resized

    def watching(self, gots: Iterable[Got]) -> Iterator[Got]:
        """The same tiles, each counted as it passes."""
        for got in gots:
            self.add(got)
            yield got

    @property
    def asked(self) -> int:
        """All tiles counted."""
        return self.from_cache + self.fetched + self.failed.total()

    def __str__(self) -> str:
        """A sentence for a person."""
        text = f"{_tiles(self.asked)}: {self.from_cache:,} from the cache, {self.fetched:,} fetched"
        if self.failed:
            reasons = ", ".join(f"{count:,} {trouble}" for trouble, count in self.failed.most_common())
            text += f", {self.failed.total():,} could not be had ({reasons})"
        return f"{text}."


def _tiles(count: int) -> str:
    return f"{count:,} tile{'' if count == 1 else 's'}"
