"""Takes the screenshots in docs/images with Chromium: `python -m tests.write_images`."""

from __future__ import annotations

import io

from PIL import Image

from geoloc_core.paths import ROOT
from tests.browser import chromium, serve

OUT = ROOT / "docs" / "images"
VIEWS = {
    "locate-light": {"size": (1280, 1690)},
    "locate-dark": {"size": (1280, 1130), "theme": "dark"},
    "locate-phone": {"size": (390, 1500), "touch": True},
}
EXAMPLE = 4


def main() -> None:
    """One visit a view: an example located, all maps drawn, the top of the page kept."""
    OUT.mkdir(parents=True, exist_ok=True)
    with serve(ROOT / "app.py", {"GEOLOC_GALLERIES": str(ROOT / "build" / "no-galleries")}) as url, chromium() as visit:
        for name, options in VIEWS.items():
            seen = visit(url, **options)
            page = seen.page
            page.get_by_role("button", name=f"Locate example {EXAMPLE}", exact=True).click()
            page.get_by_text("Most likely place").wait_for()
            seen.maps(3)
            page.get_by_text("Most likely place").scroll_into_view_if_needed()
            page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
            page.wait_for_timeout(1500)
            if options.get("touch"):
                page.get_by_text("Most likely place").evaluate("e => e.scrollIntoView()")
                page.wait_for_timeout(500)
            with Image.open(io.BytesIO(page.screenshot())) as shot:
                shot.convert("RGB").save(OUT / f"{name}.jpg", quality=85)
            page.context.close()


if __name__ == "__main__":
    main()
