"""Sums of losses: collected on the device, read seldom, kept in a state. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from index_builder.training.task import Losses

_TOTAL = "total"


class Sums:
    """Sums by name over a number of steps."""

    def __init__(self, steps: int = 0, sums: Mapping[str, float] | None = None) -> None:
        self.steps, self.sums = steps, dict(sums or {})

    def add(self, values: Mapping[str, float]) -> None:
        """One step more."""
        self.steps += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def taken(self) -> tuple[float, dict[str, float]]:
        """The mean loss and its parts' means; begins again from nothing."""
        means = {name: value / max(1, self.steps) for name, value in self.sums.items()}
        self.steps, self.sums = 0, {}
        return means.pop(_TOTAL, 0.0), means

    def facts(self) -> dict[str, Any]:
        """For a state."""
        return {"steps": self.steps, "sums": self.sums}


class Tally:
    """Means over the last few steps and over the epoch.

    Reading a number from a GPU waits for it, so steps are only collected until `read`.
    """

    def __init__(self) -> None:
        self.window, self.epoch = Sums(), Sums()
        self._names: tuple[str, ...] = ()
        self._waiting: list[torch.Tensor] = []

    def add(self, micro: Sequence[Losses]) -> None:
        """The losses of a step's micro-batches."""
        self._names = (_TOTAL, *micro[0].parts)
        rows = [torch.stack([own.total, *own.parts.values()]).float() for own in micro]
        self._waiting.append(torch.stack(rows).sum(dim=0))

    def read(self, over_processes: Callable[[torch.Tensor], torch.Tensor]) -> bool:
        """Put what is collected into the sums; says whether all of it are numbers."""
        if not self._waiting:
            return True
        steps = over_processes(torch.stack(self._waiting)).double().cpu()
        self._waiting = []
        for values in steps.tolist():
            named = dict(zip(self._names, values, strict=True))
            self.window.add(named)
            self.epoch.add(named)
        return bool(steps.isfinite().all())

    def facts(self) -> dict[str, Any]:
        """For a state; what is collected must have been read."""
        return {"window": self.window.facts(), "epoch": self.epoch.facts()}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """What `facts` gave."""
        self.window, self.epoch = Sums(**facts["window"]), Sums(**facts["epoch"])
