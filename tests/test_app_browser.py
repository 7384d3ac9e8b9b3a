"""The whole app in a real browser: a photo in, three drawn maps out, on every screen, with no word to another host."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from geoloc_core.paths import ASSETS, ROOT
from tests.browser import MAP_FRAME, Seen, chromium, serve
from tests.conftest import make_photo

PHONE = {"size": (390, 844), "touch": True}
HOSTILE = "![x](http://198.51.100.1/x.png) <img src=http://198.51.100.1/y.png> :red[a] $b$ {{7*7}} ${1}"
Visit = Callable[..., Seen]
_PASTE = """async (bytes) => {
    const carried = new DataTransfer();
    carried.items.add(new File([new Uint8Array(bytes)], "pasted.jpg", { type: "image/jpeg" }));
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: carried, bubbles: true }));
}"""


@pytest.fixture(scope="module")
def open_page() -> Iterator[Visit]:
    with chromium() as visit:
        yield visit


@pytest.fixture(scope="module")
def served(open_page: Visit, small_gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    home = tmp_path_factory.mktemp("app")
    (home / "galleries").mkdir()
    folder = shutil.copytree(small_gallery, home / "galleries" / "small")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"title": HOSTILE, "source": HOSTILE, "licence": HOSTILE}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    env = {
        "GEOLOC_GALLERIES": str(home / "galleries"),
        "HF_HOME": str(home / "hf"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    with serve(ROOT / "app.py", env) as url:
        yield lambda path="", **options: open_page(f"{url}/{path}", **options)


@pytest.fixture
def visit(served: Visit) -> Iterator[Visit]:
    """Visits that end with the test, or their pages would go on using the processor."""
    opened = []

    def visit_and_note(*args, **options) -> Seen:
        opened.append(served(*args, **options))
        return opened[-1]

    yield visit_and_note
    for seen in opened:
        seen.page.context.close()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photo(tmp_path_factory.mktemp("photo") / "girona.jpg", 7, (41.98, 2.82), (640, 480))


def locate(seen: Seen, photo: Path) -> None:
    seen.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(photo)
    seen.page.get_by_role("img", name="The photo to locate").wait_for()
    seen.page.get_by_role("button", name="Locate", exact=True).click()


def markers(frame) -> int:
    return frame.locator(".gl-num").count()


def is_wider_than_the_screen(seen: Seen) -> bool:
    return seen.page.evaluate(
        "() => [document.documentElement, document.querySelector('[data-testid=stMain]')]"
        ".some((box) => box.scrollWidth > innerWidth)"
    )


def assert_answer(seen: Seen, theme: str = "light") -> None:
    prediction, near, far = seen.maps(3)
    assert [markers(near), markers(far)] == [16, 16]
    assert prediction.locator(".gl-pin").count() == 2  # the guess, and the place the photo says
    assert {frame.evaluate("map.geoloc.theme") for frame in (prediction, near, far)} == {theme}
    assert seen.page.get_by_test_id("stMetric").count() == 2
    assert not seen.foreign and not seen.errors
    assert not is_wider_than_the_screen(seen)


@pytest.mark.parametrize(("path", "title"), [("galleries", "Galleries and models"), ("about", "About Geoloc")])
def test_the_first_visit_may_be_a_deep_link(open_page: Visit, tmp_path: Path, path: str, title: str):
    """On a server nobody has visited, Streamlit would serve the page without its frame."""
    with serve(ROOT / "app.py", {"GEOLOC_GALLERIES": str(tmp_path)}) as url:
        seen = open_page(f"{url}/{path}")
        seen.page.get_by_role("heading", name=title).wait_for()
        seen.page.get_by_test_id("stTopNavLink").nth(2).wait_for()
        assert seen.page.url.endswith(f"/{path}")
        assert seen.page.get_by_test_id("stSidebarNavLink").count() == 0
        assert not seen.foreign and not seen.errors


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("about", "About Geoloc"),
        ("galleries", "Galleries and models"),
        ("text_map", "Where on Earth does it look like that?"),
        ("", "Where in the world was this photo taken?"),
    ],
)
def test_every_page_by_its_address(visit: Visit, path: str, title: str):
    seen = visit(path, **PHONE)
    seen.page.get_by_role("heading", name=title).wait_for()
    assert not is_wider_than_the_screen(seen)
    assert not seen.foreign and not seen.errors


@pytest.mark.parametrize(("theme", "screen"), [("dark", {}), ("light", PHONE)], ids=["dark", "phone"])
def test_a_photo_gives_three_maps(visit: Visit, photo: Path, theme: str, screen: dict):
    seen = visit(theme=theme, **screen)
    locate(seen, photo)
    assert_answer(seen, theme)


@pytest.fixture(scope="module")
def answered(served: Visit, photo: Path) -> Iterator[Seen]:
    """A visit with an answer, shared by the tests that follow; the last one changes it."""
    seen = served()
    locate(seen, photo)
    yield seen
    seen.page.context.close()


def test_an_answer_on_a_light_screen(answered: Seen):
    assert_answer(answered)
    shown = HOSTILE.replace("http", "http\u2060")  # the joiner that keeps an address from becoming a link
    answered.page.get_by_text(shown).first.wait_for()


def test_a_second_visitor_sees_nothing_of_the_first(answered: Seen, visit: Visit):
    answered.maps(3)
    second = visit()
    second.page.get_by_role("heading", name="Where in the world").wait_for()
    assert second.page.get_by_role("img", name="The photo to locate").count() == 0
    assert second.page.locator(MAP_FRAME).count() == 0
    assert "Girona" not in second.page.content()


def test_maps_stay_when_something_else_changes(answered: Seen):
    for frame in answered.maps(3):
        frame.evaluate("window.stayed = true")
    answered.page.get_by_role("radio", name="Least similar").click()
    answered.page.wait_for_timeout(1000)
    assert [frame.evaluate("window.stayed === true") for frame in answered.maps(3)] == [True] * 3


def test_the_true_place_is_clicked_on_the_map(answered: Seen):
    page = answered.page
    error = page.get_by_test_id("stMetricValue").nth(1)
    before = error.inner_text()
    page.get_by_text("True place", exact=True).first.click()
    switch = page.get_by_role("switch", name="Click it on the map")
    for _ in range(5):  # on a busy machine the expander still moves, and the first click falls beside the switch
        page.get_by_text("Click it on the map").click()
        page.wait_for_timeout(1000)
        if switch.is_checked():
            break
    page.frame_locator(MAP_FRAME).first.locator(".gl-picking").click(position={"x": 60, "y": 200})
    page.get_by_text("You say:").wait_for()
    assert error.inner_text() != before
    assert not answered.errors


@pytest.mark.skipif(not (ASSETS / "examples").is_dir(), reason="the example photos are not there")
def test_one_click_on_an_example_locates_it(visit: Visit):
    seen = visit()
    seen.page.get_by_role("button", name="Locate example 1", exact=True).click()
    assert_answer(seen)


def test_pasting_a_photo_is_uploading_it(visit: Visit, photo: Path):
    seen = visit()
    seen.page.get_by_test_id("stFileUploaderDropzoneInput").wait_for(state="attached")
    seen.page.get_by_role("heading", name="Where in the world").wait_for()
    seen.page.wait_for_timeout(500)
    seen.page.evaluate(_PASTE, list(photo.read_bytes()))
    seen.page.get_by_role("img", name="The photo to locate").wait_for()
    assert not seen.errors


def test_the_keyboard_reaches_photo_and_button(visit: Visit, photo: Path):
    seen = visit()
    seen.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(photo)
    seen.page.get_by_role("img", name="The photo to locate").wait_for()
    button = seen.page.get_by_role("button", name="Locate", exact=True).element_handle()
    for _ in range(25):
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("(button) => document.activeElement === button", button):
            break
    seen.page.keyboard.press("Enter")
    seen.page.get_by_text("Most likely place").wait_for()


def test_a_bad_file_is_told_and_the_next_one_works(visit: Visit, photo: Path, tmp_path: Path):
    bad = tmp_path / "{{7*7}}<img src=x onerror=alert(1)>.jpg"
    bad.write_bytes(b"%PDF-1.7")
    seen = visit()
    seen.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(bad)
    seen.page.get_by_test_id("stAlertContentError").wait_for()
    locate(seen, photo)
    assert_answer(seen)
