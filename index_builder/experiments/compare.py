"""Runs a comparison row by row into a folder, so that one that was stopped goes on and never does a row twice.

experiment.json        what is compared; a folder begun with other data or another budget is refused
cells.parquet          the partition
trained/SYSTEM/        what a system learned; `trained.json` when it is done
rows/ROW.json          a row's answers
results.json, .md, curves.json, curves.svg
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, ValidationError

from geoloc_core.errors import GeolocError
from geoloc_core.evaluation.metrics import errors_km
from geoloc_core.files import remove_partial, replacing
from geoloc_core.geo import THRESHOLDS_KM, Floats, distance_km
from index_builder.experiments.systems import Budget, Data, Row, System, Trained
from index_builder.translocator.task import identity

Say = Callable[[str], None]
Kept = TypeVar("Kept", bound=BaseModel)
_START_OVER = "Choose another --out, or remove the folder to start over."


class Compared(BaseModel):
    """What a folder's rows have in common: digests of the data, and the budget."""

    model_config = ConfigDict(frozen=True)

    train: str
    validation: str
    test: str
    photos: tuple[int, int, int]
    partition: str
    cells: tuple[int, ...]
    groups: int = 0
    budget: Budget


class Answers(BaseModel):
    """A row's guesses in degrees for the test photos, None for no answer, and the seconds they took together."""

    guesses: list[list[float] | list[list[float]] | None]
    seconds: float

    def errors(self, truth: Floats) -> Floats:
        """(n,) km, infinite for no answer; (n, 5) of a row that guesses for each threshold."""
        if any(isinstance(number, list) for guess in self.guesses for number in guess or ()):
            return distance_km(np.asarray(self.guesses, np.float64), truth[:, None])
        return errors_km(cast(list[ArrayLike | None], self.guesses), truth)


class Done(BaseModel):
    """A row that is done: its answers, and what its system was."""

    key: str
    name: str
    trained: Trained
    answers: Answers


def compare(data: Data, budget: Budget, rows: Sequence[Row], folder: Path, say: Say = print) -> list[Done]:
    """Train and ask every row that is not done yet; all rows, in their order.

    Args:
        data, budget: the same for all.
        rows: what to compare.
        folder: where everything is kept.
        say: told of each row as it begins.

    Raises:
        GeolocError: the folder was begun with other data or another budget, or holds files that are damaged.
    """
    for part in (folder, folder / "rows", folder / "trained"):
        part.mkdir(parents=True, exist_ok=True)
        remove_partial(part)
    _same(folder, _compared(data, budget))
    data.partition.save(folder / "cells.parquet")
    done = []
    for number, row in enumerate(rows, 1):
        file = folder / "rows" / f"{row.key}.json"
        own = folder / "trained" / row.system.key
        if not file.is_file():
            say(f"{number} of {len(rows)}: {row.name}")
        trained = _trained(row.system, data, budget, own)
        if not file.is_file():
            _write(file, _ask(row, data, budget, own))
        done.append(Done(key=row.key, name=row.name, trained=trained, answers=_read(Answers, file)))
    return done


def _trained(system: System, data: Data, budget: Budget, folder: Path) -> Trained:
    file = folder / "trained.json"
    if not file.is_file():
        folder.mkdir(exist_ok=True)
        _write(file, system.train(data, budget, folder))
    return _read(Trained, file)


def _ask(row: Row, data: Data, budget: Budget, folder: Path) -> Answers:
    start = time.perf_counter()
    guesses = np.round(row.answer(data, budget, folder), 6)
    seconds = time.perf_counter() - start
    if guesses.shape not in ((len(data.test), 2), (len(data.test), len(THRESHOLDS_KM), 2)):
        raise ValueError(f"{row.name} gave answers of shape {guesses.shape} for {len(data.test)} photos.")
    return Answers(guesses=[g.tolist() if np.isfinite(g).all() else None for g in guesses], seconds=seconds)


def _compared(data: Data, budget: Budget) -> Compared:
    return Compared(
        train=identity(data.train),
        validation=identity(data.validation),
        test=identity(data.test),
        photos=(len(data.train), len(data.validation), len(data.test)),
        partition=data.partition.id,
        cells=data.partition.sizes,
        groups=len(set(data.groups or ())),
        budget=budget,
    )


def _same(folder: Path, wanted: Compared) -> None:
    file = folder / "experiment.json"
    if not file.is_file():
        _write(file, wanted)
        return
    found, asked = _read(Compared, file).model_dump(), wanted.model_dump()
    if differs := [name for name in asked if asked[name] != found[name]]:
        raise GeolocError(f"{folder} was begun with other {', '.join(differs)}. {_START_OVER}")


def _write(file: Path, what: BaseModel) -> None:
    with replacing(file) as stream:
        stream.write(what.model_dump_json(indent=1).encode() + b"\n")


def _read(kind: type[Kept], file: Path) -> Kept:
    try:
        return kind.model_validate_json(file.read_bytes())
    except ValidationError:
        raise GeolocError(f"{file} cannot be read. Remove it, and it is made again.") from None
