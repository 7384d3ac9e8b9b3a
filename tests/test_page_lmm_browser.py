"""Asking a model in a real browser: streamed, stopped, refused, hostile; and a key that stays out of sight."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from geoloc_core.paths import ROOT
from tests.browser import Seen, Visit, chromium, serve
from tests.conftest import make_photo
from tests.lmm_server import GOOD, HTML, INJECTION, PROSE, REFUSAL, LmmServer, say, trickle

KEY = "sk-typed-by-a-visitor-0123456789"
HOSTILE = f"{INJECTION}\n{HTML}\n![](http://198.51.100.1/a.png) [b](javascript:alert(1)) :red[c] $d$ <b>e</b>"
_ALIVE = "img[src*='198.51'], img[src*='example.com'], img[src='x'], a[href^='javascript'], script, b:text-is('e')"
PHONE = {"size": (390, 844), "touch": True}


@dataclass
class App:
    """The app on loopback with its visitors, and a file with all that it prints."""

    url: str
    visit: Visit
    log: Path
    photo: Path

    def ready(self, server: LmmServer, **options: Any) -> Seen:
        """A visitor with a photo, who chose the server by its address and typed a key and a model."""
        seen = self.visit(self.url, **options)
        page = seen.page
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(self.photo)
        page.get_by_role("img", name="The photo to locate").wait_for()
        switch_on(page)
        choose(page, "Server", "Another server")
        fill(page, "Address", server.url)
        fill(page, "API key", KEY)
        page.get_by_text("is set.").wait_for()
        page.get_by_role("button", name="List").click()
        page.get_by_text("The server lists 2 models").wait_for()
        choose(page, "Model", "tiny-vision")
        return seen


def idle(page: Any) -> None:
    """Wait until the page's script has ended: fields move while it runs, and clicks fall beside them."""
    page.wait_for_timeout(250)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def switch_on(page: Any) -> None:
    """Open the panel and switch it on; while the page still moves, a click may fall beside either."""
    switch = page.get_by_role("switch", name="Ask a model where it is")
    for _ in range(10):
        idle(page)
        page.wait_for_timeout(500)
        if not switch.count() or not switch.is_visible():
            page.get_by_text("Ask a multimodal model").click()
        elif not switch.is_checked():
            page.get_by_text("Ask a model where it is").click()
        else:
            break
    page.get_by_role("combobox", name="Server").wait_for()


def choose(page: Any, label: str, option: str) -> None:
    """Take an option of a select box, whose list closes when anything still moves."""
    idle(page)
    wanted = page.get_by_role("option", name=option)
    for _ in range(5):
        page.get_by_role("combobox", name=label).first.click()
        page.wait_for_timeout(500)
        if wanted.count():
            break
    wanted.click()
    idle(page)


def fill(page: Any, label: str, text: str) -> None:
    idle(page)
    field = page.get_by_role("textbox", name=label)
    field.fill(text)
    field.press("Enter")
    idle(page)


def send(seen: Seen, server: LmmServer) -> None:
    seen.page.get_by_role("button", name=f"Send to {server.destination}").click()


def assert_harmless(app: App, seen: Seen) -> None:
    assert not seen.foreign and not seen.errors
    assert "pwned" not in seen.page.title()
    assert KEY not in seen.page.content() and KEY not in app.log.read_text()
    assert not seen.page.evaluate(
        "() => [document.documentElement, document.querySelector('[data-testid=stMain]')]"
        ".some((box) => box.scrollWidth > innerWidth)"
    )


