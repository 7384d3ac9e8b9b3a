"""Small TransLocators with random weights, and photos and segmentation maps of noise for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from geoloc_core.translocator import Config, variant
from geoloc_core.translocator.model import build

CELLS = (4, 6, 9)
SIZES: dict[str, Any] = {
    "backbone": "vit_tiny_patch16_224",
    "image_size": 32,
    "patch": 8,
    "width": 24,
    "depth": 3,
    "heads": 3,
}


def small(name: str, **changes: Any) -> Config:
    return variant(name, CELLS, **{**SIZES, **changes})


def drawn(config: Config, seed: int = 0) -> Any:
    """In evaluation mode, with every weight from a wide normal, so that no part is zero, one or the identity."""
    torch.manual_seed(seed)
    model = build(config).eval()
    with torch.no_grad():
        for value in model.parameters():
            value.normal_(std=0.3)
    return model


def images(count: int = 2, side: int = 32, seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """Photos and segmentation maps (count, 3, side, side)."""
    noise = np.random.default_rng(seed).normal(size=(2, count, 3, side, side))
    return torch.tensor(noise[0], dtype=dtype), torch.tensor(noise[1], dtype=dtype)


def arrays(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """The weights in float64."""
    return {key: value.detach().double().numpy() for key, value in model.state_dict().items()}
