"""A small GeoCLIP with random weights over the starter encoder, a gallery of locations for it, and a known photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geoloc_core.encoders.base import Encoder, Features, Prepared
from geoloc_core.encoders.geoclip import GeoClipEncoder
from geoloc_core.geoclip import Config, GeoClip, save
from geoloc_core.status import Choice

SMALL = Config(
    title="Small", base="starter", features=256, image_hidden=24, dim=16, sigmas=(1, 16), frequencies=16, hidden=32
)


def save_small(folder: Path, seed: int = 0, config: Config = SMALL) -> Path:
    """Saved as any GeoCLIP is."""
    import torch

    from geoloc_core.geoclip.model import GeoClipModel

    torch.manual_seed(seed)
    model = GeoClipModel(config)
    model.logit_scale.data.fill_(4.0)
    return save(folder, model, config)


def scattered(count: int, seed: int = 0) -> np.ndarray:
    """(count, 2) places all over the Earth."""
    rng = np.random.default_rng(seed)
    return np.column_stack([np.degrees(np.arcsin(rng.uniform(-0.9, 0.9, count))), rng.uniform(-180, 180, count)])


def build_locations(out: Path, points: np.ndarray, model: str = "geoclip") -> Path:
    """A gallery of those places, by the real command."""
    from index_builder.__main__ import main

    table = out.with_suffix(".csv")
    table.write_text("lat,lon\n" + "".join(f"{lat:.5f},{lon:.5f}\n" for lat, lon in points))
    assert main(["geoclip", str(out), "--from", str(table), "--model", model, "--title", "Places"]) == 0
    return out


class Sees(GeoClipEncoder):
    """A GeoCLIP that sees a given embedding in every photo."""

    choices: dict[str, Choice] = {}  # noqa: RUF012

    def __init__(self, model: GeoClip, embedding: np.ndarray) -> None:
        super().__init__("sees", model)
        self.embedding = np.asarray(embedding, np.float32)

    @property
    def root(self) -> Encoder:
        return self

    def load(self) -> None:
        self.model.load()

    def prepare(self, image: object) -> Prepared:
        return np.zeros(1)

    def features(self, prepared: object) -> Features:
        return self.embedding[None]

    def finish(self, features: Features) -> Features:
        return features
