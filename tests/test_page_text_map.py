"""The page Text to map: words and photos to a heat map, every reason why not, and a real browser's look at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from streamlit.testing.v1 import AppTest

from geoloc_core import encoders
from geoloc_core.gallery import catalogue
from geoloc_core.geoclip import text as text_module
from geoloc_core.paths import ROOT
from geoloc_core.settings import settings
from tests.app_driver import good_photo, said, upload
from tests.browser import MAP_FRAME, Seen, chromium, serve
from tests.make_geoclip import build_gallery, make_geoclip, readable_gallery

HOSTILE = "<img src=x onerror=alert(1)> {{7*7}} ${1} `x` {% x %} [a](http://198.51.100.1) :red[b]"
PAGE = "pages/text_map.py"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No encoder of another test, and no starter unless a test asks for it."""
    monkeypatch.setattr(catalogue, "_EMBEDDED", (catalogue.STARTER,))
    monkeypatch.setattr(encoders, "_made", {})


def open_page(**address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page(PAGE)
    for name, value in address.items():
        at.query_params[name] = value
    return at.run()


@pytest.fixture
def at(tmp_path: Path) -> AppTest:
    readable_gallery(tmp_path)
    return open_page()


def say(at: AppTest, words: str) -> AppTest:
    return at.text_input(key="text").set_value(words).run()


def assert_shown(at: AppTest) -> None:
    assert not at.exception and not at.error
    assert len(at.get("component_instance")) == 1
    places = at.dataframe[0].value
    assert len(places) == 10 and list(places["Score"]) == sorted(places["Score"], reverse=True)
    assert at.title[0].value.replace("\\", "") == places["Place"][0]


def captions(at: AppTest) -> str:
    return " ".join(caption.value for caption in at.caption).replace("\\", "")


def test_the_first_paint_needs_no_torch(tmp_path: Path):
    readable_gallery(tmp_path)
    script = (
        "import sys; from streamlit.testing.v1 import AppTest;"
        "at = AppTest.from_file('app.py', default_timeout=60).run();"
        f"at.switch_page('{PAGE}').run(); assert not at.exception and 'Where on Earth' in at.title[0].value;"
        "assert at.button(key='words-0'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "open_clip", "transformers", "folium", "shapely"} & set(done.stdout.split())


def test_words_become_a_map(at: AppTest):
    assert not at.get("component_instance")
    say(at, "terraced   rice fields")
    assert_shown(at)
    assert "For “terraced rice fields” the best places are" in captions(at)
    assert any("not a probability" in text.value for text in at.markdown)
    first = list(at.dataframe[0].value["Score"])
    say(at, "a harbour in the fog")
    assert_shown(at)
    assert list(at.dataframe[0].value["Score"]) != first
    say(at, " ")
    assert not at.get("component_instance") and "Where on Earth" in at.title[0].value


def test_an_example_is_a_click(at: AppTest):
    at.button(key="words-3").click().run()
    assert_shown(at)
    assert at.text_input(key="text").value == "canals and gondolas"
    assert at.query_params["text"] in ("canals and gondolas", ["canals and gondolas"])


def test_words_in_the_address_are_looked_for(tmp_path: Path):
    readable_gallery(tmp_path)
    at = open_page(text="baobab trees")
    assert_shown(at)
    assert "“baobab trees”" in captions(at)


def test_hostile_words_are_only_words(at: AppTest):
    say(at, HOSTILE)
    assert_shown(at)
    script = at.get("component_instance")[0].proto.json_args
    assert "onerror" in script and not any(sign in script for sign in ("<img src=x", "{{7", "${1}", "{% x"))
    said_words = next(caption.value for caption in at.caption if "best places" in caption.value)
    assert r"\<img src\=x" in said_words and r"\[a\]" in said_words and r"\{\{7" in said_words


def test_a_photo_is_mixed_in_by_its_share_and_each_is_read_once(at: AppTest, monkeypatch: pytest.MonkeyPatch):
    read, embed = [], text_module.TextSide.features
    monkeypatch.setattr(text_module.TextSide, "features", lambda *a: read.append(1) or embed(*a))
    say(at, "terraced rice fields")
    assert not at.slider
    alone = list(at.dataframe[0].value["Place"])
    upload(at, good_photo())
    assert_shown(at)
    assert "(50 % words, 50 % photo)" in captions(at)
    query, texts = at.session_state["work"].query, len(read)
    at.slider(key="photo_share").set_value(0).run()
    assert list(at.dataframe[0].value["Place"]) == alone
    at.slider(key="photo_share").set_value(100).run()
    photo = list(at.dataframe[0].value["Place"])
    assert photo != alone
    assert at.session_state["work"].query is query and len(read) == texts
    say(at, "")
    assert list(at.dataframe[0].value["Place"]) == photo and not at.slider
    at.button(key="drop_photo").click().run()
    assert not at.get("component_instance") and at.session_state["work"].photo is None


def test_a_photo_at_hand_is_not_located_by_coming_here(at: AppTest):
    upload(at, good_photo())
    assert_shown(at)
    assert at.session_state["work"].answer is None and not at.session_state["work"].wanted
    second = open_page()
    assert not second.get("component_instance") and second.session_state["work"].photo is None


def test_a_bad_photo_is_told_and_words_go_on(at: AppTest):
    upload(at, b"%PDF-1.7 no photo")
    assert len(at.error) == 1
    upload(at, good_photo())
    assert_shown(at)


def test_without_locations_it_says_how_to_get_them():
    at = open_page()
    assert not at.exception and at.text_input(key="text").disabled
    assert "no gallery of locations" in said(at)
    commands = at.code[0].value
    assert "geoloc_core fetch geoclip" in commands and "index_builder geoclip" in commands
    assert str(settings().galleries) in commands


def test_a_drawn_world_takes_photos_and_says_what_it_is(tmp_path: Path):
    model = make_geoclip(tmp_path / "drawn", "starter", 256, synthetic=True)
    build_gallery(settings().galleries / "drawn", model)
    at = open_page()
    assert at.text_input(key="text").disabled and "Words need CLIP" in said(at)
    upload(at, good_photo())
    assert_shown(at)
    assert "means nothing for real photos" in said(at)
    assert "For your photo the best places are" in captions(at)
    at.button(key="drop_photo").click().run()
    at.button(key="try-0").click().run()
    assert_shown(at)
    assert "nothing for real photos" not in said(at)


def test_words_in_the_address_wait_where_no_words_are_read(tmp_path: Path):
    model = make_geoclip(tmp_path / "drawn", "starter", 256, synthetic=True)
    build_gallery(settings().galleries / "drawn", model)
    at = open_page(text=HOSTILE)
    assert not at.exception and not at.get("component_instance")


def test_clip_that_is_not_here_gives_reason_and_remedy():
    from index_builder.__main__ import main

    assert main(["geoclip", str(settings().galleries / "geoclip"), "--grid", "900"]) == 0
    at = open_page()
    assert not at.exception and "are not on this machine" in said(at) and "fetch clip" in said(at)


def test_weights_that_break_later_are_a_message(at: AppTest):
    weights = settings().checkpoints / "readable" / "open_clip_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[20:24] = b"@@@@"
    weights.write_bytes(data)
    say(at, "a fjord")
    assert not at.exception and "again" in said(at)


def test_the_choice_is_there_where_there_is_one(at: AppTest, tmp_path: Path):
    model = make_geoclip(tmp_path / "drawn", "starter", 256, synthetic=True)
    build_gallery(settings().galleries / "drawn", model, 500)
    at.run()
    assert at.selectbox(key="ground").value == str(settings().galleries / "places")
    at.selectbox(key="ground").set_value(str(settings().galleries / "drawn")).run()
    assert at.text_input(key="text").disabled


@pytest.mark.skipif(not (ROOT / "assets/geoclip-starter/manifest.json").is_file(), reason="no starter of GeoCLIP")
def test_the_starter_colours_an_example(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    at = open_page()
    at.button(key="try-0").click().run()
    assert_shown(at)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("app")
    env = {"GEOLOC_GALLERIES": str(home / "galleries"), "GEOLOC_CHECKPOINTS": str(home / "checkpoints")}
    made = (
        "import sys; from pathlib import Path; from tests.make_geoclip import readable_gallery;"
        "readable_gallery(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", made, str(home)], cwd=ROOT, env=os.environ | env, check=True)
    env |= {"HF_HOME": str(home / "hf"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    with serve(ROOT / "app.py", env) as url:
        yield f"{url}/text_map"


def assert_drawn(seen: Seen) -> None:
    (frame,) = seen.maps(1)
    assert frame.locator(".gl-num").count() == 10
    assert frame.locator("img.gl-heat").count() == 3
    assert not seen.foreign and not seen.errors
    assert seen.page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")


def test_in_a_browser(address: str):
    """A fresh server's first visitor comes by hostile words in the address; another clicks, on a phone in the dark."""
    with chromium() as visit:
        seen = visit(f"{address}?text={quote(HOSTILE)}")
        assert_drawn(seen)
        said = seen.page.get_by_text("the best places are").inner_text()
        assert HOSTILE in said.replace("\u2060", "")  # the joiner that keeps an address from becoming a link
        frame = seen.maps(1)[0]
        frame.evaluate("window.stayed = true")
        seen.page.get_by_text("What the colours mean").click()
        seen.page.get_by_text("standard deviations above the mean").first.wait_for()
        assert seen.maps(1)[0].evaluate("window.stayed === true")
        seen.page.context.close()

        phone = visit(address, theme="dark", size=(390, 844), touch=True)
        phone.page.get_by_role("button", name="baobab trees").click()
        assert_drawn(phone)
        assert "text=baobab" in phone.page.url
        assert phone.maps(1)[0].evaluate("map.geoloc.theme") == "dark"
        phone.page.get_by_role("searchbox", name="Describe a place").fill("a harbour")
        phone.page.keyboard.press("Enter")
        phone.page.get_by_text("For “a harbour”").wait_for()
        assert phone.page.locator(MAP_FRAME).count() == 1 and not phone.errors
