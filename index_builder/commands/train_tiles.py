"""`train tiles`: map encoders from photos with places and the tiles that these lie in."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core.errors import ModelError
from index_builder.commands.arguments import Commands

if TYPE_CHECKING:
    from geoloc_core.tiles.sources import TileSource
    from index_builder.tiles.train import Asked
    from index_builder.training import Recipe

ATLAS = "atlas"


def add(kinds: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the kind; the caller adds how this machine goes about it."""
    tiles = kinds.add_parser(
        "tiles",
        help="map encoders of the tile hierarchy, one a zoom",
        description="Train a map encoder for each zoom, the finest first, each coarser one from it. Make the sets of "
        "photos with `inputs`.",
    )
    _add_data(tiles)
    _add_contrast(tiles)
    _add_recipe(tiles)
    tiles.set_defaults(run=_tiles)
    return tiles


def _add_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("data")
    data.add_argument("--data", type=Path, required=True, metavar="SET", help="photos to learn from, made by `inputs`")
    other = data.add_mutually_exclusive_group(required=True)
    other.add_argument("--validation", type=Path, metavar="SET", help="other photos to be judged by")
    other.add_argument(
        "--hold-out", metavar="COLUMN", help="be judged by half of --data: whole walks, authors or the like"
    )
    data.add_argument("--limit", type=int, metavar="N", help="learn from N photos, chosen at random, only")
    data.add_argument(
        "--source",
        required=True,
        help="of tiles: preset, .mbtiles, .pmtiles, folder z/x/y, URL with {z}/{x}/{y}, or `atlas` for the synthetic "
        "world's",
    )
    data.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="of tiles and photos' embeddings (default: OUT/cache)"
    )
    data.add_argument("--key-from", metavar="VARIABLE", help="environment variable with the server's key, for {key}")
    data.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="of the run; the family is in its best/"
    )
    data.add_argument("--title", default="", help="of the family (default: the encoder's name)")
    data.add_argument("--note", default="", help="for the card, such as what the encoder itself was trained on")


def _add_contrast(parser: argparse.ArgumentParser) -> None:
    network = parser.add_argument_group("network and loss")
    network.add_argument("--encoder", metavar="NAME", help="of photos, a ViT of open_clip (default: the best one here)")
    network.add_argument("--zooms", type=int, nargs="+", metavar="Z", help="default: 4 6 ... 16, as far as tiles go")
    network.add_argument("--blocks", type=int, default=2, help="last ones that are learned (default: %(default)s)")
    network.add_argument("--temperature", type=float, default=100.0, help="before cosines (default: CLIP's, 100)")
    network.add_argument("--both", action="store_true", help="also tell each tile's photo among those of the batch")
    network.add_argument(
        "--crop", type=float, default=1.0, metavar="SHARE", help="show a random square of at least this share of a side"
    )
    network.add_argument(
        "--candidates", type=int, default=1024, metavar="N", help="other tiles to judge among (default: %(default)s)"
    )
    network.add_argument(
        "--token-memory", type=float, default=2.0, metavar="GB", help="for what the trunk makes of tiles (default: 2)"
    )


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    recipe = parser.add_argument_group("recipe, as published unless said otherwise")
    recipe.add_argument("--epochs", type=int, default=5, help="of each zoom (default: %(default)s)")
    recipe.add_argument("--batch", type=int, default=64, help="pairs a step, on all devices (default: %(default)s)")
    recipe.add_argument("--learning-rate", type=float, default=1e-4, metavar="X", help="of Adam (default: 1e-4)")
    recipe.add_argument("--warmup", type=float, default=0.0, metavar="EPOCHS", help="default: 0")
    recipe.add_argument("--final", type=float, default=1.0, metavar="SHARE", help="of the rate at the end (default: 1)")
    recipe.add_argument("--weight-decay", type=float, default=0.0, metavar="X", help="default: 0")
    recipe.add_argument("--clip", type=float, default=0.0, metavar="NORM", help="of gradients (default: no limit)")
    recipe.add_argument("--precision", choices=("auto", "no", "bf16", "fp16"), default="auto", help="default: auto")
    recipe.add_argument("--best", default="loss", help="figure that the best epoch is chosen by (default: loss)")
    recipe.add_argument(
        "--patience", type=int, default=0, metavar="EPOCHS", help="stop when none is better for so long"
    )
    recipe.add_argument("--seed", type=int, default=1, help="default: %(default)s")


