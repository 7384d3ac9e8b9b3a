"""Online tile layers one may switch on over the embedded base map. They tell a third party where the user looks.

Listed are only those whose terms allow light interactive use without a key; who runs the app for many users should
bring a provider of their own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TileLayer:
    """An XYZ tile layer.

    Args:
        name: what the user chooses.
        url: Leaflet URL template.
        credit: attribution the provider asks for, as (text, link) pairs; shown on the map.
        terms: address of the terms of use.
        max_zoom: deepest zoom the server has; deeper views enlarge it.
    """

    name: str
    url: str
    credit: tuple[tuple[str, str], ...]
    terms: str
    max_zoom: int


_OSM_CREDIT = ("© OpenStreetMap contributors", "https://www.openstreetmap.org/copyright")

TILE_LAYERS = (
    TileLayer(
        "OpenStreetMap",
        "https://tile.openstreetmap.org/{z}/{x}/{y}.png",
        (_OSM_CREDIT,),
        "https://operations.osmfoundation.org/policies/tiles/",
        19,
    ),
    TileLayer(
        "OpenTopoMap",
        "https://tile.opentopomap.org/{z}/{x}/{y}.png",
        (_OSM_CREDIT, ("© OpenTopoMap (CC-BY-SA)", "https://opentopomap.org/about")),
        "https://opentopomap.org/about",
        17,
    ),
)
