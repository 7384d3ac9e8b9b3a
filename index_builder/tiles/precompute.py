"""Embed whole zooms or regions of a source's tiles into a store, a few thousand at a time; what is there stays.

The store is what a run goes on from: a tile that it has is neither fetched nor encoded again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from geoloc_core.errors import TileError, TileSourceError
from geoloc_core.tiles.embedder import Counts, Embedder
from geoloc_core.tiles.tally import Tally
from geoloc_core.tiles.tile import Tile, covering, world

Box = tuple[float, float, float, float]
OnProgress = Callable[[int, int, int], None]  # zoom, tiles done, tiles in all
_CHUNK = 4096


@dataclass(frozen=True)
class Done:
    """A zoom that is done.

    Attributes:
        zoom: of the tiles.
        counts: what was done for them.
        troubles: why some could not be had, with numbers; empty if all could.
        seconds: it took.
    """

    zoom: int
    counts: Counts
    troubles: str
    seconds: float

    def __str__(self) -> str:
        """A line for a person."""
        c, speed = self.counts, self.counts.encoded / self.seconds if self.seconds else 0.0
        tiles = c.stored + c.encoded + c.equal + c.blank + c.failed
        parts = {
            "were there": c.stored,
            f"encoded ({speed:,.1f} a second)": c.encoded,
            "equal to others": c.equal,
            "of one colour": c.blank,
            "not to be had": c.failed,
        }
        said = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
        why = f" ({self.troubles})" if self.troubles else ""
        return f"zoom {self.zoom}: {tiles:,} tiles in {self.seconds:,.0f} s: {said}{why}"


def precompute(
    embedder: Embedder, zooms: Sequence[int], region: Box | None = None, on_progress: OnProgress | None = None
) -> Iterator[Done]:
    """Embed zooms one after the other.

    Args:
        embedder: encoders, source and store.
        zooms: to embed, each within those of source and encoders.
        region: (south, west, north, east) in degrees, across the antimeridian if west > east; without it the world.
        on_progress: called with (zoom, tiles done, tiles in all).

    Raises:
        TileError: there is no such zoom or region, or the store cannot be written.
        TileSourceError: the source has no such zoom, or went down; what is done is kept.
        GeolocError: the encoders cannot be used.
    """
    _check(embedder, zooms)
    asked = {zoom: covering(region, zoom) if region else world(zoom) for zoom in zooms}
    for zoom, tiles in asked.items():
        yield _zoom(embedder, zoom, tiles, on_progress)


def _zoom(embedder: Embedder, zoom: int, tiles: Sequence[Tile], on_progress: OnProgress | None) -> Done:
    start, counts, tally = time.monotonic(), Counts(), Tally()
    for at in range(0, len(tiles), _CHUNK):

        def tell(done: int, _chunk: int, before: int = at) -> None:
            if on_progress:
                on_progress(zoom, before + done, len(tiles))

        part = embedder.vectors(zoom, tiles[at : at + _CHUNK], tell)
        counts += part.counts
        tally.failed += part.tally.failed
        if embedder.trouble:
            raise TileError(embedder.trouble)
        if part.counts.failed and not (state := embedder.source.availability()):
            raise TileSourceError(f"{state.reason} What is done is kept: run the same command again later.")
    troubles = ", ".join(f"{count:,} {trouble}" for trouble, count in tally.failed.most_common())
    return Done(zoom, counts, troubles, time.monotonic() - start)


def _check(embedder: Embedder, zooms: Sequence[int]) -> None:
    low, high = embedder.source.zooms
    for zoom in zooms:
        if not low <= zoom <= high:
            raise TileSourceError(f"The source has zooms {low} to {high}, and not {zoom}. Leave it out.")
        if not embedder.encoders.has(zoom):
            there = ", ".join(map(str, embedder.encoders.zooms))
            raise TileError(
                f"{embedder.encoders.name} has encoders for the zooms {there}, and not {zoom}. Leave it out."
            )
