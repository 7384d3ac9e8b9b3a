"""`atlas`, `train-starter` and `evaluate-starter`: the embedded default, from the synthetic world."""

from __future__ import annotations

import argparse
from pathlib import Path

from geoloc_core.paths import ASSETS
from index_builder.commands.arguments import Commands


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands."""
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
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate-starter", help="measure a drawn gallery on unseen drawn photos")
    evaluate.add_argument("--gallery", type=Path, default=ASSETS / "starter", help="default: the embedded starter")
    evaluate.add_argument("--photos", type=int, default=1000, help="default: %(default)s")
    evaluate.set_defaults(run=_evaluate)


def _atlas(options: argparse.Namespace) -> None:
    from index_builder.starter import make_examples, make_starter

    make_examples(options.out / "examples")
    print(make_starter(options.out / "starter", encoder_name=options.encoder, count=options.count, seed=options.seed))


def _train(options: argparse.Namespace) -> None:
    from index_builder.starter import train_starter

    train_starter(options.out, photos=options.photos, epochs=options.epochs)


def _evaluate(options: argparse.Namespace) -> None:
    from geoloc_core.evaluation.metrics import table
    from index_builder.starter import evaluate_starter

    print(table(evaluate_starter(options.gallery, photos=options.photos)))
