"""How to walk down the tiles: beam, zooms, region, places held, time; and which tiles that opens."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import TileError
from geoloc_core.tiles.paths import PATHS, Paths
from geoloc_core.tiles.tile import MOST_ZOOM, STEP, ZOOMS, Tile, children, covering, tile_at

Box = tuple[float, float, float, float]

TEMPERATURE = 100.0  # CLIP's learned logit scale ends there, at its bound
_MOST_START = 4**8


@dataclass(frozen=True)
class How:
    """How to walk.

    Args:
        k: tiles kept a zoom.
        by: how scores along a path are combined, see `paths`.
        zooms: to walk through, each two below the one before.
        region: (south, west, north, east) in degrees, across the antimeridian if west > east: no tile that does not
            touch it is opened.
        beside: (lat, lon) of places whose tiles are kept at every zoom beside the k, as the paper's k + 1.
        budget_s: seconds after which the walk ends with the last zoom it finished; the first is always finished.
        temperature: the factor before cosines, for `chain` and for the answer's distribution.

    Raises:
        TileError: one of them makes no sense.
    """

    k: int = 16
    by: Paths = "last"
    zooms: tuple[int, ...] = ZOOMS
    region: Box | None = None
    beside: tuple[tuple[float, float], ...] = ()
    budget_s: float | None = None
    temperature: float = TEMPERATURE

    def __post_init__(self) -> None:
        if self.k < 1:
            raise TileError("At least one tile must be kept a zoom. Set k to 1 or more, such as 16.")
        if self.by not in PATHS:
            raise TileError(f"Paths are not scored by {self.by!r}. Choose one of {', '.join(PATHS)}.")
        if not self.zooms or tuple(range(self.zooms[0], self.zooms[-1] + 1, STEP)) != self.zooms:
            raise TileError(f"One cannot walk through the zooms {self.zooms}. Give them two apart, such as 4, 6, 8.")
        if not 0 <= self.zooms[0] <= self.zooms[-1] <= MOST_ZOOM:
            raise TileError(f"There is no zoom {self.zooms[-1]}. Choose zooms from 0 to {MOST_ZOOM}.")
        if not (0 < self.temperature < math.inf):
            raise TileError("The temperature is a factor above 0. Give for example 100.")
        if self.budget_s is not None and not self.budget_s >= 0:
            raise TileError("The time budget is a number of seconds. Give for example 5.")

    def start(self) -> tuple[Tile, ...]:
        """The first zoom's tiles: all, or those that touch the region.

        Raises:
            TileError: they are too many.
        """
        region = self.region or (-90.0, -180.0, 90.0, 180.0)
        (first, last), size = _corners(region, self.zooms[0]), 1 << self.zooms[0]
        columns = min(size, last.x - first.x + 1 + size * (region[1] > region[3]))
        if (count := columns * (last.y - first.y + 1)) > _MOST_START:
            raise TileError(f"{count:,} tiles are too many to begin with. Give a smaller region.")
        return covering(region, self.zooms[0])

    def opened(self, tiles: Sequence[Tile]) -> list[tuple[int, Tile]]:
        """(index, child) of the children of `tiles` that touch the region, the first tile's first."""
        if not tiles:
            return []
        inside = _touches(self.region, tiles[0].z + STEP)
        return [(i, child) for i, tile in enumerate(tiles) for child in children(tile) if inside(child)]

    def held(self, tiles: Sequence[Tile]) -> NDArray[np.bool_]:
        """(n,) which of a zoom's tiles are kept for the places beside."""
        wanted = {tile_at(*place, tiles[0].z) for place in self.beside}
        return np.array([tile in wanted for tile in tiles], dtype=bool)


def _touches(region: Box | None, zoom: int) -> Callable[[Tile], bool]:
    """Whether a tile of a zoom is one of those that cover the region."""
    if region is None:
        return lambda tile: True
    first, last = _corners(region, zoom)
    if region[1] > region[3]:
        return lambda tile: first.y <= tile.y <= last.y and (tile.x >= first.x or tile.x <= last.x)
    return lambda tile: first.y <= tile.y <= last.y and first.x <= tile.x <= last.x


def _corners(region: Box, zoom: int) -> tuple[Tile, Tile]:
    """The tiles of a region's north-western and south-eastern corner."""
    south, west, north, east = region
    return tile_at(north, west, zoom), tile_at(south, east, zoom)
