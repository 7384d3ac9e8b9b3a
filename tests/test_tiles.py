"""Tiles: the paper's equations, the edges of the map, families of tiles, pictures from hostile bytes, presets."""

from __future__ import annotations

import io
import math
from itertools import pairwise

import mercantile
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from geoloc_core.errors import TileError
from geoloc_core.tiles.picture import SIDE, Trouble, read_tile
from geoloc_core.tiles.sources import open_source
from geoloc_core.tiles.sources.presets import PRESETS
from geoloc_core.tiles.tile import (
    EDGE,
    ZOOMS,
    Tile,
    bounds,
    centre,
    centres,
    children,
    covering,
    exists,
    parent,
    tile_at,
    width_km,
    world,
)
from tests.tile_server import giant_png, tile_png

zooms = st.integers(0, 20)
latitudes = st.floats(-85.0, 85.0)
longitudes = st.floats(-180.0, 180.0, exclude_max=True)


@st.composite
def tiles(draw: st.DrawFn, least: int = 0, most: int = 20) -> Tile:
    z = draw(st.integers(least, most))
    return Tile(draw(st.integers(0, 2**z - 1)), draw(st.integers(0, 2**z - 1)), z)


def equations_3_to_6(lat: float, lon: float, k: int) -> tuple[float, float]:
    """(x, y) of the paper before they are rounded down."""
    easting = math.radians(lon)
    northing = math.log(math.tan(math.pi / 4 + math.radians(lat) / 2))
    return (easting + math.pi) / (2 * math.pi / 2**k), 2**k - (northing + math.pi) / (2 * math.pi / 2**k)


@given(tiles())
@example(Tile(0, 0, 0))
@example(Tile(65535, 0, 16))
def test_equations_1_and_2_give_the_centre(tile: Tile):
    x, y, z = tile
    lat = 180 / math.pi * (2 * math.atan(math.exp(2 * math.pi * (0.5 - (y + 0.5) / 2**z))) - math.pi / 2)
    assert centre(tile) == pytest.approx((lat, 360 * (x + 0.5) / 2**z - 180), abs=1e-9)


@given(latitudes, longitudes, zooms)
@example(51.4778, 0.0, 16)
def test_equations_3_to_6_give_the_tile(lat: float, lon: float, zoom: int):
    """Equal but for places within a rounding error of a tile's border."""
    x, y = equations_3_to_6(lat, lon, zoom)
    found = tile_at(lat, lon, zoom)
    slack = 1e-9 * 2**zoom
    assert found.x <= x + slack and x - slack <= found.x + 1
    assert found.y <= y + slack and y - slack <= found.y + 1


@given(tiles())
def test_a_tile_holds_its_centre_and_lies_within_its_bounds(tile: Tile):
    lat, lon = centre(tile)
    south, west, north, east = bounds(tile)
    assert tile_at(lat, lon, tile.z) == tile
    assert south < lat < north and west < lon < east


def test_the_centre_is_the_maps_middle_not_the_latitudes():
    south, _, north, _ = bounds(Tile(0, 0, 1))
    assert centre(Tile(0, 0, 1))[0] == pytest.approx(66.51326, abs=1e-4)
    assert (south + north) / 2 == pytest.approx(EDGE / 2, abs=1e-4)


@pytest.mark.parametrize("zoom", ZOOMS)
def test_poles_and_date_line(zoom: int):
    last = 2**zoom - 1
    assert pytest.approx(85.0511287798, abs=1e-9) == EDGE
    for lat in (EDGE, 85.06, 90.0):
        assert tile_at(lat, 0.1, zoom).y == 0
        assert tile_at(-lat, 0.1, zoom).y == last
    assert tile_at(0.1, -180.0, zoom).x == 0
    assert tile_at(0.1, 179.9999999, zoom).x == last
    assert tile_at(0.1, 180.0, zoom).x in (0, last)  # it is both
    assert tile_at(10, 190, zoom) == tile_at(10, -170, zoom)
    assert bounds(Tile(0, 0, zoom))[2] == pytest.approx(EDGE) and bounds(Tile(0, last, zoom))[0] == pytest.approx(-EDGE)


@pytest.mark.parametrize(("lat", "lon"), [(91, 0), (float("nan"), 0), (0, float("inf"))])
def test_no_place(lat: float, lon: float):
    with pytest.raises(TileError, match="no place"):
        tile_at(lat, lon, 4)


def test_no_zoom():
    for wrong in (lambda: tile_at(0, 0, -1), lambda: children(Tile(0, 0, 23)), lambda: parent(Tile(0, 0, 1))):
        with pytest.raises(TileError, match="no zoom"):
            wrong()


@given(tiles(2, 18))
def test_children_and_parents(tile: Tile):
    young = children(tile)
    assert len(set(young)) == 16 and {c.z for c in young} == {tile.z + 2}
    assert young[0] == Tile(4 * tile.x, 4 * tile.y, tile.z + 2)  # the paper, section 3.1
    assert [(c.y, c.x) for c in young] == sorted((c.y, c.x) for c in young)
    assert {parent(child) for child in young} == {tile}
    assert parent(tile) == mercantile.parent(tile, zoom=tile.z - 2)
    south, west, north, east = bounds(tile)
    boxes = [bounds(child) for child in young]
    assert min(b[0] for b in boxes) == pytest.approx(south) and max(b[2] for b in boxes) == pytest.approx(north)
    assert min(b[1] for b in boxes) == pytest.approx(west) and max(b[3] for b in boxes) == pytest.approx(east)


