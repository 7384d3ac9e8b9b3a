"""Limits on a search against plain loops over the rows: the same rows may be found, and both ends stay exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.encoders import create
from geoloc_core.errors import FilterError, GeolocError, NothingAllowed
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.borders import country_code, rows_in_country
from geoloc_core.gallery.filters import Where
from geoloc_core.gallery.scope import Scope
from geoloc_core.gallery.search import two_ended
from geoloc_core.geo import check_coordinates, distance_km
from geoloc_core.photo import open_photo
from geoloc_core.places import gazetteer
from geoloc_core.prediction import Query
from geoloc_core.predictors.knn import Knn
from tests.make_gallery import write_gallery


class Places:
    """As much of a gallery as filters by place look at."""

    path = Path("places")

    def __init__(self, points: np.ndarray) -> None:
        self.coordinates = check_coordinates(points)
        self.kept: dict = {}

    def __len__(self) -> int:
        return len(self.coordinates)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return Gallery.open(write_gallery(tmp_path_factory.mktemp("filters") / "g"))


def rows(where: Where, gallery: object) -> list[int]:
    """The rows left, [] if none."""
    try:
        mask = where.allowed(gallery)  # type: ignore[arg-type]
    except NothingAllowed:
        return []
    return list(range(len(gallery))) if mask is None else [int(row) for row in np.flatnonzero(mask)]  # type: ignore[arg-type]


LATS = st.sampled_from([-90.0, -89.9, -10.0, 0.0, 10.0, 89.9, 90.0]) | st.floats(-90, 90)
LONS = st.sampled_from([-180.0, -179.9, -10.0, 0.0, 10.0, 179.9]) | st.floats(-180, 179.999)
EDGES = LONS | st.just(180.0)
POINTS = st.lists(st.tuples(LATS, LONS), min_size=1, max_size=30)


@settings(deadline=None)
@given(POINTS, st.tuples(LATS, LATS).map(sorted), EDGES, EDGES)
def test_a_box_is_what_it_says_on_either_side_of_the_antimeridian(points, lats, west, east):
    def inside(lat: float, lon: float) -> bool:
        same = (lon, 180.0) if lon == -180 else (lon,)
        between = any(west <= x <= east if west <= east else x >= west or x <= east for x in same)
        return lats[0] <= lat <= lats[1] and between

    places = Places(np.array(points))
    expected = [i for i, (lat, lon) in enumerate(places.coordinates) if inside(lat, lon)]
    assert rows(Where(box=(lats[0], west, lats[1], east)), places) == expected


@settings(deadline=None)
@given(POINTS, st.tuples(LATS, LONS), st.sampled_from([0.0, 1.0, 500.0, 12_000.0, 20_020.0]) | st.floats(0, 20_100))
def test_a_radius_is_a_circle_also_around_a_pole(points, centre, km):
    places = Places(np.array(points))
    expected = [i for i, point in enumerate(places.coordinates) if distance_km(centre, point) <= km]
    assert rows(Where(centre=centre, radius_km=km), places) == expected


@pytest.mark.parametrize("code", ["FR", "US", "RU", "FJ", "MV", "AQ", "MC", "KI", "NL"])
def test_a_country_is_where_places_says_it_is(code: str):
    """Points in, around and off the country, and at its islands."""
    rng = np.random.default_rng(1)
    towns = gazetteer()._points[gazetteer()._slices.get(code, slice(0, 0))]
    centres = towns[rng.integers(0, len(towns), 120)] if len(towns) else rng.uniform((-90, -180), (-60, 180), (120, 2))
    near = centres + rng.normal(0, 0.05, (120, 2)) * rng.choice([0, 1, 30], (120, 1))
    world = np.column_stack([rng.uniform(-90, 90, 60), rng.uniform(-180, 180, 60)])
    points = check_coordinates(np.clip(np.concatenate([near, world]), (-90, -720), (90, 720)))
    expected = [i for i, place in enumerate(gazetteer().describe_many(points)) if place.country_code == code]
    assert len(expected) > 20
    assert list(rows_in_country(points, code)) == expected


def test_countries_go_by_code_or_name():
    assert {country_code(text) for text in ("fr", "FR", "France", "france")} == {"FR"}
    assert country_code("CÔTE D'IVOIRE") == country_code("ci")
    with pytest.raises(FilterError, match="Give"):
        country_code("Atlantis")


def test_authors_ids_and_content_are_left_out(tmp_path: Path):
    folder = write_gallery(tmp_path / "g", count=30)
    table = pq.read_table(folder / "rows-00000.parquet")
    hashes = pa.array([None if i == 3 else f"{i // 2:032x}" for i in range(30)])
    pq.write_table(table.append_column("content_hash", hashes), folder / "rows-00000.parquet")
    from geoloc_core.gallery.manifest import NAME, describe_file, read_manifest

    manifest = read_manifest(folder)
    files = {**manifest.files, "rows-00000.parquet": describe_file(folder / "rows-00000.parquet")}
    (folder / NAME).write_text(manifest.model_copy(update={"files": files}).to_json())
    gallery = Gallery.open(folder)
    assert rows(Where(without_authors=frozenset({"Ann", "Ben"})), gallery) == list(range(2, 30, 3))
    assert rows(Where(without_ids=frozenset({"p4", "nobody"})), gallery) == [*range(4), *range(5, 30)]
    assert rows(Where(without_content=f"{1:032x}"), gallery) == [0, 1, *range(3, 30)]
    both = Where(without_authors=frozenset({"Cai"}), without_ids=frozenset({"p0"}), box=(-90, -180, 90, 180))
    assert rows(both, gallery) == [i for i in range(1, 30) if i % 3 != 2]


@pytest.mark.parametrize(
    "where",
    [
        Where(country="Spain"),
        Where(centre=(48.85, 2.35), radius_km=25),
        Where(box=(-90, 0, 90, -100)),
        Where(country="US", without_authors=frozenset({"Ann"})),
    ],
    ids=str,
)
def test_both_ends_are_exact_over_the_rows_left(gallery: Gallery, where: Where):
    left = np.array(rows(where, gallery))
    assert 0 < len(left) < len(gallery)
    stored = gallery.vectors(np.arange(len(gallery)))
    query = np.random.default_rng(3).normal(size=stored.shape[1]).astype(np.float32)
    for k in (1, 16, len(gallery)):
        found, plain = where_search(where, gallery, query, k), two_ended([stored[left]], query, k)
        assert list(found.nearest.rows) == list(left[plain.nearest.rows])
        assert list(found.farthest.rows) == list(left[plain.farthest.rows])


def where_search(where: Where, gallery: Gallery, query: np.ndarray, k: int):
    return Scope(where).open(gallery).search(query, k)


def test_voters_and_neighbours_come_from_the_rows_left(small_gallery: Path, photo_folder: Path):
    gallery, where = Gallery.open(small_gallery), Where(box=(-90, -180, 45, 180))
    left = {tuple(gallery.coordinates[row]) for row in rows(where, gallery)}
    query = Query(open_photo(photo_folder / "a" / "21.jpg"), scope=Scope(where))
    prediction = Knn(gallery, create("im2gps")).predict(query)
    assert 0 < len(left) < 24
    assert {tuple(point) for point in prediction.distribution.points} == left
    for end in (prediction.evidence.nearest, prediction.evidence.farthest):
        assert end and {(one.lat, one.lon) for one in end} <= left
    assert "limited: in the box -90 to 45" in str(prediction.searched)
    assert prediction.searched and prediction.searched.photos == len(left)


def test_no_condition_is_no_mask(gallery: Gallery):
    assert not Where() and Where().allowed(gallery) is None
    assert str(Where()) == "everywhere"
    said = str(Where(country="fr", centre=(1.5, 2), radius_km=30, without_ids=frozenset("abc")))
    assert said == "in France, within 30 km of 1.5, 2, without the id a, b and 1 more"


def test_what_cannot_be_done_says_what_to_do(gallery: Gallery):
    for bad in (
        {"centre": (1, 2)},
        {"radius_km": 5},
        {"centre": (91, 0), "radius_km": 5},
        {"centre": (1, 2), "radius_km": float("nan")},
        {"box": (10, 0, 5, 1)},
        {"box": (0, 0, 5, 190)},
        {"box": (0, float("nan"), 5, 1)},
    ):
        with pytest.raises(GeolocError, match="Give"):
            Where(**bad)  # type: ignore[arg-type]
    with pytest.raises(NothingAllowed, match="Widen"):
        Where(country="Antarctica").allowed(gallery)
    with pytest.raises(FilterError, match="content_hash"):
        Where(without_content="0" * 32).allowed(gallery)
