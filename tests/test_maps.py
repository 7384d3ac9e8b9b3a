"""Maps: text is never code, shapes are right on the sphere, equal input gives equal pages, no other host is asked."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import folium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateSyntaxError
from PIL import Image

from geoloc_core.geo import EARTH_RADIUS_KM, LocationDistribution, distance_km
from geoloc_core.maps import TILE_LAYERS, Marker, PredictionView, base, neighbour_map, prediction_map
from geoloc_core.maps.heat import heat_image
from geoloc_core.maps.safe import json_literal, safe
from geoloc_core.maps.shapes import beside, bounds, great_circle, narrowest, ring

HOSTILE = [
    "{{7*7}}",
    "{{ cycler.__init__.__globals__.os.getpid() }}",
    "{% x %}",
    "{# gone #}",
    "${1+1}",
    "`+alert(1)+`",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\"'); alert(1); //",
    "back\\slash\\u0041",
    "line\nbreak\r\u2028\u2029end",
    "\u202eright to left\u2066",
    "\ud800 lone",
    "_abc123 map_geoloc",
]
ALL = " ".join(HOSTILE)
BOTH = pytest.mark.parametrize("kind", ["nearest", "farthest"])
lats, lons = st.floats(-90, 90), st.floats(-180, 180)


def render(drawn: folium.Map) -> str:
    return drawn.get_root().render()


def marker(rank: int, lat: float = 46.0, lon: float = 8.0, text: str = "Place") -> Marker:
    return Marker(lat + rank, lon + rank, rank, 1 - rank / 20, text, (text,), b"\xff\xd8\xff")


def hostile_view(text: str) -> PredictionView:
    places = (marker(1, text=text), marker(2, text=text))
    return PredictionView(
        46, 8, 120, text, (text,), text, places, places, (47, 9), text, lambda points: np.ones(len(points))
    )


def calls(html: str) -> dict[str, dict]:
    """The options of every call of the browser's functions, as the browser will read them."""
    found = re.findall(r"^GeolocMap\.(\w+)\(map_\w+, (.*)\);$", html, re.MULTILINE)
    return {name: json.loads(options) for name, options in found}


@pytest.mark.parametrize("text", [*HOSTILE, ALL])
def test_text_is_never_code(text):
    for drawn in (prediction_map(hostile_view(text)), neighbour_map([marker(1, text=text)]), base.OfflineMap(text)):
        html = render(drawn)
        scripts = "".join(re.findall(r"<script>(.*?)</script>", html, re.DOTALL))
        for options in re.findall(r"^GeolocMap\.\w+\(map_\w+, (.*)\);$", scripts, re.MULTILINE):
            strings = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', options))
            assert not set("{}<>&`$'%#_") & set(strings) and strings.isascii() and strings.isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_text_arrives_as_it_was(text):
    arrived = calls(render(neighbour_map([marker(1, text=text)])))["numbered"]["markers"][0]
    shown = re.sub(r"[\u202a-\u202e\u2066-\u2069\ud800]", "", " ".join(text.split())).strip()
    assert arrived["title"].strip() == arrived["lines"][0].strip() == shown


@pytest.mark.parametrize(("text", "sign"), [("{{7*7}}", "49"), ("{{ 'a' ~ 'b' }}", '"ab"')])
def test_without_escaping_the_server_runs_it(monkeypatch, text, sign):
    """The danger is real: take the escaping away and Jinja runs a place name, in our map as in plain folium."""
    assert sign not in render(neighbour_map([marker(1, text=text)])).replace("0.49", "")
    monkeypatch.setattr(base, "json_literal", json.dumps)
    assert sign.strip('"') in render(neighbour_map([marker(1, text=text)]))
    plain = folium.Map(tiles=None)
    folium.Marker((0, 0), tooltip=text).add_to(plain)
    assert sign.strip('"') in render(plain)
    cured = folium.Map(tiles=None)
    folium.Marker((0, 0), tooltip=safe(text)).add_to(cured)
    assert safe(text) in render(cured)


