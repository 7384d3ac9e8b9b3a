"""The app with galleries that cannot be used, a hub that does not answer, and a download that is stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from geoloc_core.paths import ROOT
from geoloc_core.settings import settings
from pages.parts import fetching
from tests.app_driver import (
    add_gallery,
    assert_located,
    at,
    by_likeness,
    good_photo,
    locate,
    no_earlier_downloads,
    said,
    until,
    upload,
)
from tests.conftest import make_photo
from tests.loopback_hub import LoopbackHub

__all__ = ["at", "no_earlier_downloads"]


def _no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _missing_shard(folder: Path) -> None:
    next(folder.glob("vectors-*.npy")).unlink()


def _half_shard(folder: Path) -> None:
    shard = next(folder.glob("rows-*.parquet"))
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])


def _edit(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))


GALLERIES = {
    "half copied": (_no_manifest, "did not finish"),
    "missing shard": (_missing_shard, "is missing"),
    "half a shard": (_half_shard, "not the file the manifest names"),
    "lying count": (lambda folder: _edit(folder, count=7), "do not add up"),
    "lying dimension": (lambda folder: _edit(folder, dim=9), "the manifest says"),
    "no JSON": (lambda folder: (folder / "manifest.json").write_text("{"), "cannot be used"),
    "other encoder": (lambda folder: _edit(folder, encoder={"id": "im2gps/v0", "name": "im2gps"}), "im2gps"),
    "no weights": (
        lambda folder: _edit(folder, encoder={"id": "open_clip:x", "name": "clip-l14"}),
        "python -m geoloc_core fetch clip-l14",
    ),
}


@pytest.mark.parametrize("kind", GALLERIES)
def test_broken_galleries_say_what_to_do(small_gallery: Path, kind: str):
    spoil, words = GALLERIES[kind]
    broken = add_gallery(small_gallery, "broken")
    spoil(broken)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.selectbox(key="gallery").set_value(str(broken)).run()
    locate(upload(at, good_photo()))
    assert not at.exception
    assert at.error and words in at.error[0].value.replace("\\", "")
    good = add_gallery(small_gallery, "good")
    at.run()
    at.selectbox(key="gallery").set_value(str(good)).run()
    locate(at)
    assert_located(at)


def test_a_gallery_that_vanishes_while_it_is_chosen_gives_way_to_the_starter_and_says_so(at: AppTest):
    upload(at, good_photo())
    shutil.rmtree(settings().galleries / "small")
    locate(by_likeness(at.run()))
    assert_located(at)
    assert "Starter gallery of drawn photos" in said(at)


@pytest.mark.parametrize("behaviour", ["nothing there", "hang"])
def test_an_unreachable_hub_is_told_within_seconds(small_gallery, monkeypatch: pytest.MonkeyPatch, behaviour: str):
    hub = LoopbackHub({})
    hub.behaviour = behaviour
    monkeypatch.setenv("HF_ENDPOINT", hub.url if behaviour == "hang" else "http://127.0.0.1:9")
    monkeypatch.setenv("GEOLOC_HUB_TIMEOUT_S", "1")
    settings.cache_clear()
    add_gallery(small_gallery)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/galleries.py").run()
    at.button(key="get-clip-l14").click().run()
    until(at, lambda: any("unreachable" in warning.value for warning in at.warning), seconds=4)
    assert not at.exception and at.button(key="get-clip-l14")
    hub.close()


def test_weights_come_at_a_click_and_stop_at_another(monkeypatch: pytest.MonkeyPatch):
    name = "timm/MobileCLIP2-S2-OpenCLIP/open_clip_model.safetensors"
    hub = LoopbackHub({name: bytes(30_000_000)})
    hub.behaviour = "slow"
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/galleries.py").run()
    assert not hub.requests, "nothing may be asked before the click"
    at.button(key="get-mobileclip2").click().run()
    at.button(key="stop-mobileclip2").click().run()
    until(at, lambda: any("stopped" in warning.value for warning in at.warning))
    hub.behaviour = ""
    at.button(key="get-mobileclip2").click().run()
    until(at, lambda: fetching._downloads["mobileclip2"].ended)
    assert not fetching._downloads["mobileclip2"].problem
    at.run()
    assert "get-mobileclip2" not in {button.key for button in at.button}
    hub.close()


def test_a_text_from_a_gallery_is_shown_as_it_is(small_gallery: Path, tmp_path: Path):
    title = "![x](http://evil.example/x.png) :red[a] $b$ <b>"
    add_gallery(small_gallery)
    _edit(settings().galleries / "small", title=title, source=title, licence=title)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    locate(upload(at, make_photo(tmp_path / "p.jpg", 3).read_bytes()))
    assert_located(at)
    shown = [e.value for kind in (at.markdown, at.caption) for e in kind if "evil" in str(e.value)]
    assert shown and all("![" not in text and "](http" not in text and ":red[" not in text for text in shown)
