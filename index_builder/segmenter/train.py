"""Trains a small SegFormer (Xie et al. 2021) on drawn photos, and saves it as transformers saves one.

The network sees photos squashed into a square, as the published SegFormers do. What it learns on is cut out in many
shapes before that, mirrored, and changed in colour and sharpness, so that it meets photos of any shape and quality.
"""

from __future__ import annotations

import copy
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

from geoloc_core.files import sync_folder
from geoloc_core.segmentation.ade20k import names
from index_builder.segmenter.lessons import Lessons

SIDE = 128
_JUDGED = SIDE // 4  # side of the map that the loss is taken on: the network's own
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as for the published ones
_SIZES: dict[str, Any] = {
    "depths": [1, 1, 2, 2],
    "hidden_sizes": [16, 32, 64, 96],
    "num_attention_heads": [1, 1, 2, 3],
    "mlp_ratios": [4, 4, 4, 4],
    "sr_ratios": [4, 2, 1, 1],
    "decoder_hidden_size": 64,
}


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to train."""

    epochs: int = 5
    batch_size: int = 16
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.01
    seed: int = 1


@dataclass(frozen=True)
class Epoch:
    """Mean cross-entropy of an epoch's pixels, and how long it took."""

    number: int
    loss: float
    seconds: float


def fresh(seed: int = 1) -> SegformerForSemanticSegmentation:
    """An untrained network with ADE20K's classes."""
    torch.manual_seed(seed)
    classes = dict(enumerate(names()))
    config = SegformerConfig(
        **_SIZES, id2label=classes, label2id={name: number for number, name in classes.items()}, drop_path_rate=0.0
    )
    return SegformerForSemanticSegmentation(config)


def train(lessons: Lessons, recipe: Recipe, model: SegformerForSemanticSegmentation) -> Iterator[Epoch]:
    """Train a network in place, AdamW with a warm-up and a cosine fall; yields after each epoch.

    Raises:
        ValueError: fewer photos than a batch.
    """
    steps = len(lessons) // recipe.batch_size
    if not steps:
        raise ValueError(f"{len(lessons)} photos are less than a batch of {recipe.batch_size}. Draw more.")
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    optimiser = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    total_steps = recipe.epochs * steps
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=total_steps, pct_start=max(0.1, 2 / total_steps)
    )
    for number in range(1, recipe.epochs + 1):
        started, total = time.perf_counter(), 0.0
        model.train()
        for rows in np.split(rng.permutation(len(lessons))[: steps * recipe.batch_size], steps):
            loss = _loss(model, *_views(lessons, np.sort(rows)))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        yield Epoch(number, total / steps, time.perf_counter() - started)
    model.eval()


def save(model: SegformerForSemanticSegmentation, out: Path) -> None:
    """Write the network in float16 with its image processor; a folder that is there is replaced as a whole.

    Raises:
        OSError: the disk is full or may not be written; what was there is untouched.
    """
    partial, old = (out.parent / f".{out.name}.{uuid.uuid4().hex}.{what}" for what in ("partial", "old"))
    partial.mkdir(parents=True)
    try:
        copy.deepcopy(model).half().save_pretrained(partial)
        size = {"height": SIDE, "width": SIDE}
        SegformerImageProcessor(size=size, image_mean=_MEAN, image_std=_STD).save_pretrained(partial)
        for file in partial.iterdir():
            file.chmod(0o644)  # whoever may read the folder may read the weights, which safetensors keeps to the owner
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())
        if out.exists():
            out.replace(old)
        try:
            partial.replace(out)
        except OSError:
            if old.exists():
                old.replace(out)
            raise
        sync_folder(out.parent)
    finally:
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _loss(model: SegformerForSemanticSegmentation, photos: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(pixel_values=photos).logits, labels)


def _views(lessons: Lessons, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Changed photos (b, 3, SIDE, SIDE) and their labels (b, _JUDGED, _JUDGED)."""
    photos = torch.from_numpy(lessons.photos[rows]).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(lessons.labels[rows]).float()[:, None]
    cut = _cuts(len(rows))

    def seen(values: torch.Tensor, side: int, mode: str) -> torch.Tensor:
        grid = F.affine_grid(cut, [len(values), values.shape[1], side, side], align_corners=False)
        return F.grid_sample(values, grid, mode=mode, padding_mode="reflection", align_corners=False)

    photos = _worn(seen(photos, SIDE, "bilinear"))
    mean, std = (torch.tensor(values)[:, None, None] for values in (_MEAN, _STD))
    return (photos - mean) / std, seen(labels, _JUDGED, "nearest")[:, 0].long()


def _cuts(count: int) -> torch.Tensor:
    """(n, 2, 3) affine maps that cut a part out of each photo, of any shape and place, every other one mirrored."""
    size = torch.empty(count, 2).uniform_(0.5, 1.0)
    size[torch.rand(count) < 0.3] = 1.0  # the whole photo, as it is looked at afterwards
    place = (torch.rand(count, 2) * 2 - 1) * (1 - size)
    mirrored = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    cut = torch.zeros(count, 2, 3)
    cut[:, 0, 0], cut[:, 1, 1], cut[:, :, 2] = size[:, 0] * mirrored, size[:, 1], place
    return cut


def _worn(photos: torch.Tensor) -> torch.Tensor:
    """Photos in another light: brighter or darker, tinted, with more or less contrast and colour, blurred, noisy."""
    count = len(photos)

    def about_one(width: float, channels: int = 1) -> torch.Tensor:
        return torch.empty(count, channels, 1, 1).uniform_(-width, width).exp()

    photos = photos * about_one(0.25) * about_one(0.08, 3)
    middle = photos.mean((1, 2, 3), keepdim=True)
    photos = middle + (photos - middle) * about_one(0.25)
    grey = photos.mean(1, keepdim=True)
    photos = grey + (photos - grey) * about_one(0.3)
    soft = F.avg_pool2d(photos, 3, 1, 1, count_include_pad=False)
    photos = torch.lerp(photos, soft, torch.rand(count, 1, 1, 1))
    noise = torch.randn_like(photos) * torch.rand(count, 1, 1, 1) * 0.05
    return (photos + noise).clamp(0, 1)
