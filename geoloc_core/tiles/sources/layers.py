"""Several sources as one: each tile comes from the first that has it, so that a walk may change maps on its way.

No open imagery of the whole world reaches zoom 16: the world's, then a continent's, then a country's do together.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from functools import reduce

from mercantile import Tile

from geoloc_core.errors import TileSourceError
from geoloc_core.status import Availability
from geoloc_core.tiles.picture import Trouble
from geoloc_core.tiles.sources.base import About, Got, TileSource

_NEXT = (Trouble.MISSING, Trouble.OUTSIDE)


class Layers(TileSource):
    """Sources in order of preference; one that fails does not hand over to the next, one that lacks the tile does."""

    name = "layers"

    def __init__(self, sources: Sequence[TileSource]) -> None:
        """Stack them.

        Raises:
            TileSourceError: there are none.
        """
        if not sources:
            raise TileSourceError("There is no source to take tiles from. Give at least one.")
        self.sources = tuple(sources)
        self.id = f"layers:{hashlib.sha256(' '.join(s.id for s in sources).encode()).hexdigest()[:16]}"
        self.zooms = min(s.zooms[0] for s in sources), max(s.zooms[1] for s in sources)
        self.concurrency = max(s.concurrency for s in sources)
        self.about = reduce(_both, (s.about for s in sources))

    def availability(self) -> Availability:
        """Whether all can be used; the first that cannot tells why."""
        states = [source.availability() for source in self.sources]
        return next((state for state in states if not state), Availability(True, " ".join(s.reason for s in states)))

    def has(self, tile: Tile) -> bool:
        """Whether one may have it."""
        return any(source.has(tile) for source in self.sources)

    def close(self) -> None:
        """Close all."""
        for source in self.sources:
            source.close()

    def _get(self, tile: Tile, stop: threading.Event) -> Got:
        got = Got(tile, None, Trouble.OUTSIDE)
        for source in self.sources:
            if source.has(tile) and (got := source.get(tile, stop)).trouble not in _NEXT:
                break
        return got


def _both(one: About, two: About) -> About:
    def join(a: str, b: str) -> str:
        return "; ".join(dict.fromkeys(filter(None, (a, b))))

    return About(
        join(one.title, two.title),
        join(one.attribution, two.attribution),
        join(one.licence, two.licence),
        join(one.terms, two.terms),
        join(one.url, two.url),
    )
