"""The starter's training learns what is there, learns nothing from shuffled labels, and saves what the app loads."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoloc_core.encoders import create
from geoloc_core.geo import unit_vectors
from index_builder.train.starter import SIDE, Recipe, train

RECIPE = Recipe(epochs=5, batch_size=32, learning_rate=2e-3, features=32)
CHANCE = math.log(RECIPE.batch_size)


def coloured(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Photos whose colour is a function of place, under noise."""
    rng = np.random.default_rng(seed)
    places = np.column_stack([np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(-180, 180, count)])
    base = 127 + 90 * unit_vectors(places)
    noise = rng.normal(0, 20, (count, SIDE, SIDE, 3))
    return np.clip(base[:, None, None] + noise, 0, 255).astype(np.uint8), places


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    photos, places = coloured(128, seed=1)
    return photos, places, coloured(64, seed=2)


def test_it_learns_and_the_app_loads_the_result(data, tmp_path: Path):
    photos, places, unseen = data
    epochs = list(train(photos, places, unseen, RECIPE, tmp_path / "made"))
    assert epochs[-1].loss < epochs[0].loss
    assert epochs[-1].validation_loss < 0.8 * CHANCE
    assert {path.name for path in (tmp_path / "made").iterdir()} == {
        "open_clip_config.json",
        "open_clip_model.safetensors",
    }
    encoder = create(f"open_clip:{tmp_path / 'made'}")
    rows = encoder.encode([Image.fromarray(photo) for photo in unseen[0][:8]])
    assert rows.shape == (8, 256)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


def test_shuffled_labels_teach_nothing(data):
    photos, places, unseen = data
    shuffled = np.random.default_rng(3).permutation(places)
    epochs = list(train(photos, shuffled, unseen, RECIPE))
    assert epochs[-1].validation_loss > 0.95 * CHANCE
