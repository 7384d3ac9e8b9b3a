"""How the branches speak to each other: equation 4 after a layer, equations 5 to 7 after the last. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def dense(width: int, count: int) -> nn.Linear:
    """A linear layer that starts with weights from N(0, 0.02) and no bias, as the heads do (section 4.4)."""
    layer = nn.Linear(width, count)
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


class FeatureFusion(nn.Module):
    """Multimodal feature fusion after one layer, equation 4: the CLS token that all branches go on with,

        x_cls = g(sum over branches j of f(x_cls of j)).

    The paper calls f and g projections and says no more. Here each layer has its own linear f and g, shared by the
    branches. They start as f orthogonal and g = f transposed over the number of branches, so that g(sum f) is at first
    the mean of the tokens, and pretrained layers above go on meeting what they know.
    """

    def __init__(self, width: int, hidden: int, branches: int = 2) -> None:
        super().__init__()
        self.project = nn.Linear(width, hidden)
        self.back = nn.Linear(hidden, width)
        nn.init.orthogonal_(self.project.weight)
        with torch.no_grad():
            self.back.weight.copy_(self.project.weight.T / branches)
        nn.init.zeros_(self.project.bias)
        nn.init.zeros_(self.back.bias)

    def forward(self, cls: Sequence[torch.Tensor]) -> torch.Tensor:
        """(b, width) of (b, width) CLS tokens, one a branch."""
        return self.back(self.project(torch.stack(tuple(cls))).sum(dim=0))


class AttentiveFusion(nn.Module):
    """Attentive fusion of the last CLS tokens, equations 5 to 7,

        f_mm = [(1 + w_rgb) x_rgb || (1 + w_seg) x_seg],    [w_rgb, w_seg] = softmax(dense layers of [x_rgb || x_seg]).

    The 1 in (1 + w) is the paper's residual connection: a branch given no weight still passes. It says "a sequence of
    dense layers"; here they are two, with GELU between.
    """

    def __init__(self, width: int, hidden: int, branches: int = 2) -> None:
        super().__init__()
        self.score = nn.Sequential(dense(branches * width, hidden), nn.GELU(), dense(hidden, branches))

    def forward(self, cls: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """f_mm (b, branches x width), and the weights (b, branches), of (b, width) CLS tokens."""
        weights = self.score(torch.cat(tuple(cls), dim=-1)).softmax(dim=-1)
        weighted = [(1 + weights[:, i : i + 1]) * token for i, token in enumerate(cls)]
        return torch.cat(weighted, dim=-1), weights
