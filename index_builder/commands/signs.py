"""`atlas-signs`, `train-signs` and `evaluate-signs`: drawn photos of signs, and reading them."""

from __future__ import annotations

import argparse
from pathlib import Path

from index_builder.commands.arguments import Commands
from index_builder.console import progress

_KEPT = Path("build") / "signs"


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    draw = commands.add_parser("atlas-signs", help="draw photos of signs, with what is written on them")
    draw.add_argument("out", type=Path, metavar="OUT", help="folder for the photos and rows.csv")
    draw.add_argument("--photos", type=int, default=200, help="default: %(default)s")
    draw.add_argument("--split", choices=("train", "test"), default="test", help="default: %(default)s")
    draw.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    draw.set_defaults(run=_draw)

    train = commands.add_parser("train-signs", help="learn how far each kind of clue on signs is believed")
    train.add_argument("--photos", type=int, default=1500, help="drawn to learn on (default: %(default)s)")
    train.add_argument("--keep", type=Path, default=_KEPT, metavar="FOLDER", help="for readings (default: %(default)s)")
    train.add_argument("--out", type=Path, metavar="JSON", help="default: assets/signs/weights.json")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate-signs", help="measure the reading of signs on unseen drawn photos")
    evaluate.add_argument("--photos", type=int, default=500, help="default: %(default)s")
    evaluate.add_argument(
        "--keep", type=Path, default=_KEPT, metavar="FOLDER", help="for readings (default: %(default)s)"
    )
    evaluate.set_defaults(run=_evaluate)


def _draw(options: argparse.Namespace) -> None:
    from index_builder.atlas.writing.dataset import write

    with progress("Drawing", unit=" photos") as on_progress:
        print(write(options.out, options.photos, options.seed, options.split, on_progress))


def _train(options: argparse.Namespace) -> None:
    from geoloc_core.signs.combine import WEIGHTS
    from index_builder.signs.weights import SEED, lessons, train, typed_texts, write

    with progress("Reading", unit=" photos") as on_progress:
        data = lessons(options.photos, options.keep, on_progress=on_progress)
    learned = train(data)
    about = f"{options.photos:,} drawn photos of signs (seed {SEED}) and {len(typed_texts()):,} typed texts"
    write(learned, about, options.out or WEIGHTS)
    print(learned)


def _evaluate(options: argparse.Namespace) -> None:
    from index_builder.signs.evaluate import evaluate

    with progress("Reading", unit=" photos") as on_progress:
        report = evaluate(options.photos, options.keep, on_progress=on_progress)
    print(report)
