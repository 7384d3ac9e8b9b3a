"""The classifier heads over f_mm: one a level of cells, one for scenes (section 3.4). Imports torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from geoloc_core.translocator.fusion import dense

SCENE = "scene"


class Heads(nn.ModuleDict):
    """One linear layer each, weights drawn from N(0, 0.02) (section 4.4), under the names of the levels and `scene`."""

    def __init__(self, width: int, levels: Sequence[str], cells: Sequence[int], scenes: int = 0) -> None:
        classes = dict(zip(levels, cells, strict=True)) | ({SCENE: scenes} if scenes else {})
        super().__init__({name: dense(width, count) for name, count in classes.items()})

    def forward(self, features: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], torch.Tensor | None]:
        """Logits (b, n) a level and (b, scenes) or None, of (b, width) features."""
        logits = {name: head(features) for name, head in self.items()}
        scene = logits.pop(SCENE, None)
        return tuple(logits.values()), scene
