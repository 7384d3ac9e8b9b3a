"""What the engine tells while it works, for a progress bar, a page or a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """A sentence for whoever looks on."""

    text: str


@dataclass(frozen=True)
class Stepped:
    """The mean over the last steps.

    Attributes:
        epoch: from 1.
        step: how many are done, of `steps`.
        loss, parts: the step's loss and what it is made of.
        gradient: the gradients' norm before it was cut; None without a limit.
        photos_per_s: rows learned from a second, over all processes.
        seconds: spent training, over all starts of the run.
        left_s: seconds that the steps left should take, validation not counted.
    """

    epoch: int
    step: int
    steps: int
    loss: float
    parts: Mapping[str, float]
    learning_rate: float
    gradient: float | None
    photos_per_s: float
    seconds: float
    left_s: float


@dataclass(frozen=True)
class Validated:
    """The end of an epoch.

    Attributes:
        epoch: from 1.
        loss, parts: means over the epoch's steps.
        metrics: of `Task.validate`.
        best: whether no earlier epoch was better.
    """

    epoch: int
    step: int
    loss: float
    parts: Mapping[str, float]
    metrics: Mapping[str, float]
    best: bool
    seconds: float


Event = Said | Stepped | Validated
OnEvent = Callable[[Event], None]
