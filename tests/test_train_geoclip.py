"""The starter's GeoCLIP learns where features lie, learns nothing from shuffled places, and ships whole and honest."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from geoloc_core.encoders import create
from geoloc_core.evaluation.metrics import accuracy, best_constant, random_gallery_point
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.catalogue import STARTER
from geoloc_core.geo import distance_km, unit_vectors
from geoloc_core.geoclip import Config, open_geoclip
from index_builder.gallery.verify import verify
from index_builder.geoclip.evaluate import evaluate
from index_builder.geoclip.starter import CHECKPOINT, LOCATIONS, config_of, features_of, make_locations
from index_builder.train.geoclip import Recipe, jittered, train

CONFIG = Config(
    title="tiny", base="starter", features=24, image_hidden=32, dim=16, sigmas=(1.0, 4.0), frequencies=16, hidden=32
)
RECIPE = Recipe(epochs=12, batch_size=64, queue=256, learning_rate=5e-3, noise_km=25)
CHANCE = math.log(256)


def felt(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features that are a function of place, under noise, and of no particular length."""
    rng = np.random.default_rng(seed)
    places = np.column_stack([np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(-180, 180, count)])
    waves = unit_vectors(places) @ np.random.default_rng(9).normal(size=(3, 24))
    return (3 * np.sin(waves) + rng.normal(0, 0.1, waves.shape)).astype(np.float32), places


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    features, places = felt(1024, seed=1)
    return features, places, felt(512, seed=2)


def test_it_learns_and_is_opened_as_it_was_trained(data, tmp_path: Path):
    features, places, unseen = data
    epochs = list(train(features, places, unseen, CONFIG, RECIPE, tmp_path / "made"))
    assert epochs[-1].loss < epochs[0].loss
    assert epochs[-1].validation_loss < 0.7 * CHANCE
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"config.json", "weights.safetensors"}
    model = open_geoclip(str(tmp_path / "made"))
    similarity = model.project(unseen[0]) @ model.encode_locations(unseen[1]).T
    logits = model.temperature * similarity[:256, :256]
    loss = float(np.mean(np.log(np.exp(logits).sum(axis=1)) - np.diag(logits)))
    assert loss == pytest.approx(np.mean([epochs[-1].validation_loss]), abs=0.25)
    errors = distance_km(unseen[1][similarity.argmax(axis=1)], unseen[1])
    assert np.median(errors) < 2500


def test_the_same_seed_gives_the_same_weights(data, tmp_path: Path):
    features, places, unseen = data
    made = []
    for name in ("a", "b"):
        next(train(features, places, unseen, CONFIG, Recipe(epochs=1, batch_size=64, queue=64), tmp_path / name))
        made.append((tmp_path / name / "weights.safetensors").read_bytes())
    assert made[0] == made[1]


def test_shuffled_places_teach_nothing(data):
    features, places, unseen = data
    shuffled = np.random.default_rng(3).permutation(places)
    epochs = list(islice(train(features, shuffled, unseen, CONFIG, RECIPE), RECIPE.epochs))
    assert epochs[-1].validation_loss > 0.95 * CHANCE


def test_too_few_photos_are_refused(data):
    features, places, unseen = data
    with pytest.raises(ValueError, match="Draw more"):
        next(train(features[:10], places[:10], unseen, CONFIG, RECIPE))


def test_noise_is_as_wide_as_asked_everywhere():
    rng = np.random.default_rng(0)
    for place in ((0.0, 0.0), (70.0, 179.9), (-89.9, 10.0)):
        moved = distance_km(place, jittered(np.tile(place, (4000, 1)), 50.0, rng))
        assert np.sqrt((moved**2).mean() / 2) == pytest.approx(50, rel=0.05)
    assert jittered(np.array([(1.0, 2.0)]), 0.0, rng).tolist() == [[1.0, 2.0]]


def test_features_are_kept_and_not_brought_to_unit_length(tmp_path: Path):
    encoder = create("starter")
    features, places = features_of("validation", 3, 1, encoder, tmp_path)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    assert (np.abs(lengths - 1) > 0.01).all()
    assert encoder.finish(features) == pytest.approx(features / lengths, abs=1e-5)
    again = features_of("validation", 3, 1, encoder, tmp_path)
    assert np.array_equal(features, again[0])
    assert np.array_equal(places, again[1])
    assert len(list(tmp_path.iterdir())) == 1


def test_what_ships_is_small_whole_and_honest():
    size = sum(file.stat().st_size for folder in (CHECKPOINT, LOCATIONS) for file in folder.iterdir())
    assert size < 6_000_000
    model, gallery = open_geoclip("geoclip-starter"), Gallery.open(LOCATIONS)
    assert verify(LOCATIONS).ok
    assert model.config.synthetic
    assert gallery.manifest.synthetic
    assert gallery.manifest.rows == "locations"
    assert model.config.licence == "Apache-2.0"
    assert "taken by nobody" in model.config.source
    assert model.config == config_of(create("starter"), 0).model_copy(update={"source": model.config.source})
    assert gallery.manifest.made_with.id == model.id == create("geoclip-starter").id


def test_the_gallery_that_ships_is_made_again_by_the_command(tmp_path: Path):
    make_locations(tmp_path / "again")
    shipped, again = Gallery.open(LOCATIONS), Gallery.open(tmp_path / "again")
    assert shipped.manifest.recipe == again.manifest.recipe
    rows = np.arange(0, len(shipped), 97)
    assert again.vectors(rows) == pytest.approx(shipped.vectors(rows), abs=2e-3)


def test_unseen_photos_are_located_far_better_than_by_guessing():
    model, gallery = open_geoclip("geoclip-starter"), Gallery.open(LOCATIONS)
    features, truth = features_of("test", 120, 1, create("starter"))
    similarity = model.project(features) @ gallery.vectors(np.arange(len(gallery))).astype(np.float32).T
    found = accuracy("", gallery.coordinates[similarity.argmax(axis=1)], truth)
    chance, constant = random_gallery_point(gallery.coordinates, truth), best_constant(gallery.coordinates[::5], truth)
    assert found.within[4] > 1.5 * max(constant.within[4], chance.within[4])
    assert found.within[3] > 3 * max(constant.within[3], chance.within[3])


def test_the_report_tells_every_way_and_no_climb_falls():
    report = evaluate(LOCATIONS, STARTER, photos=6)
    assert [row.photos for row in report.rows] == [6] * 6
    gains = [climb.gain for climbs in report.runs[2].climbs for climb in climbs]
    assert min(gains) >= 0
    assert max(gains) > 0
    assert "climbs none fell" in str(report)
    assert set(report.runs[2].milliseconds) == {"encode", "search", "predict", "refine"}
