"""The photos of a comparison: sets drawn from the Atlas, or a set of real ones split by walk, author or the like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import SourceError
from index_builder.cells.build import Limits
from index_builder.experiments.systems import Data
from index_builder.inputs import TrainingSet
from index_builder.translocator.train import cells_for

TRAIN_SHARE, VALIDATION_SHARE = 2 / 3, 1 / 12
_FEWEST_GROUPS = 4
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Rows to learn from, to choose on and to measure on; no group is in two of them."""

    train: Rows
    validation: Rows
    test: Rows


def split_by_group(groups: Sequence[str], seed: int) -> Split:
    """Share out whole groups, in an order drawn by `seed`, until two thirds and a twelfth of the photos are reached.

    Raises:
        SourceError: too few groups to hold some of them out.
    """
    names, member = np.unique(np.asarray(groups, np.str_), return_inverse=True)
    if len(names) < _FEWEST_GROUPS:
        raise SourceError(
            f"{len(names)} groups cannot be shared out. Give --group a column with {_FEWEST_GROUPS} values or more."
        )
    order = np.random.default_rng(seed).permutation(len(names))
    reached = np.bincount(member)[order].cumsum() / len(member)
    first = int(np.clip(np.searchsorted(reached, TRAIN_SHARE) + 1, 1, len(names) - 2))
    second = int(np.clip(np.searchsorted(reached, TRAIN_SHARE + VALIDATION_SHARE) + 1, first + 1, len(names) - 1))
    parts = (order[:first], order[first:second], order[second:])
    return Split(*(np.flatnonzero(np.isin(member, part)) for part in parts))


def grouped(photos: TrainingSet, column: str, limits: Limits, seed: int, most: int | None = None) -> Data:
    """The data of one set of photos, whole groups held out and later resampled.

    Args:
        photos: the set.
        column: its column that says which photos belong together.
        limits: of the cells.
        seed: of the sharing out.
        most: how many photos to train on at most, drawn at random; None for all.

    Raises:
        InputsError: there is no such column.
        SourceError: too few groups.
        CellsError: the limits leave no cell.
    """
    groups = photos.column(column)
    split = split_by_group(groups, seed)
    train = np.sort(np.random.default_rng(seed).permutation(split.train)[:most])
    return Data(
        train=photos.subset(train),
        validation=photos.subset(split.validation),
        test=photos.subset(split.test),
        partition=cells_for(photos.subset(train), limits),
        groups=[groups[row] for row in split.test],
        synthetic=photos.manifest.synthetic,
    )


def separate(train: TrainingSet, validation: TrainingSet, test: TrainingSet, limits: Limits) -> Data:
    """The data of three sets that share no place, such as those drawn from the Atlas.

    Raises:
        CellsError: the limits leave no cell.
    """
    return Data(train, validation, test, cells_for(train, limits), synthetic=train.manifest.synthetic)
