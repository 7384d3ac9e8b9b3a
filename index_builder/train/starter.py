"""Trains the starter encoder: a small ViT, contrastively, photo against place.

The image tower is a ViT of open_clip. Its partner is a place tower: random Fourier features of the point on the unit
sphere at three scales through a small MLP, as in GeoCLIP (Vivanco et al. 2023, section 3.2) but on the sphere. The
loss is the symmetric InfoNCE of CLIP within a batch. After training the place tower is thrown away: retrieval compares
photos with photos. Photos are never mirrored, since the side of the road is a clue.

The result is an ordinary open_clip folder (open_clip_config.json, open_clip_model.safetensors in float16).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from geoloc_core.geo import EARTH_RADIUS_KM, unit_vectors
from index_builder.train.epoch import Epoch

SIDE = 128
CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 256,
        "vision_cfg": {
            "image_size": SIDE,
            "layers": 8,
            "width": 128,
            "head_width": 32,
            "patch_size": 16,
            "pool_type": "avg",
        },
        "text_cfg": {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1},
        "custom_text": True,
    },
    "preprocess_cfg": {
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711],
        "interpolation": "bicubic",
        "resize_mode": "squash",
    },
}


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to train."""

    epochs: int = 12
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    scales_km: tuple[float, ...] = (4000.0, 1200.0, 400.0)
    features: int = 256
    seed: int = 1


def train(
    photos: NDArray[np.uint8],
    places: NDArray[np.float64],
    validation: tuple[NDArray[np.uint8], NDArray[np.float64]],
    recipe: Recipe,
    out: Path | None = None,
) -> Iterator[Epoch]:
    """Train on (n, SIDE, SIDE, 3) photos at (n, 2) degrees; yields after each epoch, `out` being written."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    config = CONFIG["model_cfg"]
    model = open_clip.CustomTextCLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"])
    photo_tower, place_tower = cast(nn.Module, model.visual), PlaceTower(recipe, config["embed_dim"])
    scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
    weights = [*photo_tower.parameters(), *place_tower.parameters()]
    optimiser = torch.optim.AdamW(
        [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": [scale], "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
    )
    batches = len(photos) // recipe.batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.epochs * batches, pct_start=0.1
    )
    for number in range(1, recipe.epochs + 1):
        started, total = time.perf_counter(), 0.0
        photo_tower.train()
        order = rng.permutation(len(photos))
        for step in range(batches):
            chosen = np.sort(order[step * recipe.batch_size : (step + 1) * recipe.batch_size])
            images = _augment(_normalise(photos[chosen]), rng)
            loss = _info_nce(photo_tower, place_tower, scale, images, places[chosen])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
            scale.data.clamp_(0, math.log(100))
            total += loss.item()
        held_out = _validate(photo_tower, place_tower, scale, *validation, recipe.batch_size)
        if out:
            save(model, out)
        yield Epoch(number, total / batches, held_out, time.perf_counter() - started)


def save(model: nn.Module, out: Path) -> None:
    """Write the open_clip folder: weights in float16, each file beside its name first."""
    out.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}
    for name, write in (
        ("open_clip_model.safetensors", lambda path: save_file(state, path)),
        ("open_clip_config.json", lambda path: path.write_text(json.dumps(CONFIG, indent=1) + "\n")),
    ):
        partial = out / f".{name}.partial"
        write(partial)
        partial.replace(out / name)


class PlaceTower(nn.Module):
    """(n, 3) points on the unit sphere to (n, embed_dim): random Fourier features through an MLP."""

    def __init__(self, recipe: Recipe, embed_dim: int) -> None:
        super().__init__()
        waves = [EARTH_RADIUS_KM / km * torch.randn(3, recipe.features) for km in recipe.scales_km]
        self.waves = nn.Parameter(torch.cat(waves, dim=1), requires_grad=False)
        width = 2 * recipe.features * len(recipe.scales_km)
        self.mlp = nn.Sequential(
            nn.Linear(width, 512), nn.GELU(), nn.Linear(512, 512), nn.GELU(), nn.Linear(512, embed_dim)
        )

    def forward(self, points: Tensor) -> Tensor:
        """The places' embeddings, not normalised."""
        phase = points @ self.waves
        return cast(Tensor, self.mlp(torch.cat([phase.sin(), phase.cos()], dim=1)))


def _info_nce(
    photo_tower: nn.Module, place_tower: nn.Module, scale: Tensor, images: Tensor, places: NDArray[np.float64]
) -> Tensor:
    points = torch.from_numpy(unit_vectors(places).astype(np.float32))
    seen = F.normalize(photo_tower(images), dim=-1)
    meant = F.normalize(place_tower(points), dim=-1)
    logits = scale.exp() * seen @ meant.T
    own = torch.arange(len(logits))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def _validate(
    photo_tower: nn.Module,
    place_tower: nn.Module,
    scale: Tensor,
    photos: NDArray[np.uint8],
    places: NDArray[np.float64],
    batch_size: int,
) -> float:
    photo_tower.eval()
    losses = []
    with torch.inference_mode():
        for start in range(0, len(photos) - batch_size + 1, batch_size):
            part = slice(start, start + batch_size)
            losses.append(_info_nce(photo_tower, place_tower, scale, _normalise(photos[part]), places[part]).item())
    return float(np.mean(losses)) if losses else math.nan


def _normalise(photos: NDArray[np.uint8]) -> Tensor:
    mean, std = (torch.tensor(CONFIG["preprocess_cfg"][key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    return (torch.from_numpy(np.ascontiguousarray(photos)).permute(0, 3, 1, 2).float() / 255 - mean) / std


def _augment(images: Tensor, rng: np.random.Generator) -> Tensor:
    """A random crop of 80 to 100 % a side for the batch, and a little light and colour for each photo."""
    side = int(SIDE * rng.uniform(0.8, 1.0))
    top, left = rng.integers(0, SIDE - side + 1, 2)
    crop = images[:, :, top : top + side, left : left + side]
    if side != SIDE:
        crop = F.interpolate(crop, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, (len(crop), 3, 1, 1)).astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-0.1, 0.1, (len(crop), 1, 1, 1)).astype(np.float32))
    return crop * gain + shift
