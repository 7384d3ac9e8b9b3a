"""A toy to train: a small network with dropout, points on a curve, one learning rate; and its plain training loop."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from index_builder.training import Batch, Losses, Recipe, Step, shuffled
from index_builder.training.schedule import rate

COUNT, BATCH = 48, 8
RECIPE = Recipe(epochs=3, learning_rate=0.01, warmup=1, weight_decay=0.1, clip=0.5, seed=3)


def points() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(COUNT, 4, generator=torch.Generator().manual_seed(5))
    return x, x.sin().sum(dim=1, keepdim=True)


def network(dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(11)
    return nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 1))


class Toy:
    """A `training.Task`; `spoil` gives a loss that is no number from that step on."""

    divisible, partial = True, False

    def __init__(self, dropout: float = 0.0, spoil: int | None = None, divisible: bool = True) -> None:
        self.network, self.spoil, self.divisible = network(dropout), spoil, divisible
        self.x, self.y = points()
        self.sizes: list[int] = []
        self.published: list[dict[str, float]] = []
        self.scores: list[float] | None = None

    def facts(self):
        return {"count": COUNT}

    def batches(self, epoch):
        return shuffled(range(COUNT), BATCH, RECIPE.seed, epoch)

    def batch(self, rows, step: Step) -> Batch:
        share = torch.tensor(len(rows) / len(step.rows))
        bad = torch.tensor(math.nan if self.spoil is not None and step.number >= self.spoil else 1.0)
        return {"x": self.x[rows], "y": self.y[rows], "share": share, "factor": bad}

    def loss(self, network, batch) -> Losses:
        self.sizes.append(len(batch["x"]))
        mean = F.mse_loss(network(batch["x"]), batch["y"]) * batch["factor"]
        return Losses(mean * batch["share"], {"squared": mean * batch["share"]})

    def validate(self, network):
        assert not network.training and not torch.is_grad_enabled()
        if self.scores is not None:
            return {"loss": self.scores.pop(0)}
        return {"loss": F.mse_loss(network(self.x), self.y).item()}

    def publish(self, network, folder: Path, metrics) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.txt").write_text(repr(dict(metrics)))
        self.published.append(dict(metrics))


def plain_loop(recipe: Recipe = RECIPE) -> tuple[list[float], nn.Module]:
    """Loss of each step, as anyone would write it, and the trained network."""
    net, (x, y) = network(), points()
    decaying = [parameter for parameter in net.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in net.parameters() if parameter.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decaying, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
    )
    losses, steps = [], COUNT // BATCH
    for epoch in range(recipe.epochs):
        for number, rows in enumerate(shuffled(range(COUNT), BATCH, recipe.seed, epoch), epoch * steps):
            for group in optimiser.param_groups:
                group["lr"] = rate(recipe, number, steps)
            loss = F.mse_loss(net(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), recipe.clip)
            optimiser.step()
            losses.append(loss.item())
    return losses, net
