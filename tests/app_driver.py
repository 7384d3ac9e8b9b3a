"""Drives the app in process for the tests of its pages: a fresh session, and what a visitor does and reads."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from geoloc_core.exif import exif_with_gps
from geoloc_core.paths import ROOT
from geoloc_core.settings import settings
from pages.parts import fetching
from tests.make_photos import GIRONA, encoded, scene


def good_photo() -> bytes:
    return encoded(scene(), exif=exif_with_gps(*GIRONA))


def said(at: AppTest) -> str:
    """All messages to the visitor."""
    return "\n".join(element.value for kind in (at.error, at.warning, at.info) for element in kind)


def add_gallery(source: Path, name: str = "small") -> Path:
    folder = settings().galleries / name
    shutil.copytree(source, folder)
    return folder


@pytest.fixture(autouse=True)
def no_earlier_downloads() -> Iterator[None]:
    """No download of another test is known, and none of this one outlives it."""
    fetching._downloads.clear()
    yield
    for download in fetching._downloads.values():
        download.cancel.set()
        while not download.ended:
            time.sleep(0.05)


@pytest.fixture
def at(small_gallery: Path) -> AppTest:
    add_gallery(small_gallery)
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()


def upload(at: AppTest, data: bytes, name: str = "photo.jpg") -> AppTest:
    at.file_uploader[0].upload(name, data)
    return at.run()


def locate(at: AppTest) -> AppTest:
    return at.button(key="locate").click().run()


def until(at: AppTest, true: Callable[[], bool], seconds: float = 20) -> None:
    """Run the page again and again, as its fragment would, until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, said(at)
        time.sleep(0.05)
        at.run()


def by_likeness(at: AppTest) -> AppTest:
    """Compare with the gallery, though it is of drawn photos and the photo is not."""
    return at.segmented_control(key="how True").set_value("likeness").run()


def assert_located(at: AppTest) -> None:
    assert not at.exception and not at.error
    assert at.title[0].value != "Where in the world was this photo taken?"
    assert len(at.get("component_instance")) == 3
