"""What the engine asks of whoever has something to learn. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Batch = dict[str, torch.Tensor]
Rows = Sequence[int] | NDArray[np.int64]


@dataclass(frozen=True)
class Step:
    """One step of the optimiser.

    Attributes:
        number: from 0, over all epochs.
        epoch: from 0.
        rows: of the data set, all that this step learns from. A process, and each of its micro-batches, sees a part.
    """

    number: int
    epoch: int
    rows: Rows


@dataclass(frozen=True)
class Losses:
    """What one micro-batch adds to its step's loss.

    The sum over a step's micro-batches, on all processes, is the loss of the step. So a mean over the step's rows is a
    sum over the micro-batch's rows, divided by the number of the step's; then accumulating is exact.

    Attributes:
        total: a scalar with its gradient.
        parts: scalars to draw curves of; they add up likewise.
    """

    total: torch.Tensor
    parts: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def detached(self) -> Losses:
        """Without what a gradient needs."""
        return Losses(self.total.detach(), {name: part.detach() for name, part in self.parts.items()})


class Task(Protocol):
    """Something to learn.

    Attributes:
        network: what is trained; parameters that do not require a gradient stay as they are.
        divisible: whether a step's rows may be cut into micro-batches. Not with in-batch negatives, where rows are
            told apart from each other: then each process gets its share whole, and `loss` gathers the others' rows
            itself if they shall count as negatives.
        partial: whether a step may leave some parameters without a gradient, as networks do of which a photo passes
            one in three. Several processes have to know.
    """

    @property
    def network(self) -> nn.Module:
        """See above."""

    @property
    def divisible(self) -> bool:
        """See above."""

    @property
    def partial(self) -> bool:
        """See above."""

    def facts(self) -> Mapping[str, Any]:
        """Plain data that must not change between a run and its continuation: ids of data, shapes, weights."""

    def batches(self, epoch: int) -> Sequence[Rows]:
        """The rows of each step of an epoch; as many steps in each epoch, the same for the same epoch.

        See `order.shuffled`. A sampler that keeps false negatives out of a batch goes here.
        """

    def batch(self, rows: Rows, step: Step) -> Batch:
        """Tensors for some of a step's rows, on the CPU, by (rows, step) alone.

        It is called in other processes, ahead of the device. Where these do not fork, it is copied to them: make it a
        bound method of an object without the network.
        """

    def loss(self, network: nn.Module, batch: Batch) -> Losses:
        """The micro-batch's share, by a forward pass of `network`, which may be a wrapper of the task's own."""

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Figures on unseen data, `recipe.best` among them; the network is in evaluation mode, without gradients."""

    def publish(self, network: nn.Module, folder: Path, metrics: Mapping[str, float]) -> None:
        """Write the network in the form that the app opens, replacing an earlier one whole."""
