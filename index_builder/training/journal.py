"""A run's figures: metrics.jsonl, and TensorBoard's files where that package is installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from geoloc_core.errors import ModelError
from geoloc_core.files import replacing
from index_builder.training.events import Stepped, Validated

METRICS = "metrics.jsonl"
NO_TENSORBOARD = "TensorBoard is not installed, so the curves are in metrics.jsonl alone: pip install tensorboard."


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics.jsonl in order.

    `kind` is "step" or "epoch"; the other keys are those of `events.Stepped` and `Validated`.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]  # the last may be cut off
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / METRICS} cannot be read ({error}). Give the folder of a run.") from None


class Journal:
    """Appends to the files of a run folder; what was written after the step that is gone on from is dropped."""

    def __init__(self, folder: Path, step: int, *, tensorboard: bool, say: Callable[[str], None]) -> None:
        self._path = folder / METRICS
        kept = [row for row in (read_metrics(folder) if self._path.exists() else []) if row["step"] <= step]
        with replacing(self._path) as stream:
            stream.writelines(_line(row) for row in kept)
        self._stream = self._path.open("ab")
        self._board: Any = _board(folder / "tensorboard", step, say) if tensorboard else None

    def stepped(self, event: Stepped) -> None:
        """A row of a few steps."""
        self._write("step", event)
        said = {"loss": event.loss, **{f"loss/{name}": part for name, part in event.parts.items()}}
        said |= {"learning rate": event.learning_rate, "photos a second": event.photos_per_s}
        self._draw(said, event.step)

    def validated(self, event: Validated) -> None:
        """A row of an epoch."""
        self._write("epoch", event)
        self._draw({f"validation/{name}": value for name, value in event.metrics.items()}, event.step)

    def close(self) -> None:
        """Write what is still in memory."""
        self._stream.close()
        if self._board:
            self._board.close()

    def _write(self, kind: str, event: Stepped | Validated) -> None:
        self._stream.write(_line({"kind": kind, **asdict(event)}))
        self._stream.flush()

    def _draw(self, said: dict[str, float], step: int) -> None:
        for name, value in said.items() if self._board else ():
            self._board.add_scalar(name, value, step)


def _line(row: dict[str, Any]) -> bytes:
    return (json.dumps(row) + "\n").encode()


def _board(folder: Path, step: int, say: Callable[[str], None]) -> object:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        say(NO_TENSORBOARD)
        return None
    return cast(object, SummaryWriter(str(folder), purge_step=step + 1))