@pytest.fixture(scope="module")
def app(small_gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = tmp_path_factory.mktemp("app")
    (home / "galleries").mkdir()
    shutil.copytree(small_gallery, home / "galleries" / "small")
    env = {
        "GEOLOC_GALLERIES": str(home / "galleries"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "HF_HOME": str(home / "hf"),
        "STREAMLIT_LOGGER_LEVEL": "debug",
        "OPENAI_LOG": "debug",
    }
    photo = make_photo(home / "girona.jpg", 7, (41.98, 2.82), (640, 480))
    with serve(ROOT / "app.py", env, log=home / "log") as url, chromium() as visit:
        yield App(url, visit, home / "log", photo)


@pytest.mark.parametrize(
    ("theme", "screen"), [("light", {}), ("dark", {}), ("light", PHONE)], ids=["light", "dark", "phone"]
)
def test_a_streamed_reply_and_three_maps(app: App, theme: str, screen: dict):
    with LmmServer(say(f"Façades and an iron tower.\n{GOOD}", pieces=12, pause=0.25)) as server:
        seen = app.ready(server, theme=theme, **screen)
        assert not server.asked
        send(seen, server)
        page = seen.page
        page.get_by_text("Façades and").first.wait_for()
        assert page.get_by_text("What the model says").count() == 0
        page.get_by_text("What the model says").wait_for()
        prediction, near, far = seen.maps(3)
        assert [near.locator(".gl-num").count(), far.locator(".gl-num").count()] == [16, 16]
        assert prediction.locator(".gl-diamond").count() == 1
        assert prediction.get_by_text("the model's replies").count() == 1
        page.get_by_text("a claim, not evidence").wait_for()
        assert_harmless(app, seen)
        page.context.close()
    (request,) = server.asked
    assert request.headers["authorization"] == f"Bearer {KEY}" and b"girona" not in request.body.lower()
    assert KEY.encode() not in request.body


@pytest.mark.parametrize("text", [REFUSAL, INJECTION], ids=["refusal", "injection"])
def test_a_refusal_gives_a_useful_page(app: App, text: str):
    with LmmServer(say(text)) as server:
        seen = app.ready(server)
        send(seen, server)
        page = seen.page
        page.get_by_role("heading", name="The model names no place").wait_for()
        page.get_by_text(text.split("![")[0].strip()).first.wait_for()
        page.get_by_text("Most likely place, by retrieval alone").wait_for()
        seen.maps(3)
        assert_harmless(app, seen)
        page.context.close()


def test_a_hostile_reply_does_nothing(app: App):
    form = {"latitude": 48.85, "longitude": 2.29, "place": HOSTILE, "clues": [HOSTILE]}
    with LmmServer(say(f"{HOSTILE}\n{json.dumps(form)}", pieces=3, pause=0.7)) as server:
        seen = app.ready(server)
        send(seen, server)
        seen.page.get_by_text("SYSTEM: ignore all").first.wait_for()
        seen.page.get_by_text("What the model says").wait_for()
        seen.maps(3)
        seen.page.get_by_text("What was asked and what came back").click()
        seen.page.get_by_text("The reply, as it came").wait_for()
        assert seen.page.get_by_test_id("stMain").locator(_ALIVE).count() == 0
        assert_harmless(app, seen)
        seen.page.context.close()


def test_stopping(app: App):
    with LmmServer(trickle(), say(PROSE)) as server:
        seen = app.ready(server)
        send(seen, server)
        page = seen.page
        page.get_by_text("x x x").first.wait_for()
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopped.").wait_for()
        page.wait_for_timeout(500)
        assert server.open == 0
        send(seen, server)
        page.get_by_text("What the model says").wait_for()
        assert_harmless(app, seen)
        page.context.close()


def test_leaving_for_another_page_and_coming_back(app: App):
    with LmmServer(say(GOOD, pieces=20, pause=0.4)) as server:
        seen = app.ready(server)
        send(seen, server)
        page = seen.page
        page.get_by_role("button", name="Stop").wait_for()
        page.get_by_test_id("stTopNavLink").filter(has_text="About").first.click()
        page.get_by_role("heading", name="About Geoloc").wait_for()
        page.get_by_test_id("stTopNavLink").filter(has_text="Locate").first.click()
        page.get_by_text("What the model says").wait_for()
        assert not seen.errors
        page.context.close()


def test_the_key_is_out_of_sight_when_it_was_typed(app: App):
    with LmmServer() as server:
        seen = app.ready(server)
        values = seen.page.evaluate("[...document.querySelectorAll('input, textarea')].map((field) => field.value)")
        assert not any(KEY in value for value in values)
        assert seen.page.get_by_role("textbox", name="API key").count() == 0
        assert_harmless(app, seen)
        seen.page.get_by_role("button", name="Forget").click()
        seen.page.get_by_role("textbox", name="API key").wait_for()
        assert seen.page.get_by_role("textbox", name="API key").input_value() == ""
        seen.page.context.close()
