"""What is told of an answer in geo-cells: JSON, GeoJSON, words, and that it is a drawn model's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import s2cell
from shapely.geometry import Point, shape

from geoloc_core.answer import Answer
from geoloc_core.cells import Level, s2
from geoloc_core.export import as_record, to_geojson, to_kml
from geoloc_core.gallery import Gallery
from geoloc_core.photo import open_photo
from geoloc_core.prediction import Query, Searched
from geoloc_core.predictors.translocator import TransLocatorPredictor
from geoloc_core.scenes import Scene
from geoloc_core.settings import settings
from geoloc_core.translocator.record import classified_record, in_words, polygons
from tests.make_gallery import write_gallery
from tests.published_translocator import (
    PlainSegmenter,
    opened,
    partition,
    photo_file,
    said,
    sure_of,
)


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setenv("GEOLOC_DTYPE", "float32")
    settings.cache_clear()


@pytest.fixture
def photo(tmp_path) -> Path:
    return photo_file(tmp_path)


@pytest.fixture
def answer(tmp_path, photo) -> Answer:
    model = opened(tmp_path / "m", "scene-16", synthetic=True, licence="Apache-2.0")
    return Answer.of(TransLocatorPredictor(model, segmenter=PlainSegmenter()).predict(Query(open_photo(photo))), None)


def test_a_model_of_drawn_photos_makes_the_answer_synthetic(answer, tmp_path):
    assert answer.synthetic and not answer.gallery_synthetic and answer.prediction.licence == "Apache-2.0"
    gallery = Gallery.open(write_gallery(tmp_path / "g", count=20, synthetic=True))
    real = replace(answer.prediction, synthetic=False)
    assert not Answer.of(real, None).synthetic and not Answer.of(real, gallery).synthetic
    searched = Searched("", 20, 20, True, 0)
    assert Answer.of(replace(real, searched=searched), gallery).synthetic


def test_json_holds_cells_scene_and_attention(answer):
    record = json.loads(json.dumps(as_record(answer)))
    cells, level = record["cells"], answer.prediction.classified.level
    assert record["model"]["predictor"] == "translocator" and record["synthetic"] is True and record["gallery"] is None
    assert len(cells["top"]) == 20 and cells["cells"] == len(level) and cells["by"] == "fine"
    chances = [cell["probability"] for cell in cells["top"]]
    assert chances == sorted(chances, reverse=True) and chances[0] == pytest.approx(
        answer.prediction.classified.probabilities.max(), abs=1e-6
    )
    assert cells["top"][0]["token"] == level.tokens[cells["top"][0]["class"]]
    south, west, north, east = cells["top"][0]["bounds"]
    assert south <= cells["top"][0]["lat"] <= north and west <= east
    assert len(cells["scene"]["top"]) == 3
    assert cells["attention"]["photo"] + cells["attention"]["segmentation"] == pytest.approx(1, abs=2e-4)


def test_geojson_has_the_cells_as_polygons_around_their_places(answer):
    features = json.loads(to_geojson(answer))["features"]
    drawn = [f for f in features if f["properties"]["kind"] == "cell"]
    assert features[0]["properties"]["kind"] == "prediction" and len(drawn) == 20
    for feature in drawn:
        where, cell = shape(feature["geometry"]), feature["properties"]
        assert where.is_valid and where.buffer(1e-3).contains(Point(cell["lon"], cell["lat"]))
        west, _, east, _ = where.bounds
        assert -180 <= west <= east <= 180
    assert "<Polygon" not in to_kml(answer)


@pytest.mark.parametrize(
    ("token", "parts"), [("7", 2), ("74", 1), ("6c", 1), ("5", 1), ("b", 1), ("54", 1), ("89c25", 1), ("3", 1)]
)
def test_polygons_are_cut_at_the_antimeridian(token, parts):
    level = Level("fine", s2.from_tokens([token]), np.array([s2cell.token_to_lat_lon(token)]), np.array([1]))
    ((geometry, _),) = polygons(said(np.ones(1), level))
    found = shape(geometry)
    assert found.is_valid and found.bounds[0] >= -180 and found.bounds[2] <= 180
    assert len(getattr(found, "geoms", [found])) == parts, level.bounds(0)
    turn = np.random.default_rng(0).uniform((-90, -180), (90, 180), (500, 2))
    inside = level.find(s2.leaf_ids(turn)) == 0
    assert np.mean([found.contains(Point(lon, lat)) for lat, lon in turn] == inside) > 0.99


def test_the_words_name_the_likeliest_cells():
    scene = Scene(np.array([0.1, 0.7, 0.2]), "plain")
    text = in_words(said(sure_of(4), scene=scene, attention=(0.25, 0.75)))
    level = partition().parts[-1]
    assert f"{level.tokens[4]} around {level.points[4, 0]:.3f}" in text.splitlines()[1]
    assert "natural 70%" in text and "photo 25%" in text
    assert classified_record(said(sure_of(4)))["scene"] is None
