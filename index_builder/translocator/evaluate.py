"""Figures of a classifier of cells on photos it has not seen: a_r of fine cells and of f*, losses. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from geoloc_core.cells import Partition
from geoloc_core.evaluation.metrics import accuracy
from geoloc_core.geo import THRESHOLDS_KM, Floats
from geoloc_core.translocator.card import Inputs
from geoloc_core.translocator.config import Config
from geoloc_core.translocator.hierarchy import hierarchical, over_crops
from geoloc_core.translocator.losses import NO_LABEL, Weights, cross_entropy
from index_builder.inputs import TrainingSet
from index_builder.training.loading import ahead, default_workers
from index_builder.translocator.views import Rows, eval_batch

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Told:
    """What a network says of n photos.

    Attributes:
        places: (n, 2) degrees: the mean place of the likeliest fine cell.
        star: (n, 2) degrees by f*, the product with the coarser levels; None for a network of one level.
        losses: cross-entropies by level and, with a scene head, `scene`, of the photos that have a label.
        right: the share of labelled photos whose likeliest class is theirs, likewise.
    """

    places: Floats
    star: Floats | None
    losses: Mapping[str, float]
    right: Mapping[str, float]


def evaluate(
    network: nn.Module,
    dataset: TrainingSet,
    partition: Partition,
    inputs: Inputs,
    *,
    batch: int = 64,
    weights: Weights | None = None,
    workers: int | None = None,
) -> dict[str, float]:
    """Figures of a network, in evaluation mode, on a set of photos.

    Args:
        network: a `Network` or `SceneNetworks`, on any device.
        dataset: photos with places; those in no cell count, and are wrong where the answer is too far.
        partition: the levels of the network.
        inputs: how many crops a photo, and how they are cut.
        batch: photos of a forward pass.
        weights: of equation 8, for `loss`.
        workers: processes that read ahead; None for as many as suit this machine.

    Returns:
        `a_1` to `a_2500`, shares from 0 to 1 of photos within so many km, `a_mean` over the five, `median_km`; with
        three levels the same of f*, as `fstar_a_1` and so on; `loss` (equation 8), `loss_coarse`, …, `loss_scene`;
        `top1_coarse`, …, `top1_scene`.
    """
    told = tell(network, dataset, partition, inputs, batch=batch, workers=workers)
    figures = _accuracies("", told.places, dataset.places)
    if told.star is not None:
        figures |= _accuracies("fstar_", told.star, dataset.places)
    weights = weights or Weights()
    levels = [value for name, value in told.losses.items() if name != "scene"]
    total = sum(weight * value for weight, value in zip(weights.of(len(levels)), levels, strict=True))
    figures["loss"] = total + weights.gamma * told.losses.get("scene", 0.0)
    figures |= {f"loss_{name}": value for name, value in told.losses.items()}
    return figures | {f"top1_{name}": value for name, value in told.right.items()}


def tell(
    network: nn.Module,
    dataset: TrainingSet,
    partition: Partition,
    inputs: Inputs,
    *,
    batch: int = 64,
    workers: int | None = None,
) -> Told:
    """What a network says of each photo of a set; see `evaluate`.

    Crops count by the mean of their logits, ISNs' by each cell's highest probability among them. ISNs take photos of
    an unknown kind for indoor ones, the first kind.
    """
    config: Config = network.config  # type: ignore[assignment]
    device = next(network.parameters()).device
    rows = [(part,) for part in np.array_split(np.arange(len(dataset)), -(-len(dataset) // batch))]
    make = _Crops(dataset, partition, config, inputs)
    places, star, sums = [], [], _Scores()
    points = partition.parts[-1].points
    for made in ahead(rows, make, default_workers() if workers is None else workers):
        given = {name: value.to(device) for name, value in made.items()}
        with torch.inference_mode():
            kinds = given["kinds"].clamp(min=0).repeat_interleave(inputs.crops) if "kinds" in given else None
            outputs = network(given["rgb"], given.get("seg"), kinds)
        logits = [level.float().unflatten(0, (-1, inputs.crops)) for level in outputs.cells]
        for name, level, labels in zip(config.levels, logits, given["cells"].T, strict=True):
            sums.add(name, level.mean(dim=1), labels)
        if outputs.scene is not None:
            sums.add("scene", outputs.scene.float().unflatten(0, (-1, inputs.crops)).mean(dim=1), given["scenes"])
        chances = [over_crops(level.cpu().numpy(), "max" if config.scene_networks else "mean") for level in logits]
        places.append(points[chances[-1].argmax(axis=-1)])
        if len(chances) > 1:
            product = hierarchical(chances, [level.parent for level in partition.parts])
            star.append(points[product.argmax(axis=-1)])
    return Told(np.concatenate(places), np.concatenate(star) if star else None, *sums.means())


@dataclass(frozen=True, eq=False)
class _Crops:
    """Makes batches of crops; a copy in another process makes the same ones."""

    dataset: TrainingSet
    partition: Partition
    config: Config
    inputs: Inputs

    def __call__(self, rows: Rows) -> Tensors:
        return eval_batch(self.dataset, rows, self.partition, self.config, self.inputs).tensors()


class _Scores:
    """Sums of losses and of right answers over the labelled photos, by head."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int, int]] = {}

    def add(self, name: str, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Of a batch's (b, classes) and (b,)."""
        count = int((labels != NO_LABEL).sum())
        right = int((logits.argmax(dim=1) == labels).sum())
        loss, hits, all_of = self._sums.get(name, (0.0, 0, 0))
        self._sums[name] = (loss + float(cross_entropy(logits, labels)) * count, hits + right, all_of + count)

    def means(self) -> tuple[dict[str, float], dict[str, float]]:
        """Losses and shares that are right."""
        losses = {name: loss / max(1, count) for name, (loss, _, count) in self._sums.items()}
        return losses, {name: hits / max(1, count) for name, (_, hits, count) in self._sums.items()}


def _accuracies(prefix: str, places: Floats, truth: Floats) -> dict[str, float]:
    row = accuracy("", places, truth)
    named = {f"a_{km:g}": share for km, share in zip(THRESHOLDS_KM, row.within, strict=True)}
    named |= {"a_mean": float(np.mean(row.within)), "median_km": float(row.median_km or 0.0)}
    return {prefix + name: value for name, value in named.items()}