def test_without_escaping_a_name_breaks_the_page(monkeypatch):
    render(neighbour_map([marker(1, text="{% x %}")]))
    monkeypatch.setattr(base, "json_literal", json.dumps)
    with pytest.raises(TemplateSyntaxError):
        render(neighbour_map([marker(1, text="{% x %}")]))


@given(st.text(st.characters()))
def test_safe_leaves_nothing_that_means_anything(text):
    assert re.fullmatch(r"(?:[^\W_]|[ .,()-]|&#\d+;)*", safe(text)), "letters, digits, plain signs, numeric entities"


@given(st.recursive(st.text() | st.integers() | st.none(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_json_literal_is_inert_json(value):
    text = json_literal(value)
    json.loads(text)
    assert text.isascii() and not re.search(r"\{\{|\{%|\{#|\$|`|<|>|&|'", text)


def test_json_literal_refuses_what_is_no_number():
    with pytest.raises(ValueError):
        json_literal({"lat": float("nan")})


@BOTH
def test_same_input_same_output(kind):
    view = hostile_view("x")
    assert render(neighbour_map([marker(1)], kind)) == render(neighbour_map([marker(1)], kind))
    assert render(prediction_map(view)) == render(prediction_map(view))
    assert render(prediction_map(view)) != render(prediction_map(replace(view, title="_other")))


@BOTH
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_address_of_another_host(kind, theme):
    for drawn in (neighbour_map([marker(1)], kind, theme, prediction=(1, 2)), prediction_map(hostile_view("x"), theme)):
        assert not re.findall(r"https?://|//\w+\.\w+", render(drawn))


@pytest.mark.parametrize("tiles", TILE_LAYERS, ids=lambda tiles: tiles.name)
def test_online_tiles_only_when_asked_for_and_credited(tiles):
    options = calls(render(neighbour_map([marker(1)], tiles=tiles)))["tiles"]
    assert options["url"] == tiles.url and tiles.terms.startswith("https://")
    assert all(link in options["attribution"] for _, link in tiles.credit)


def test_stronger_is_what_the_map_is_about():
    places = [marker(rank) for rank in range(1, 5)]
    strengths = {
        kind: [m["strength"] for m in calls(render(neighbour_map(places, kind)))["numbered"]["markers"]]
        for kind in ("nearest", "farthest")
    }
    assert strengths["nearest"] == sorted(strengths["nearest"], reverse=True) and strengths["nearest"][0] == 1
    assert strengths["farthest"] == sorted(strengths["farthest"]) and strengths["farthest"][-1] == 1


def test_empty_and_equal_neighbours():
    assert "numbered" not in calls(render(neighbour_map([])))
    twins = [replace(marker(1), rank=rank, score=0.5) for rank in (1, 2)]
    assert [m["strength"] for m in calls(render(neighbour_map(twins)))["numbered"]["markers"]] == [1, 1]


def test_marker_carries_its_thumbnail():
    item = calls(render(neighbour_map([marker(1)])))["numbered"]["markers"][0]
    assert item["thumbnail"] == "data:image/jpeg;base64,/9j/"


def test_bounds_over_the_date_line_are_narrow():
    fiji_and_samoa = [replace(marker(1), lat=-17.8, lon=179.2), replace(marker(2), lat=-13.8, lon=-171.8)]
    (_, west), (_, east) = calls(render(neighbour_map(fiji_and_samoa)))["fit"]["bounds"]
    assert east - west == pytest.approx(9.0)
    view = PredictionView(-17.8, 179.2, 100, "Fiji", truth=(-13.8, -171.8))
    (_, west), (_, east) = calls(render(prediction_map(view)))["fit"]["bounds"]
    assert 9 < east - west < 12


@given(lats, lons, st.floats(0.05, 20000))
def test_ring_is_at_its_radius_and_never_jumps(lat, lon, km):
    circle = ring(lat, lon, km)
    assert np.abs(distance_km((lat, lon), circle.line) - km).max() < 0.1
    assert np.abs(np.diff(circle.line[:, 1])).max() <= 180 + 1e-9
    assert np.abs(circle.line[:, 1] - lon).max() <= 540


def inside(point: tuple[float, float], rings: tuple[np.ndarray, ...]) -> bool:
    """Even-odd rule over rings in the plane of degrees, in every world copy."""
    found = False
    for turn in (-720, -360, 0, 360, 720):
        hits = 0
        for line in rings:
            (lat_a, lon_a), (lat_b, lon_b) = line.T, np.roll(line, -1, axis=0).T
            lon = point[1] + turn
            spans = (lon_a > lon) != (lon_b > lon)
            crossing = lat_a + (lon - lon_a) / np.where(spans, lon_b - lon_a, 1) * (lat_b - lat_a)
            hits += int((spans & (crossing > point[0])).sum())
        found |= hits % 2 == 1
    return found


@given(st.floats(-88, 88), lons, st.floats(200, 19500), st.floats(-85, 85), lons)
def test_ring_fills_what_is_nearer(lat, lon, km, at_lat, at_lon):
    circle = ring(lat, lon, km, vertices=2000)
    quarter = EARTH_RADIUS_KM * np.pi / 2
    to_poles = [(90 - lat) / 90 * quarter, (90 + lat) / 90 * quarter]
    gap = float(distance_km((lat, lon), (at_lat, at_lon))) - km
    if abs(gap) < 60 or min(abs(pole - km) for pole in to_poles) < 60:
        return  # between two vertices, or an edge that runs over a pole
    if abs((at_lon - lon + 180) % 360 - 180) < 1e-3:
        return  # on the seam of two world copies
    assert any(inside((at_lat, at_lon), area) for area in circle.areas) == (gap < 0)


@given(lats, lons, lats, lons)
def test_great_circle_is_the_shortest_way(lat_a, lon_a, lat_b, lon_b):
    path = great_circle((lat_a, lon_a), (lat_b, lon_b))
    total = float(distance_km((lat_a, lon_a), (lat_b, lon_b)))
    assert float(distance_km(path[0], (lat_a, lon_a))) < 0.1 and float(distance_km(path[-1], (lat_b, lon_b))) < 0.1
    assert float(distance_km(path[:-1], path[1:]).sum()) == pytest.approx(total, abs=0.5)
    assert np.abs(np.diff(path[:, 1])).max() <= 180 + 1e-9


@given(st.lists(st.tuples(lats, lons), min_size=1, max_size=20), lons)
def test_world_copies(points, lon):
    for moved in (narrowest(points), beside(points, lon)):
        assert np.abs(distance_km(moved, np.array(points))).max() < 1e-3
        assert np.ptp(moved[:, 1]) <= 360 + 1e-6
    assert np.ptp(narrowest(points)[:, 1]) <= np.ptp(np.array(points)[:, 1]) + 1e-6
    (south, west), (north, east) = bounds(points)
    assert -85.06 < south <= north < 85.06 or abs(points[0][0]) > 85
    assert west <= east


def pixels(uri: str) -> np.ndarray:
    import base64

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGBA"))


@pytest.mark.parametrize(("lat", "lon"), [(41.9, 2.8), (-17.8, 179.9), (70, -20)])
def test_heat_peaks_at_the_guess_and_fades_to_nothing(lat, lon):
    density = LocationDistribution([(lat, lon)], kernel_km=100).density
    drawn = heat_image(density, bounds(ring(lat, lon, 250).line))
    alpha = pixels(drawn.image)[..., 3].astype(float)
    row, column = np.unravel_index(alpha.argmax(), alpha.shape)
    x = drawn.west + (drawn.east - drawn.west) * (column + 0.5) / alpha.shape[1]
    mercator = np.arctanh(np.sin(np.radians([drawn.north, drawn.south, lat])))
    y = (mercator[0] - mercator[2]) / (mercator[0] - mercator[1]) * alpha.shape[0]
    assert abs((x - lon + 180) % 360 - 180) < 0.6 and abs(row - y) < 14
    assert not alpha[[0, -1]].any() and not alpha[:, [0, -1]].any()


def test_heat_of_no_mass_is_clear():
    assert not pixels(heat_image(lambda points: np.zeros(len(points)), [[0, 0], [1, 1]]).image)[..., 3].any()
