"""Locating by geo-cells in a real browser: cells on the map, what the network looked at, segmentation and scene."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from geoloc_core.paths import ROOT
from tests.browser import Seen, Visit, chromium, serve
from tests.make_translocator import small_translocator

HOSTILE = "<img src=x onerror=alert(1)> {{7*7}} ${1+1} ![x](http://198.51.100.1/x.png) [y](http://198.51.100.1)"
CELLS = "Object.values(map._layers).filter((l) => l instanceof L.Polygon && l.getTooltip && l.getTooltip()).length"
SCREENS = [{}, {"theme": "dark"}, {"size": (390, 844), "touch": True}]


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    home = tmp_path_factory.mktemp("app")
    small_translocator(home / "checkpoints", "a-small-one")
    small_translocator(home / "checkpoints", "hostile", of="planet", title=HOSTILE, data=HOSTILE, licence=HOSTILE)
    env = {
        "GEOLOC_GALLERIES": str(home / "galleries"),
        "GEOLOC_CHECKPOINTS": str(home / "checkpoints"),
        "HF_HOME": str(home / "hf"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    with serve(ROOT / "app.py", env) as url, chromium() as opened:
        yield lambda page="", **options: opened(url + page, **options)


def idle(page) -> None:
    page.wait_for_timeout(300)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def choose(page, button: str) -> None:
    page.get_by_test_id("stButtonGroup").get_by_text(button, exact=True).click()
    idle(page)


def by_cells(seen: Seen, model: str = "") -> None:
    """Choose the way, and a model by a part of its title."""
    page = seen.page
    page.get_by_role("button", name="Locate example 1", exact=True).wait_for(timeout=60_000)
    choose(page, "Geo-cells")
    if model:
        page.get_by_test_id("stExpander").get_by_text("Geo-cells", exact=True).click()
        idle(page)
        page.get_by_role("combobox", name="Model").click()
        page.get_by_role("option").filter(has_text=model).click()
        idle(page)


def locate_example(page, number: int = 3) -> None:
    page.get_by_role("button", name=f"Locate example {number}", exact=True).click()
    page.get_by_text("How this answer came about").wait_for(timeout=90_000)
    idle(page)


@pytest.mark.parametrize("screen", SCREENS, ids=["light", "dark", "phone"])
def test_an_example_is_placed_and_explained(visit: Visit, screen: dict):
    seen = visit(**screen)
    page = seen.page
    by_cells(seen)
    locate_example(page)
    page.get_by_text("Most likely place, by geo-cells").wait_for()
    (world,) = seen.maps(1)
    assert world.evaluate(CELLS) > 20
    assert world.locator(".gl-swatch-cell").count() == 1
    page.get_by_role("heading", name="Likeliest cells").wait_for()
    page.get_by_role("img", name="The photo, bright where the network looked").wait_for()
    page.get_by_role("img", name="Its segmentation map, bright where the network looked").wait_for()
    page.get_by_role("img", name="The photo's segmentation map").wait_for()
    assert page.get_by_label("Classes in the map").locator("li i").count() >= 1
    assert "%" in page.get_by_label("Classes in the map").inner_text()
    page.get_by_role("heading", name="Scene").wait_for()
    page.get_by_role("heading", name="What the answer rests on").wait_for()
    assert page.get_by_test_id("stProgress").count() == 5
    assert not seen.foreign and not seen.errors
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()


def test_another_way_to_explain_another_cell_and_the_heat(visit: Visit):
    seen = visit(size=(1280, 2200))
    page = seen.page
    by_cells(seen)
    locate_example(page)
    shown = page.get_by_role("img", name="The photo, bright where the network looked")
    first = shown.get_attribute("src")
    page.get_by_role("combobox", name="For the cell").click()
    page.get_by_role("option").nth(1).click()
    page.wait_for_function("(before) => !document.querySelector(`img[src='${before}']`)", arg=first)
    second = shown.get_attribute("src")
    choose(page, "Attention rollout")
    page.get_by_text("whatever cell it names").wait_for()
    assert shown.get_attribute("src") not in (first, second)
    assert page.get_by_role("combobox", name="For the cell").count() == 0, "rollout is about no cell"
    choose(page, "Heat")
    (world,) = seen.maps(1)
    assert world.evaluate(CELLS) == 0 and world.locator(".gl-swatch-heat").count() == 1
    assert not seen.foreign and not seen.errors
    page.context.close()


def test_a_real_photo_is_told_that_a_model_of_drawn_photos_means_nothing(visit: Visit, tmp_path: Path):
    seen = visit()
    page = seen.page
    Image.effect_noise((640, 480), 80).convert("RGB").save(tmp_path / "real.jpg")
    by_cells(seen)
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(tmp_path / "real.jpg")
    page.get_by_role("img", name="The photo to locate").wait_for()
    idle(page)
    choose(page, "Geo-cells")  # a real photo is read by default while all there is is drawn
    page.get_by_text("what it says of a real one means nothing").wait_for()
    page.get_by_role("button", name="Locate", exact=True).click()
    page.get_by_text("This model learned from drawn photos: its answers mean nothing for real photos.").wait_for(
        timeout=60_000
    )
    assert not seen.errors
    page.context.close()


def test_hostile_words_in_a_checkpoint_are_only_words(visit: Visit):
    seen = visit(size=(1280, 1600))
    page = seen.page
    by_cells(seen, model="onerror")
    locate_example(page)
    page.get_by_test_id("stExpander").get_by_text("How this answer came about").click()
    page.get_by_role("img", name="The photo, bright where the network looked").wait_for()
    assert page.get_by_role("heading", name="Segmentation").count() == 0, "one branch: no map, and no scene head"
    assert page.get_by_text("Attention rollout").count() == 0, "a CNN has no attention"
    harmless(seen)
    page.get_by_role("link", name="Galleries and models").first.click()
    page.get_by_role("heading", name="Geo-cell models").wait_for(timeout=60_000)
    page.get_by_text("191 fine cells").first.wait_for()
    harmless(seen)
    page.context.close()


def harmless(seen: Seen) -> None:
    page = seen.page
    assert page.get_by_text("<img src=x onerror").count() >= 1, "it is shown as it is"
    assert page.locator("img[src='x'], img[src*='198.51'], a[href*='198.51']").count() == 0
    assert "{{7*7}}" in page.locator("body").inner_text()
    assert not seen.errors and not seen.foreign
