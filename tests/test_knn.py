"""The kNN predictor against its formula written out, and where its settings come from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from geoloc_core import predictors
from geoloc_core.encoders import create
from geoloc_core.errors import GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.manifest import Voting
from geoloc_core.photo import open_photo
from geoloc_core.prediction import Query
from geoloc_core.predictors.knn import PUBLISHED, Knn, votes


@pytest.fixture(scope="module")
def query(photo_folder: Path) -> Query:
    return Query(open_photo(photo_folder / "a" / "03.jpg"))


def test_the_density_is_the_published_formula_on_the_sphere(small_gallery: Path, query: Query):
    gallery, encoder = Gallery.open(small_gallery), create("im2gps")
    prediction = Knn(gallery, encoder, voting=Voting(voters=7, sigma_km=300, exponent=2)).predict(query)
    vectors = np.load(small_gallery / "vectors-00000.npy").astype(np.float32)
    similarity = vectors @ query.embedding(encoder)
    nearest = np.argsort(-similarity, kind="stable")[:7]
    weights = 1 / np.clip(2 - 2 * similarity[nearest], 1e-3, None) ** 2
    assert prediction.distribution.weights == pytest.approx(weights / weights.sum(), rel=1e-3)
    assert np.array_equal(prediction.distribution.points, gallery.coordinates[nearest])
    assert set(prediction.distribution.kernel_km) == {300}


def test_a_twin_outweighs_all_others_but_stays_finite():
    weights = votes(np.array([1.0, 0.9, 0.5]), exponent=10)
    assert np.isfinite(weights).all()
    assert weights[0] > 1e6 * weights[1] > weights[2] > 0


def test_settings_come_from_the_caller_the_gallery_or_the_paper(small_gallery: Path, tmp_path: Path):
    encoder = create("im2gps")
    plain = Knn(Gallery.open(small_gallery), encoder)
    assert (plain.voting, plain.because) == (PUBLISHED, "as published by Vo et al.")
    tuned = shutil.copytree(small_gallery, tmp_path / "tuned")
    manifest = json.loads((tuned / "manifest.json").read_text())
    manifest["voting"] = {"voters": 9, "sigma_km": 12.5, "exponent": 3}
    (tuned / "manifest.json").write_text(json.dumps(manifest))
    assert Knn(Gallery.open(tuned), encoder).because == "measured for this gallery"
    assert Knn(Gallery.open(tuned), encoder).voting.sigma_km == 12.5
    asked = Knn(Gallery.open(tuned), encoder, voting=PUBLISHED)
    assert (asked.voting, asked.because) == (PUBLISHED, "asked for")


def test_a_query_encodes_once_for_all_who_ask(small_gallery: Path, photo_folder: Path):
    gallery, encoder, steps = Gallery.open(small_gallery), create("im2gps"), []
    query = Query(open_photo(photo_folder / "a" / "03.jpg"), steps.append)
    for _ in range(3):
        Knn(gallery, encoder).predict(query)
    assert steps.count("Encoding the photo") == 1
    assert sum("Searching" in step for step in steps) == 1


def test_another_encoder_makes_it_unavailable_with_a_remedy(small_gallery: Path, tmp_path: Path):
    other = shutil.copytree(small_gallery, tmp_path / "other")
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["encoder"] = {"id": "open_clip/other", "name": "other"}
    (other / "manifest.json").write_text(json.dumps(manifest))
    state = Knn(Gallery.open(other), create("im2gps")).availability()
    assert not state
    assert "Use the encoder other" in state.remedy


def test_the_folder_is_the_registry():
    assert "knn" in predictors.names()
    assert predictors.load("knn") is Knn
    with pytest.raises(GeolocError, match="knn"):
        predictors.load("oracle")
