"""TransLocator and its family as something to learn: batches, equation 8, validation, publishing. Imports torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from geoloc_core.cells import Partition
from geoloc_core.errors import ModelError
from geoloc_core.translocator.card import Card, Inputs
from geoloc_core.translocator.config import Config
from geoloc_core.translocator.losses import NO_LABEL, Weights, loss
from geoloc_core.translocator.model import Network, SceneNetworks
from geoloc_core.translocator.publish import publish
from index_builder.inputs import TrainingSet
from index_builder.training import Batch, Losses, Step, shuffled
from index_builder.training.task import Rows
from index_builder.translocator.evaluate import evaluate
from index_builder.translocator.views import Batches, labels_of

Classes = NDArray[np.int64]
_SHUFFLE = 0x5F  # so that labels are not dealt in the order of some epoch


@dataclass(frozen=True, eq=False)
class Labels:
    """What is to be said of each row: cells (n, levels), scenes (n,) and kinds (n,); -1 for none."""

    cells: Classes
    scenes: Classes | None
    kinds: Classes | None

    @classmethod
    def of(cls, dataset: TrainingSet, partition: Partition, config: Config) -> Labels:
        """Of all rows of a set."""
        return cls(*labels_of(dataset, np.arange(len(dataset)), partition, config))

    @property
    def usable(self) -> Classes:
        """Rows from which something can be learned: in a cell of some level and, for ISNs, of a known kind."""
        useful = (self.cells != NO_LABEL).any(axis=1)
        if self.kinds is not None:
            useful &= self.kinds != NO_LABEL
        return np.flatnonzero(useful)

    def dealt_anew(self, rows: Classes, seed: int) -> Labels:
        """The control: each of these rows has another one's cells and scene; its kind, an input, stays its own."""
        taken = np.arange(len(self.cells))
        taken[rows] = np.random.default_rng([seed, _SHUFFLE]).permutation(rows)
        return Labels(self.cells[taken], None if self.scenes is None else self.scenes[taken], self.kinds)


@dataclass(frozen=True, eq=False)
class Data:
    """Makes the batches; it knows no network, so that a copy for another process is small.

    Attributes:
        make: pictures of rows.
        labels: of all rows of the set.
    """

    make: Batches
    labels: Labels

    def batch(self, rows: Rows, step: Step) -> Batch:
        """Pictures and labels of some of a step's rows, and the part each loss has in the step's mean.

        Rows without a label count for nothing, so the mean is over those of the whole step that have one.
        """
        own, whole = np.asarray(rows), np.asarray(step.rows)
        made = self.make(step.epoch, own)
        batch = {"rgb": made.rgb, "cells": torch.from_numpy(self.labels.cells[own])}
        batch["cell_shares"] = _shares(self.labels.cells, own, whole)
        if made.seg is not None:
            batch["seg"] = made.seg
        if self.labels.scenes is not None:
            batch["scenes"] = torch.from_numpy(self.labels.scenes[own])
            batch["scene_share"] = _shares(self.labels.scenes[:, None], own, whole)[0]
        if self.labels.kinds is not None:
            batch["kinds"] = torch.from_numpy(self.labels.kinds[own])
        return batch


