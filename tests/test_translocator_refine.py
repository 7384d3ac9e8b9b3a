"""The closer look inside the likeliest cell: a plain search of the rows that lie in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from geoloc_core.answer import Answer
from geoloc_core.cells import Level, s2
from geoloc_core.errors import EncoderMismatch
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.filters import Where
from geoloc_core.gallery.scope import Scope
from geoloc_core.geo import distance_km
from geoloc_core.photo import open_photo
from geoloc_core.prediction import Query
from geoloc_core.predictors.knn import PUBLISHED, votes
from geoloc_core.predictors.translocator import TransLocatorPredictor
from geoloc_core.settings import settings
from geoloc_core.translocator.refine import held_by
from geoloc_core.translocator.said import Classified
from geoloc_core.translocator.spread import likeliest, widths_km
from tests.make_gallery import write_gallery
from tests.published_translocator import (
    PlainEncoder,
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


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> Gallery:
    """Photos around the partition's own places, so that most cells hold some."""
    folder = write_gallery(tmp_path_factory.mktemp("g") / "gallery", count=600, dim=16)
    import pyarrow.parquet as pq

    from geoloc_core.gallery.manifest import NAME, describe_file, read_manifest
    from tests.make_cells import photos

    table, where = pq.read_table(folder / "rows-00000.parquet"), photos()[:600]
    for i, name in ((1, "lat"), (2, "lon")):
        assert table.column_names[i] == name
        table = table.set_column(i, name, [where[:, i - 1]])
    pq.write_table(table, folder / "rows-00000.parquet")
    manifest = read_manifest(folder)
    files = {**manifest.files, "rows-00000.parquet": describe_file(folder / "rows-00000.parquet")}
    (folder / NAME).write_text(manifest.model_copy(update={"files": files}).to_json())
    return Gallery.open(folder)


@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
@examples(max_examples=60, deadline=None)
def test_the_rows_of_a_cell_are_those_that_lie_in_it(seed, depth):
    """Cells anywhere, also at the poles and the antimeridian, against every point looked up."""
    rng = np.random.default_rng(seed)
    centre = np.array([np.degrees(np.arcsin(rng.uniform(-1, 1))), rng.uniform(-180, 180)])
    if seed % 3 == 0:
        centre = np.array([rng.choice([-89.99, 89.99, centre[0]]), rng.choice([-179.999, 179.999, centre[1]])])
    cell = s2.ancestors(s2.leaf_ids([centre]), depth)
    level = Level("fine", cell, np.array([centre]), np.array([1]))
    near = centre + rng.normal(0, 90 / 2**depth, (200, 2))
    near[:, 0] = np.clip(near[:, 0], -90, 90)
    near[:, 1] = (near[:, 1] + 180) % 360 - 180
    want = level.find(s2.leaf_ids(near)) == 0
    np.testing.assert_array_equal(held_by(level, 0, near), want)


class Sure:
    """A model that is sure of one cell."""

    def __init__(self, model, cell: int) -> None:
        self.model, self.cell = model, cell

    def __getattr__(self, name):
        return getattr(self.model, name)

    def classify(self, *_, **__) -> Classified:
        return said(sure_of(self.cell))


def searching(tmp_path, gallery, cell, vector) -> TransLocatorPredictor:
    model = Sure(opened(tmp_path / "m", "vit-base"), cell)
    return TransLocatorPredictor(model, refine_in=gallery, encoder=PlainEncoder(vector), shown=5)


