"""The map of geo-cells in a real browser: cells drawn and coloured, each says its share, and nothing hostile runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import Seen, chromium, serve

STATIC = Path(__file__).parents[1] / "static"
APP = '''
import numpy as np
import streamlit as st
from streamlit_folium import st_folium
from geoloc_core.maps import CellsView, cells_map
from tests.make_cells import of_tokens
import s2cell

HOSTILE = """{{7*7}} {% x %} ${window.parent.__pwned=1} `+(window.__pwned=1)+`
</script><script>window.__pwned=1</script><img src=x onerror="window.__pwned=1">"""
level = of_tokens(tokens=[s2cell.lat_lon_to_token(-17.0, 178.2 + 0.7 * i, 7) for i in range(8)])
view = CellsView(level, np.array([.4, .2, .1, .1, .05, .05, .05, .05]), *level.points[0], HOSTILE, (HOSTILE,),
                 truth=(-17.5, -179.0), truth_title=HOSTILE)
st_folium(cells_map(view, st.context.theme.type or "light"), key="cells", height=400, use_container_width=True,
          returned_objects=[])
'''
CELLS = "Object.values(map._layers).filter((l) => l instanceof L.Polygon && l.getTooltip && l.getTooltip())"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    (folder / "app.py").write_text(APP, encoding="utf8")
    (folder / "static").symlink_to(STATIC)
    root = str(Path(__file__).parents[1])
    with serve(folder / "app.py", env={"PYTHONPATH": root}) as url, chromium() as visit:
        yield visit(url)


def test_cells_are_drawn_in_every_world_copy_the_likeliest_deepest(seen: Seen):
    (frame,) = seen.maps(1)
    assert frame.evaluate(f"{CELLS}.length") == 24, "eight cells, three copies"
    fills = frame.evaluate(f"{CELLS}.map((l) => [l.getTooltip().getContent(), l.options.fillOpacity])")
    opacity = dict(fills)
    assert opacity["40.0 %"] > opacity["20.0 %"] > opacity["10.0 %"] > opacity["5.0 %"] > 0.05
    shown = frame.evaluate(f"{CELLS}.filter((l) => map.getBounds().contains(l.getBounds())).length")
    assert shown == 8, "both sides of the antimeridian are in view"
    assert frame.locator(".gl-swatch-cell").count() == 1


def test_a_cell_says_its_share_and_its_photos(seen: Seen):
    (frame,) = seen.maps(1)
    spot = frame.evaluate(
        f"""() => {{
            const cell = {CELLS}.find((l) => l.getTooltip().getContent() === '20.0 %'
                && map.getBounds().contains(l.getBounds()));
            const at = map.latLngToContainerPoint(cell.getBounds().getCenter());
            return [at.x, at.y];
        }}"""
    )
    frame.locator(".leaflet-container").click(position={"x": spot[0], "y": spot[1]})
    card = frame.locator(".gl-card")
    card.wait_for()
    assert "20.0 %" in card.inner_text() and "52 training photos" in card.inner_text()
    seen.page.keyboard.press("Escape")


def test_hostile_text_is_only_text(seen: Seen):
    (frame,) = seen.maps(1)
    frame.evaluate("map.closePopup()")
    frame.locator(".gl-marker[role=button]").first.focus()
    seen.page.keyboard.press("Enter")
    card = frame.locator(".gl-card", has_text="{{7")
    card.wait_for()
    assert "{{7*7}}" in card.inner_text() and "<img src=x" in card.inner_text()
    assert frame.evaluate("window.__pwned === undefined && window.parent.__pwned === undefined")
    assert frame.locator("img[src=x]").count() == 0
    assert seen.foreign == [] and seen.errors == []
