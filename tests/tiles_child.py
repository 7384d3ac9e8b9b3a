"""Tiny map encoders being trained, as the body of a process that may be killed, or is one of several.

The world has a colour for each place, photos show it, tiles show it inverted under a grey corner: nothing that an
untuned encoder would find alike.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import accelerate  # noqa: F401  # here and below: imported before processes fork, which then start at once
import numpy as np
import open_clip  # noqa: F401
import torch
from mercantile import Tile
from PIL import Image
from torch import distributed

from geoloc_core.encoders import create
from geoloc_core.tiles.sources.base import About
from geoloc_core.tiles.sources.drawn import Drawn
from geoloc_core.tiles.tile import centre
from index_builder.inputs import TrainingSet
from index_builder.inputs.parts import Row
from index_builder.inputs.writing import About as SetAbout
from index_builder.inputs.writing import open_set
from index_builder.tiles.contrast import among_all, contrast
from index_builder.tiles.task import Contrast
from index_builder.tiles.train import Asked, Trained, train
from index_builder.training import Recipe, Running
from tests.tiny_tiles import png

ABOUT = About("Colours of a test", "whoever drew them")
QUICK = Running(workers=0, log_every=1, save_every=1, tensorboard=False, device="cpu")
RECIPE = Recipe(epochs=2, learning_rate=3e-3, warmup=0, weight_decay=0, clip=1.0)
AIMS = Contrast(temperature=30, batch=16, candidates=40)


def colour(lat: float, lon: float) -> np.ndarray:
    return np.array([20 + 215 * (lon + 180) / 360, 20 + 215 * (lat + 85) / 170, 60])


def make_photos(folder: Path, count: int, seed: int) -> TrainingSet:
    """Photos all over the world, with the walk that each is of."""
    rng, rows = np.random.default_rng(seed), []
    for number, (lat, lon) in enumerate(zip(rng.uniform(-70, 75, count), rng.uniform(-170, 170, count), strict=True)):
        pixels = np.clip(colour(lat, lon) + rng.normal(0, 8, (32, 40, 3)), 0, 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=90)
        rows.append(Row(f"p{number}", lat, lon, stream.getvalue(), columns={"walk": f"w{number % 6}"}))
    with open_set(folder, {"seed": str(seed)}) as writer:
        writer.write(0, rows, "tiny")
        writer.publish(1, SetAbout(32, "painted for tests", "CC0-1.0", "tests", True))
    return TrainingSet.open(folder)


def draw(tile: Tile) -> bytes:
    picture = Image.new("RGB", (16, 16), tuple(255 - colour(*centre(tile)).astype(int)))
    picture.paste((90, 90, 90), (0, 0, 4, 4))
    return png(picture)


def asked(sets: Path, zooms: tuple[int, ...] = (6, 4), **other: object) -> Asked:
    training, validation = (TrainingSet.open(sets / part) for part in ("train", "validation"))
    source = other.pop("source", None) or Drawn(draw, "colours", ABOUT, (0, 16))
    base = create(f"open_clip:{sets}/checkpoints/base")
    return Asked(base, source, training, validation, zooms, **{"contrast": AIMS, **other})  # type: ignore


def work(sets: Path, out: Path) -> Trained:
    """Train from wherever `out` is."""
    os.environ |= {"GEOLOC_DTYPE": "float32", "GEOLOC_DEVICE": "cpu"}
    torch.set_num_threads(1)
    return train(asked(sets), RECIPE, out, running=QUICK)


def several(meeting: Path, rank: int, world: int, found: Path) -> None:
    """One process's gradient of a batch that all share; the numbers are those of `shared_batch`."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=world)
    photos, seen, weight, kinds = shared_batch()
    own = np.array_split(np.arange(len(photos)), world)[rank]
    tiles, here = among_all(torch.nn.functional.normalize(seen[own] @ weight, dim=-1), len(photos))
    losses = contrast(photos, tiles, kinds, 5.0, both=True)
    losses.mean().backward()
    torch.save({"gradient": weight.grad, "loss": losses[here].sum() / len(photos)}, found)
    distributed.destroy_process_group()


def shared_batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Photos (7, 4), what is seen of their tiles (7, 3), a weight to learn, kinds."""
    random = torch.Generator().manual_seed(4)
    photos = torch.nn.functional.normalize(torch.randn(7, 4, generator=random), dim=-1)
    seen, weight = torch.randn(7, 3, generator=random), torch.randn(3, 4, generator=random)
    return photos, seen, weight.requires_grad_(True), torch.tensor([0, 1, 1, 2, 3, 0, 4])
