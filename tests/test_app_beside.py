"""The page of galleries and models: segmenters and scene classifiers, what is said of them, and getting a SegFormer."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

from geoloc_core.paths import ROOT
from geoloc_core.segmentation import open_segmenter
from geoloc_core.segmentation.names import REPOS
from geoloc_core.settings import settings
from pages.parts import fetching
from tests.app_driver import no_earlier_downloads, until
from tests.loopback_hub import LoopbackHub
from tests.make_segmenter import forgetful, saved

pytestmark = pytest.mark.usefixtures("forgetful")
__all__ = ["forgetful", "no_earlier_downloads", "saved"]
HOSTILE = "x/<img src=x onerror=alert(1)> ![a](http://x.io) `b` $c$ :red[d] www.x.io"


def listed() -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at = at.switch_page("pages/galleries.py").run()
    assert not at.exception
    return at


def text(at: AppTest) -> str:
    return raw(at).replace("\\", "")


def raw(at: AppTest) -> str:
    """What Markdown is told, with what is escaped in it."""
    return "\n".join(str(e.value) for kind in (at.markdown, at.caption, at.subheader) for e in kind)


def test_a_segformer_comes_at_a_click_and_is_used_first(saved, monkeypatch: pytest.MonkeyPatch):
    files = {f"{REPOS['segformer-b1']}/{file.name}": file.read_bytes() for file in (saved / "segformer").iterdir()}
    hub = LoopbackHub(files)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    at = listed()
    assert "**Starter segmenter** is taken" in text(at) and at.button(key="get-segformer-b0")
    assert "`python -m geoloc_core fetch segformer-b0`" in text(at)
    at.selectbox(key="segformer").set_value("segformer-b1").run()
    assert not hub.requests, "nothing may be asked before the click"
    hub.behaviour = "refuse"
    at.button(key="get-segformer-b1").click().run()
    until(at, lambda: any("refuses" in warning.value or "unreachable" in warning.value for warning in at.warning))
    hub.behaviour = ""
    at.button(key="get-segformer-b1").click().run()
    until(at, lambda: fetching._downloads["segformer-b1"].ended)
    assert not fetching._downloads["segformer-b1"].problem
    at.run()
    hub.close()
    assert open_segmenter("segformer-b1").availability()
    assert "**SegFormer B1** is taken: the largest SegFormer" in text(at)
    assert "SegFormer B1" in {heading.value for heading in at.subheader}
    assert "segformer-b1" not in at.selectbox(key="segformer").options and at.button(key="get-segformer-b0")


def test_an_unreachable_hub_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    at = listed()
    at.button(key="get-segformer-b0").click().run()
    until(at, lambda: any("unreachable" in warning.value for warning in at.warning), seconds=8)
    assert at.button(key="get-segformer-b0")


def test_classifiers_say_what_they_lack_and_which_is_taken():
    at = listed()
    assert "None can be used yet." in text(at) and "Places365 ResNet-50" in text(at)
    assert "Zero-shot clip-l14" in text(at) and "fetch clip-l14`" in text(at)
    settings().checkpoints.mkdir(parents=True)
    (settings().checkpoints / "resnet18_places365.pth.tar").write_bytes(b"x")
    assert "**Places365 ResNet-18** is taken" in text(at.run())


def test_settings_and_folders_are_listed_and_their_names_are_only_words(saved, monkeypatch: pytest.MonkeyPatch):
    settings().checkpoints.mkdir(parents=True)
    shutil.copytree(saved / "segformer", settings().checkpoints / "my-own")
    shutil.copytree(saved / "segformer", settings().checkpoints / "x <b>")
    monkeypatch.setenv("GEOLOC_SEGMENTER", HOSTILE)
    monkeypatch.setenv("GEOLOC_SCENES", HOSTILE)
    settings.cache_clear()
    at = listed()
    shown = raw(at)
    assert "my\\-own" in shown and "x <b>" not in shown
    assert shown.count("onerror") >= 4 and "There is no segmenter" in shown
    assert not re.search(r"(?<!\\)(<img|!\[|`b|\$c|:red\[)", shown), "it is escaped"
    assert not re.search(r"(https?\\:\\/\\/|www\\\.)x", shown), "and no address becomes a link"


def test_the_page_needs_no_torch():
    script = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\n"
        f"at = AppTest.from_file({str(ROOT / 'app.py')!r}, default_timeout=60).run()\n"
        "at = at.switch_page('pages/galleries.py').run()\n"
        "assert at.button(key='get-segformer-b0') and not at.exception\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "open_clip", "transformers", "shapely"} & set(done.stdout.split())
