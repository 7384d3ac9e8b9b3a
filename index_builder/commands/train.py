"""`train`: learn a network from a training set, on one device or many, to be gone on with after any stop."""

from __future__ import annotations

import argparse
from pathlib import Path

from index_builder.commands import train_tiles
from index_builder.commands.arguments import Commands
from index_builder.commands.recipe import add_recipe, add_running, recipe_of, running_of


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    train = commands.add_parser(
        "train",
        help="train a network: translocator, tiles",
        description="Train a network. Run the same command again to go on after a stop. For several GPUs write "
        "`torchrun --nproc-per-node N -m index_builder train …`.",
    )
    kinds = train.add_subparsers(required=True, metavar="KIND")
    translocator = kinds.add_parser(
        "translocator",
        help="TransLocator and its family of geo-cell classifiers",
        description="Train TransLocator, a row of its ablations, PlaNet or ISNs. Make the sets with `inputs`.",
    )
    _add_data(translocator)
    _add_shape(translocator)
    _add_views(translocator)
    add_recipe(translocator)
    add_running(translocator)
    translocator.set_defaults(run=_translocator)
    add_running(train_tiles.add(kinds), divisible=False)


def _add_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("data")
    data.add_argument("--data", type=Path, required=True, metavar="SET", help="training set to learn from")
    data.add_argument("--validation", type=Path, required=True, metavar="SET", help="other photos to be judged by")
    data.add_argument("--cells", type=Path, metavar="FILE", help="made by `cells` (default: of the training set)")
    data.add_argument(
        "--max-photos",
        dest="most",
        type=int,
        nargs="+",
        default=[5_000, 2_000, 1_000],
        metavar="N",
        help="without --cells, photos a cell at most for each level (default: 5000 2000 1000)",
    )
    data.add_argument(
        "--min-photos",
        dest="least",
        type=int,
        default=50,
        metavar="N",
        help="drop cells with N photos or fewer (default: 50)",
    )
    data.add_argument("--limit", type=int, metavar="N", help="learn from N photos, chosen at random, only")
    data.add_argument("--shuffle-labels", action="store_true", help="as a control, deal the labels anew among photos")
    data.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of the run; the model is in its best/")
    data.add_argument("--title", default="", help="of the model (default: the variant's name)")


def _add_shape(parser: argparse.ArgumentParser) -> None:
    from geoloc_core.translocator import VARIANTS

    shape = parser.add_argument_group("network")
    shape.add_argument(
        "--variant", choices=VARIANTS, default="scene-365", help="row of the paper's tables (default: %(default)s)"
    )
    shape.add_argument("--backbone", metavar="NAME", help="a timm model (default: the variant's)")
    shape.add_argument("--image-size", type=int, metavar="PIXELS", help="a side (default: 224)")
    for name in ("width", "depth", "heads", "patch"):
        shape.add_argument(f"--{name}", type=int, metavar="N", help="of the vision transformer, if not its own")
    first = shape.add_mutually_exclusive_group()
    first.add_argument(
        "--pretrained", action="store_true", help="begin with the backbone's published weights, fetched if need be"
    )
    first.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="MODEL",
        help="begin every branch with a trained model's one (its folder, or a file of weights), such as a ViT-MT's",
    )


def _add_views(parser: argparse.ArgumentParser) -> None:
    views = parser.add_argument_group("views")
    views.add_argument(
        "--resize", type=int, metavar="PIXELS", help="shorter side before crops (default: 8/7 of a crop)"
    )
    views.add_argument("--crops", type=int, choices=(1, 5, 10), default=10, help="to judge by (default: %(default)s)")
    views.add_argument("--no-augment", action="store_true", help="a random square of the photo, else as it is")
    views.add_argument("--no-mirror", action="store_true", help="left stays left, where the side of the road counts")
    for name in ("degrees", "shear", "brightness", "contrast", "saturation", "grey", "blur", "least-area"):
        views.add_argument(f"--{name}", type=float, metavar="X", help="see index_builder/translocator/augment.py")
    views.add_argument("--alpha", type=float, default=0.3, help="weight of middle cells (default: %(default)s)")
    views.add_argument("--beta", type=float, default=0.2, help="weight of fine cells (default: %(default)s)")
    views.add_argument("--gamma", type=float, default=1.0, help="weight of scenes (default: %(default)s)")


def _translocator(options: argparse.Namespace) -> None:
    from index_builder.training.bar import telling_of_steps
    from index_builder.training.devices import is_main
    from index_builder.translocator.asked import task_of
    from index_builder.translocator.train import train

    recipe, running = recipe_of(options), running_of(options)
    task = task_of(options)
    with telling_of_steps() as on_event:
        result = train(task, recipe, options.out, running=running, resume=not options.restart, on_event=on_event)
    if is_main():
        print(result)
