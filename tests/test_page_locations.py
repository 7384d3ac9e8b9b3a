"""GeoCLIP's places on the pages: they locate a photo where there are no photos, and are made at a click."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from geoloc_core import encoders
from geoloc_core.gallery.catalogue import STARTER, STARTER_LOCATIONS, default_gallery, find_galleries
from geoloc_core.paths import ROOT
from geoloc_core.settings import Settings, settings
from pages.parts import locations
from tests.app_driver import add_gallery, by_likeness, good_photo, locate, until, upload
from tests.make_geoclip import readable_gallery


def test_without_photos_geoclip_comes_before_the_starter_and_after_photos(
    small_gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(encoders, "_made", {})
    monkeypatch.setenv("GEOLOC_GALLERIES", str(tmp_path / "galleries"))
    monkeypatch.setenv("GEOLOC_CHECKPOINTS", str(tmp_path / "checkpoints"))
    settings.cache_clear()
    config = settings()
    assert default_gallery(find_galleries(config), config)[0].path == STARTER
    readable_gallery(tmp_path)
    entry, why = default_gallery(find_galleries(config), config)
    assert entry.locations and entry.path != STARTER_LOCATIONS
    assert "no usable gallery of photos" in why.reason
    add_gallery(small_gallery, "mine")
    assert default_gallery(find_galleries(config), config)[0].name == "mine"
    named = Settings(galleries=tmp_path / "galleries", gallery=STARTER_LOCATIONS.name)
    assert default_gallery(find_galleries(named), named)[0].path == STARTER_LOCATIONS


def test_a_photo_is_located_by_places_alone():
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.selectbox(key="gallery").select(str(STARTER_LOCATIONS)).run()
    assert not any("vote" in slider.label for slider in at.slider)
    locate(by_likeness(upload(at, good_photo())))
    assert not at.exception
    assert "Most likely place, by GeoCLIP" in [caption.value for caption in at.caption]
    heads = [head.value for head in at.subheader]
    for head in ("16 most similar locations", "16 least similar locations", "The locations behind the answer"):
        assert head in heads


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The builder's command, for a grid of few places in place of the 100,000."""
    asked: list[list[str]] = []
    real = subprocess.Popen

    def popen(words: list[str], **how: object) -> subprocess.Popen[bytes]:
        asked.append(words)
        return real([*words, "--grid", "900"], **how)  # type: ignore[call-overload]

    monkeypatch.setattr(locations.subprocess, "Popen", popen)
    monkeypatch.setattr(locations, "_running", [])
    return asked


def test_the_gallery_is_made_at_a_click_and_then_listed(command: list[list[str]]):
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run().switch_page("pages/galleries.py").run()
    at.button(key="make-locations").click().run()
    assert command[0][:4] == [sys.executable, "-m", "index_builder", "geoclip"]
    until(at, locations._running[0].ended.is_set, 60)
    at.run()
    assert not at.exception
    assert locations._running[0].problem == ""
    assert any(entry.name == locations.NAME for entry in find_galleries(settings()))
    assert "make-locations" not in [button.key for button in at.button]
    assert any("Locations" in head.value and "Starter" not in head.value for head in at.subheader)


def test_a_build_that_fails_says_why_and_can_be_tried_again(command: list[list[str]]):
    folder = settings().galleries / locations.NAME
    folder.mkdir(parents=True)
    (folder / "holiday.txt").write_text("mine")
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run().switch_page("pages/galleries.py").run()
    at.button(key="make-locations").click().run()
    until(at, locations._running[0].ended.is_set, 60)
    at.run()
    assert any("no gallery" in warning.value or locations.NAME in warning.value for warning in at.warning)
    assert at.button(key="make-locations")
    assert (folder / "holiday.txt").read_text() == "mine"


def test_a_build_can_be_stopped_and_leaves_nothing(command: list[list[str]]):
    locations._start(settings().galleries / locations.NAME)
    build = locations._running[0]
    build.stop()
    assert build.ended.wait(30)
    assert build.problem == ""
    assert not (settings().galleries / locations.NAME).exists()
