"""`atlas-tiles`: map tiles of the synthetic world as an MBTiles file."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from index_builder.commands.arguments import Commands
from index_builder.console import progress


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    tiles = commands.add_parser(
        "atlas-tiles",
        help="map tiles of the synthetic world, as an MBTiles file",
        description="Draw map tiles of the Atlas, the synthetic world that the starter's photos are of, as from a "
        "satellite. Running the same command again goes on where it stopped.",
    )
    tiles.add_argument("out", type=Path, metavar="OUT.mbtiles", help="file to make")
    tiles.add_argument(
        "--zooms", type=_zooms, default=tuple(range(7)), metavar="FROM-TO", help="0 to 16, such as 4 or 0-6 (default)"
    )
    tiles.add_argument(
        "--region",
        type=float,
        nargs=4,
        metavar=("SOUTH", "WEST", "NORTH", "EAST"),
        help="only tiles that touch it, in degrees; across the antimeridian if WEST > EAST (default: the world)",
    )
    tiles.set_defaults(run=_tiles)


def _zooms(said: str) -> tuple[int, ...]:
    match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", said)
    if not match or not (zooms := tuple(range(int(match[1]), int(match[2] or match[1]) + 1))):
        raise argparse.ArgumentTypeError(f"{said!r} names no zooms; give one, such as 4, or a range, such as 0-6")
    return zooms


def _tiles(options: argparse.Namespace) -> None:
    from index_builder.atlas.tiles import write
    from index_builder.atlas.tiles.archive import WORLD

    region = tuple(options.region) if options.region else WORLD
    with progress("Tiles", unit=" tiles") as on_progress:
        count = write(options.out, options.zooms, region, on_progress=on_progress)
    print(f"{options.out}: {count:,} tiles, {options.out.stat().st_size / 1e6:,.1f} MB")