@dataclass(eq=False)
class TransLocatorTask:
    """A `training.Task`.

    Attributes:
        network: to be trained; ISNs' three at once are one.
        data: to learn from.
        validation: to be judged by.
        partition: the cells that are the network's classes.
        card: what is published with the weights, but for the metrics.
        batch_size: photos a step.
        weights: equation 8's.
        judge_batch: photos of a forward pass when validating.
        workers: processes that prepare photos for that; None for as many as suit this machine.
        origin: where the first weights came from, for `facts`.
    """

    network: Network | SceneNetworks
    data: Data
    validation: TrainingSet
    partition: Partition
    card: Card
    batch_size: int = 256
    weights: Weights = Weights()  # noqa: RUF009
    judge_batch: int = 64
    workers: int | None = None
    seed: int = 1
    shuffle_labels: bool = False
    origin: str = ""

    divisible = True

    def __post_init__(self) -> None:
        self._rows = self.data.labels.usable
        if self.shuffle_labels:
            self.data = Data(self.data.make, self.data.labels.dealt_anew(self._rows, self.seed))
        if not len(self._rows):
            raise ModelError("No training photo lies in one of the cells. Build the cells of these photos.")
        self.batch = self.data.batch

    @property
    def partial(self) -> bool:
        """A step may hold no photo of some kind of scene."""
        return self.network.config.scene_networks

    def facts(self) -> Mapping[str, Any]:
        """Ids of data and cells, and all settings."""
        make = self.data.make
        return {
            "config": self.network.config.model_dump(mode="json"),
            "partition": self.partition.id,
            "training": identity(make.dataset),
            "validation": identity(self.validation),
            "inputs": self.card.inputs.model_dump(mode="json"),
            "augment": make.augment.model_dump(mode="json"),
            "weights": vars(self.weights),
            "batch": self.batch_size,
            "shuffle_labels": self.shuffle_labels,
            "first_weights": self.origin,
        }

    def batches(self, epoch: int) -> Sequence[Rows]:
        """All rows with a label, in another order each epoch."""
        return shuffled(self._rows, min(self.batch_size, len(self._rows)), self.seed, epoch)

    def loss(self, network: nn.Module, batch: Batch) -> Losses:
        """Equation 8, this micro-batch's share of it."""
        outputs = network(batch["rgb"], batch.get("seg"), batch.get("kinds"))
        found = loss(outputs, batch["cells"], batch.get("scenes"), self.weights)
        levels = [part * share for part, share in zip(found.cells, batch["cell_shares"], strict=True)]
        names = self.network.config.levels
        parts: dict[str, torch.Tensor] = dict(zip(names, levels, strict=True))
        total = torch.stack(
            [weight * part for weight, part in zip(self.weights.of(len(levels)), levels, strict=True)]
        ).sum()
        if found.scene is not None:
            parts["scene"] = found.scene * batch["scene_share"]
            total = total + self.weights.gamma * parts["scene"]
        return Losses(total, parts)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """By the centre crop alone, which is fast; see `evaluate` for the figures' names."""
        inputs = self.card.inputs.model_copy(update={"crops": 1})
        return self.judge(network, inputs, self.judge_batch)

    def judge(self, network: nn.Module, inputs: Inputs, batch: int) -> dict[str, float]:
        """Figures on the validation set by any number of crops."""
        return evaluate(
            network, self.validation, self.partition, inputs, batch=batch, weights=self.weights, workers=self.workers
        )

    def publish(self, network: nn.Module, folder: Path, metrics: Mapping[str, float]) -> None:
        """In float16, with the cells and the card."""
        finite = {name: value for name, value in metrics.items() if np.isfinite(value)}
        card = self.card.model_copy(update={"metrics": finite})
        publish(folder, self.network, card, self.partition, torch.float16)


def identity(dataset: TrainingSet) -> str:
    """Equal for equal rows of equal sets."""
    digest = hashlib.sha256(dataset.manifest.id.encode())
    for name in dataset.ids:
        digest.update(f"\n{name}".encode())
    return f"{len(dataset):,} rows sha256-{digest.hexdigest()[:16]}"


def card_of(
    title: str, config: Config, partition: Partition, training: TrainingSet, inputs: Inputs, note: str = ""
) -> Card:
    """What to say of a model trained on a set."""
    about = training.manifest
    two = "seg" in config.names
    told = inputs.model_copy(
        update={
            "segmentation": about.segmentation.name if two else "",
            "scenes": about.scenes if config.scenes or config.scene_networks else "",
        }
    )
    return Card(
        title=title,
        config=config,
        partition=partition.id,
        inputs=told,
        data=f"{len(training):,} photos of {about.source or 'an unnamed source'}. {note}".strip()[:2_000],
        licence=about.licence,
        synthetic=about.synthetic,
    )


def _shares(labels: Classes, own: Classes, whole: Classes) -> torch.Tensor:
    """(columns,) of the step's labelled rows, the part that is here."""
    here, all_of = ((labels[rows] != NO_LABEL).sum(axis=0) for rows in (own, whole))
    return torch.from_numpy((here / np.maximum(all_of, 1)).astype(np.float32))
