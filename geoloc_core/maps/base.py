"""`OfflineMap`, a folium map that asks no CDN for anything, and `Layer`, the one way to put something on it.

The browser's part is `static/geoloc-*.js`; a layer is a call of one of its functions with JSON, so there is a single
template here and no text in it that is not escaped. The same input renders the same HTML: streamlit-folium takes a map
for a new one, and drops the user's view, as soon as a character differs.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Literal

import folium
from branca.element import MacroElement
from folium.template import Template

from geoloc_core.maps.safe import json_literal, safe
from geoloc_core.maps.tiles import TileLayer

Theme = Literal["light", "dark"]

COMPONENT_PREFIX = "../../app/static/"  # from streamlit-folium's own page, so it stays right under server.baseUrlPath
_STATIC = Path(__file__).parents[2] / "static"
_SCRIPTS = ("leaflet/leaflet.js", "geoloc-base.js", "geoloc-labels.js", "geoloc-map.js", "basemap/land-110m.js")
_STYLES = ("leaflet/leaflet.css", "geoloc-map.css")


@cache
def static_version() -> str:
    """A digest of the files the browser loads, put behind their names: Streamlit serves them without Cache-Control."""
    digest = hashlib.sha256()
    for path in sorted(_STATIC.rglob("*")):
        if path.suffix in (".js", ".css"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


class Layer(MacroElement):
    """One call of `GeolocMap.<function>(map, options)` in the browser.

    Args:
        function: its name in `static/geoloc-*.js`.
        options: anything JSON knows; strings may be hostile.
    """

    _template = Template(
        "{% macro script(this, kwargs) %}\n"
        "GeolocMap.{{ this.function }}({{ this._parent.get_name() }}, {{ this.literal }});\n"
        "{% endmacro %}"
    )

    def __init__(self, function: str, **options: Any) -> None:
        super().__init__()
        self._name = "Layer"
        self.function = function
        self.literal = json_literal(options)
        self._id = hashlib.sha256(f"{function}{self.literal}".encode()).hexdigest()[:16]


class OfflineMap(folium.Map):
    """A folium map with the embedded vector base map: Natural Earth and GeoNames, from world to town.

    Args:
        label: what the map shows, for screen readers.
        theme: colours, to match the page.
        tiles: an online tile layer over the base map; None asks no other host for anything.
        prefix: where `static/` is, seen from the page that shows the map.
        name: tells maps on one page apart; only for HTML outside of streamlit-folium.
    """

    def __init__(
        self,
        label: str = "Map",
        theme: Theme = "light",
        tiles: TileLayer | None = None,
        prefix: str = COMPONENT_PREFIX,
        name: str = "geoloc",
    ) -> None:
        super().__init__(
            location=(20, 0),
            zoom_start=2,
            tiles=None,
            world_copy_jump=True,
            prefer_canvas=True,
            max_zoom=19 if tiles else 15,
            zoom_snap=1 if tiles else 0.25,  # images scaled between zooms are blurred and show their seams
            zoom_delta=1 if tiles else 0.5,
            wheel_px_per_zoom_level=90,
            font_size="13px",
        )
        self._id = name
        version = f"?v={static_version()}"
        self.default_js = [(path, f"{prefix}{path}{version}") for path in _SCRIPTS]
        self.default_css = [(path, f"{prefix}{path}{version}") for path in _STYLES]
        self.add_child(Layer("base", theme=theme, label=label))
        if tiles is not None:
            credit = ", ".join(f'<a href="{link}">{safe(text)}</a>' for text, link in tiles.credit)
            self.add_child(Layer("tiles", url=tiles.url, attribution=credit, maxZoom=tiles.max_zoom))
