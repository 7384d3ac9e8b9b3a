"""Shared by the browser tests: a Streamlit app on loopback, and Chromium pages that remember what they asked for.

with serve(app) as url, chromium() as visit:
    seen = visit(url, theme="dark", size=(390, 844))
    seen.page.get_by_role("button", name="Locate").click()
    assert not seen.foreign and not seen.errors
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

MAP_FRAME = "iframe[title='streamlit_folium.st_folium']"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_STREAMLIT = {
    "server.address": "127.0.0.1",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.enableStaticServing": "true",
    "browser.gatherUsageStats": "false",
}


@dataclass
class Seen:
    """A page and what happened on it: addresses on other hosts that it asked for, and uncaught errors."""

    page: Any
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def maps(self, count: int) -> list[Any]:
        """The frames of the first `count` maps in the order of the page, once each has drawn its land."""
        frames = []
        for i in range(count):
            box = self.page.locator(MAP_FRAME).nth(i)
            box.wait_for(state="attached", timeout=60_000)
            box.scroll_into_view_if_needed()
            frame = box.element_handle().content_frame()
            frame.wait_for_function("window.map && map.geoloc && map.geoloc.level", timeout=60_000)
            frames.append(frame)
        return frames

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname not in ("127.0.0.1", "localhost"):
            self.foreign.append(url)


Visit = Callable[..., Seen]


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(app: Path, env: dict[str, str] | None = None, base: str = "", log: Path | None = None) -> Iterator[str]:
    """Runs a Streamlit app from its own folder and gives its address.

    `base` is its server.baseUrlPath; what it prints goes to `log`, if given.
    """
    port = free_port()
    options = _STREAMLIT | {"server.port": str(port), "server.baseUrlPath": base}
    flags = [f"--{key}={value}" for key, value in options.items()]
    command = [sys.executable, "-m", "streamlit", "run", app.name, *flags]
    root = str(Path(__file__).parents[1])
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])} | (env or {})
    output = log.open("w") if log else subprocess.PIPE
    running = subprocess.Popen(
        command, cwd=app.parent, env=surroundings, stdout=output, stderr=subprocess.STDOUT, text=True
    )
    url = f"http://127.0.0.1:{port}/{base}".rstrip("/")
    try:
        _wait_until_healthy(url, running)
        yield url
    finally:
        running.terminate()
        try:
            running.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()


def _wait_until_healthy(url: str, running: subprocess.Popen[str], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and running.poll() is None:
        try:
            with urlopen(f"{url}/_stcore/health", timeout=1) as answer:
                if answer.read() == b"ok":  # any other path answers 200 too, with the page
                    return
        except (URLError, OSError):
            time.sleep(0.1)
    running.kill()
    pytest.fail(f"The app did not start:\n{running.communicate()[0]}")


@contextmanager
def chromium() -> Iterator[Visit]:
    """Chromium, as a function that opens an address in a fresh context; skips the test where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("no Chromium: install it or set CHROMIUM to its path")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)

        def visit(
            url: str,
            theme: Literal["light", "dark"] = "light",
            size: tuple[int, int] = (1280, 900),
            touch: bool = False,
        ) -> Seen:
            context = browser.new_context(
                color_scheme=theme, viewport={"width": size[0], "height": size[1]}, is_mobile=touch, has_touch=touch
            )
            seen = Seen(context.new_page())
            seen.page.on("request", lambda request: seen._asked(request.url))
            seen.page.on("websocket", lambda socket: seen._asked(socket.url))
            seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
            seen.page.goto(url)
            return seen

        yield visit
        browser.close()
