"""A walk down the tiles on a map: the right tiles, one zoom at a time, the way whole across the antimeridian; safe."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from geoloc_core.maps import WalkView, walk_layer, walk_map
from geoloc_core.tiles.how import How
from geoloc_core.tiles.tile import ZOOMS, bounds, centre
from geoloc_core.tiles.walk import walk
from geoloc_core.tiles.walked import Walk
from tests.test_maps import ALL, HOSTILE, calls, render
from tests.tile_walks import Fake, hashed, towards

FIJI = (-17.0, 179.99)


@pytest.fixture(scope="module")
def walked() -> Walk:
    near, noise = towards(FIJI), hashed()
    return walk(Fake(lambda tile: near(tile) + noise(tile) / 10 / 2**tile.z), How(k=5, beside=((48.0, 2.0),)))


@pytest.mark.parametrize("at", range(len(ZOOMS)))
def test_one_zooms_tiles_are_drawn_the_best_deepest_and_last(walked, at):
    view = WalkView(walked, at, "Fiji")
    cells = calls(render(walk_map(view)))["cells"]["cells"]
    assert len(cells) == len(view.shown_tiles) == 6
    strengths = [cell["strength"] for cell in cells]
    assert strengths == sorted(strengths) and strengths[-1] == 1 and strengths[:2] == [0.1, 0.1]
    assert strengths[2] > 0.1, "the tile held beside does not make the others look alike"
    tile = view.shown_tiles[0]
    assert f"tile {tile.z}/{tile.x}/{tile.y}" in cells[-1]["lines"] and cells[-1]["title"].startswith("no. 1 of")
    south, west, north, east = bounds(tile)
    line = np.array(cells[-1]["line"])
    np.testing.assert_allclose([*line.min(axis=0), *line.max(axis=0)], [south, west, north, east], atol=1e-6)


def test_the_way_leads_to_the_answer_and_stays_on_one_side_of_the_world(walked):
    options = calls(render(walk_map(WalkView(walked, 6, "Fiji", truth=(-17.5, -179.0)))))
    way = np.array(options["line"]["points"])
    np.testing.assert_allclose(way[-1], walked.named, atol=1e-6)
    np.testing.assert_allclose(way[0], centre(walked.best[0].tile), atol=1e-6)
    assert np.ptp(way[:, 1]) < 30
    west = [WalkView(walked, 1, "Fiji").rung.tiles[i] for i in walked.rungs[1].kept]
    assert {tile.x for tile in west} >= {0, 63}, "tiles on both sides of the antimeridian are kept"
    for cell in calls(render(walk_map(WalkView(walked, 1, "Fiji"))))["cells"]["cells"][1:]:
        assert abs(np.mean([lon for _, lon in cell["line"]]) - walked.named[1]) < 30
    assert options["pin"]["lon"] == 181.0, "the truth is drawn beside the guess"


def test_each_view_shows_the_tile_it_came_from(walked):
    for at in range(1, 7):
        (south, west), (north, east) = calls(render(walk_map(WalkView(walked, at, "Fiji"))))["fit"]["bounds"]
        np.testing.assert_allclose((south, west, north, east), bounds(walked.best[at - 1].tile), atol=1e-4)


def test_pictures_are_small_jpegs_with_whose_they_are(walked):
    view = WalkView(walked, 2, "Fiji", attribution="© Somebody")
    best = view.shown_tiles[0]
    picture = Image.new("RGBA", (256, 256), (200, 30, 40, 255))
    cells = calls(render(walk_map(WalkView(walked, 2, "Fiji", {best: picture}, "© Somebody"))))["cells"]["cells"]
    assert [("thumbnail" in cell) for cell in cells] == [False] * 5 + [True]
    head, data = cells[-1]["thumbnail"].split(",")
    shown = Image.open(io.BytesIO(base64.b64decode(data)))
    assert head == "data:image/jpeg;base64" and shown.format == "JPEG" and shown.size == (128, 128)
    assert cells[-1]["lines"][-1] == "© Somebody" and "© Somebody" not in cells[0]["lines"]


@pytest.mark.parametrize("text", [*HOSTILE, ALL])
def test_text_is_never_code(walked, text):
    tile = walked.rungs[1].tiles[walked.rungs[1].kept[0]]
    view = WalkView(walked, 1, text, {tile: Image.new("RGB", (9, 9))}, text, (1.0, 2.0), text)
    scripts = "".join(re.findall(r"<script>(.*?)</script>", render(walk_map(view)), re.DOTALL))
    found = re.findall(r"^GeolocMap\.\w+\(map_\w+, (.*)\);$", scripts, re.MULTILINE)
    assert len(found) >= 6
    for options in found:
        strings = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', options))
        assert not set("{}<>&`$'%#_") & set(strings) and strings.isascii() and strings.isprintable()


def test_same_input_same_output_and_no_other_host(walked):
    picture = {walked.rungs[0].tiles[0]: Image.new("RGB", (256, 256))}
    first, again = (render(walk_map(WalkView(walked, 0, "x", picture), "dark")) for _ in range(2))
    assert first == again and not re.findall(r"https?://|//\w+\.\w+", first)


def test_a_walk_of_one_zoom_and_of_equal_scores():
    one = walk(Fake(lambda tile: 0.5), How(k=2, zooms=(3,)))
    cells = calls(render(walk_map(WalkView(one, 0, "x"))))
    assert len(cells["line"]["points"]) == 1 and {cell["strength"] for cell in cells["cells"]["cells"]} == {1}
    with pytest.raises(ValueError, match="1 zooms"):
        WalkView(one, 1, "x")


def test_a_tile_that_could_not_be_had_says_so(walked):
    gone = walked.rungs[1].tiles[walked.rungs[1].kept[-1]]
    found = walk(Fake(lambda tile: np.nan if tile == gone else hashed()(tile)), How(k=5, beside=((48.0, 2.0),)))
    cells = walk_layer(WalkView(found, 1, "x")).literal
    assert cells.count("not compared") == 1 and "kept for the place beside" in cells
