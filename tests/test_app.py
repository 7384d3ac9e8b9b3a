"""The app without a browser: every page, a photo's way to an answer, and a message for every kind of bad input."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextInput

from geoloc_core.exif import exif_with_gps
from geoloc_core.gallery.catalogue import STARTER
from geoloc_core.paths import ROOT
from geoloc_core.settings import settings
from tests.app_driver import (
    assert_located,
    at,
    by_likeness,
    good_photo,
    locate,
    no_earlier_downloads,
    said,
    upload,
)
from tests.make_photos import GIRONA, encoded, png, scene

__all__ = ["at", "no_earlier_downloads"]

HOSTILE_NAME = "{{7*7}}<img onerror=alert(1)>.jpg"


def test_the_first_page_needs_no_torch(small_gallery: Path):
    script = (
        "import sys; from streamlit.testing.v1 import AppTest;"
        "at = AppTest.from_file('app.py', default_timeout=60).run(); assert not at.exception and at.title, at;"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    heavy = {"torch", "open_clip", "transformers", "faiss", "folium", "shapely", "torchvision", "openai", "httpx"}
    assert not heavy & loaded


def test_a_photo_to_an_answer_and_back(at: AppTest):
    assert at.button(key="locate").disabled
    upload(at, good_photo())
    assert "says where it was taken" in said(at) and "Girona" in said(at)
    assert not at.get("component_instance")
    locate(at)
    assert_located(at)
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures["90 % lies within"].endswith(" km") and figures["Error"].endswith(" km")
    assert at.code[0].value.count(",") == 1
    assert len(at.dataframe[0].value) == 16
    assert len(at.get("download_button")) == 3 and len(at.get("link_button")) == 3
    at.file_uploader[0].set_value(None)
    at.run()
    assert at.title[0].value.startswith("Where in the world") and not at.metric


def _truth_field(at: AppTest) -> TextInput:
    return next(field for field in at.text_input if field.key != "around")


def test_the_true_place_can_be_typed_chosen_and_removed(at: AppTest):
    locate(upload(at, encoded(scene())))
    assert "Error" not in {metric.label for metric in at.metric}
    _truth_field(at).set_value("41.98, 2.82").run()
    assert "Error" in {metric.label for metric in at.metric}
    _truth_field(at).set_value("paris").run()
    far = next(metric.value for metric in at.metric if metric.label == "Error")
    at.radio[0].set_value(1).run()
    assert next(metric.value for metric in at.metric if metric.label == "Error") != far
    at.button(key="truth_off").click().run()
    assert "Error" not in {metric.label for metric in at.metric}
    assert not at.exception


def test_options_change_the_answer(at: AppTest):
    upload(at, good_photo())
    at.slider(key="shown").set_value(5).run()
    sigma = f"sigma {settings().galleries / 'small'}"
    at.slider(key=sigma).set_value(50).run()
    locate(at)
    assert len(at.dataframe[0].value) == 5
    narrow = at.metric[0].value
    at.slider(key=sigma).set_value(1000).run()
    locate(at)
    assert at.metric[0].value != narrow


def test_a_search_within_limits_says_so(at: AppTest):
    upload(at, good_photo())
    at.text_input(key="around").set_value("45, 7").run()
    at.number_input(key="within").set_value(400).run()
    at.toggle(key="distinct").set_value(False).run()
    locate(at)
    assert_located(at)
    assert 0 < len(at.dataframe[0].value) < 16
    captions = " ".join(caption.value for caption in at.caption).replace("\\", "")
    assert "The search was limited: within 400 km of 45, 7" in captions
    at.text_input(key="around").set_value("Nowhereville").run()
    assert "No such place" in said(at)
    at.selectbox(key="country").set_value("NZ").run()
    locate(at)
    assert "Widen" in said(at) and not at.exception


def test_a_second_visitor_sees_nothing_of_the_first(at: AppTest):
    locate(upload(at, good_photo()))
    assert_located(at)
    second = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not second.metric and not second.get("component_instance") and not second.get("imgs")
    assert second.session_state["work"].photo is None
    assert at.session_state["work"].photo is not None


@pytest.mark.parametrize("page", ["galleries", "about"])
def test_the_other_pages(at: AppTest, page: str):
    at.switch_page(f"pages/{page}.py").run()
    assert not at.exception and not at.error
    assert at.title[0].value in ("Galleries and models", "About Geoloc")


def _truncated() -> bytes:
    return good_photo()[:700]


def _bomb() -> bytes:
    rows = zlib.compressobj(9)
    body = b"".join(rows.compress(bytes(20_001)) for _ in range(20_000)) + rows.flush()
    data = png(20_000, 20_000, body)
    assert len(data) < 500_000
    return data


BAD = {
    "no image": (lambda: b"%PDF-1.7 no photo", "a PDF"),
    "text": (lambda: b"hello " * 50, ""),
    "empty": (lambda: b"", "empty"),
    "truncated": (_truncated, "damaged or incomplete"),
    "bomb": (_bomb, "pixels"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_photos_get_a_message_and_leave_the_app_usable(at: AppTest, kind: str):
    make, words = BAD[kind]
    upload(at, make())
    assert not at.exception
    assert len(at.error) == 1 and words in at.error[0].value.replace("\\", "")
    assert at.button(key="locate").disabled
    locate(upload(at, good_photo()))
    assert_located(at)


def _animated() -> bytes:
    frames = [Image.new("P", (64, 48), i) for i in range(3)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def _broken_rationals() -> bytes:
    exif = bytearray(exif_with_gps(*GIRONA))
    exif[-40:] = bytes(40)
    return encoded(scene(), exif=bytes(exif))


ODD = {
    "animated GIF": lambda: _animated(),
    "CMYK": lambda: encoded(scene().convert("CMYK")),
    "16 bit": lambda: encoded(Image.fromarray(np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)), "PNG"),
    "broken rationals": _broken_rationals,
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_photos_are_located(at: AppTest, kind: str):
    locate(upload(at, ODD[kind]()))
    assert_located(at)


def test_a_hostile_file_name_is_nowhere(at: AppTest):
    locate(upload(at, good_photo(), HOSTILE_NAME))
    assert_located(at)
    texts = [e.value for kind in (at.markdown, at.caption, at.title, at.info, at.code, at.warning) for e in kind]
    assert not any("onerror" in str(text) or str(text) == "49" for text in texts)
    assert all("onerror" not in component.proto.json_args for component in at.get("component_instance"))


def test_unexpected_errors_are_logged_without_their_message(at, monkeypatch: pytest.MonkeyPatch, caplog):
    def explode(*_: object, **__: object) -> None:
        raise RuntimeError("secret file name")

    with monkeypatch.context() as patch:
        patch.setattr("pages.parts.running.encoder_of", explode)
        locate(upload(at, good_photo()))
    assert not at.exception and "secret" not in at.error[0].value
    assert "RuntimeError at" in caplog.text and "secret" not in caplog.text
    locate(at)
    assert_located(at)


@pytest.mark.skipif(not (STARTER / "manifest.json").is_file(), reason="the starter gallery is not there")
def test_the_starter_answers_an_example_and_says_what_it_is():
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.button(key="try-0").click().run()
    assert_located(at)
    assert "mean nothing" not in said(at)
    locate(by_likeness(upload(at, good_photo())))
    assert_located(at)
    assert "its answers mean nothing for real photos" in said(at)
