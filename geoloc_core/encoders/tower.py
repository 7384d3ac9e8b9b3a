"""The weights of an image tower, out of a file that may hold more. Imports torch when it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import torch


def read_image_tower(weights: Path) -> dict[str, torch.Tensor]:
    """The `visual.` tensors of a checkpoint, without that prefix. Never unpickles objects.

    Raises:
        ValueError: nothing in the file belongs to an image tower.
    """
    if weights.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(weights, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys() if key.startswith("visual.")}  # noqa: SIM118
    else:
        from open_clip.factory import load_state_dict

        tensors = load_state_dict(str(weights), weights_only=True)
    tower = {key.removeprefix("visual."): value for key, value in tensors.items() if key.startswith("visual.")}
    if not tower:
        raise ValueError("it holds no image tower of open_clip")
    return tower
