"""Names of places: known points, nearest town against brute force, hostile text, and the outlines' builder."""

from __future__ import annotations

import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.errors import CoordinateError, GeolocError
from geoloc_core.geo import EARTH_RADIUS_KM, distance_km
from geoloc_core.paths import ASSETS
from geoloc_core.places import REACH_KM, Gazetteer, Place, fold, gazetteer
from index_builder.geodata.outlines import MAX_VERTICES, cut_at_date_line, divide, polygons

LAT = st.floats(-90, 90)
LON = st.floats(-180, 180, exclude_max=True)


@pytest.fixture(scope="module")
def world() -> Gazetteer:
    started = time.perf_counter()
    loaded = gazetteer()
    print(f"gazetteer loaded in {time.perf_counter() - started:.2f} s")
    return loaded


@pytest.fixture(scope="module")
def towns() -> dict[str, np.ndarray]:
    table = pq.ParquetFile(ASSETS / "places" / "places.parquet").read()
    points = np.column_stack([table["lat"].to_numpy(), table["lon"].to_numpy()]).astype(float)
    return {"points": points, "country": np.array(table["country"].to_pylist()), "name": np.array(table["name"])}


@pytest.mark.parametrize(
    ("lat", "lon", "code", "text"),
    [
        (48.8566, 2.3522, "FR", "Paris, Île-de-France, France"),
        (41.98, 2.82, "ES", "Girona, Catalonia, Spain"),
        (40.7831, -73.9712, "US", "Manhattan, New York, United States"),
        (43.7384, 7.4246, "MC", "Monte-Carlo, Monaco"),
        (41.9022, 12.4568, "VA", "Vatican City"),
        (1.29, 103.85, "SG", "Singapore"),
        (-16.8, 179.99, "FJ", "78 km from Labasa, Northern, Fiji"),
        (-16.8, -179.95, "FJ", "84 km from Labasa, Northern, Fiji"),
        (-13.83, -171.77, "WS", "Apia, Tuamasaga, Samoa"),
        (-90, 0, "AQ", "Antarctica"),
        (90, 0, None, "open sea, 1,310 km from Longyearbyen, Svalbard and Jan Mayen"),
        (37, -29, None, "open sea, 169 km from Lajes, Portugal"),
        (-1.2864, 36.8172, "KE", "Nairobi, Kenya"),
        (47.92, 106.92, "MN", "Ulan Bator, Ulaanbaatar, Mongolia"),
        (78.22, 15.65, "SJ", "Longyearbyen, Svalbard and Jan Mayen"),
        (75, -40, "GL", "Greenland"),
        (-29.01, 133.9, "AU", "83 km from Coober Pedy, South Australia, Australia"),
        (47.5596, 7.5886, "CH", "Basel, Basel-City, Switzerland"),
        (47.593, 7.62, "DE", "Weil am Rhein, Baden-Wurttemberg, Germany"),
        (48.5734, 7.7521, "FR", "Strasbourg, Grand Est, France"),
        (48.572, 7.815, "DE", "Kehl, Baden-Wurttemberg, Germany"),
        (32.53, -117.03, "MX", "Tijuana, Baja California, Mexico"),
        (32.7157, -117.1611, "US", "San Diego, California, United States"),
        (4.93, -52.33, "GF", "Cayenne, Guyane, French Guiana"),
        (42.66, 21.16, "XK", "Pristina, Kosovo"),
        (37.751875, -119.522063, "US", "5 km from Yosemite Valley, California, United States"),
    ],
)
def test_known_points(world: Gazetteer, lat: float, lon: float, code: str | None, text: str) -> None:
    place = world.describe(lat, lon)
    assert (str(place), place.country_code) == (text, code)
    assert place.at_sea == (code is None)


@pytest.mark.parametrize(
    ("lat", "lon", "short"),
    [(41.98, 2.82, "Girona, Spain"), (75, -40, "Greenland"), (37, -29, "open sea"), (1.29, 103.85, "Singapore")],
)
def test_short_form(world: Gazetteer, lat: float, lon: float, short: str) -> None:
    assert world.describe(lat, lon).short == short


