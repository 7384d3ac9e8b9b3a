"""`train-segmenter` and `evaluate-segmenter`: the small segmenter that ships with Geoloc."""

from __future__ import annotations

import argparse
from pathlib import Path

from geoloc_core.paths import ASSETS
from geoloc_core.segmentation.names import STARTER
from index_builder.commands.arguments import Commands
from index_builder.console import progress

_TESTED = 300


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    train = commands.add_parser("train-segmenter", help="train the starter's small SegFormer on drawn photos")
    train.add_argument("--out", type=Path, default=ASSETS / "checkpoints" / STARTER, help="folder to make or replace")
    train.add_argument("--photos", type=int, default=8000, help="drawn to train on (default: %(default)s)")
    train.add_argument("--epochs", type=int, help="default: as the recipe says")
    train.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the drawn photos there, to train again")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate-segmenter", help="measure a segmenter on unseen drawn photos")
    evaluate.add_argument("--segmenter", default=STARTER, metavar="NAME|FOLDER", help="default: %(default)s")
    evaluate.add_argument("--photos", type=int, default=_TESTED, help="default: %(default)s")
    evaluate.set_defaults(run=_evaluate)


def _train(options: argparse.Namespace) -> None:
    from index_builder.segmenter.lessons import lessons
    from index_builder.segmenter.train import Recipe, fresh, save, train

    with progress("Drawing", unit=" photos") as on_progress:
        drawn = lessons("train", options.photos, kept=options.keep, on_progress=on_progress)
    recipe = Recipe(epochs=options.epochs or Recipe.epochs)
    model = fresh(recipe.seed)
    for epoch in train(drawn, recipe, model):
        print(f"epoch {epoch.number}: loss {epoch.loss:.3f}, {epoch.seconds:.0f} s", flush=True)
    save(model, options.out)
    _measure(str(options.out.absolute()), _TESTED)


def _evaluate(options: argparse.Namespace) -> None:
    _measure(options.segmenter, options.photos)


def _measure(name: str, photos: int) -> None:
    from geoloc_core.segmentation import open_segmenter
    from index_builder.segmenter.evaluate import evaluate
    from index_builder.segmenter.lessons import lessons

    segmenter = open_segmenter(name)
    segmenter.load()
    with progress("Drawing", unit=" photos") as on_progress:
        drawn = lessons("test", photos, on_progress=on_progress)
    print(evaluate(segmenter, drawn))
