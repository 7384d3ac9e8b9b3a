"""`tiles`: embed whole zooms or regions of map tiles ahead, so that walks find them ready."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core.errors import TileSourceError
from index_builder.commands.arguments import Commands
from index_builder.console import progress

if TYPE_CHECKING:
    from geoloc_core.tiles.sources import TileSource


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    tiles = commands.add_parser(
        "tiles",
        help="embed map tiles ahead of the walks",
        description="Embed whole zooms of map tiles, or those of a region, into a store that walks look into first. "
        "Running the same command again goes on where it stopped.",
    )
    tiles.add_argument(
        "--source",
        required=True,
        help="preset, .mbtiles, .pmtiles, folder z/x/y, or URL with {z}/{x}/{y}; several as 'A|B'",
    )
    tiles.add_argument("--out", type=Path, required=True, metavar="STORE", help="folder of kept embeddings")
    tiles.add_argument(
        "--encoders", metavar="NAME", help="map encoders, or untuned:ENCODER (default: the best on this machine)"
    )
    tiles.add_argument("--zooms", type=int, nargs="+", default=[4, 6, 8], metavar="Z", help="default: 4 6 8")
    tiles.add_argument(
        "--region",
        type=float,
        nargs=4,
        metavar=("SOUTH", "WEST", "NORTH", "EAST"),
        help="only tiles that touch it, in degrees; across the antimeridian if WEST > EAST (default: the world)",
    )
    tiles.add_argument("--cache", type=Path, metavar="FILE", help="keep what a server sends, for up to 2 GB")
    tiles.add_argument("--key-from", metavar="VARIABLE", help="environment variable with the server's key, for {key}")
    tiles.set_defaults(run=_tiles)


def _tiles(options: argparse.Namespace) -> None:
    from geoloc_core.tiles.embedder import Embedder
    from geoloc_core.tiles.encoders import SHELF, open_tiles
    from index_builder.tiles.precompute import precompute

    chosen = SHELF.choose(options.encoders)
    encoders = open_tiles(chosen.value)
    encoders.load()
    source = opened(options.source, options.key_from, options.cache)
    print(f"encoders: {encoders.title} ({chosen.reason})")
    print(f"source: {source.about.title}; {source.about.attribution or 'no attribution is stated'}")
    embedder = Embedder.open(encoders, source, options.out)
    try:
        with _bars() as on_progress:
            for done in precompute(embedder, options.zooms, options.region and tuple(options.region), on_progress):
                print(done, flush=True)
        tiles, pictures = embedder.store.count()
        print(f"{embedder.store.folder}: {tiles:,} tiles, {pictures:,} different pictures")
    finally:
        embedder.close()
        source.close()


def opened(spec: str, key_from: str | None, cache: Path | None = None) -> TileSource:
    """The source that is asked for.

    Args:
        spec: see `open_source`.
        key_from: the environment variable with a server's key.
        cache: file that keeps what a server sends.

    Raises:
        TileSourceError: there is none, or it cannot be used now.
    """
    from pydantic import SecretStr

    from geoloc_core.tiles.cache import TileCache
    from geoloc_core.tiles.sources import open_source

    key = os.environ.get(key_from, "") if key_from else ""
    if key_from and not key:
        raise TileSourceError(f"The environment variable {key_from} is empty. Put the server's key into it.")
    source = open_source(spec, key=SecretStr(key) if key else None, cache=TileCache(cache) if cache else None)
    if not (state := source.availability()):
        raise TileSourceError(f"{state.reason} {state.remedy}")
    return source


@contextmanager
def _bars() -> Iterator[Callable[[int, int, int], None]]:
    """A bar for each zoom, as a function of (zoom, tiles done, tiles in all)."""
    bars: dict[int, Callable[[int, int], None]] = {}
    with ExitStack() as stack:

        def on_progress(zoom: int, done: int, total: int) -> None:
            if zoom not in bars:
                bars[zoom] = stack.enter_context(progress(f"Zoom {zoom}", unit=" tiles"))
            bars[zoom](done, total)

        yield on_progress
