"""Maps in a real browser inside a real Streamlit app: drawn, complete, harmless, and silent towards other hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import Seen, chromium, serve

STATIC = Path(__file__).parents[1] / "static"
APP = '''
import streamlit as st
from streamlit_folium import st_folium
from geoloc_core.maps import Marker, PredictionView, neighbour_map, prediction_map

HOSTILE = """{{7*7}} {% x %} ${window.parent.__pwned=1} `+(window.__pwned=1)+`
</script><script>window.__pwned=1</script>
<img src=x onerror="window.__pwned=1"> ' " \\u2028 \\u202e"""

def ring_of(lat, lon):
    return [Marker(lat + i % 4, (lon + i // 4 + 180) % 360 - 180, i + 1, 1 - i / 20, HOSTILE, (HOSTILE,))
            for i in range(16)]

view = PredictionView(-17.8, 179.5, 300.0, HOSTILE, (HOSTILE,), truth=(-13.8, -171.8), truth_title=HOSTILE,
                      neighbours=tuple(ring_of(-19, 178)), density=lambda p: 1.0 + 0 * p[:, 0])
theme = st.context.theme.type or "light"
told = st_folium(prediction_map(view, theme, picking=True), key="prediction", height=400, use_container_width=True,
                 returned_objects=["last_clicked"], wrap_longitude=True)
st.write("clicked", told["last_clicked"])
for kind, at in (("nearest", (46, 8)), ("farthest", (-19, 178))):
    st_folium(neighbour_map(ring_of(*at), kind, theme), key=kind, height=320, use_container_width=True,
              returned_objects=[])
'''


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    (folder / "app.py").write_text(APP, encoding="utf8")
    (folder / "static").symlink_to(STATIC)
    with serve(folder / "app.py") as url, chromium() as open_page:
        yield lambda **options: open_page(url, **options)


@pytest.fixture(scope="module")
def light(visit) -> Seen:
    return visit()


def land_share(frame) -> float:
    """Share of the base map's canvas that has the colour of land."""
    return frame.evaluate(
        """() => {
            const canvas = document.querySelector('.leaflet-gl-land-pane canvas');
            const at = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            const land = GeolocMap.THEMES[map.geoloc.theme].land;
            const want = [1, 3, 5].map((i) => parseInt(land.slice(i, i + 2), 16));
            let hits = 0;
            for (let i = 0; i < at.length; i += 4)
                if (at[i] === want[0] && at[i + 1] === want[1] && at[i + 2] === want[2] && at[i + 3] === 255) hits++;
            return hits / (at.length / 4);
        }"""
    )


def in_view(frame, selector: str) -> int:
    return frame.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].filter((e) => {
            const box = e.getBoundingClientRect();
            return box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
        }).length""",
        selector,
    )


def test_all_is_drawn_and_in_view(light):
    prediction, near, far = light.maps(3)
    assert [in_view(frame, ".gl-num") for frame in (prediction, near, far)] == [0, 16, 16]
    assert in_view(prediction, ".gl-pin") == 2, "guess and truth, on both sides of the date line"
    assert prediction.locator(".gl-heat").count() == 3, "one a world copy"
    assert 0.5 < land_share(near) < 0.95, "the Alps"
    assert 0.0005 < land_share(far) < 0.2, "Fiji"
    west, east = far.evaluate("[map.getBounds().getWest(), map.getBounds().getEast()]")
    assert east - west < 40, "the date line does not make it the whole world"


def test_markers_are_named_and_keep_apart(light):
    near = light.maps(3)[1]
    boxes = near.evaluate("[...document.querySelectorAll('.gl-num')].map((e) => e.getBoundingClientRect().toJSON())")
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            gap = ((a["x"] + a["width"] / 2 - b["x"] - b["width"] / 2) ** 2 + (a["y"] - b["y"]) ** 2) ** 0.5
            assert gap > 15
    label = near.locator(".gl-marker[role=button]").first.get_attribute("aria-label")
    assert label.startswith("{{7*7}} {% x %} ${window.parent.__pwned=1}")


def test_hostile_text_is_only_text(light):
    for frame in light.maps(3)[:2]:
        frame.locator(".gl-marker[role=button]").first.focus()
        light.page.keyboard.press("Enter")
        card = frame.locator(".gl-card").first
        card.wait_for()
        assert "{{7*7}}" in card.inner_text() and "<img src=x" in card.inner_text()
        light.page.keyboard.press("Escape")
        frame.locator(".gl-num, .gl-pin").last.hover(force=True)
        frame.locator(".gl-tip").first.wait_for()
        assert frame.evaluate("window.__pwned === undefined && window.parent.__pwned === undefined")
        assert frame.locator("img[src=x]").count() == 0


def test_no_other_host_and_no_error(light):
    light.maps(3)
    assert light.foreign == []
    assert light.errors == []


def test_a_click_is_the_true_place(visit):
    seen = visit()
    frame = seen.maps(1)[0]
    frame.locator(".leaflet-container").click(position={"x": 60, "y": 200})
    frame.locator(".gl-ghost").wait_for(state="attached")
    seen.page.get_by_text('"lat"').wait_for(timeout=10_000)
    assert frame.locator(".gl-ghost").count() == 1, "the map stays as it was while the app runs again"
    west = frame.evaluate("map.wrapLatLng(map.containerPointToLatLng([60, 200])).lng")
    shown = seen.page.get_by_test_id("stJson").inner_text()
    assert f'"lng":{west:.6g}'[:10] in shown.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize(("theme", "size"), [("dark", (1280, 900)), ("light", (390, 844))])
def test_dark_and_phone(visit, theme, size):
    seen = visit(theme=theme, size=size, touch=size[0] < 500)
    prediction, near, far = seen.maps(3)
    assert near.evaluate("map.geoloc.theme") == theme
    assert in_view(near, ".gl-num") == in_view(far, ".gl-num") == 16 and in_view(prediction, ".gl-pin") == 2
    assert land_share(near) > 0.3
    assert not seen.foreign and not seen.errors