def unit(seed: int = 0) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=16)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def test_refined_it_is_a_brute_force_search_of_the_cells_rows(tmp_path, photo, gallery):
    level = partition().parts[-1]
    classes = level.find(s2.leaf_ids(gallery.coordinates))
    cell = int(np.bincount(classes[classes >= 0]).argmax())
    rows = np.flatnonzero(classes == cell)
    vector = unit()
    similarity = np.array([float(v @ vector) for v in gallery.vectors(rows).astype(np.float64)])
    order = np.argsort(-similarity, kind="stable")[: PUBLISHED.voters]
    prediction = searching(tmp_path, gallery, cell, vector).predict(Query(open_photo(photo)))
    assert len(rows) > 5 and prediction.classified.refined
    assert [n.row for n in prediction.evidence.nearest] == rows[order[:5]].tolist()
    assert prediction.searched.photos == len(rows) and level.tokens[cell] in str(prediction.searched)
    distribution, voters = prediction.distribution, min(len(rows), PUBLISHED.voters)
    np.testing.assert_allclose(distribution.points[:voters], gallery.coordinates[rows[order]])
    weights = votes(similarity[order], PUBLISHED.exponent)
    mass = sure_of(cell)[cell] / sure_of(cell).sum()
    kept = likeliest(said(sure_of(cell)))
    mass /= (sure_of(cell) / sure_of(cell).sum())[kept].sum()
    np.testing.assert_allclose(distribution.weights[:voters], mass * weights / weights.sum(), rtol=2e-3)
    narrow = widths_km(level, np.array([cell]))[0] / np.sqrt(len(rows))
    np.testing.assert_allclose(distribution.kernel_km[:voters], narrow)
    best = distribution.best()
    assert distance_km(best, gallery.coordinates[rows]).min() < 3 * narrow
    assert "vote" in prediction.choices["refinement"].reason


def test_the_most_similar_photo_alone_decides_if_it_is_the_only_one_alike(tmp_path, photo, gallery):
    level = partition().parts[-1]
    classes = level.find(s2.leaf_ids(gallery.coordinates))
    cell = int(np.bincount(classes[classes >= 0]).argmax())
    row = int(np.flatnonzero(classes == cell)[3])
    vector = gallery.vectors(np.array([row]))[0].astype(np.float32)
    prediction = searching(tmp_path, gallery, cell, vector).predict(Query(open_photo(photo)))
    assert prediction.evidence.nearest[0].row == row
    assert distance_km(prediction.distribution.best(), gallery.coordinates[row]) < prediction.distribution.kernel_km[0]


def test_an_empty_cell_keeps_its_mean_place_and_says_so(tmp_path, photo, gallery):
    level = partition().parts[-1]
    held = level.find(s2.leaf_ids(gallery.coordinates))
    empty = [cell for cell in range(len(level)) if cell not in held]
    cell = empty[0]
    prediction = searching(tmp_path, gallery, cell, unit()).predict(Query(open_photo(photo)))
    assert prediction.distribution.best() == pytest.approx(tuple(level.points[cell]))
    assert prediction.searched is None and not prediction.classified.refined
    assert "nothing inside" in prediction.choices["refinement"].reason
    assert not Answer.of(prediction, gallery).retrieved


def test_limits_of_the_search_hold_inside_the_cell(tmp_path, photo, gallery):
    level = partition().parts[-1]
    classes = level.find(s2.leaf_ids(gallery.coordinates))
    cell = int(np.bincount(classes[classes >= 0]).argmax())
    rows = np.flatnonzero(classes == cell)
    lat, lon = gallery.coordinates[rows[0]]
    where = Where(centre=(float(lat), float(lon)), radius_km=30.0)
    prediction = searching(tmp_path, gallery, cell, unit()).predict(Query(open_photo(photo), scope=Scope(where=where)))
    inside = rows[distance_km((lat, lon), gallery.coordinates[rows]) <= 30]
    assert 0 < len(inside) < len(rows) and prediction.searched.photos == len(inside)
    assert {n.row for n in prediction.evidence.nearest} <= set(inside.tolist())


def test_a_gallery_wants_its_own_encoder(tmp_path, photo, gallery):
    model, wrong = opened(tmp_path / "m", "vit-base"), PlainEncoder(unit())
    wrong.id = "other/1"
    for encoder in (None, wrong):
        predictor = TransLocatorPredictor(model, refine_in=gallery, encoder=encoder)
        assert not (state := predictor.availability()) and state.remedy
        with pytest.raises(EncoderMismatch):
            predictor.predict(Query(open_photo(photo)))
