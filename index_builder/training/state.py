"""States to go on from: one safetensors file each, whole or not there, its digest in its name. Imports torch."""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from geoloc_core.errors import CheckpointMisfit
from geoloc_core.files import remove_partial, sync_folder
from index_builder.training.schedule import moments, remember

_NAME = re.compile(r"state-(\d{9})-([0-9a-f]{16})\.safetensors")
_KEPT = 2  # the last, and the one before should the last be damaged
_NETWORK, _OPTIMISER = "network.", "optimiser."


@dataclass(frozen=True)
class State:
    """A file that was read: its tensors, and plain facts beside them."""

    tensors: Mapping[str, torch.Tensor]
    facts: Mapping[str, Any]

    def restore(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Put the numbers back where they were.

        Raises:
            CheckpointMisfit: they are not those of this network.
        """
        from geoloc_core.translocator.checkpoint import check_fit, shapes_of

        own = self._under(_NETWORK)
        check_fit(shapes_of(network), {key: value.shape for key, value in own.items()}, "the saved state")
        network.load_state_dict(own)
        remember(optimiser, self._under(_OPTIMISER))

    def _under(self, prefix: str) -> dict[str, torch.Tensor]:
        return {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}


def save(
    folder: Path, number: int, network: nn.Module, optimiser: torch.optim.Optimizer, facts: Mapping[str, Any]
) -> Path:
    """Write the state after `number` steps, then drop all but the last two.

    Raises:
        OSError: the disk is full or may not be written; earlier states are whole.
    """
    from safetensors.torch import save_file

    tensors = {f"{_NETWORK}{key}": value for key, value in network.state_dict().items()}
    tensors |= {f"{_OPTIMISER}{key}": value for key, value in moments(optimiser).items()}
    own = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}  # clones are not tied
    folder.mkdir(parents=True, exist_ok=True)
    remove_partial(folder)
    partial = folder / f".{uuid.uuid4().hex}.partial"
    try:
        save_file(own, partial, {"facts": json.dumps(facts)})
        digest = _digest(partial, flush=True)
        path = folder / f"state-{number:09d}-{digest}.safetensors"
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(folder)
    for old in [file for file in saved(folder) if file != path][_KEPT - 1 :]:
        old.unlink(missing_ok=True)
    return path


def saved(folder: Path) -> list[Path]:
    """The states in a folder, the newest first."""
    return sorted((file for file in folder.glob("state-*") if _NAME.fullmatch(file.name)), reverse=True)


def latest(folder: Path, on_damaged: Callable[[Path], None] | None = None) -> State | None:
    """The newest state that is whole; None if nothing was saved.

    Args:
        folder: where `save` wrote.
        on_damaged: told of those passed over.

    Raises:
        CheckpointMisfit: there are states, and all of them are damaged.
    """
    files = saved(folder)
    for file in files:
        if (state := _read(file)) is not None:
            return state
        if on_damaged:
            on_damaged(file)
    if files:
        raise CheckpointMisfit(f"All states in {folder} are damaged. Begin anew with --restart.")
    return None


def _read(file: Path) -> State | None:
    """None for one that is not what was written."""
    named = _NAME.fullmatch(file.name)
    try:
        if not named or _digest(file) != named[2]:
            return None
        with safe_open(file, framework="pt") as opened:
            facts = json.loads((opened.metadata() or {})["facts"])
            return State({key: opened.get_tensor(key) for key in opened.keys()}, facts)  # noqa: SIM118
    except (OSError, KeyError, ValueError, SafetensorError):
        return None


def _digest(file: Path, *, flush: bool = False) -> str:
    with file.open("rb+") if flush else file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
        if flush:
            os.fsync(stream.fileno())
    return digest