def test_just_off_the_coast_is_still_the_country(world: Gazetteer) -> None:
    assert world.country(36.1, -5.36) == "GI"
    assert world.country(-8.52, 179.2) == "TV"
    assert world.country(43.2, 3.9) is None  # 30 km off Montpellier


def test_regions_that_repeat_the_name_are_left_out() -> None:
    def text(name: str, region: str, country: str) -> str:
        return str(Place(name, region, country, "XX", 0.0, in_town=True))

    assert text("Zürich", "Zurich", "Switzerland") == "Zürich, Switzerland"
    assert text("Monaco", "Municipality of Monaco", "Monaco") == "Monaco"
    assert text("Ur", "Murcia", "Spain") == "Ur, Murcia, Spain"
    assert text("Perth", "Western Australia", "Australia") == "Perth, Western Australia, Australia"


@settings(max_examples=150, deadline=None)
@given(LAT, LON)
def test_nearest_town_agrees_with_brute_force(
    world: Gazetteer, towns: dict[str, np.ndarray], lat: float, lon: float
) -> None:
    place = world.describe(lat, lon)
    rivals = np.full(len(towns["points"]), True) if place.at_sea else towns["country"] == place.country_code
    away = distance_km((lat, lon), towns["points"][rivals])
    if place.distance_km is None:
        assert not place.at_sea
        assert not rivals.any() or away.min() > REACH_KM
    else:
        assert place.distance_km == pytest.approx(away.min(), abs=1e-3)
        assert place.name in towns["name"][rivals][away <= away.min() + 1e-3]


@settings(max_examples=100, deadline=None)
@given(LAT, st.integers(-180, 179), st.integers(-3, 3))
def test_a_whole_turn_changes_nothing(world: Gazetteer, lat: float, lon: int, turns: int) -> None:
    assert world.describe(lat, lon + 360 * turns) == world.describe(lat, lon)


@pytest.mark.parametrize("lon", [0, 90, 179.999, -180, -45.5])
def test_every_meridian_ends_at_the_same_poles(world: Gazetteer, lon: float) -> None:
    assert world.describe(-90, lon).country_code == "AQ"
    assert world.describe(90, lon).distance_km == pytest.approx(1310, abs=1)


def test_many_at_once_are_the_same_as_one_by_one(world: Gazetteer) -> None:
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-90, 90, 300), rng.uniform(-180, 180, 300)])
    many = world.describe_many(points)
    assert many == [world.describe(lat, lon) for lat, lon in points]
    assert {place.at_sea for place in many} == {True, False}
    assert world.describe_many([]) == []


@pytest.mark.parametrize("point", [(np.nan, 0), (0, np.inf), (90.1, 0), (-91, 0)])
def test_what_is_no_coordinate_is_refused(world: Gazetteer, point: tuple[float, float]) -> None:
    with pytest.raises(CoordinateError, match="Give"):
        world.describe(*point)
    with pytest.raises(CoordinateError):
        world.country(*point)


@pytest.mark.parametrize(
    "text", ["41.98, 2.82", "41.98 2.82", "41°58'48\"N 2°49'12\"E", "41.98N, 2.82E", "41,98 2,82", "41,98; 2,82"]
)
def test_find_reads_coordinates(world: Gazetteer, text: str) -> None:
    [(place, lat, lon)] = world.find(text)
    assert (lat, lon) == pytest.approx((41.98, 2.82))
    assert place.name == "Girona"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("girona", "Girona, Spain"),
        (" GIRONA ,  spain", "Girona, Spain"),
        ("zurich", "Zürich, Switzerland"),
        ("SÃO paulo", "São Paulo, Brazil"),
        ("paris", "Paris, France"),
        ("Paris, Texas, us", "Paris, United States"),
        ("Weissenburg", "Weißenburg in Bayern, Germany"),
        ("lodz", "Łódź, Poland"),
    ],
)
def test_find_reads_names(world: Gazetteer, text: str, short: str) -> None:
    assert world.find(text)[0][0].short == short