@given(latitudes, longitudes)
def test_the_path_of_a_place_is_a_line_of_descent(lat: float, lon: float):
    path = [tile_at(lat, lon, zoom) for zoom in ZOOMS]
    for old, young in pairwise(path):
        assert young in children(old)


def test_worlds():
    assert len(world(4)) == 256 and sum(len(world(z)) for z in (4, 6, 8)) == 69_888
    assert sorted(child for tile in world(2) for child in children(tile)) == sorted(world(4))
    assert centres(world(4)).shape == (256, 2)
    with pytest.raises(TileError, match="smaller"):
        world(16)


@given(latitudes, longitudes, st.floats(0, 3), st.floats(0, 3), st.integers(0, 8))
@example(0.0, 179.0, 1.0, 3.0, 6)
def test_a_region_is_covered_also_across_the_date_line(lat: float, lon: float, up: float, right: float, zoom: int):
    north, east = min(lat + up, 90), lon + right
    box = (lat, lon, north, east if east <= 180 else east - 360)
    found = covering(box, zoom)
    assert len(found) == len(set(found)) and all(map(exists, found))
    for y in (lat, (lat + north) / 2, north):
        for x in (lon, (lon + east) / 2, east):
            place = tile_at(y, x if x <= 180 else x - 360, zoom)
            assert place in found
    if box[1] <= box[3]:
        assert set(found) >= set(mercantile.tiles(box[1], box[0], box[3], box[2], zoom, truncate=True))
        for south, west, top, edge in map(bounds, found):
            assert west <= box[3] + 1e-6 and edge >= box[1] - 1e-6 and south <= north + 1e-6 and top >= lat - 1e-6


def test_fiji():
    found = covering((-20, 176, -15, -178), 6)
    assert {tile.x for tile in found} == {63, 0} and len(found) == len({t.y for t in found}) * 2
    with pytest.raises(TileError, match="south first"):
        covering((10, 0, -10, 5), 4)


def test_widths():
    assert width_km(Tile(0, 0, 0)) == pytest.approx(40_030.2, abs=0.1)
    assert width_km(tile_at(60, 0, 16)) == pytest.approx(40_030.2 / 65_536 / 2, rel=1e-3)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(mode: str, side: int = SIDE) -> Image.Image:
    return Image.effect_noise((side, side), 90).convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_pictures_of_any_mode(mode: str):
    image = Image.new("I;16", (SIDE, SIDE)) if mode == "I;16" else noise(mode)
    found = read_tile(encoded(image))
    assert found.image and found.image.mode == "RGB" and found.image.size == (SIDE, SIDE)
    assert found.trouble is None and not found.resized and found.blank == (mode == "I;16")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "AVIF"])
def test_pictures_of_other_formats(kind: str):
    assert read_tile(encoded(noise("RGB"), kind)).image


@pytest.mark.parametrize("side", [1, 128, 512])
def test_another_size_is_resized(side: int):
    found = read_tile(encoded(noise("RGB", side)))
    assert found.resized and found.image and found.image.size == (SIDE, SIDE)


@pytest.mark.parametrize("background", ["white", "black"])
def test_one_colour_is_blank(background: str):
    assert read_tile(encoded(Image.new("RGB", (SIDE, SIDE), background), "JPEG")).blank
    assert read_tile(encoded(Image.new("RGBA", (SIDE, SIDE), (9, 9, 9, 0)))).blank  # nothing drawn
    dot = Image.new("RGB", (SIDE, SIDE), background)
    dot.putpixel((200, 7), (128, 0, 0))
    assert not read_tile(encoded(dot)).blank


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (b"", Trouble.EMPTY),
        (b"<html>busy</html>", Trouble.WEB_PAGE),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html>", Trouble.WEB_PAGE),
        (b'{"error": "no key"}', Trouble.WEB_PAGE),
        (b"\x1a\x25\x0a\x05water", Trouble.BROKEN),
        (b"II*\0" + bytes(100), Trouble.BROKEN),
        (tile_png(1, 0, 0)[:600], Trouble.BROKEN),
        (encoded(noise("RGB"), "JPEG")[:900], Trouble.BROKEN),
        (giant_png(), Trouble.TOO_LARGE),
        (b"\x89PNG\r\n\x1a\n" + bytes(5_000_000), Trouble.TOO_LARGE),
        (encoded(Image.new("RGB", (256, 128))), Trouble.NOT_SQUARE),
    ],
    ids=lambda value: value.name if isinstance(value, Trouble) else "",
)
def test_bytes_that_are_no_tile(data: bytes, trouble: Trouble):
    found = read_tile(data)
    assert found.image is None and found.trouble is trouble


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF89a"]))
def test_any_bytes_at_all(rest: bytes, head: bytes):
    found = read_tile(head + rest)
    assert (found.image is None) == (found.trouble is not None)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_states_whose_it_is(name: str):
    source = open_source(name)
    about = source.about
    assert about.title and about.attribution and about.licence != "not stated" and about.terms
    assert about.url.startswith("https://") and source.availability()
    assert PRESETS[name].template.startswith("https://") and "NC" not in about.licence.split("(")[0]
    for forbidden in ("google", "bing", "virtualearth", "arcgisonline", "mapbox", "openstreetmap.org"):
        assert forbidden not in PRESETS[name].template.split("/")[2]
