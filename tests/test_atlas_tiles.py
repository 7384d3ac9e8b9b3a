"""The Atlas from above: the same pixels everywhere, no seams, one world at all zooms, land where the photos have it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from mercantile import Tile
from PIL import Image

from geoloc_core.errors import TileError
from geoloc_core.tiles.sources.mbtiles import MBTiles
from geoloc_core.tiles.tile import children, tile_at
from index_builder.atlas.facts import country_codes
from index_builder.atlas.tiles import ZOOMS, atlas_source, draw_tile, pixels, write
from index_builder.atlas.tiles.fields import land_at, land_share
from index_builder.atlas.tiles.grid import Window, mercator
from index_builder.atlas.tiles.nature import ground
from index_builder.atlas.world import place_at, sample_places

MILAN, FIJI, MID_PACIFIC = (45.46, 9.19), (-16.8, 179.99), (-10.0, -130.0)


def window(tile: Tile, side: int = 256) -> Window:
    return Window(tile.z, tile.x * side, tile.y * side, side)


def assert_same(a: np.ndarray, b: np.ndarray) -> None:
    """Equal, but for a rounding of a town's or a road's place."""
    assert np.abs(a.astype(int) - b.astype(int)).max() <= 1 and (a != b).mean() < 1e-3


def far(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference of two pictures, in shades of 255."""
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def test_a_tile_is_a_function_of_its_numbers():
    tile = tile_at(*MILAN, 12)
    first = draw_tile(tile)
    draw_tile(tile_at(*FIJI, 6))
    assert draw_tile(tile) == first
    with Image.open(io.BytesIO(first)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (256, 256), "RGB")


@pytest.mark.parametrize("zoom", [2, 7, 11, 16])
def test_neighbours_meet_without_a_seam(zoom: int):
    """A window across the edge of two tiles shows the same pixels as they do."""
    tile = tile_at(*MILAN, zoom)
    left, right = pixels(window(tile)), pixels(window(Tile(tile.x + 1, tile.y, zoom)))
    across = pixels(Window(zoom, tile.x * 256 + 128, tile.y * 256, 256))
    assert_same(across, np.concatenate([left[:, 128:], right[:, :128]], axis=1))
    below = pixels(window(Tile(tile.x, tile.y + 1, zoom)))
    down = pixels(Window(zoom, tile.x * 256, tile.y * 256 + 128, 256))
    assert_same(down, np.concatenate([left[128:], below[:128]]))


@pytest.mark.parametrize("zoom", [3, 9, 13])
def test_the_world_closes_at_the_date_line(zoom: int):
    last = tile_at(*FIJI, zoom)
    assert last.x == 2**zoom - 1
    east, west = pixels(window(last)), pixels(window(Tile(0, last.y, zoom)))
    across = pixels(Window(zoom, last.x * 256 + 128, last.y * 256, 256))
    assert_same(across, np.concatenate([east[:, 128:], west[:, :128]], axis=1))