def _tiles(options: argparse.Namespace) -> None:
    from index_builder.commands.recipe import running_of
    from index_builder.console import progress
    from index_builder.tiles.train import Telling, train
    from index_builder.training.bar import telling_of_steps
    from index_builder.training.devices import is_main

    recipe, asked = _recipe(options), _asked(options)
    tell = Telling(telling_of_steps, lambda what: progress(what, unit=""))
    try:
        trained = train(asked, recipe, options.out, running=running_of(options), resume=not options.restart, tell=tell)
    finally:
        asked.source.close()
    if is_main():
        print(trained)


def _asked(options: argparse.Namespace) -> Asked:
    import numpy as np

    from geoloc_core.encoders import best_available, create
    from geoloc_core.encoders.open_clip import OpenClip
    from geoloc_core.tiles.tile import ZOOMS
    from index_builder.inputs import TrainingSet
    from index_builder.tiles.pairs import halves
    from index_builder.tiles.task import Contrast
    from index_builder.tiles.train import Asked

    base = create(options.encoder or best_available().value)
    if not isinstance(base, OpenClip):
        raise ModelError(f"{base.name} is no network that can be shared. Choose a ViT of open_clip with --encoder.")
    training = TrainingSet.open(options.data)
    if options.hold_out:
        training, validation = halves(training, options.hold_out, options.seed)
    else:
        validation = TrainingSet.open(options.validation)
    if options.limit and options.limit < len(training):
        chosen = np.random.default_rng(options.seed).permutation(len(training))[: options.limit]
        training = training.subset(np.sort(chosen))
    source = _source(options)
    contrast = Contrast(options.temperature, options.both, options.crop, options.batch, candidates=options.candidates)
    low, high = source.zooms
    return Asked(
        base,
        source,
        training,
        validation,
        options.zooms or [zoom for zoom in ZOOMS if low <= zoom <= high],
        options.blocks,
        contrast,
        int(options.token_memory * 1e9),
        options.cache,
        options.title or f"Map encoders over {base.name}",
        options.note,
    )


def _source(options: argparse.Namespace) -> TileSource:
    from index_builder.commands.tiles import opened

    if options.source == ATLAS:
        return _atlas()
    return opened(options.source, options.key_from)


def _atlas() -> TileSource:
    """The Atlas's tiles, drawn by as many processes as there are cores."""
    import multiprocessing
    import os
    from concurrent.futures import ProcessPoolExecutor

    from geoloc_core.tiles.sources.drawn import Drawn
    from index_builder.atlas.tiles import ABOUT, IDENTITY, ZOOMS, draw_tile

    pool = ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"))
    source = Drawn(lambda tile: pool.submit(draw_tile, tile).result(), IDENTITY, ABOUT, ZOOMS)
    source.concurrency = os.cpu_count() or 1
    return source


def _recipe(options: argparse.Namespace) -> Recipe:
    from pydantic import ValidationError

    from geoloc_core.shelf import said_by
    from index_builder.training import Recipe

    names = (
        "epochs",
        "learning_rate",
        "warmup",
        "final",
        "weight_decay",
        "clip",
        "precision",
        "best",
        "patience",
        "seed",
    )
    lowest = options.best.removeprefix("untuned_") == "loss"
    try:
        return Recipe(best_is="lowest" if lowest else "highest", **{name: getattr(options, name) for name in names})
    except ValidationError as error:
        raise ModelError(f"These settings cannot be trained with: {said_by(error)}. Change that one.") from None
