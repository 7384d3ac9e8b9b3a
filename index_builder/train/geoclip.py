"""Trains a small GeoCLIP: both sides at once, photos' features against places.

The image encoder stays frozen, as published, so its features are computed beforehand and a photo costs microseconds.
The loss is that of Vivanco Cepeda et al. (2023), section 3: a photo's features against its own place, among the batch's
places and a queue of earlier ones, with noise on all of them, so that no place is learned by heart. Training photos of
the Atlas lie some 60 km apart, so the noise is in tens of kilometres here where the paper's, for photos that lie metres
apart, is in hundreds of metres; the frequencies are lower for the same reason.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from geoloc_core.geo import destination
from geoloc_core.geoclip import Config, save
from geoloc_core.geoclip.model import FourierFeatures, GeoClipModel
from index_builder.train.epoch import Epoch

Features = NDArray[np.float32]
Places = NDArray[np.float64]
_MOST_SCALE = 100.0  # of the temperature, as in CLIP
_HELD_OUT = 256  # unseen photos that are told apart at a time


@dataclass(frozen=True)
class Recipe:
    """How to train. `noise_km` and `queue_noise_km` are standard deviations along each axis."""

    epochs: int = 16
    batch_size: int = 512
    queue: int = 1024
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    noise_km: float = 100.0
    queue_noise_km: float = 150.0
    seed: int = 1


def train(
    features: Features,
    places: Places,
    validation: tuple[Features, Places],
    config: Config,
    recipe: Recipe,
    out: Path | None = None,
) -> Iterator[Epoch]:
    """Train on (n, f) features, not brought to unit length, at (n, 2) degrees; yields after each epoch, `out` written.

    Raises:
        ValueError: fewer photos than a batch.
    """
    if len(features) < recipe.batch_size:
        raise ValueError(f"{len(features)} photos are less than a batch of {recipe.batch_size}. Draw more.")
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    model = _fresh(config)
    batches = len(features) // recipe.batch_size
    step = _Stepper(model, recipe, recipe.epochs * batches)
    queue = places[rng.integers(0, len(places), recipe.queue)]
    for number in range(1, recipe.epochs + 1):
        started, total = time.perf_counter(), 0.0
        model.train()
        for chosen in np.split(rng.permutation(len(features))[: batches * recipe.batch_size], batches):
            total += step(_loss(model, features[chosen], places[chosen], queue, recipe, rng))
            queue = np.concatenate([places[chosen], queue])[: recipe.queue]
        held_out = _validate(model, *validation)
        if out:
            save(out, _fresh(config, model).half(), config)
        yield Epoch(number, total / batches, held_out, time.perf_counter() - started)


class _Stepper:
    """AdamW with one warm-up and a cosine fall over all steps; the temperature stays within CLIP's limit."""

    def __init__(self, model: GeoClipModel, recipe: Recipe, steps: int) -> None:
        self.scale = model.logit_scale
        self.weights = [w for w in model.parameters() if w.requires_grad and w is not self.scale]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": self.weights, "weight_decay": recipe.weight_decay},
                {"params": [self.scale], "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
            betas=(0.9, 0.98),
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, recipe.learning_rate, total_steps=steps, pct_start=0.1
        )

    def __call__(self, loss: torch.Tensor) -> float:
        """Take one step down; returns the loss."""
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.scale.data.clamp_(0, math.log(_MOST_SCALE))
        return loss.item()


def jittered(places: Places, km: float, rng: np.random.Generator) -> Places:
    """(n, 2) degrees, each moved by a normal step of standard deviation `km` north and as much east."""
    if not len(places) or km <= 0:
        return places
    north, east = rng.normal(0, km, (2, len(places)))
    return destination(places, np.degrees(np.arctan2(east, north)), np.hypot(east, north))


def _fresh(config: Config, of: GeoClipModel | None = None) -> GeoClipModel:
    """A new model, or a copy of one. Frequencies are what float16 can hold, in which they are stored: they never move,
    and a phase of many turns does not forgive rounding afterwards.
    """
    model = GeoClipModel(config)
    if of is not None:
        model.load_state_dict(of.state_dict())
        return model
    for module in model.modules():
        if isinstance(module, FourierFeatures):
            module.b.data = module.b.data.half().float()
    return model


def _loss(
    model: GeoClipModel, features: Features, places: Places, queue: Places, recipe: Recipe, rng: np.random.Generator
) -> torch.Tensor:
    own = jittered(places, recipe.noise_km, rng)
    others = jittered(queue, recipe.queue_noise_km, rng)
    logits = model(torch.from_numpy(features), torch.from_numpy(np.concatenate([own, others])))
    return F.cross_entropy(logits, torch.arange(len(features)))


def _validate(model: GeoClipModel, features: Features, places: Places) -> float:
    model.eval()
    losses = []
    with torch.inference_mode():
        for start in range(0, len(features) - _HELD_OUT + 1, _HELD_OUT):
            part = slice(start, start + _HELD_OUT)
            logits = model(torch.from_numpy(features[part]), torch.from_numpy(places[part]))
            losses.append(F.cross_entropy(logits, torch.arange(_HELD_OUT)).item())
    return float(np.mean(losses)) if losses else math.nan
