"""The training objective, equation 8. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from geoloc_core.errors import ModelError
from geoloc_core.translocator.model import Outputs

NO_LABEL = -1  # of a photo whose place no cell of that level holds


@dataclass(frozen=True)
class Weights:
    """Equation 8's alpha, beta and gamma, which the paper does not state; these are the authors' code's."""

    alpha: float = 0.3
    beta: float = 0.2
    gamma: float = 1.0

    def of(self, levels: int) -> tuple[float, ...]:
        """Weights of the levels, coarse first; a level alone counts whole."""
        return (1 - self.alpha - self.beta, self.alpha, self.beta) if levels == 3 else (1.0,)


@dataclass(frozen=True)
class Losses:
    """The total and its unweighted parts, each a scalar with its gradient."""

    total: torch.Tensor
    cells: tuple[torch.Tensor, ...]
    scene: torch.Tensor | None


def loss(
    outputs: Outputs, cells: torch.Tensor, scenes: torch.Tensor | None = None, weights: Weights | None = None
) -> Losses:
    """Equation 8: (1 - alpha - beta) L_coarse + alpha L_middle + beta L_fine + gamma L_scene, cross-entropies.

    Args:
        outputs: of the network, with b rows.
        cells: (b, levels) classes; -1 where no cell holds the place, which leaves that photo out of that level.
        scenes: (b,) classes, -1 for unknown; wanted by a network with a scene head, else unused.

    Raises:
        ModelError: the labels are not those of these outputs.
    """
    if cells.ndim != 2 or cells.shape[1] != len(outputs.cells):
        raise ModelError(f"Cell labels must be (b, {len(outputs.cells)}), not {tuple(cells.shape)}. Give one a level.")
    weights = weights or Weights()
    parts = tuple(cross_entropy(logits, labels) for logits, labels in zip(outputs.cells, cells.T, strict=True))
    total = torch.stack([weight * part for weight, part in zip(weights.of(len(parts)), parts, strict=True)]).sum()
    if outputs.scene is None:
        return Losses(total, parts, None)
    if scenes is None:
        raise ModelError("This network has a scene head. Give scene labels, or a configuration with scenes=0.")
    scene = cross_entropy(outputs.scene, scenes)
    return Losses(total + weights.gamma * scene, parts, scene)


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over the rows that have a label, calculated in float32; 0, with a gradient of 0, if none has."""
    summed = functional.cross_entropy(logits.float(), labels, ignore_index=NO_LABEL, reduction="sum")
    return summed / (labels != NO_LABEL).sum().clamp(min=1)
