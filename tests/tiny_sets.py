"""Tiny training sets in the builder's own format: photos whose colour tells the place."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from index_builder.inputs import TrainingSet
from index_builder.inputs.manifest import Segmentation
from index_builder.inputs.parts import Row
from index_builder.inputs.writing import About, open_set

CITIES = np.array([(48.85, 2.35), (-33.9, 151.2), (40.7, -74.0), (35.7, 139.7)])
COLOURS = np.array([(220, 40, 40), (40, 200, 60), (50, 60, 220), (200, 190, 40)])
SIDE = 32


def make_set(folder: Path, count: int = 64, seed: int = 0, *, maps: bool = True, scenes: bool = True) -> TrainingSet:
    """Photos around four cities, in the city's colour; every seventh lies elsewhere, in no cell."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        city = int(rng.integers(4))
        lat, lon = CITIES[city] + rng.normal(0, 0.3, 2)
        if number % 7 == 6:
            lat, lon = rng.uniform(-70, -60), rng.uniform(-180, 180)
        pixels = np.clip(COLOURS[city] + rng.normal(0, 25, (SIDE, SIDE + 8, 3)), 0, 255).astype(np.uint8)
        labels = np.full((SIDE, SIDE + 8), city * 20, np.uint8)
        labels[: SIDE // 2] = rng.integers(150)
        scene = (city % 3, city * 4, city * 90) if scenes and number % 5 else (-1, -1, -1)
        rows.append(Row(f"p{number}", lat, lon, _bytes(pixels, "JPEG"), _bytes(labels, "PNG") if maps else None, scene))
    with open_set(folder, {"seed": str(seed), "count": str(count)}) as writer:
        writer.write(0, rows, "tiny")
        writer.publish(1, _about(maps))
    return TrainingSet.open(folder)


def _about(maps: bool) -> About:
    segmentation = Segmentation(name="painted", id="painted/1") if maps else Segmentation()
    return About(SIDE, "painted for tests", "CC0-1.0", "tests", True, segmentation, "painted")


def _bytes(pixels: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, quality=90)
    return stream.getvalue()