@pytest.mark.parametrize("y", [0, -1])
def test_the_maps_northern_and_southern_edge_is_drawn(y: int):
    for zoom in (0, 5, 16):
        picture = pixels(window(Tile(2**zoom // 3, y % 2**zoom, zoom)))
        assert picture[0 if y == 0 else -1].mean() > 120, "the poles are white"


@pytest.mark.parametrize("zoom", [4, 8, 11, 14])
def test_children_show_the_same_land_in_more_detail(zoom: int):
    for place in (MILAN, (25.0, 10.0), (-3.0, -60.0), (64.0, 100.0)):
        tile = tile_at(*place, zoom)
        parent = pixels(window(tile)).astype(float)
        parts = [pixels(window(child)).astype(float) for child in children(tile, 1)]
        whole = np.concatenate([np.concatenate(parts[:2], axis=1), np.concatenate(parts[2:], axis=1)])
        np.testing.assert_allclose(parent.mean((0, 1)), whole.mean((0, 1)), atol=8)
        coarse = whole.reshape(8, 64, 8, 64, 3).mean((1, 3))
        assert far(parent.reshape(8, 32, 8, 32, 3).mean((1, 3)), coarse) < 12


def test_land_lies_where_the_photos_have_it():
    places = sample_places(300, 5, "validation")
    x, y = mercator(places[:, 0], places[:, 1])
    size, right = 256 << 10, 0
    inside = np.abs(places[:, 0]) < 84
    for px, py in zip(x[inside] * size, y[inside] * size, strict=True):
        right += bool(land_share(Window(10, int(px), int(py), 1))[0, 0] > 0.5)
    assert right > 0.96 * inside.sum()


def test_the_ocean_is_sea_and_of_one_picture():
    assert country_codes(np.array([MID_PACIFIC[0]]), np.array([MID_PACIFIC[1]]))[0] == 0
    assert len({draw_tile(tile_at(*MID_PACIFIC, zoom)) for zoom in (8, 10, 12, 14, 16)}) == 1
    sea = pixels(window(tile_at(*MID_PACIFIC, 9)))
    assert sea[..., 2].mean() > 1.5 * sea[..., 0].mean()


@pytest.mark.parametrize("place", [MILAN, (24.0, 5.0), (-3.1, -60.0), (64.0, 30.0)])
def test_the_land_is_that_of_the_photos(place: tuple[float, float]):
    here = Window(14, *(int(v[0] * (256 << 14)) for v in mercator(np.array([place[0]]), np.array([place[1]]))), 1)
    land, told = land_at(here), place_at(*place)
    for trait in ("soil_u", "green_v", "roof_u", "relief", "tree_colour"):
        assert abs(float(here.finer(land.traits[trait])[0, 0]) - told[trait]) < 0.05
    assert abs(float(land.moisture[0, 0]) - told.moisture) < 0.08
    assert abs(float(land.plain_m[0, 0]) - told.elevation_m) < 0.2 * told.elevation_m + 60


def test_wet_land_is_green_and_dry_land_is_not():
    amazon = ground(wet := window(tile_at(-3.1, -62.0, 8)), land_at(wet)).colour.mean((0, 1))
    sahara = ground(dry := window(tile_at(24.0, 5.0, 8)), land_at(dry)).colour.mean((0, 1))
    assert amazon[1] > amazon[0] and sahara[0] > sahara[1] > sahara[2]


def test_the_source_draws_and_names_itself():
    source = atlas_source()
    assert source.id == "drawn:atlas/1" and source.zooms == ZOOMS and source.availability()
    tiles = [tile_at(*MILAN, 6), tile_at(*MID_PACIFIC, 10), Tile(0, 0, 17)]
    got = {one.tile: one for one in source.get_many(tiles)}
    assert got[tiles[0]].picture.image and not got[tiles[0]].picture.blank
    assert got[tiles[1]].picture.blank
    assert got[tiles[2]].trouble
    with pytest.raises(ValueError, match="zooms 0 to 16"):
        draw_tile(tiles[2])


def test_a_file_of_tiles_is_whole_or_goes_on(tmp_path: Path):
    out, drawn = tmp_path / "atlas.mbtiles", []

    def draw(tile: Tile, most: int = 300) -> bytes:
        drawn.append(tile)
        if len(drawn) == most:
            raise KeyboardInterrupt
        return b"\xff\xd8\xff%d" % (tile.x % 2)

    with pytest.raises(KeyboardInterrupt):
        write(out, (5,), draw=draw)
    assert not out.exists()
    with pytest.raises(TileError, match="other zooms"):
        write(out, (4,), draw=draw)
    begun, seen = len(drawn), []
    assert write(out, (5,), draw=draw, on_progress=lambda *at: seen.append(at)) == 1024
    assert len(drawn) - begun == 1024 - 256 and seen[-1] == (1024, 1024)
    source = MBTiles(out)
    assert source.zooms == (5, 5) and source.get(Tile(3, 7, 5)).data == b"\xff\xd8\xff1"
    with pytest.raises(TileError, match="there already"):
        write(out, (5,), draw=draw)


def test_a_file_holds_what_is_drawn(tmp_path: Path):
    out = tmp_path / "corner.mbtiles"
    assert write(out, (3, 4), (40.0, 5.0, 50.0, 15.0)) == 4
    assert MBTiles(out).get(tile_at(*MILAN, 4)).data == draw_tile(tile_at(*MILAN, 4))
