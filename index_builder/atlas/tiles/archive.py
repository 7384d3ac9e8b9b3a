"""Whole zooms, or regions, of the Atlas's tiles as an MBTiles file.

Tiles are written to a file beside the one asked for, a batch at a time; a run that stops goes on from there, and the
file takes its name when it is whole. Tiles with the same picture, as open sea's, are kept once.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

from geoloc_core.errors import TileError
from geoloc_core.files import sync_folder
from geoloc_core.tiles.tile import Tile, covering
from index_builder.atlas.tiles.paint import IDENTITY, ZOOMS, draw_tile

Box = tuple[float, float, float, float]
WORLD: Box = (-90.0, -180.0, 90.0, 180.0)
_BATCH = 256
_SCHEMA = """
CREATE TABLE IF NOT EXISTS metadata (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS images (tile_id TEXT PRIMARY KEY, tile_data BLOB);
CREATE TABLE IF NOT EXISTS map (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_id TEXT,
    PRIMARY KEY (zoom_level, tile_column, tile_row)) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS tiles AS SELECT zoom_level, tile_column, tile_row, tile_data
    FROM map JOIN images ON images.tile_id = map.tile_id;
"""


def write(
    out: Path,
    zooms: Sequence[int],
    region: Box = WORLD,
    *,
    draw: Callable[[Tile], bytes] = draw_tile,
    identity: str = IDENTITY,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write tiles to an MBTiles file; returns how many it holds.

    Args:
        out: the file to make.
        zooms: to write, each within the Atlas's.
        region: (south, west, north, east) in degrees; across the antimeridian if west > east.
        draw: the bytes of a tile.
        identity: of what is drawn; a file begun with another is not gone on with.
        on_progress: called with (tiles done, tiles in all).

    Raises:
        TileError: the file is there already, cannot be written, or was begun with other wishes; or no such zoom.
    """
    if out.exists():
        raise TileError(f"{out} is there already. Remove it, or choose another name.")
    if not zooms or not all(ZOOMS[0] <= zoom <= ZOOMS[1] for zoom in zooms):
        raise TileError(f"The Atlas has zooms {ZOOMS[0]} to {ZOOMS[1]}. Choose among them.")
    partial = out.with_name(f".{out.name}.begun")
    wanted = [tile for zoom in sorted(set(zooms)) for tile in covering(region, zoom)]
    try:
        with closing(sqlite3.connect(partial)) as database:
            _begin(database, partial, _facts(zooms, region, identity))
            _fill(database, wanted, draw, on_progress)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(out)
    except (OSError, sqlite3.Error) as error:
        raise TileError(f"{out} cannot be written ({error}). Make room, or choose another folder.") from None
    sync_folder(out.parent)
    return len(wanted)


def _facts(zooms: Sequence[int], region: Box, identity: str) -> dict[str, str]:
    south, west, north, east = region
    return {
        "name": "The Atlas from above (synthetic)",
        "description": identity,
        "format": "jpg",
        "type": "baselayer",
        "version": "1",
        "attribution": "Synthetic; made with Natural Earth and GeoNames (CC BY 4.0)",
        "minzoom": str(min(zooms)),
        "maxzoom": str(max(zooms)),
        "bounds": f"{west},{max(south, -85.0511)},{east},{min(north, 85.0511)}",
        "zooms": ",".join(map(str, sorted(set(zooms)))),
    }


def _begin(database: sqlite3.Connection, partial: Path, facts: dict[str, str]) -> None:
    database.executescript(_SCHEMA)
    begun = dict(database.execute("SELECT name, value FROM metadata"))
    if begun and begun != facts:
        raise TileError(f"{partial} was begun with other zooms or another region. Remove it, or ask for the same.")
    database.executemany("INSERT OR IGNORE INTO metadata VALUES (?, ?)", facts.items())
    database.commit()


def _fill(
    database: sqlite3.Connection,
    wanted: Sequence[Tile],
    draw: Callable[[Tile], bytes],
    on_progress: Callable[[int, int], None] | None,
) -> None:
    there = set(database.execute("SELECT zoom_level, tile_column, tile_row FROM map"))
    left = [tile for tile in wanted if (tile.z, tile.x, _row(tile)) not in there]
    done = len(wanted) - len(left)
    for batch in _batches(left):
        for tile in batch:
            data = draw(tile)
            name = hashlib.sha256(data).hexdigest()
            database.execute("INSERT OR IGNORE INTO images VALUES (?, ?)", (name, data))
            database.execute("INSERT INTO map VALUES (?, ?, ?, ?)", (tile.z, tile.x, _row(tile), name))
            done += 1
            if on_progress:
                on_progress(done, len(wanted))
        database.commit()


def _row(tile: Tile) -> int:
    """MBTiles counts rows from the south."""
    return (1 << tile.z) - 1 - tile.y


def _batches(tiles: Sequence[Tile]) -> Iterable[Sequence[Tile]]:
    """Tiles a batch at a time."""
    return (tiles[at : at + _BATCH] for at in range(0, len(tiles), _BATCH))
