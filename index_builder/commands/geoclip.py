"""`geoclip`, `train-geoclip` and `evaluate-geoclip`: galleries of locations, and the small GeoCLIP of the starter."""

from __future__ import annotations

import argparse
from pathlib import Path

from geoloc_core.paths import ASSETS
from index_builder.commands.arguments import Commands
from index_builder.console import progress

_STARTER = "geoclip-starter"


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    build = commands.add_parser(
        "geoclip",
        help="a gallery of locations, for photos to be compared with places",
        description="Encode coordinates with GeoCLIP's location encoder into a gallery that needs no photos.",
    )
    build.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    where = build.add_mutually_exclusive_group()
    where.add_argument(
        "--from",
        dest="table",
        default="100k",
        metavar="100k|CSV",
        help="the 100,000 coordinates of the package geoclip, or a table with lat and lon (default: %(default)s)",
    )
    where.add_argument("--grid", type=float, metavar="KM", help="a grid over land, one point for each KM x KM")
    build.add_argument(
        "--model",
        default="geoclip",
        metavar="NAME|FOLDER",
        help=f"geoclip, {_STARTER}, or a folder with a trained one (default: %(default)s)",
    )
    build.add_argument("--overwrite", action="store_true", help="replace the gallery that is there")
    build.add_argument("--title", default="", help="what the app calls it (default: by the coordinates)")
    build.add_argument("--licence", default="", help="of the coordinates")
    build.set_defaults(run=_build)
    _add_starter(commands)


def _add_starter(commands: Commands[argparse.ArgumentParser]) -> None:
    train = commands.add_parser("train-geoclip", help="train the starter's small GeoCLIP on drawn photos")
    train.add_argument("--out", type=Path, default=ASSETS, help="folder that gets checkpoints/NAME and NAME")
    train.add_argument("--photos", type=int, default=36_000, help="photos drawn to train on (default: %(default)s)")
    train.add_argument("--epochs", type=int, help="default: as the recipe says")
    train.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the photos' features there, to train again")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate-geoclip", help="measure GeoCLIP and kNN on unseen drawn photos")
    evaluate.add_argument("--locations", type=Path, default=ASSETS / _STARTER, help="default: the embedded ones")
    evaluate.add_argument("--gallery", type=Path, default=ASSETS / "starter", help="for kNN (default: the starter)")
    evaluate.add_argument("--photos", type=int, default=500, help="default: %(default)s")
    evaluate.set_defaults(run=_evaluate)


def _build(options: argparse.Namespace) -> None:
    from geoloc_core.gallery.manifest import EncoderRef
    from geoloc_core.geoclip import open_geoclip
    from index_builder.build import refuse_what_is_no_gallery
    from index_builder.gallery.publish import Provenance
    from index_builder.geoclip.coordinates import PACKAGED, from_table, grid, packaged
    from index_builder.geoclip.gallery import build_locations

    refuse_what_is_no_gallery(options.out)
    model = open_geoclip(options.model)
    named = options.model in ("geoclip", _STARTER)
    reference = EncoderRef(id=model.id, name=options.model if named else f"geoclip:{options.model}")
    called = options.model if named else Path(options.model).absolute().name
    if options.grid is not None:
        coordinates, said = grid(options.grid), f"--grid {options.grid:g}"
    elif options.table == PACKAGED:
        coordinates, said = packaged(), f"--from {PACKAGED}"
    else:
        coordinates, said = from_table(Path(options.table)), f"--from {Path(options.table).name}"
    about = Provenance(
        title=options.title,
        licence=options.licence,
        command=f"python -m index_builder geoclip {said} --model {called}",
        synthetic=model.config.synthetic,
    )
    model.load()
    with progress("Encoding", unit=" places") as on_progress:
        built = build_locations(
            coordinates, model, reference, options.out, about, overwrite=options.overwrite, on_progress=on_progress
        )
    print(built)


def _train(options: argparse.Namespace) -> None:
    from index_builder.geoclip.starter import make_locations, train_starter

    checkpoint = options.out / "checkpoints" / _STARTER
    train_starter(checkpoint, photos=options.photos, epochs=options.epochs, kept=options.keep)
    print(make_locations(options.out / _STARTER, checkpoint=checkpoint))


def _evaluate(options: argparse.Namespace) -> None:
    from index_builder.geoclip.evaluate import evaluate

    print(evaluate(options.locations, options.gallery, photos=options.photos))