def test_find_gives_back_every_town(world: Gazetteer, towns: dict[str, np.ndarray]) -> None:
    for row in np.random.default_rng(1).integers(0, len(towns["name"]), 50):
        found = world.find(f"{towns['name'][row]}, {towns['country'][row]}", limit=1000)
        gaps = [distance_km((lat, lon), towns["points"][row]) for _, lat, lon in found]
        assert not found or min(gaps) < 0.01  # a name with a comma in it cannot be asked for
        assert found or "," in towns["name"][row]
    assert len(world.find("San J", limit=3)) == 3
    assert world.find("Paris", limit=0) == []


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ",", ",,,", "{{7*7}}", "<img onerror=alert(1)>", "%_[a-z]*", "\0", "\N{COMBINING ACUTE ACCENT}"),
        *("95, 10", "12", "1e400, 2", "Route 66, 12", "a" * 10_000, "9" * 99, "1," * 49, "-" * 99, "1°" * 49),
    ],
)
def test_hostile_text_finds_nothing_quickly(world: Gazetteer, text: str) -> None:
    started = time.perf_counter()
    assert world.find(text) == []
    assert time.perf_counter() - started < 2


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_survived(world: Gazetteer, text: str) -> None:
    for _, lat, lon in world.find(text):
        assert abs(lat) <= 90
        assert abs(lon) <= 180


@given(st.text(max_size=60))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_missing_tables_say_what_to_do(tmp_path) -> None:
    with pytest.raises(GeolocError, match="Restore assets/places"):
        Gazetteer(tmp_path)
    (tmp_path / "places.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(GeolocError, match="Restore assets/places"):
        Gazetteer(tmp_path)


@pytest.mark.parametrize(
    ("code", "million_km2", "share"),
    [
        *(("RU", 16.9, 0.02), ("US", 9.47, 0.02), ("CA", 9.97, 0.02), ("GL", 2.15, 0.03), ("FR", 0.55, 0.02)),
        *(("FJ", 0.0183, 0.05), ("AQ", 12.3, 0.15), (None, 147, 0.02)),
    ],
)
def test_outlines_cover_what_countries_cover(code: str | None, million_km2: float, share: float) -> None:
    """Lambert's cylindrical projection keeps areas: (longitude, sine of latitude)."""
    table = pq.ParquetFile(ASSETS / "places" / "countries.parquet").read()
    codes = table["iso2"].to_pylist()
    rows = [i for i in range(len(table)) if code is None or codes[i] == code]
    outlines = shapely.from_wkb(table["wkb"].to_numpy()[rows])
    flat = shapely.transform(outlines, lambda xy: np.column_stack([np.radians(xy[:, 0]), np.sin(np.radians(xy[:, 1]))]))
    assert shapely.area(flat).sum() * EARTH_RADIUS_KM**2 / 1e6 == pytest.approx(million_km2, rel=share)


def test_rings_over_the_date_line_are_cut() -> None:
    ring = np.array([(170, -5), (-170, -5), (-170, 5), (170, 5), (170, -5)], dtype=float)
    hole = np.array([(-178, -1), (-176, -1), (-176, 1), (-178, 1), (-178, -1)], dtype=float)
    parts = cut_at_date_line([ring, hole])
    assert sorted(part.bounds for part in parts) == [(-180, -5, -170, 5), (170, -5, 180, 5)]
    assert sum(part.area for part in parts) == pytest.approx(20 * 10 - 2 * 2)


def test_rings_around_a_pole_reach_it() -> None:
    ring = np.array([(lon, -70) for lon in (0, 90, 180, -90, 0)], dtype=float)
    assert sum(part.area for part in cut_at_date_line([ring])) == pytest.approx(360 * 20)


def test_dividing_keeps_the_area() -> None:
    turn = np.linspace(0, 2 * np.pi, 5000)
    star = shapely.Polygon(np.column_stack([np.cos(turn), np.sin(turn)]) * (20 + 5 * np.sin(40 * turn))[:, None])
    parts = list(divide(star))
    assert sum(part.area for part in parts) == pytest.approx(star.area)
    assert max(shapely.get_num_coordinates(part) for part in parts) <= MAX_VERTICES


def test_polygons_are_found_in_nested_collections() -> None:
    squares = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)])
    mixed = shapely.GeometryCollection([squares, shapely.LineString([(0, 0), (5, 5)]), shapely.box(4, 0, 5, 1)])
    assert len(polygons(mixed)) == 3
