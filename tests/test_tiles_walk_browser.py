"""The map of a walk in a real browser: tiles in every world copy, a picture on hover, and nothing hostile runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import Seen, chromium, serve

STATIC = Path(__file__).parents[1] / "static"
APP = '''
import streamlit as st
from PIL import Image
from streamlit_folium import st_folium
from geoloc_core.maps import WalkView, walk_map
from geoloc_core.tiles.how import How
from geoloc_core.tiles.walk import walk
from tests.tile_walks import Fake, towards

HOSTILE = """{{7*7}} ${window.parent.__pwned=1}</script><script>window.__pwned=1</script>
<img src=x onerror="window.__pwned=1">"""
walked = walk(Fake(towards((-17.0, 179.99))), How(k=5))
shown = WalkView(walked, 2, "x").shown_tiles
view = WalkView(walked, 2, HOSTILE, {shown[0]: Image.new("RGB", (256, 256), "green")}, HOSTILE)
st_folium(walk_map(view), key="walk", height=400, use_container_width=True, returned_objects=[])
'''
TILES = "Object.values(map._layers).filter((l) => l instanceof L.Polygon && l.getTooltip && l.getTooltip())"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walk")
    (folder / "app.py").write_text(APP, encoding="utf8")
    (folder / "static").symlink_to(STATIC)
    with serve(folder / "app.py", env={"PYTHONPATH": str(Path(__file__).parents[1])}) as url, chromium() as visit:
        yield visit(url)


def test_a_tile_shows_its_picture_when_one_points_at_it(seen: Seen):
    (frame,) = seen.maps(1)
    assert frame.evaluate(f"{TILES}.length") == 15, "five tiles, three copies of the world"
    x, y = frame.evaluate(
        f"""() => {{
            const all = {TILES}.filter((l) => map.getBounds().contains(l.getBounds()));
            const at = map.latLngToContainerPoint(all[all.length - 1].getBounds().getNorthWest());
            return [at.x + 6, at.y + 6];
        }}"""
    )
    frame.locator(".leaflet-container").hover(position={"x": x, "y": y})
    tip = frame.locator(".gl-tip")
    tip.wait_for()
    assert "no. 1 of" in tip.inner_text() and "{{7*7}}" in tip.inner_text()
    assert tip.locator("img").evaluate("(image) => image.naturalWidth") == 128
    assert frame.evaluate("window.__pwned === undefined && window.parent.__pwned === undefined")
    assert seen.foreign == [] and seen.errors == []
