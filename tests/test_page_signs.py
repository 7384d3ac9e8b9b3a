"""Reading signs in a real browser: boxes, clues that can be struck, lines that can be corrected, and hostile text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import TimeoutError

from geoloc_core.paths import ROOT
from tests.browser import Seen, Visit, chromium, serve

SIZE = (1000, 700)
PHONE = {"size": (390, 844), "touch": True}
HOSTILE = ("<img src=x onerror=alert(1)>", "{{7*7}} ${1+1} `x`", "http://198.51.100.1/x.png", "Parken verboten")


def drawn(path: Path, *lines: str) -> Path:
    """A photo of boards with one line of text each."""
    image = Image.new("RGB", SIZE, (150, 178, 206))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(40)
    for row, text in enumerate(lines):
        top = 40 + 110 * row
        pen.rectangle((60, top, 90 + pen.textlength(text, font), top + 76), "white", "black", 3)
        pen.text((75, top + 12), text, "black", font)
    image.save(path, quality=92)
    return path


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    home = tmp_path_factory.mktemp("app")
    env = {"GEOLOC_GALLERIES": str(home), "HF_HOME": str(home / "hf"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    with serve(ROOT / "app.py", env) as url, chromium() as opened:
        yield lambda **options: opened(url, **options)


def idle(page) -> None:
    page.wait_for_timeout(300)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def located(seen: Seen, photo: Path) -> Seen:
    page = seen.page
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(photo)
    page.get_by_role("img", name="The photo to locate").wait_for()
    idle(page)
    page.get_by_role("button", name="Locate", exact=True).click()
    page.get_by_text("How this answer came about").wait_for(timeout=90_000)
    idle(page)
    return seen


def boxes(page):
    return page.get_by_role("img", name="The photo with boxes around what is written").locator("polygon")


@pytest.mark.parametrize("screen", [{}, {"theme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_a_real_photo_is_read_by_default_and_explains_itself(visit: Visit, tmp_path: Path, screen: dict):
    boards = ("Stadt Dortmund", "Parken verboten", "Telefon 0231 123456", "www.zoo-laden.de")
    photo = drawn(tmp_path / "dortmund.png", *boards)
    seen = located(visit(**screen), photo)
    page = seen.page
    page.get_by_role("heading", name="Dortmund").wait_for()
    assert boxes(page).count() == 4
    boxes(page).first.scroll_into_view_if_needed()
    boxes(page).first.focus()
    note = page.locator(".boxes .note")
    note.get_by_text("Stadt Dortmund", exact=True).wait_for()
    assert "Germany" in note.inner_text()
    seen.maps(1)
    strikes = page.get_by_role("button", name="Strike")
    before = strikes.count()
    assert before >= 4
    assert page.get_by_text("Germany’s domain").count() == 1
    assert not seen.foreign and not seen.errors
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()


def test_striking_and_correcting_change_the_answer_and_can_be_undone(visit: Visit, tmp_path: Path):
    seen = located(visit(size=(1280, 1600)), drawn(tmp_path / "town.png", "Stadt Dortmund", "Parken verboten"))
    page = seen.page
    page.get_by_role("heading", name="Dortmund").wait_for()
    page.get_by_role("button", name="Strike").first.click()
    page.get_by_role("button", name="Restore").wait_for()
    idle(page)
    page.get_by_role("heading", name="Dortmund").wait_for(state="detached")
    page.get_by_role("button", name="Undo all changes").click()
    page.get_by_role("heading", name="Dortmund").wait_for()
    idle(page)
    page.get_by_text("Correct what was read").click()
    write_first_line(page, "Stadt Hannover")
    page.get_by_role("heading", name="Hannover").wait_for(timeout=60_000)
    assert not seen.errors
    page.context.close()


def write_first_line(page, text: str) -> None:
    """Type into the first cell of the table of lines: a canvas, which takes clicks only once it is drawn."""
    grid = page.get_by_test_id("stDataFrame").first
    grid.scroll_into_view_if_needed()
    editor = page.locator("textarea.gdg-input")
    for _ in range(10):
        page.wait_for_timeout(500)
        grid.dblclick(position={"x": 60, "y": 52})
        with suppress(TimeoutError):
            editor.wait_for(timeout=3_000)
            break
    editor.fill(text)
    editor.press("Enter")


def test_nothing_to_read_names_no_place(visit: Visit, tmp_path: Path):
    seen = located(visit(), drawn(tmp_path / "empty.png"))
    page = seen.page
    page.get_by_role("heading", name="Nobody can tell from its writing").wait_for()
    page.get_by_text("There is nothing to read in this photo").wait_for()
    (world,) = seen.maps(1)
    assert world.locator(".gl-pin").count() == 0
    assert page.get_by_test_id("stMetric").count() == 0
    page.context.close()


def test_hostile_text_on_signs_is_inert(visit: Visit, tmp_path: Path):
    seen = located(visit(), drawn(tmp_path / "hostile.png", *HOSTILE))
    page = seen.page
    assert boxes(page).count() >= 4
    for i in range(boxes(page).count()):
        boxes(page).nth(i).focus()
    assert page.locator("img[src='x'], img[src*='198.51'], a[href*='198.51']").count() == 0
    assert "49" not in page.locator(".boxes").inner_text()
    assert not seen.errors and not seen.foreign
    page.context.close()
