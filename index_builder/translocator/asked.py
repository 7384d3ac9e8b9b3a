"""What the command line asks for, put together into a task. Imports torch."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from pydantic import ValidationError

from geoloc_core.cells import Partition
from geoloc_core.errors import ModelError
from geoloc_core.shelf import said_by
from geoloc_core.translocator import Config, Inputs, variant
from geoloc_core.translocator.losses import Weights
from index_builder.cells.build import Limits
from index_builder.console import progress_in_bytes
from index_builder.inputs import TrainingSet
from index_builder.translocator.augment import Augment
from index_builder.translocator.task import TransLocatorTask
from index_builder.translocator.train import (
    Started,
    cells_for,
    from_model,
    make_task,
    published_backbone,
    start_from,
    untrained,
)

_SIZES = ("backbone", "image_size", "width", "depth", "heads", "patch")
_AMOUNTS = ("degrees", "shear", "brightness", "contrast", "saturation", "grey", "blur", "least_area")


def task_of(options: argparse.Namespace) -> TransLocatorTask:
    """The task that options of `commands.train` describe.

    Raises:
        GeolocError: it cannot be put together so; see the parts.
    """
    training, validation = TrainingSet.open(options.data), TrainingSet.open(options.validation)
    partition = Partition.open(options.cells) if options.cells else cells_for(training, _limits(options))
    training = _limited(training, options.limit, options.seed)
    config = _config(options, partition)
    started = _started(options, config)
    network = untrained(config, options.seed)
    if started:
        start_from(network, started.file)
    return make_task(
        network,
        training,
        validation,
        partition,
        inputs=_inputs(options, config, started),
        augment=_augment(options),
        weights=Weights(options.alpha, options.beta, options.gamma),
        batch_size=options.batch,
        seed=options.seed,
        shuffle_labels=options.shuffle_labels,
        title=options.title or f"TransLocator, {options.variant}",
        origin=started.id if started else "",
        workers=options.workers,
    )


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(tuple(options.most), options.least)


def _limited(training: TrainingSet, limit: int | None, seed: int) -> TrainingSet:
    if not limit or limit >= len(training):
        return training
    return training.subset(np.sort(np.random.default_rng(seed).permutation(len(training))[:limit]))


def _config(options: argparse.Namespace, partition: Partition) -> Config:
    said = {name: getattr(options, name) for name in _SIZES}
    return variant(options.variant, partition.sizes, **{name: value for name, value in said.items() if value})


def _started(options: argparse.Namespace, config: Config) -> Started | None:
    if options.start:
        return from_model(options.start)
    if not options.pretrained:
        return None
    with progress_in_bytes("Fetching weights") as on_progress:
        return published_backbone(config.backbone, on_progress)


def _inputs(options: argparse.Namespace, config: Config, started: Started | None) -> Inputs:
    """Colours normalised as the first weights expect; a resize that leaves crops the room the authors' have."""
    colours: dict[str, Any] = {"mean": started.mean, "std": started.std} if started else {}
    try:
        return Inputs(resize=options.resize or round(config.image_size * 8 / 7), crops=options.crops, **colours)
    except ValidationError as error:
        raise ModelError(f"Photos cannot be cut so: {said_by(error)}. Change --resize.") from None


def _augment(options: argparse.Namespace) -> Augment:
    amounts = {name: getattr(options, name) for name in _AMOUNTS}
    changes = {name: value for name, value in amounts.items() if value is not None}
    if options.no_mirror:
        changes["mirror"] = 0.0
    base = Augment.none() if options.no_augment else Augment()
    try:
        return Augment.model_validate({**base.model_dump(), **changes})
    except ValidationError as error:
        raise ModelError(f"Photos cannot be changed so: {said_by(error)}. Change that amount.") from None
