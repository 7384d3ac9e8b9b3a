"""A map of the world with scores drawn as heat and the best places numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from geoloc_core.maps.base import Layer, OfflineMap, Theme
from geoloc_core.maps.heat import Density, HeatImage, heat_image
from geoloc_core.maps.shapes import bounds, narrowest
from geoloc_core.maps.tiles import TileLayer
from geoloc_core.maps.views import Marker, legend, marker_options

_WORLD = [[-56.0, -170.0], [74.0, 180.0]]
_SPARE = 12.0  # degrees
_ROWS, _COLUMNS = 160, 200  # a pixel is 200 km wide at the equator, and drawn twice as fine


def world_heat(density: Density) -> HeatImage:
    """A density as an image of the whole world; takes about a second, so keep it."""
    return heat_image(density, _WORLD, _ROWS, _COLUMNS)


def score_map(
    heat: HeatImage,
    best: Sequence[Marker],
    label: str,
    theme: Theme = "light",
    tiles: TileLayer | None = None,
    meaning: str = "less to more alike",
) -> OfflineMap:
    """Heat over the world with numbered places; all texts may be hostile.

    Args:
        heat: from `world_heat`.
        best: the places to number.
        label: what the map shows, for screen readers.
        theme: colours, to match the page.
        tiles: an online tile layer over the base map.
        meaning: what the heat's colours stand for, in the legend.
    """
    drawn = OfflineMap(label, theme, tiles)
    drawn.add_child(Layer("heat", **asdict(heat)))
    items = [("heat", meaning)]
    if best:
        at = narrowest([(marker.lat, marker.lon) for marker in best]).round(5).tolist()
        drawn.add_child(Layer("numbered", markers=marker_options(best, at), palette="candidate"))
        items.append(("candidate", "best places"))
    drawn.add_child(legend(items))
    drawn.add_child(Layer("fit", bounds=_around(best), maxZoom=5))
    return drawn


def _around(best: Sequence[Marker]) -> list[list[float]]:
    """The window that holds the best places with room to spare, else the world."""
    if not best:
        return _WORLD
    at = narrowest([(marker.lat, marker.lon) for marker in best])
    (south, west), (north, east) = bounds(np.vstack([at - _SPARE, at + _SPARE]))
    return [[max(south, -60.0), west], [min(north, 80.0), east]] if east - west < 300 else _WORLD
