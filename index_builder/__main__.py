"""The command line: `python -m index_builder COMMAND`. A command is a thin cover of the function of its name."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from geoloc_core.console import run
from geoloc_core.paths import ASSETS


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    stopped = "Stopped. Nothing was published, and what was there before is untouched."
    return run(_parser(), arguments, if_stopped=stopped)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m index_builder", description="Build galleries to locate photos with."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_build(commands)
    _add_starter(commands)
    return parser


def _add_build(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    build = commands.add_parser(
        "build",
        help="a gallery from a folder of geotagged photos or a CSV file",
        description="Build a gallery from a folder of photos with EXIF GPS, or a CSV with columns file, lat and lon.",
    )
    build.add_argument("source", type=Path, metavar="FOLDER_OR_CSV")
    build.add_argument("--out", type=Path, required=True, metavar="GALLERY", help="folder to make")
    build.add_argument("--encoder", metavar="ID", help="encoder by name (default: the best one on this machine)")
    build.add_argument("--images", type=Path, metavar="FOLDER", help="where a CSV's relative file names start")
    build.add_argument("--title", default="", help="what the app calls it (default: the source's name)")
    build.add_argument("--licence", default="", help="the photos' licence, as shown beside answers")
    build.add_argument("--source", dest="origin", default="", metavar="TEXT", help="where the photos come from")
    build.add_argument(
        "--thumbnail-side", type=int, default=160, metavar="PIXELS", help="0 stores none (default: %(default)s)"
    )
    build.add_argument("--overwrite", action="store_true", help="replace the gallery that is there")
    build.set_defaults(run=_build)


def _add_starter(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    atlas = commands.add_parser("atlas", help="draw the starter gallery and the example photos again")
    atlas.add_argument("--out", type=Path, default=ASSETS, help="folder that gets starter/ and examples/")
    atlas.add_argument("--encoder", default="starter", metavar="ID", help="default: %(default)s")
    atlas.add_argument("--count", type=int, default=3000, help="photos in the gallery (default: %(default)s)")
    atlas.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    atlas.set_defaults(run=_atlas)

    train = commands.add_parser("train-starter", help="train the starter encoder on drawn photos")
    train.add_argument("--out", type=Path, default=ASSETS / "checkpoints" / "starter", help="the checkpoint's folder")
    train.add_argument("--photos", type=int, default=24_000, help="photos drawn to train on (default: %(default)s)")
    train.add_argument("--epochs", type=int, default=8, help="default: %(default)s")
    train.set_defaults(run=_train_starter)

    evaluate = commands.add_parser("evaluate-starter", help="measure a drawn gallery on unseen drawn photos")
    evaluate.add_argument("--gallery", type=Path, default=ASSETS / "starter", help="default: the embedded starter")
    evaluate.add_argument("--photos", type=int, default=1000, help="default: %(default)s")
    evaluate.set_defaults(run=_evaluate_starter)


def _atlas(options: argparse.Namespace) -> None:
    from index_builder.starter import make_examples, make_starter

    make_examples(options.out / "examples")
    print(make_starter(options.out / "starter", encoder_name=options.encoder, count=options.count, seed=options.seed))


def _train_starter(options: argparse.Namespace) -> None:
    from index_builder.starter import train_starter

    train_starter(options.out, photos=options.photos, epochs=options.epochs)


def _evaluate_starter(options: argparse.Namespace) -> None:
    from geoloc_core.evaluation.metrics import table
    from index_builder.starter import evaluate_starter

    print(table(evaluate_starter(options.gallery, photos=options.photos)))


def _build(options: argparse.Namespace) -> None:
    from index_builder.build import BuildOptions, build
    from index_builder.embed import Thumbnails

    report = build(
        BuildOptions(
            source=options.source,
            out=options.out,
            encoder=options.encoder,
            images=options.images,
            title=options.title,
            licence=options.licence,
            origin=options.origin,
            thumbnails=Thumbnails(side=max(options.thumbnail_side, 0)),
            overwrite=options.overwrite,
        )
    )
    print(f"{options.out}: {report.embedded:,} photos")


if __name__ == "__main__":
    sys.exit(main())
