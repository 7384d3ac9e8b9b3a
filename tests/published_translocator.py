"""Small TransLocators with random weights, published over a small partition; what they look at and are asked with."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from geoloc_core.cells import Level, Partition
from geoloc_core.status import Availability
from geoloc_core.translocator import Card, Inputs, variant
from geoloc_core.translocator.opened import TransLocator
from geoloc_core.translocator.publish import levels_of, publish
from geoloc_core.translocator.said import Classified
from index_builder.cells.build import Limits, build
from tests.make_cells import photos
from tests.make_gallery import ENCODER
from tests.small_translocator import SIZES, drawn

INPUTS = Inputs(resize=40, crops=5, segmentation="plain")


@cache
def partition() -> Partition:
    """Three levels, the finest of some sixty cells."""
    return build(photos(), Limits(most=(400, 150, 80), least=3)).partition


def published(folder: Path, name: str = "scene-3", *, inputs: Inputs = INPUTS, seed: int = 0, **said: Any) -> Path:
    """A model of a variant's shape in a folder of its own."""
    whole = partition()
    config = variant(name, whole.sizes, **SIZES)
    own = levels_of(whole, config)
    card = Card(**{"title": f"Small {name}", "config": config, "partition": own.id, "inputs": inputs, **said})
    publish(folder, drawn(config, seed), card, own)
    return folder


def opened(folder: Path, name: str = "scene-3", **said: Any) -> TransLocator:
    """The same, opened."""
    return TransLocator(published(folder, name, **said))


def picture(seed: int = 0, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A photo of noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise)


def labelled(image: Image.Image, seed: int = 0) -> np.ndarray:
    """A map of labels in blocks for an image."""
    rng, (w, h) = np.random.default_rng(seed), image.size
    return np.kron(rng.integers(0, 150, (-(-h // 8), -(-w // 8)), dtype=np.uint8), np.ones((8, 8), np.uint8))[:h, :w]


def photo_file(folder: Path) -> Path:
    """A photo of smooth noise as a file."""
    picture(3, (96, 72)).resize((192, 144), Image.Resampling.BICUBIC).save(folder / "photo.png")
    return folder / "photo.png"


def said(probabilities: np.ndarray, level: Level | None = None, **more: Any) -> Classified:
    """Probabilities of the finest cells, brought to a sum of 1."""
    level = level or partition().parts[-1]
    return Classified(level, probabilities / probabilities.sum(), "fine", **more)


def sure_of(cell: int) -> np.ndarray:
    """Weights of the finest cells, nearly all of it one cell's."""
    found = np.full(len(partition().parts[-1]), 1e-4)
    found[cell] = 1
    return found


class PlainSegmenter:
    """Labels a photo by its grey values."""

    name, id, choices = "plain", "plain/1", {}

    def __init__(self, ready: bool = True) -> None:
        self.ready, self.asked = ready, 0

    def availability(self) -> Availability:
        return Availability(self.ready, "plain.", "" if self.ready else "Get it.")

    def load(self) -> None:
        pass

    def segment(self, images: list[Image.Image]) -> list[np.ndarray]:
        self.asked += 1
        return [labelled(image) for image in images]


class PlainScenes:
    """Sure of one of the 365 scenes."""

    name, id, encoder = "plain", "plain/1", None

    def __init__(self, category: int) -> None:
        self.category = category

    def availability(self) -> Availability:
        return Availability(True, "plain")

    def load(self) -> None:
        pass

    def scenes(self, images: list[Image.Image], embeddings: Any = None) -> np.ndarray:
        return np.eye(365)[[self.category] * len(images)]


class PlainEncoder:
    """Always the same embedding, under the id of the gallery's encoder."""

    name, id, choices = ENCODER.name, ENCODER.id, {}

    def __init__(self, vector: np.ndarray) -> None:
        self.vector = vector
        self.root = self

    def availability(self) -> Availability:
        return Availability(True, "here")

    def load(self) -> None:
        pass

    def prepare(self, image: Image.Image) -> Image.Image:
        return image

    def features(self, prepared: list[Image.Image]) -> np.ndarray:
        return np.array([self.vector] * len(prepared))

    def finish(self, features: np.ndarray) -> np.ndarray:
        return features
