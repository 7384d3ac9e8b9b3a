"""Geo-cells around a prediction, the likelier the deeper in colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.cells import Level
from geoloc_core.geo import Floats, distance_km
from geoloc_core.maps.base import Layer, OfflineMap, Theme
from geoloc_core.maps.shapes import beside, bounds
from geoloc_core.maps.tiles import TileLayer
from geoloc_core.maps.views import legend

_NEAREST, _LIKELIEST = 120, 20  # cells that are drawn
_IN_VIEW = 12  # of the nearest, that the first view shows
_DIGITS = 6  # of a degree: a tenth of a metre


@dataclass(frozen=True, eq=False)
class CellsView:
    """What a map of geo-cells shows. Texts may be hostile.

    Args:
        level: the cells.
        probabilities: (n,) one for each cell, in its order.
        lat: best guess, degrees.
        lon: best guess, degrees.
        title: the guess in words.
        lines: further lines of its popup.
        truth: where the photo was taken, if known.
        truth_title: how we know.

    Raises:
        ValueError: not one finite number >= 0 a cell.
    """

    level: Level
    probabilities: Floats
    lat: float
    lon: float
    title: str
    lines: tuple[str, ...] = ()
    truth: tuple[float, float] | None = None
    truth_title: str = "True place"

    def __post_init__(self) -> None:
        mass = np.asarray(self.probabilities, dtype=np.float64)
        if mass.shape != (len(self.level),) or not np.isfinite(mass).all() or (mass < 0).any():
            raise ValueError(f"Give one probability for each of the {len(self.level):,} cells.")
        object.__setattr__(self, "probabilities", mass)


def cells_map(view: CellsView, theme: Theme = "light", tiles: TileLayer | None = None) -> OfflineMap:
    """The cells near the best guess and the likeliest ones anywhere, coloured by probability, under the guess's pin."""
    drawn = OfflineMap(f"Map of the {view.level.name} geo-cells around {view.title}", theme, tiles)
    drawn.add_child(cell_layer(view))
    drawn.add_child(Layer("pin", kind="guess", title=view.title, lines=list(view.lines), lat=view.lat, lon=view.lon))
    items = [("cell", f"{view.level.name} cells, less to more likely"), ("guess", "best guess")]
    if view.truth is not None:
        lat, lon = view.truth
        drawn.add_child(Layer("pin", kind="truth", title=view.truth_title, lines=[], lat=lat, lon=lon))
        items.append(("truth", view.truth_title.lower()))
    drawn.add_child(legend(items))
    shown = beside([(view.lat, view.lon), *([view.truth] if view.truth else [])], view.lon)
    around = [_line(view, cell) for cell in nearest_cells(view.level, (view.lat, view.lon), _IN_VIEW)]
    drawn.add_child(Layer("fit", bounds=bounds(np.vstack([shown, *around])), maxZoom=13))
    return drawn


def cell_layer(view: CellsView) -> Layer:
    """The cells alone, to be put on any map."""
    near = nearest_cells(view.level, (view.lat, view.lon), _NEAREST)
    likeliest = np.argsort(-view.probabilities, kind="stable")[:_LIKELIEST]
    chosen = np.union1d(near, likeliest)
    chosen = chosen[np.argsort(view.probabilities[chosen], kind="stable")]  # the likeliest drawn last, on top
    top = float(view.probabilities.max()) or 1.0
    return Layer("cells", cells=[_cell(view, int(cell), top) for cell in chosen])


def nearest_cells(level: Level, at: tuple[float, float], count: int) -> NDArray[np.int64]:
    """The classes of the `count` cells whose places are nearest to a point, the nearest first."""
    return np.argsort(distance_km(at, level.points), kind="stable")[:count].astype(np.int64)


def _cell(view: CellsView, cell: int, top: float) -> dict[str, Any]:
    level, share = view.level, float(view.probabilities[cell])
    title = f"{share:.1%}" if share >= 0.001 or not share else "< 0.1%"
    return {
        "line": _line(view, cell).round(_DIGITS).tolist(),
        "strength": round(share / top, 4),
        "title": title.replace("%", " %"),
        "lines": [
            f"{level.counts[cell]:,} training photos",
            f"S2 cell {level.tokens[cell]}, level {level.depths[cell]}",
        ],
    }


def _line(view: CellsView, cell: int) -> Floats:
    """A cell's outline in the world copy in which it is nearest to the guess."""
    line = view.level.outline(cell)
    line[:, 1] += 360 * np.rint((view.lon - line[:, 1].mean()) / 360)
    return line
