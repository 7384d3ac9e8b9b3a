"""The embedded base map: its files hold what they should, the builder is right at date line and poles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_builder.geodata.basemap import City, Topology, city_zooms, close_round_pole, encode, rounded, unwrap

FOLDER = Path(__file__).parents[1] / "static" / "basemap"
MEGABYTE = 2**20


def read(name: str) -> dict:
    text = (FOLDER / f"{name}.js").read_text(encoding="utf8")
    start = f'GeolocMap.receive("{name}",'
    assert text.startswith(start) and text.endswith(");\n")
    return json.loads(text[len(start) : -3])


def decode(text: str, scale: int) -> np.ndarray:
    """(n, 2) of (lat, lon): the plain algorithm, as the browser has it."""
    values, value, shift = [], 0, 0
    for char in text:
        bits = ord(char) - 63
        value |= (bits & 31) << shift
        shift += 5
        if bits < 32:
            values.append(~(value >> 1) if value & 1 else value >> 1)
            value = shift = 0
    return np.cumsum(np.array(values).reshape(-1, 2), axis=0) / scale


def land_at(level: str, lat: float, lon: float) -> bool:
    """Even-odd over all rings in all world copies, as the browser fills them."""
    data, crossings = read(f"land-{level}"), 0
    for text in data["land"]:
        ring = decode(text, data["scale"])
        for turn in (-360, 0, 360):
            a, b = ring, np.roll(ring, -1, axis=0)
            spans = (a[:, 1] > lon + turn) != (b[:, 1] > lon + turn)
            a, b = a[spans], b[spans]
            share = (lon + turn - a[:, 1]) / (b[:, 1] - a[:, 1])
            crossings += int((a[:, 0] + share * (b[:, 0] - a[:, 0]) > lat).sum())
    return crossings % 2 == 1


@pytest.mark.parametrize("level", ["110m", "50m", "10m"])
@pytest.mark.parametrize(
    ("place", "lat", "lon", "land"),
    [
        ("France", 47.0, 2.5, True),
        ("Chukotka, beyond the date line", 67.0, -176.0, True),
        ("Chukotka, before it", 67.5, 178.0, True),
        ("Viti Levu", -17.8, 178.0, True),
        ("the South Pole", -89.0, 10.0, True),
        ("Antarctica at the date line", -87.0, 179.9, True),
        ("the Pacific", 0.0, 180.0, False),
        ("the Caspian Sea", 41.5, 51.0, False),
        ("the North Sea", 56.0, 3.0, False),
        ("the Arctic Ocean", 88.0, -170.0, False),
    ],
)
def test_land_is_land_and_sea_is_sea(level, place, lat, lon, land):
    assert land_at(level, lat, lon) == land, place


def test_cities_keep_their_places():
    near = {"Paris": (48.85, 2.35), "Tokyo": (35.69, 139.69), "Quito": (-0.23, -78.52), "Suva": (-18.14, 178.44)}
    cities = read("labels")["cities"]
    names, at = cities["names"].split("\n"), decode(cities["at"], cities["scale"])
    assert len(names) == len(at) == len(cities["zooms"]) > 1000
    for name, place in near.items():
        assert min(np.abs(at[i] - place).max() for i, other in enumerate(names) if other == name) < 0.05, name
    towns = read("towns")["cities"]
    assert len(towns["names"].split("\n")) == len(decode(towns["at"], towns["scale"])) == len(towns["zooms"]) > 30_000


def test_files_are_small():
    sizes = {path.stem: path.stat().st_size for path in FOLDER.glob("*.js")}
    assert sizes["land-110m"] < 0.1 * MEGABYTE, "it is loaded with every map"
    assert sum(sizes.values()) < 4 * MEGABYTE


@given(st.lists(st.tuples(st.floats(-540, 540), st.floats(-90, 90)), min_size=1, max_size=30))
def test_polylines_come_back(points):
    line = np.array(points)
    assert np.abs(decode(encode(rounded(line, 1000)), 1000) - line[:, ::-1]).max() <= 0.0005 + 1e-9


def test_rings_over_date_line_and_pole():
    over = unwrap(np.array([[170.0, 10], [-170, 10], [-170, 20], [170, 20], [170, 10]]))
    assert over[:, 0].tolist() == [170, 190, 190, 170, 170] and close_round_pole(over) is over
    round_pole = close_round_pole(unwrap(np.array([[-170.0, -70], [-60, -70], [60, -70], [170, -70], [-170, -70]])))
    assert round_pole[-3:].tolist() == [[190, -90], [-170, -90], [-170, -70]]


def test_borders_are_arcs_of_two_countries(tmp_path):
    square = {"type": "Polygon", "arcs": [[0, 1]]}
    other = {"type": "Polygon", "arcs": [[~1, 2]]}
    arcs = [[[0, 0], [-1, 0], [0, 2], [1, 0]], [[0, 2], [0, -2]], [[0, 2], [1, 0], [0, -2], [-1, 0]]]
    topology = {"transform": {"scale": [1, 1], "translate": [0, 0]}, "arcs": arcs}
    path = tmp_path / "two.json"
    path.write_text(json.dumps(topology | {"objects": {"countries": {"geometries": [square, other]}}}))
    assert [line.tolist() for line in Topology(path).shared_arcs("countries")] == [[[0, 2], [0, 0]]]


def test_larger_cities_come_first_and_apart():
    cities = [City("Small", 48.9, 2.4, 20_000, False), City("Large", 48.85, 2.35, 9_000_000, True)]
    assert {city.name: zoom for city, zoom in city_zooms(cities)} == {"Large": 3, "Small": 9}
    far = City("Far", 10.0, 2.4, 20_000, False)
    assert {city.name: zoom for city, zoom in city_zooms([far, *cities])} == {"Large": 3, "Far": 9, "Small": 9}
