"""Batches made ahead of the device, in other processes, in a fixed order. Imports torch."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

_AHEAD = 3  # batches that each worker keeps ready
_MOST = 16
U = TypeVar("U")


class _Made(Dataset[U]):
    """Item i is what `make` makes of the i-th of `asked`."""

    def __init__(self, asked: Sequence[tuple[Any, ...]], make: Callable[..., U]) -> None:
        self.asked, self.make = asked, make

    def __len__(self) -> int:
        return len(self.asked)

    def __getitem__(self, index: int) -> U:
        return self.make(*self.asked[index])


def default_workers(processes: int = 1) -> int:
    """Processes for each training process: all cores but one, shared, and at most 16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST, max(0, (cores - 1) // processes))


def ahead(asked: Sequence[tuple[Any, ...]], make: Callable[..., U], workers: int, *, pin: bool = False) -> Iterator[U]:
    """`make` of each, one after the other.

    Args:
        asked: arguments of `make`, in order.
        make: a pure function; where processes do not fork, it is copied to them.
        workers: processes; 0 for none but this one.
        pin: put tensors where a GPU fetches them without waiting.
    """
    if not asked:
        return iter(())
    forks = "fork" if workers and sys.platform == "linux" else None  # shares the data's memory, and copies nothing
    return iter(
        DataLoader(
            _Made(asked, make),
            batch_size=None,
            num_workers=min(workers, len(asked)),
            prefetch_factor=_AHEAD if workers else None,
            pin_memory=pin,
            worker_init_fn=_quietly,
            multiprocessing_context=forks,
        )
    )


def _quietly(_: int) -> None:
    """One thread, as there are many workers; Ctrl-C is the main process's, which ends them."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not the main process's, which only takes note
