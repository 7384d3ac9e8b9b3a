"""A walk down the map's tiles, one zoom of it at a time: the tiles kept, the way to the answer, the tiles' pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from geoloc_core.geo import Floats
from geoloc_core.maps.base import Layer, OfflineMap, Theme
from geoloc_core.maps.shapes import beside, bounds
from geoloc_core.maps.tiles import TileLayer
from geoloc_core.maps.views import legend
from geoloc_core.tiles import tile as tiles_
from geoloc_core.tiles.walked import Rung, Walk

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURE_SIDE = 128
_DIGITS = 6  # of a degree: a tenth of a metre
_PALEST = 0.1


@dataclass(frozen=True, eq=False)
class WalkView:
    """What a map of one zoom of a walk shows. Texts may be hostile.

    Args:
        walk: the walk.
        at: which of its rungs, from 0.
        title: the answer in words.
        pictures: of tiles, shown when one points at them; those of `shown_tiles` are enough.
        attribution: whose the pictures are, said beside each.
        truth: where the photo was taken, if known.
        truth_title: how we know.

    Raises:
        ValueError: there is no such rung.
    """

    walk: Walk
    at: int
    title: str
    pictures: Mapping[tiles_.Tile, Image] = field(default_factory=dict)
    attribution: str = ""
    truth: tuple[float, float] | None = None
    truth_title: str = "True place"

    def __post_init__(self) -> None:
        if not 0 <= self.at < len(self.walk.rungs):
            raise ValueError(f"The walk has {len(self.walk.rungs)} zooms, counted from 0.")

    @property
    def rung(self) -> Rung:
        """The zoom that is shown."""
        return self.walk.rungs[self.at]

    @property
    def shown_tiles(self) -> tuple[tiles_.Tile, ...]:
        """The tiles that are drawn: those kept, the best first."""
        return tuple(self.rung.tiles[index] for index in self.rung.kept)


def walk_map(view: WalkView, theme: Theme = "light", tiles: TileLayer | None = None) -> OfflineMap:
    """The tiles kept at one zoom, coloured by score, and the way from the first zoom to there, and to the answer."""
    lat, lon = view.walk.named
    zoom, step = view.rung.zoom, view.walk.best[view.at]
    drawn = OfflineMap(f"Map of the tiles kept at zoom {zoom} on the way to {view.title}", theme, tiles)
    drawn.add_child(walk_layer(view))
    way = beside([tiles_.centre(each.tile) for each in view.walk.best], lon)
    drawn.add_child(Layer("line", points=way.round(_DIGITS).tolist(), title=""))
    lines = [str(view.walk), f"At zoom {zoom} no. {step.rank:,} of {step.of:,}"]
    drawn.add_child(Layer("pin", kind="guess", title=view.title, lines=lines, lat=lat, lon=lon))
    items = [("cell", f"tiles kept at zoom {zoom}, less to more similar"), ("way", "way down"), ("guess", "best guess")]
    if view.truth is not None:
        (at,) = beside([view.truth], lon).tolist()
        drawn.add_child(Layer("pin", kind="truth", title=view.truth_title, lines=[], lat=at[0], lon=at[1]))
        items.append(("truth", view.truth_title.lower()))
    drawn.add_child(legend(items))
    drawn.add_child(Layer("fit", bounds=bounds(_window(view)), maxZoom=15))
    return drawn


def walk_layer(view: WalkView) -> Layer:
    """The tiles alone, the best drawn last; to be put on any map."""
    rung = view.rung
    scores, best = rung.paths[rung.kept], rung.paths[rung.order[: view.walk.how.k]]  # those held may be far worse
    spread = float(np.ptp(best))
    strengths = np.clip((scores - best.min()) / spread, 0, 1) if spread > 0 else (scores >= best.min()).astype(float)
    shades = _PALEST + (1 - _PALEST) * strengths
    drawn = [_tile(view, int(index), float(shade)) for index, shade in zip(rung.kept, shades, strict=True)]
    return Layer("cells", cells=drawn[::-1])


def data_uri(image: Image) -> str:
    """A tile's picture as a JPEG of at most 128 pixels a side."""
    small = image.convert("RGB")
    small.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _tile(view: WalkView, index: int, strength: float) -> dict[str, Any]:
    step = view.rung.step(index)
    tile, had = step.tile, step.score is not None
    cell: dict[str, Any] = {
        "line": _outline(tile, view.walk.named[1]).round(_DIGITS).tolist(),
        "strength": round(strength, 4),
        "title": f"no. {step.rank:,} of {step.of:,}" if had else "not compared",
        "lines": [
            f"similarity {step.score:.3f}" if had else "kept for the place beside",
            f"tile {tile.z}/{tile.x}/{tile.y}",
        ],
    }
    if tile in view.pictures:
        cell["thumbnail"] = data_uri(view.pictures[tile])
        cell["lines"] += [view.attribution] if view.attribution else []
    return cell


def _outline(tile: tiles_.Tile, lon: float) -> Floats:
    """A tile's corners in the world copy in which it is nearest to a meridian."""
    south, west, north, east = tiles_.bounds(tile)
    line = np.array([(south, west), (north, west), (north, east), (south, east)])
    line[:, 1] += 360 * np.rint((lon - line[:, 1].mean()) / 360)
    return line


def _window(view: WalkView) -> Floats:
    """At the first zoom all tiles kept; below, the tile of the way one zoom before."""
    lon = view.walk.named[1]
    if view.at:
        return _outline(view.walk.best[view.at - 1].tile, lon)
    return np.vstack([_outline(tile, lon) for tile in view.shown_tiles])
