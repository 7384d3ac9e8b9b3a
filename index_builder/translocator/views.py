"""Rows of a training set as a network's batches: augmented views to learn from, crops to be judged by. Imports torch.

make = Batches(dataset, partition, config, card_inputs, augment, seed=1)
batch = make(epoch=0, rows=[5, 2, 9])        # always the same pictures for the same epoch and rows
judged = eval_batch(dataset, [0, 1], partition, config, card_inputs)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from geoloc_core.cells import Partition
from geoloc_core.errors import ModelError
from geoloc_core.segmentation.ade20k import palette
from geoloc_core.translocator.card import Inputs
from geoloc_core.translocator.config import Config
from geoloc_core.translocator.views import crops
from index_builder.inputs import TrainingSet
from index_builder.translocator.augment import Augment, geometry, lit, moved, moved_labels

Rows = Sequence[int] | NDArray[np.int64]
Pixels = NDArray[np.float32]


class Batch(NamedTuple):
    """What a network takes of b photos, and their labels; -1 is a label that a photo does not have.

    Attributes:
        rgb: (b, 3, s, s) float32, normalised. Of `eval_batch`, (b * crops, 3, s, s), a photo's crops in a row.
        seg: the same of their colour-coded maps; None for a network of one branch.
        cells: (b, levels) int64, the levels of the network.
        scenes: (b,) int64 for a network with a scene head, else None.
        kinds: (b,) int64 of `SCENE_KINDS` for networks of one kind of scene each, else None.
    """

    rgb: torch.Tensor
    seg: torch.Tensor | None
    cells: torch.Tensor
    scenes: torch.Tensor | None
    kinds: torch.Tensor | None

    def tensors(self) -> dict[str, torch.Tensor]:
        """Those that are there, by name."""
        return {name: value for name, value in self._asdict().items() if value is not None}


@dataclass(frozen=True, eq=False)
class Batches:
    """Makes the batches of a network; nothing in it changes, and a copy in another process makes the same ones."""

    dataset: TrainingSet
    partition: Partition
    config: Config
    inputs: Inputs
    augment: Augment
    seed: int

    def __call__(self, epoch: int, rows: Rows) -> Batch:
        """The batch of these rows in an epoch; see `train_batch`."""
        return train_batch(
            self.dataset, rows, self.partition, self.config, self.inputs, self.augment, seed=self.seed, epoch=epoch
        )


def train_batch(
    dataset: TrainingSet,
    rows: Rows,
    partition: Partition,
    config: Config,
    inputs: Inputs,
    augment: Augment,
    *,
    seed: int,
    epoch: int,
) -> Batch:
    """One augmented view of each row, a pure function of the arguments: a row looks the same in whichever batch.

    Raises:
        InputsError: a photo or map is missing or damaged.
        ModelError: the partition is not the network's.
    """
    side = config.image_size
    rgb = np.empty((len(rows), 3, side, side), np.float32)
    seg = np.empty_like(rgb) if "seg" in config.names else None
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (inputs.mean, inputs.std))
    colours = ((palette().astype(np.float32).T[:, :, None] / 255 - mean) / std)[:, :, 0]
    for number, row in enumerate(rows):
        rng = np.random.default_rng([seed, epoch, int(row)])
        photo = dataset.photo(row)
        matrix = geometry(augment, rng, photo.size, side)
        rgb[number] = (lit(moved(photo, matrix, side), augment, rng) - mean) / std
        if seg is not None:
            seg[number] = colours.take(moved_labels(dataset.labels(row), matrix, side), axis=1)
    return _batch(dataset, rows, partition, config, rgb, seg)


def eval_batch(dataset: TrainingSet, rows: Rows, partition: Partition, config: Config, inputs: Inputs) -> Batch:
    """The rows' crops, cut as for answering; labels are (b, ...) while pictures are (b * inputs.crops, ...).

    Raises:
        InputsError: a photo or map is missing or damaged.
        ModelError: the partition is not the network's.
    """
    two = "seg" in config.names
    cut = [crops(dataset.photo(row), dataset.labels(row) if two else None, inputs, config.image_size) for row in rows]
    seg = np.concatenate([maps for _, maps in cut if maps is not None]) if two else None
    return _batch(dataset, rows, partition, config, np.concatenate([rgb for rgb, _ in cut]), seg)


def labels_of(
    dataset: TrainingSet, rows: Rows, partition: Partition, config: Config
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """The rows' cells (b, levels), scenes (b,) and kinds (b,), as in `Batch`.

    Raises:
        ModelError: the partition is not the network's.
    """
    chosen = np.asarray(rows, np.int64)
    levels = [partition.levels.index(name) for name in config.levels if name in partition.levels]
    if tuple(partition.sizes[level] for level in levels) != config.cells:
        raise ModelError(
            f"The network has {', '.join(map(str, config.cells))} cells, and these are {partition}. "
            "Give the partition that it was configured for."
        )
    cells = partition.assign(dataset.places[chosen])[:, levels]
    scenes = dataset.scenes(config.scenes)[chosen] if config.scenes else None
    return cells, scenes, dataset.scenes(3)[chosen] if config.scene_networks else None


def _batch(
    dataset: TrainingSet, rows: Rows, partition: Partition, config: Config, rgb: Pixels, seg: Pixels | None
) -> Batch:
    cells, scenes, kinds = labels_of(dataset, rows, partition, config)
    return Batch(
        torch.from_numpy(rgb),
        None if seg is None else torch.from_numpy(seg),
        torch.from_numpy(cells.astype(np.int64)),
        None if scenes is None else torch.from_numpy(scenes),
        None if kinds is None else torch.from_numpy(kinds),
    )
