"""A trained model as it is given to others: one folder of weights, the cells they speak of, and the card.

    card.json                   the card, written last
    cells.parquet               the partition whose id the card names
    model-….safetensors         the weights

Importing this needs no torch.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core.cells import Partition
from geoloc_core.errors import CellsError, CheckpointMisfit, CheckpointMissing
from geoloc_core.translocator.card import CARD, Card
from geoloc_core.translocator.config import Config

if TYPE_CHECKING:
    import torch

    from geoloc_core.translocator.model import Network, SceneNetworks

CELLS = "cells.parquet"
_AGAIN = "Publish the model again with the cells it was trained on."


def publish(
    folder: Path,
    model: Network | SceneNetworks,
    card: Card,
    partition: Partition,
    dtype: torch.dtype | None = None,
) -> Card:
    """Write a model so that `opened.open_translocator` answers with it.

    Args:
        folder: made if it is not there; a model in it is replaced.
        model: the network.
        card: its description, whose `weights` and `sha256` are filled in.
        partition: the cells that its classes are: all that the model has a head for and no more, see `levels_of`.
        dtype: what the weights are rounded to, such as torch.float16; as they are if left out.

    Raises:
        CheckpointMisfit: the partition is not the model's, or not the one that the card names; nothing is written.
        OSError: the disk is full or may not be written. What the folder held is whole, but if its cells were others:
            then it holds no model.
    """
    from geoloc_core.translocator.checkpoint import save

    card = card.model_copy(update={"config": model.config})
    check_cells(card, partition)
    folder.mkdir(parents=True, exist_ok=True)
    if not _holds(folder / CELLS, partition):
        (folder / CARD).unlink(missing_ok=True)  # so that a model beside cells of another one looks like none
        partition.save(folder / CELLS)
    return save(folder, model, card, dtype)


def levels_of(partition: Partition, config: Config) -> Partition:
    """The levels that a model has heads for: PlaNet's one of three, else all of them.

    Raises:
        CellsError: the partition lacks one.
    """
    if partition.levels == config.levels:
        return partition
    about = partition.about
    if len(about.most) == len(partition.levels):
        most = tuple(about.most[partition.levels.index(name)] for name in config.levels if name in partition.levels)
        about = about.model_copy(update={"most": most})
    return Partition([partition.level(name) for name in config.levels], about)


def read_cells(folder: Path, card: Card) -> Partition:
    """The cells beside a card.

    Raises:
        CheckpointMissing: there are none.
        CheckpointMisfit: they are damaged, or not those the card names.
    """
    path = folder / CELLS
    if not path.is_file():
        raise CheckpointMissing(f"There is no {CELLS} in {folder}. {_AGAIN}")
    try:
        partition = Partition.open(path)
    except CellsError as error:
        raise CheckpointMisfit(str(error)) from None
    check_cells(card, partition)
    return partition


def check_cells(card: Card, partition: Partition) -> None:
    """Refuse cells that are not those of a model.

    Raises:
        CheckpointMisfit: the card names others, or the model tells others apart; the message says which.
    """
    config = card.config
    if (config.levels, config.cells) != (partition.levels, partition.sizes):
        wanted = ", ".join(f"{count:,} {name}" for name, count in zip(config.levels, config.cells, strict=True))
        raise CheckpointMisfit(f"The model tells {wanted} cells apart, and the partition has {partition}. {_AGAIN}")
    if card.partition != partition.id:
        raise CheckpointMisfit(f"The card names the cells {card.partition}, and these are {partition.id}. {_AGAIN}")


def _holds(path: Path, partition: Partition) -> bool:
    with suppress(CellsError):
        return Partition.open(path).id == partition.id
    return False
