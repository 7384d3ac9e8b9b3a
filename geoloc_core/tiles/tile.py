"""Tiles of the Web Mercator map: where one lies, what it is divided into, which cover a region.

At zoom z the map is a square of 2^z by 2^z tiles; x counts from the antimeridian eastwards, y from the north. The
arithmetic is mercantile's; the tile-hierarchy paper's equations 1 to 6 are tests of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import mercantile
import numpy as np
from mercantile import Tile
from numpy.typing import NDArray

from geoloc_core.errors import TileError

__all__ = [
    "EDGE", "MOST_ZOOM", "STEP", "ZOOMS", "Tile", "bounds", "centre", "centres", "children", "covering", "exists",
    "parent", "tile_at", "width_km", "world",
]  # fmt: skip

ZOOMS = (4, 6, 8, 10, 12, 14, 16)  # the paper's seven stages, section 3.1
STEP = 2  # from stage to stage: a tile has 4 x 4 children
MOST_ZOOM = 24
EDGE = math.degrees(2 * math.atan(math.exp(math.pi)) - math.pi / 2)  # 85.0511°: the map's northern and southern edge
_MOST_TILES = 5_000_000
_EQUATOR_KM = 2 * math.pi * 6371.0088


def tile_at(lat: float, lon: float, zoom: int) -> Tile:
    """The tile that a place lies in (equations 3 to 6); beyond the map's edge, the outermost one.

    Raises:
        TileError: no such place, or no such zoom.
    """
    _check_zoom(zoom)
    if not (math.isfinite(lat) and math.isfinite(lon) and -90 <= lat <= 90):
        raise TileError(f"({lat}, {lon}) is no place. Give degrees: latitude from -90 to 90, longitude.")
    lon = lon if -180 <= lon <= 180 else (lon + 180) % 360 - 180
    return mercantile.tile(lon, min(EDGE, max(-EDGE, lat)), zoom)


def centre(tile: Tile) -> tuple[float, float]:
    """(lat, lon) of a tile's middle on the map (equations 1 and 2), which is not the middle of its latitudes."""
    corner = mercantile.ul(2 * tile.x + 1, 2 * tile.y + 1, tile.z + 1)  # where its four children meet
    return corner.lat, corner.lng


def centres(tiles: Iterable[Tile]) -> NDArray[np.float64]:
    """(n, 2) of `centre`."""
    return np.array([centre(tile) for tile in tiles], dtype=np.float64).reshape(-1, 2)


def bounds(tile: Tile) -> tuple[float, float, float, float]:
    """(south, west, north, east) in degrees."""
    box = mercantile.bounds(tile)
    return box.south, box.west, box.north, box.east


def width_km(tile: Tile) -> float:
    """How wide a tile is on the ground at its middle, in km; as high as wide, nearly."""
    return _EQUATOR_KM * math.cos(math.radians(centre(tile)[0])) / 2**tile.z


def children(tile: Tile, down: int = STEP) -> tuple[Tile, ...]:
    """The tiles `down` zooms further in that make up this one, row by row from the north-west: 4 x 4 for two.

    Raises:
        TileError: there is no zoom so far in.
    """
    _check_zoom(tile.z + down)
    return tuple(sorted(mercantile.children(tile, zoom=tile.z + down), key=lambda child: (child.y, child.x)))


def parent(tile: Tile, up: int = STEP) -> Tile:
    """The tile `up` zooms further out that this one is part of.

    Raises:
        TileError: there is no zoom so far out.
    """
    _check_zoom(tile.z - up)
    return Tile(tile.x >> up, tile.y >> up, tile.z - up)


def exists(tile: Tile) -> bool:
    """Whether there is such a tile on the map."""
    return 0 <= tile.z <= MOST_ZOOM and 0 <= tile.x < 1 << tile.z and 0 <= tile.y < 1 << tile.z


def world(zoom: int) -> tuple[Tile, ...]:
    """All tiles of a zoom, row by row.

    Raises:
        TileError: no such zoom, or too many tiles.
    """
    return covering((-90, -180, 90, 180), zoom)


def covering(box: tuple[float, float, float, float], zoom: int) -> tuple[Tile, ...]:
    """The tiles that a region touches, row by row.

    Args:
        box: (south, west, north, east) in degrees; across the antimeridian if west > east.
        zoom: of the tiles.

    Raises:
        TileError: the box is none, or touches more tiles than fit into memory.
    """
    south, west, north, east = box
    if not (south <= north and -180 <= west <= 180 and -180 <= east <= 180):
        raise TileError("A region is south, west, north, east in degrees, south first. Correct its numbers.")
    first, last = tile_at(north, west, zoom), tile_at(south, east, zoom)
    size = 1 << zoom
    columns = range(first.x, last.x + 1)
    if west > east:
        columns = range(first.x, min(size + last.x, first.x + size - 1) + 1)
    if len(columns) * (last.y - first.y + 1) > _MOST_TILES:
        raise TileError(f"That are more than {_MOST_TILES:,} tiles at zoom {zoom}. Choose a smaller region or zoom.")
    return tuple(Tile(x % size, y, zoom) for y in range(first.y, last.y + 1) for x in columns)


def _check_zoom(zoom: int) -> None:
    if not 0 <= zoom <= MOST_ZOOM:
        raise TileError(f"There is no zoom {zoom}. Choose one from 0 to {MOST_ZOOM}.")
