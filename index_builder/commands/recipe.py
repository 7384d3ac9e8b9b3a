"""What may be said about any training: the recipe, which decides what comes out, and how this machine goes about it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from geoloc_core.errors import ModelError

if TYPE_CHECKING:
    from index_builder.training import Recipe, Running

_RATES = {"adamw": 3e-4, "sgd": 0.02}
_DECAYS = {"adamw": 0.05, "sgd": 1e-4}


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """What decides the outcome; see `recipe_of`."""
    recipe = parser.add_argument_group("recipe")
    recipe.add_argument("--epochs", type=int, default=40, help="default: %(default)s")
    recipe.add_argument("--batch", type=int, default=256, help="photos a step, on all devices (default: %(default)s)")
    recipe.add_argument("--optimiser", choices=tuple(_RATES), default="adamw", help="default: %(default)s")
    recipe.add_argument("--learning-rate", type=float, metavar="X", help="default: 3e-4, or 0.02 for sgd")
    recipe.add_argument("--warmup", type=float, metavar="EPOCHS", help="default: 2, or a tenth of all if that is less")
    recipe.add_argument("--weight-decay", type=float, metavar="X", help="default: 0.05, or 1e-4 for sgd")
    recipe.add_argument(
        "--clip", type=float, default=1.0, metavar="NORM", help="of gradients; 0: no limit (default: 1)"
    )
    recipe.add_argument(
        "--precision", choices=("auto", "no", "bf16", "fp16"), default="auto", help="default: what the device does well"
    )
    recipe.add_argument(
        "--best", default="a_mean", help="figure that the best epoch is chosen by (default: %(default)s)"
    )
    recipe.add_argument(
        "--patience", type=int, default=0, metavar="EPOCHS", help="stop when none is better for so long"
    )
    recipe.add_argument("--seed", type=int, default=1, help="default: %(default)s")


def add_running(parser: argparse.ArgumentParser, *, divisible: bool = True) -> None:
    """How this machine goes about it; see `running_of`. A batch that is not divisible passes at once."""
    running = parser.add_argument_group("this machine (may change when a run is gone on with)")
    if divisible:
        running.add_argument("--micro-batch", type=int, default=32, help="photos of a forward pass (default: 32)")
        running.add_argument("--checkpointing", action="store_true", help="less memory, a third more time")
    else:
        parser.set_defaults(micro_batch=0, checkpointing=False)
    running.add_argument("--workers", type=int, help="processes that prepare photos (default: all cores but one)")
    running.add_argument("--save-every", type=int, default=1000, metavar="STEPS", help="default: %(default)s")
    running.add_argument("--log-every", type=int, default=10, metavar="STEPS", help="default: %(default)s")
    running.add_argument("--no-tensorboard", action="store_true", help="write metrics.jsonl alone")
    running.add_argument("--device", choices=("auto", "cpu"), default="auto", help="default: %(default)s")
    running.add_argument("--restart", action="store_true", help="begin anew; the model in best/ stays until a new one")


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe asked for.

    Raises:
        ModelError: one that cannot be.
    """
    from pydantic import ValidationError

    from geoloc_core.shelf import said_by
    from index_builder.training import Recipe

    kind = options.optimiser
    lowest = options.best.removeprefix("fstar_").startswith(("loss", "median"))
    fields: dict[str, Any] = {
        "learning_rate": _RATES[kind] if options.learning_rate is None else options.learning_rate,
        "weight_decay": _DECAYS[kind] if options.weight_decay is None else options.weight_decay,
        "warmup": min(2.0, options.epochs / 10) if options.warmup is None else options.warmup,
        "best_is": "lowest" if lowest else "highest",
    }
    same = ("epochs", "optimiser", "clip", "precision", "best", "patience", "seed")
    try:
        return Recipe(**fields, **{name: getattr(options, name) for name in same})
    except ValidationError as error:
        raise ModelError(f"These settings cannot be trained with: {said_by(error)}. Change that one.") from None


def running_of(options: argparse.Namespace) -> Running:
    """How to run."""
    from index_builder.training import Running

    return Running(
        micro_batch=options.micro_batch,
        workers=options.workers,
        save_every=options.save_every,
        log_every=options.log_every,
        checkpointing=options.checkpointing,
        tensorboard=not options.no_tensorboard,
        device=options.device,
    )
