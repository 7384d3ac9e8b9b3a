"""How to train: `Recipe` decides the outcome, `Running` only how fast this machine comes to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1)]


class Recipe(BaseModel):
    """What decides the outcome; a run cannot be gone on with by another one.

    Attributes:
        epochs: passes over the data.
        optimiser: `adamw`, or `sgd` with `momentum`.
        learning_rate: the highest, at the end of the warm-up.
        warmup: epochs in which it rises in a line from nothing.
        final: the share of it that is left at the end of the cosine.
        weight_decay: of matrices and kernels; biases, norms and other vectors have none.
        momentum: of SGD; AdamW's first beta.
        clip: the norm that gradients are cut to; 0 for no limit.
        precision: `auto` takes what the device does well; see `precision.choose`.
        best: the figure of `Task.validate` by which the best epoch is known.
        best_is: whether that is the highest or the lowest.
        patience: stop after so many epochs without a better one; 0 for never.
        seed: of everything random.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(10, ge=1)
    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: _Positive = 3e-4
    warmup: float = Field(1.0, ge=0)
    final: _Share = 0.0
    weight_decay: float = Field(0.05, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    clip: float = Field(1.0, ge=0)
    precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    best: str = "loss"
    best_is: Literal["highest", "lowest"] = "lowest"
    patience: int = Field(0, ge=0)
    seed: int = Field(1, ge=0)

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.warmup >= self.epochs and self.warmup > 0 and self.epochs > 1:
            raise ValueError("warmup must be shorter than all epochs")
        return self


@dataclass(frozen=True)
class Running:
    """How this machine goes about it; may differ each time a run is gone on with.

    Attributes:
        micro_batch: rows of a forward pass on one device; a step's gradients add up over as many passes as it takes.
            0 for the whole step at once.
        workers: processes that prepare data ahead; None for as many as this machine's cores suggest, 0 for none.
        save_every: steps between two states, beside the one after each epoch; 0 for that alone.
        log_every: steps that a row of the metrics is the mean of.
        checkpointing: forget what is inside a layer and calculate it again for its gradient: less memory, a third
            more time.
        tensorboard: write for TensorBoard too, if it is installed.
        device: `auto`, or `cpu` to leave a GPU alone.
    """

    micro_batch: int = 0
    workers: int | None = None
    save_every: int = 1000
    log_every: int = 10
    checkpointing: bool = False
    tensorboard: bool = True
    device: Literal["auto", "cpu"] = "auto"
