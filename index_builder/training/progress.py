"""How far a run is, and what it came to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from index_builder.training.folder import BEST
from index_builder.training.recipe import Recipe


@dataclass(frozen=True)
class Result:
    """What a run came to; figures are known to the main process.

    Attributes:
        folder: of the run.
        epochs, steps: that were taken; fewer than asked for after an early stop.
        best_epoch: from 1; 0 if no epoch has a figure.
        best: the best epoch's `Recipe.best`, and all its figures in `metrics`.
        seconds: spent training, over all starts, validation not counted.
        stopped_early: as no epoch was better for `Recipe.patience` epochs.
    """

    folder: Path
    epochs: int
    steps: int
    best_epoch: int
    best: float
    metrics: Mapping[str, float]
    seconds: float
    stopped_early: bool

    @property
    def published(self) -> Path:
        """The folder of the best epoch's model."""
        return self.folder / BEST

    def __str__(self) -> str:
        early = ", stopped early" if self.stopped_early else ""
        told = "\n".join(f"  {name} {value:.4g}" for name, value in self.metrics.items())
        return (
            f"{self.epochs} epochs, {self.steps:,} steps in {self.seconds:,.0f} s{early}. Epoch {self.best_epoch} was "
            f"the best: {self.published}\n{told}"
        )


@dataclass
class Progress:
    """How far a run is; all of it is in a state."""

    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    ended: bool = False

    def note(self, epoch: int, metrics: dict[str, float], recipe: Recipe) -> bool:
        """Take an epoch's figures; says whether it is the best so far."""
        value = metrics[recipe.best]
        sign = 1 if recipe.best_is == "highest" else -1
        better = math.isfinite(value) and (self.best is None or sign * value > sign * self.best)
        if better:
            self.best, self.best_epoch, self.metrics = value, epoch, metrics
        self.ended = bool(recipe.patience) and epoch - self.best_epoch >= recipe.patience
        return better

    def result(self, out: Path, recipe: Recipe, steps_per_epoch: int) -> Result:
        """What it comes to if this is the end."""
        epochs = self.step // steps_per_epoch
        best = math.nan if self.best is None else self.best
        early = epochs < recipe.epochs
        return Result(out, epochs, self.step, self.best_epoch, best, self.metrics, self.seconds, early)
