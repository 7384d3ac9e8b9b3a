"""Which rows a step learns from, and how they are shared out: functions of seed and epoch, without a state."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from geoloc_core.errors import ModelError
from index_builder.training.task import Rows


def shuffled(rows: Rows, batch: int, seed: int, epoch: int) -> list[Rows]:
    """Batches of exactly `batch` rows, in an order drawn anew each epoch; the rest waits for the next one.

    Raises:
        ModelError: fewer rows than one batch.
    """
    if len(rows) < batch:
        raise ModelError(f"{len(rows):,} photos are fewer than a batch of {batch:,}. Lower --batch, or give more.")
    order = np.asarray(rows)[np.random.default_rng([seed, epoch]).permutation(len(rows))]
    count = len(order) // batch
    return list(order[: count * batch].reshape(count, batch))


def shares(rows: Rows, processes: int, micro: int) -> list[list[Rows]]:
    """For each process its micro-batches: as many for each, of at most `micro` rows (0: no limit), none empty.

    With `micro` at 1 some hold two, where a process would else have nothing left.

    Raises:
        ModelError: fewer rows than processes.
    """
    if len(rows) < processes:
        raise ModelError(f"A batch of {len(rows)} cannot be shared by {processes} processes. Raise --batch.")
    parts = np.array_split(np.asarray(rows), processes)
    count = -(-len(parts[0]) // micro) if micro else 1
    count = min(count, len(parts[-1]))
    return [list(np.array_split(part, count)) for part in parts]


def seed_of(*parts: int) -> int:
    """A seed for a generator, by numbers such as seed, step and process; neighbours have nothing in common."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7], "little")


def check_epoch(batches: Sequence[Rows], wanted: int) -> None:
    """That an epoch has as many steps as the first.

    Raises:
        ModelError: it has not, so that the learning rate would not end where it should.
    """
    if len(batches) != wanted:
        raise ModelError(f"An epoch has {len(batches)} steps, the first had {wanted}. Give the same number each epoch.")
