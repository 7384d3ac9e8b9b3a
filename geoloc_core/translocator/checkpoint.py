"""Trained models on disk: `save` and `load` a folder of card.json and safetensors. Imports torch.

The weights' file carries their digest in its name and the card names the file, so replacing the card is what replaces
the model: whoever reads meanwhile, and whoever comes after a crash, meets the old model or the new one, whole. The
names within are those of `geoloc_core.translocator.model`; numbers may be 16 or 32 bits wide.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from geoloc_core.errors import CheckpointMisfit, CheckpointMissing
from geoloc_core.translocator.card import CARD, Card, read_card
from geoloc_core.translocator.model import Network, SceneNetworks, build

Tensors = dict[str, torch.Tensor]
_NAMED = 4  # keys that a refusal lists of each sort
_AGAIN = "Train or save it again"


def save(folder: Path, model: Network | SceneNetworks, card: Card, dtype: torch.dtype | None = None) -> Card:
    """Write a model so that `load` reads it.

    Args:
        folder: made if it is not there; a model in it is replaced.
        card: its description, whose `config`, `weights` and `sha256` are filled in.
        dtype: what numbers are rounded to, such as torch.float16; as they are if left out.

    Raises:
        OSError: the disk is full or may not be written; what the folder held is whole.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {key: _stored(value, dtype) for key, value in model.state_dict().items()}
    partial = folder / f".{uuid.uuid4().hex}.partial"
    try:
        save_file(tensors, partial)
        digest = _flushed(partial)
        card = card.model_copy(
            update={"config": model.config, "sha256": digest, "weights": f"model-{digest[:16]}.safetensors"}
        )
        partial.replace(folder / card.weights)
        partial.write_text(card.to_json(), encoding="utf-8")
        _flushed(partial)
        partial.replace(folder / CARD)
    finally:
        partial.unlink(missing_ok=True)
    for old in folder.glob("model-*.safetensors"):
        if old.name != card.weights:
            with suppress(OSError):  # some systems keep a file that is open; it does no harm
                old.unlink()
    return card


def load(folder: Path) -> tuple[Card, Network | SceneNetworks]:
    """A saved model, to answer with: on the CPU, in float32, in evaluation mode.

    Raises:
        CheckpointMissing: there is none in that folder.
        CheckpointMisfit: the card cannot be used, or the weights are damaged or not those it describes; the message
            names the keys.
        ModelError: this timm cannot build it.
    """
    card = read_card(folder)
    file = folder / card.weights
    if not file.is_file():
        raise CheckpointMissing(f"There is no {card.weights} in {folder}. {_AGAIN}.")
    with file.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != card.sha256:
            raise CheckpointMisfit(f"{file} is not the file that {CARD} was written for. {_AGAIN}, or fetch it again.")
    with torch.device("meta"):
        model = build(card.config)
    check_fit(shapes_of(model), header_of(file), str(file))
    tensors = {key: _widened(value) for key, value in read_safetensors(file).items()}
    if wrong := [key for key, value in tensors.items() if not value.isfinite().all()]:
        raise CheckpointMisfit(f"{file} holds values that are no numbers in {_listed(wrong)}. {_AGAIN}.")
    model.load_state_dict(tensors, assign=True)
    return card, model.eval().requires_grad_(False)


def shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Shapes of a module's state dict."""
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


def header_of(file: Path) -> dict[str, tuple[int, ...]]:
    """Shapes in a safetensors file, without its numbers.

    Raises:
        CheckpointMisfit: it is none.
    """
    from safetensors import safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            return {key: tuple(opened.get_slice(key).get_shape()) for key in opened.keys()}  # noqa: SIM118
    except Exception as error:
        raise unreadable(file, error) from error


def read_safetensors(file: Path) -> Tensors:
    """The tensors of a safetensors file.

    Raises:
        CheckpointMisfit: it is none.
    """
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except Exception as error:
        raise unreadable(file, error) from error


def unreadable(file: Path, error: Exception) -> CheckpointMisfit:
    """That a file holds no weights, as the library that tried says it."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(". ")
    return CheckpointMisfit(f"{file} cannot be read as weights ({first}). Give a whole file of weights.")


def check_fit(wanted: Mapping[str, Any], found: Mapping[str, Any], what: str) -> None:
    """Compare the shapes of two state dicts.

    Raises:
        CheckpointMisfit: they differ; the message names keys that are missing, unknown, or of another shape.
    """
    other = [key for key in wanted if key in found and tuple(wanted[key]) != tuple(found[key])]
    shapes = [f"{key} {tuple(found[key])} for {tuple(wanted[key])}" for key in other]
    complaints = {
        "missing": [key for key in wanted if key not in found],
        "unknown": [key for key in found if key not in wanted],
        "of another shape": shapes,
    }
    said = "; ".join(f"{kind}: {_listed(keys)}" for kind, keys in complaints.items() if keys)
    if said:
        raise CheckpointMisfit(f"The weights in {what} do not fit. {said}. Give weights of this model's shape.")


def _listed(keys: list[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return ", ".join(key[:200] for key in keys[:_NAMED]) + more


def _stored(value: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    value = value.detach().cpu()
    return (value.to(dtype) if dtype and value.is_floating_point() else value).contiguous()


def _widened(value: torch.Tensor) -> torch.Tensor:
    return value.float() if value.is_floating_point() else value


def _flushed(file: Path) -> str:
    """SHA-256 of a file that is then on the disk."""
    with file.open("rb+") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    return digest
