"""Predictions and neighbours as folium maps that ask no other host for anything.

    from geoloc_core.maps import Marker, PredictionView, neighbour_map, prediction_map

A map needs the project's `static/` folder served beside it (`server.enableStaticServing`). Show it with

    st_folium(prediction_map(view, theme), key="prediction", returned_objects=[], use_container_width=True, height=400)

Importing this package is cheap; `folium` is imported with the first name that is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geoloc_core.maps.base import OfflineMap, Theme
    from geoloc_core.maps.cells import CellsView, cell_layer, cells_map
    from geoloc_core.maps.scores import score_map, world_heat
    from geoloc_core.maps.tiles import TILE_LAYERS, TileLayer
    from geoloc_core.maps.tiles_walk import WalkView, walk_layer, walk_map
    from geoloc_core.maps.views import Marker, PredictionView, neighbour_map, prediction_map

_HOME = {
    "OfflineMap": "base",
    "Theme": "base",
    "CellsView": "cells",
    "cell_layer": "cells",
    "cells_map": "cells",
    "score_map": "scores",
    "world_heat": "scores",
    "TILE_LAYERS": "tiles",
    "TileLayer": "tiles",
    "WalkView": "tiles_walk",
    "walk_layer": "tiles_walk",
    "walk_map": "tiles_walk",
    "Marker": "views",
    "PredictionView": "views",
    "neighbour_map": "views",
    "prediction_map": "views",
}
__all__ = [
    "TILE_LAYERS",
    "CellsView",
    "Marker",
    "OfflineMap",
    "PredictionView",
    "Theme",
    "TileLayer",
    "WalkView",
    "cell_layer",
    "cells_map",
    "neighbour_map",
    "prediction_map",
    "score_map",
    "walk_layer",
    "walk_map",
    "world_heat",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'geoloc_core.maps' has no attribute {name!r}")
    return getattr(import_module(f"geoloc_core.maps.{_HOME[name]}"), name)
