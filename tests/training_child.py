"""A tiny TransLocator being trained, as the body of a process that may be killed."""

from __future__ import annotations

from pathlib import Path

import accelerate  # noqa: F401  # here and below: imported before processes fork, which then start at once
import timm  # noqa: F401
import torch

from geoloc_core.translocator import Inputs, variant
from index_builder.cells.build import Limits
from index_builder.inputs import TrainingSet
from index_builder.training import Recipe, Running
from index_builder.translocator.task import TransLocatorTask
from index_builder.translocator.train import cells_for, make_task, train, untrained

SIZES = {"backbone": "vit_tiny_patch16_224", "image_size": 32, "width": 16, "depth": 2, "heads": 2, "patch": 16}
RECIPE = Recipe(epochs=3, learning_rate=3e-3, best="a_mean", best_is="highest")
QUICK = Running(workers=0, log_every=1, save_every=1, tensorboard=False, device="cpu")


def task(sets: Path, name: str = "scene-16", **asked: object) -> TransLocatorTask:
    """For sets `train` and `validation` of `tiny_sets`."""
    training, validation = (TrainingSet.open(sets / part) for part in ("train", "validation"))
    partition = cells_for(training, Limits((60, 40, 20), 4))
    network = untrained(variant(name, partition.sizes, **SIZES), 1)
    how = {"inputs": Inputs(resize=32, crops=1), "batch_size": 8, "workers": 0, **asked}
    return make_task(network, training, validation, partition, **how)  # type: ignore[arg-type]


def work(sets: Path, out: Path, micro: int) -> None:
    """Train from wherever `out` is."""
    torch.set_num_threads(1)
    train(task(sets), RECIPE, out, running=Running(**{**vars(QUICK), "micro_batch": micro}))
