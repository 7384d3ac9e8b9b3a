"""What a comparison is made of: the data and the budget that all share, systems that learn, and rows that ask them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from geoloc_core.cells import Partition
from geoloc_core.geo import Floats
from geoloc_core.translocator import Inputs
from index_builder.inputs import TrainingSet
from index_builder.translocator.augment import Augment


class Shape(BaseModel):
    """The small vision transformer that every trained row has, so that rows differ in nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: str = "vit_tiny_patch16_224"
    image_size: int = 96
    patch: int = 16
    width: int = 96
    depth: int = 4
    heads: int = 3


class Budget(BaseModel):
    """What every trained row may spend.

    Attributes:
        epochs, batch, rate, seed: of the training; `rate` is the highest learning rate.
        chosen_by: the validation figure by which the best epoch is known, which is also drawn.
        shape: of the networks' branches.
        inputs, augment: what photos go through before them, and what is done to them besides while training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(6, ge=1)
    batch: int = Field(32, ge=1)
    rate: float = Field(1e-3, gt=0)
    seed: int = 1
    chosen_by: str = Field("a_mean", pattern=r"^a_(mean|\d+)$")
    shape: Shape = Shape()
    inputs: Inputs = Inputs(resize=110, crops=5)
    augment: Augment = Augment()


@dataclass(frozen=True)
class Data:
    """The photos all systems learn from and answer for.

    Attributes:
        train, validation, test: what is learned from, chosen on, and measured on.
        partition: cells of the training photos' places: coarse, middle, fine.
        groups: each test photo's walk or author, resampled whole; None for photo by photo.
        synthetic: whether the photos are drawn.
    """

    train: TrainingSet
    validation: TrainingSet
    test: TrainingSet
    partition: Partition
    groups: Sequence[str] | None = None
    synthetic: bool = False


class Epoch(BaseModel):
    """A point of a training curve: the mean loss of its photos, and a_r on the validation photos in percent."""

    model_config = ConfigDict(frozen=True)

    number: int
    loss: float
    validation: dict[str, float] = {}


class Trained(BaseModel):
    """What is to be told of a system that has learned; kept beside what it left."""

    model_config = ConfigDict(frozen=True)

    parameters: int | None = None
    seconds: float = 0.0
    curve: tuple[Epoch, ...] = ()
    said: str = ""


Train = Callable[[Data, Budget, Path], Trained]
Answer = Callable[[Data, Budget, Path], Floats]


@dataclass(frozen=True)
class System:
    """Something that learns.

    Attributes:
        key: names its folder.
        train: learns, and leaves in a folder of its own what answering needs; called again after a crash it goes on.
    """

    key: str
    train: Train

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", self.key):
            raise ValueError(f"{self.key!r} cannot name a folder. Use small letters, digits and hyphens.")


@dataclass(frozen=True)
class Row:
    """A line of the table: a way to ask a system. Rows with the same system share what it learned.

    Attributes:
        key: names the file of its answers.
        name: as the table calls it.
        system: whom it asks.
        answer: (n, 2) degrees for the n test photos, NaN for no answer; or (n, 5, 2), a guess for each threshold.
        against: keys of rows that it is compared with, photo by photo.
    """

    key: str
    name: str
    system: System
    answer: Answer
    against: tuple[str, ...] = field(default=())
