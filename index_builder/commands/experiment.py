"""`experiment atlas` and `experiment photos`: systems compared on drawn photos, and on one's own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index_builder.commands.arguments import Commands

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from index_builder.cells.build import Limits
    from index_builder.experiments.systems import Budget, Data, Row


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    experiment = commands.add_parser(
        "experiment",
        help="compare TransLocator, its ablations, PlaNet, ISNs, kNN and guesses",
        description="Train and measure systems on the same photos with the same budget, and write tables and curves. "
        "Running the same command again goes on where it stopped.",
    )
    kinds = experiment.add_subparsers(required=True, metavar="KIND")
    atlas = kinds.add_parser("atlas", help="on photos drawn of the synthetic world")
    atlas.add_argument("--sets", type=Path, metavar="FOLDER", help="where the drawn sets are or go (default: in --out)")
    atlas.add_argument("--photos", type=int, default=10_000, help="to train on (default: %(default)s)")
    atlas.add_argument(
        "--held-out",
        type=int,
        default=2_000,
        help="to measure on, and half as many to choose on (default: %(default)s)",
    )
    _add_budget(atlas, epochs=6, most=(400, 150, 60))
    atlas.set_defaults(run=_atlas)

    photos = kinds.add_parser("photos", help="on one's own photos, split by walk, author or the like")
    photos.add_argument("data", type=Path, metavar="SET", help="made by `inputs`")
    photos.add_argument("--group", required=True, metavar="COLUMN", help="says which photos belong together")
    photos.add_argument("--photos", type=int, metavar="N", help="to train on at most (default: all of them)")
    _add_budget(photos, epochs=20, most=(200, 80, 30))
    photos.set_defaults(run=_photos)


def _add_budget(parser: argparse.ArgumentParser, epochs: int, most: tuple[int, ...]) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="everything is kept there")
    group = parser.add_argument_group("budget of each row")
    group.add_argument("--epochs", type=int, default=epochs, help="default: %(default)s")
    group.add_argument("--batch", type=int, default=32, help="default: %(default)s")
    group.add_argument("--rate", type=float, default=1e-3, help="highest learning rate (default: %(default)s)")
    group.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    group.add_argument(
        "--chosen-by", default="a_mean", metavar="A_R", help="names the best epoch (default: %(default)s)"
    )
    group = parser.add_argument_group("cells")
    group.add_argument(
        "--max", dest="most", type=int, nargs=3, default=most, metavar="N", help="photos a cell (default: %(default)s)"
    )
    group.add_argument("--min", dest="least", type=int, default=5, metavar="N", help="default: %(default)s")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="these rows only")


def _atlas(options: argparse.Namespace) -> None:
    from index_builder.experiments.atlas import AUGMENT, ROWS, atlas_data

    data = atlas_data(options.sets or options.out / "sets", _limits(options), options.photos, options.held_out)
    _compare(options, data, ROWS, augment=AUGMENT)


def _photos(options: argparse.Namespace) -> None:
    from index_builder.experiments.data import grouped
    from index_builder.experiments.photos import rows_for
    from index_builder.inputs import TrainingSet

    data = grouped(TrainingSet.open(options.data), options.group, _limits(options), options.seed, options.photos)
    _compare(options, data, rows_for(data))


def _compare(options: argparse.Namespace, data: Data, rows: Sequence[Row], **more: Any) -> None:
    from index_builder.experiments.compare import compare
    from index_builder.experiments.report import write_report

    budget, chosen = _budget(options, more), _chosen(options.only, rows)
    print(f"{len(data.train):,} photos, {data.partition}", file=sys.stderr)
    done = compare(data, budget, chosen, options.out, lambda text: print(text, file=sys.stderr, flush=True))
    print(write_report(data, budget, chosen, done, options.out))


def _limits(options: argparse.Namespace) -> Limits:
    from index_builder.cells.build import Limits

    return Limits(tuple(options.most), options.least)


def _budget(options: argparse.Namespace, more: Mapping[str, Any]) -> Budget:
    from pydantic import ValidationError

    from geoloc_core.errors import GeolocError
    from geoloc_core.shelf import said_by
    from index_builder.experiments.systems import Budget

    asked = {name: getattr(options, name) for name in ("epochs", "batch", "rate", "seed", "chosen_by")}
    try:
        return Budget(**asked, **more)
    except ValidationError as error:
        raise GeolocError(f"That is no budget: {said_by(error)}. Change it.") from None


def _chosen(only: Sequence[str] | None, rows: Sequence[Row]) -> list[Row]:
    from geoloc_core.errors import GeolocError

    if unknown := set(only or ()) - {row.key for row in rows}:
        keys = ", ".join(row.key for row in rows)
        raise GeolocError(f"There is no row {', '.join(sorted(unknown))}. Choose from {keys}.")
    return [row for row in rows if not only or row.key in only]
