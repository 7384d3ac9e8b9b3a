"""The command line's options for walks down map tiles."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoloc_core.console import harmless
from geoloc_core.errors import GeolocError

if TYPE_CHECKING:
    from geoloc_core.prediction import Predictor
    from geoloc_core.predictors.tiles import Search, TilesPredictor
    from geoloc_core.settings import Settings

SEARCHING = ("geoclip", "knn")  # of those beside, which search a gallery


def add_tiles(parser: argparse.ArgumentParser) -> None:
    """Add the options that `tiles_of` reads, but for --model and --gallery, which others read too."""
    group = parser.add_argument_group(
        "tiles",
        "for --predictor tiles; the key of a tile server is the setting tile_key, best GEOLOC_TILE_KEY in the "
        "environment, and read from nowhere else",
    )
    group.add_argument(
        "--tiles",
        metavar="SOURCE",
        help="preset, .mbtiles, .pmtiles, folder z/x/y, or URL with {z}/{x}/{y}; several as 'A|B' (default: the "
        "settings')",
    )
    group.add_argument("--k", type=int, metavar="K", help="tiles kept a zoom (default: 16)")
    group.add_argument(
        "--paths",
        choices=("last", "mean", "chain"),
        help="a tile's score: its own, the mean from the first zoom on, or each zoom's softmax multiplied (default: "
        "last, as published)",
    )
    group.add_argument(
        "--region",
        type=float,
        nargs=4,
        metavar=("SOUTH", "WEST", "NORTH", "EAST"),
        help="only tiles that touch it, in degrees; across the antimeridian if WEST > EAST",
    )
    group.add_argument("--seconds", type=float, metavar="S", help="end after so long with the answer so far")
    group.add_argument(
        "--beside",
        choices=(*SEARCHING, "signs", "translocator"),
        help="keep the tiles of this predictor's best place in the beam, beside the K",
    )
    group.add_argument("--store", type=Path, metavar="FOLDER", help="of tiles' embeddings (default: the settings')")


def asked(options: argparse.Namespace) -> bool:
    """Whether one of the options was given."""
    given = (options.tiles, options.k, options.paths, options.region, options.seconds, options.beside, options.store)
    return any(one is not None for one in given)


@contextmanager
def tiles_of(options: argparse.Namespace, config: Settings) -> Iterator[TilesPredictor]:
    """The predictor that the options and settings ask for; why its parts were chosen, and progress, go to stderr.

    Raises:
        GeolocError: it cannot be used; the message says what to do.
    """
    from geoloc_core.predictors.tiles import TilesPredictor
    from geoloc_core.tiles.encoders import SHELF, open_tiles
    from geoloc_core.tiles.sources.settled import settled_source

    model = SHELF.choose(options.model)
    print(f"model: {harmless(str(model))}", file=sys.stderr)
    with closing(settled_source(options.tiles, config)) as source, _bars() as on_progress:
        beside = _beside(options.beside, options.gallery, config) if options.beside else None
        store, search = options.store or config.tile_store, _search(options)
        with closing(
            TilesPredictor(
                open_tiles(model.value), source, store, search=search, beside=beside, on_progress=on_progress
            )
        ) as predictor:
            if not (ready := predictor.availability()):
                raise GeolocError(f"{ready.reason} {ready.remedy}")
            yield predictor


def _search(options: argparse.Namespace) -> Search:
    from geoloc_core.predictors.tiles import K, Search

    return Search(
        k=K if options.k is None else options.k,
        paths=options.paths or "last",
        region=tuple(options.region) if options.region else None,
        budget_s=options.seconds,
    )


def _beside(name: str, gallery_name: str | None, config: Settings) -> Predictor:
    """The predictor called `name`, with its best model or gallery on this machine."""
    if name == "signs":
        from geoloc_core.predictors.signs import Signs

        return Signs()
    if name == "translocator":
        from geoloc_core.predictors.translocator import TransLocatorPredictor
        from geoloc_core.translocator import opened

        return TransLocatorPredictor(opened.open_translocator(opened.SHELF.choose().value))
    from geoloc_core.gallery import Gallery
    from geoloc_core.gallery.catalogue import choose, choose_locations
    from geoloc_core.locate import encoder_of
    from geoloc_core.predictors.geoclip import GeoClipPredictor
    from geoloc_core.predictors.knn import Knn

    path, choice = (choose_locations if name == "geoclip" else choose)(gallery_name, config)
    print(f"gallery: {choice}", file=sys.stderr)
    gallery = Gallery.open(path)
    return (GeoClipPredictor if name == "geoclip" else Knn)(gallery, encoder_of(gallery))


@contextmanager
def _bars() -> Iterator[Callable[[int, int, int], None]]:
    """A bar for each zoom where stderr is a terminal, as a function of (zoom, tiles done, tiles in all)."""
    from tqdm import tqdm

    bars: dict[int, Any] = {}

    def on_progress(zoom: int, done: int, total: int) -> None:
        if zoom not in bars:
            bars[zoom] = tqdm(total=total, desc=f"Zoom {zoom}", unit=" tiles", leave=False, disable=None)
        bars[zoom].update(done - bars[zoom].n)
        if done == total:
            bars[zoom].close()

    try:
        yield on_progress
    finally:
        for bar in bars.values():
            bar.close()
