"""TransLocator as a predictor: its distribution, what it names, and what else it looks at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoloc_core.cells import Level, s2
from geoloc_core.geo import EARTH_RADIUS_KM
from geoloc_core.photo import open_photo
from geoloc_core.prediction import Query
from geoloc_core.predictors import load, names
from geoloc_core.predictors.translocator import TransLocatorPredictor
from geoloc_core.settings import settings
from geoloc_core.translocator.beside import segmenter_for
from geoloc_core.translocator.spread import likeliest, spread, widths_km
from tests.published_translocator import (
    PlainScenes,
    PlainSegmenter,
    labelled,
    opened,
    partition,
    photo_file,
    said,
)


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setenv("GEOLOC_DTYPE", "float32")
    settings.cache_clear()


@pytest.fixture
def photo(tmp_path) -> Path:
    return photo_file(tmp_path)


def test_the_place_named_is_the_mean_of_the_likeliest_cell(tmp_path, photo):
    model = opened(tmp_path / "m", "vit-base")
    query = Query(open_photo(photo))
    prediction = TransLocatorPredictor(model).predict(query)
    probabilities = model.classify(query.photo.image).probabilities
    np.testing.assert_array_equal(prediction.classified.probabilities, probabilities)
    best = model.partition.parts[-1].points[int(np.argmax(probabilities))]
    assert prediction.distribution.best() == pytest.approx(tuple(best))
    assert prediction.searched is None and not prediction.evidence.nearest and not prediction.classified.refined
    assert {"load", "classify", "predict"} <= set(prediction.seconds)


def test_the_distribution_holds_999_of_1000_and_at_most_1000_cells():
    rng = np.random.default_rng(0)
    few = likeliest(said(np.array([0.9, 0.0995, 4e-4, 1e-4] + [0.0] * (len(partition().parts[-1]) - 4))))
    assert few.tolist() == [0, 1]
    points = np.column_stack([rng.uniform(-60, 60, 3_000), rng.uniform(-180, 180, 3_000)])
    ids = np.unique(s2.ancestors(s2.leaf_ids(points), 6))
    means = np.array([s2.outline(int(i)).mean(axis=0) for i in ids])
    level = Level("fine", ids, means, np.ones(len(ids), np.int64))
    assert len(likeliest(said(np.ones(len(ids)), level))) == 1_000


def test_kernels_are_as_wide_as_places_spread_over_a_disc_of_the_cells_area():
    """Against places drawn evenly over a disc; and the area of a level's cells against all of that level's."""
    level = partition().parts[-1]
    cells = np.arange(len(level))
    radius = 2 * widths_km(level, cells)
    np.testing.assert_allclose(np.pi * radius**2 * 6 * 4.0**level.depths, 4 * np.pi * EARTH_RADIUS_KM**2)
    rng = np.random.default_rng(0)
    r, turn = radius[0] * np.sqrt(rng.random(100_000)), rng.uniform(0, 2 * np.pi, 100_000)
    assert np.std(r * np.cos(turn)) == pytest.approx(widths_km(level, cells)[0], rel=0.01)
    found = spread(said(np.ones(len(level))))
    np.testing.assert_allclose(found.kernel_km, widths_km(level, likeliest(said(np.ones(len(level))))))


def test_crops_and_f_star_are_passed_on_and_explained(tmp_path, photo):
    model = opened(tmp_path / "m", "vit-base")
    asked = TransLocatorPredictor(model, hierarchical=True, crops=1).predict(Query(open_photo(photo)))
    plain = TransLocatorPredictor(model).predict(Query(open_photo(photo)))
    assert (asked.classified.by, plain.classified.by) == ("f*", "fine")
    assert asked.choices["crops"].value == "1" and "asked for" in str(asked.choices["crops"])
    assert plain.choices["crops"].value == "5" and "card" in str(plain.choices["crops"])
    assert all(choice.value and choice.reason for choice in plain.choices.values())
    assert {"device", "dtype", "cells", "partition", "kernel", "refinement"} <= set(plain.choices)


@pytest.mark.parametrize("name", ["seg", "mff", "scene-16"])
def test_models_of_two_branches_are_given_the_segmentation_once(name, tmp_path, photo):
    segmenter, query = PlainSegmenter(), Query(open_photo(photo))
    predictor = TransLocatorPredictor(opened(tmp_path / "m", name), segmenter=segmenter)
    assert predictor.availability()
    first, again = predictor.predict(query), predictor.predict(query)
    assert segmenter.asked == 1
    np.testing.assert_array_equal(first.classified.segmentation, labelled(query.photo.image))
    np.testing.assert_array_equal(first.classified.probabilities, again.classified.probabilities)
    assert first.choices["segmenter"].value == "plain" and "labelled by" not in first.choices["segmenter"].reason


def test_a_segmenter_unlike_the_training_photos_is_said_to_be(tmp_path):
    card = opened(tmp_path, "mff").card
    other = card.inputs.model_copy(update={"segmentation": "drawn with the photos"})
    _, choice = segmenter_for(card.model_copy(update={"inputs": other}), PlainSegmenter())
    assert "labelled by drawn with the photos" in choice.reason
    found, choice = segmenter_for(card.model_copy(update={"inputs": other, "synthetic": True}))
    assert found.name == choice.value == "segmenter-starter" and "drawn photos" in choice.reason
    _, choice = segmenter_for(card.model_copy(update={"inputs": other}))
    assert "labelled by drawn with the photos" in choice.reason


def test_isns_take_the_network_of_the_scenes_kind(tmp_path, photo):
    from geoloc_core.scenes.places365 import group

    model, query = opened(tmp_path / "m", "isns"), Query(open_photo(photo))
    for kind in range(3):
        classifier = PlainScenes(int(np.flatnonzero(group(3) == kind)[0]))
        classifier.name = f"plain{kind}"
        prediction = TransLocatorPredictor(model, scenes=classifier).predict(query)
        summed = prediction.classified.scene.probabilities
        want = model.classify(query.photo.image, kind=int(np.argmax(summed))).probabilities
        np.testing.assert_array_equal(prediction.classified.probabilities, want)
        assert summed.shape == (3,) and prediction.classified.scene.by == classifier.name
        assert prediction.choices["scenes"].value == classifier.name and prediction.classified.by == "f*"


def test_what_is_missing_is_said_with_a_remedy(tmp_path):
    from geoloc_core.translocator.opened import TransLocator

    assert (
        not (state := TransLocatorPredictor(TransLocator(tmp_path / "none")).availability()) and "train" in state.remedy
    )
    two = opened(tmp_path / "m", "mff")
    assert TransLocatorPredictor(two, segmenter=PlainSegmenter(False)).availability().remedy == "Get it."


def test_it_is_a_predictor_by_name():
    assert "translocator" in names() and load("translocator") is TransLocatorPredictor
