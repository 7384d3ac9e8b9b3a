"""Where people live and the roads between: the gazetteer's towns, on the map, and which are joined."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geoloc_core.paths import ASSETS
from index_builder.atlas.facts import country_codes, yellow_centres
from index_builder.atlas.noise import hashed
from index_builder.atlas.tiles.grid import EQUATOR_KM, Doubles, Ints, Window, latitude, mercator

_RANKS = (0, 3_000, 15_000, 70_000, 400_000)
_LONGEST_KM = 160.0
_HAMLETS = 13  # 2^13 cells of 5 km across the map, one hamlet or none in each
_PIECES = 8


@dataclass(frozen=True)
class Towns:
    """Settlements: places on the map (n,) in [0, 1], radii on the map, inhabitants."""

    x: Doubles
    y: Doubles
    radius: Doubles
    people: Doubles

    def within(self, window: Window, least_px: float) -> Towns:
        """Those that reach into a window with a radius of some pixels or more; x as seen from the window."""
        size, left, top = window.size, window.left / window.size, window.top / window.size
        width = window.side / size
        x = self.x + np.round(left + width / 2 - self.x)
        reach = 1.6 * self.radius
        near = (self.radius * size >= least_px) & (np.abs(self.y - top - width / 2) < width / 2 + reach)
        rows = np.flatnonzero(near & (np.abs(x - left - width / 2) < width / 2 + reach))
        return Towns(x[rows], self.y[rows], self.radius[rows], self.people[rows])


@dataclass(frozen=True)
class Roads:
    """Roads between towns: (n, 4) ends x0, y0, x1, y1 on the map, rank of the lesser end, yellow centre lines."""

    ends: Doubles
    rank: Ints
    yellow: NDArray[np.bool_]

    def within(self, window: Window, least_rank: int) -> list[tuple[Doubles, int, bool]]:
        """Roads that pass a window: each as its bends (m, 2) in pixels of the window, its rank, its centre line."""
        size, half = window.size, window.side / 2 / window.size
        x, y = window.left / size + half, window.top / size + half
        shift = np.round(x - self.ends[:, 0])
        ends = self.ends + np.stack([shift, np.zeros_like(shift)] * 2, 1)
        slack = half + 0.12 * np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1])
        hit = (self.rank >= least_rank) & (np.minimum(ends[:, 0], ends[:, 2]) < x + slack)
        hit &= (np.maximum(ends[:, 0], ends[:, 2]) > x - slack) & (np.minimum(ends[:, 1], ends[:, 3]) < y + slack)
        rows = np.flatnonzero(hit & (np.maximum(ends[:, 1], ends[:, 3]) > y - slack))
        corner = np.array([window.left, window.top])
        return [(_bent(ends[r], int(r)) * size - corner, int(self.rank[r]), bool(self.yellow[r])) for r in rows]


def _bent(ends: Doubles, name: int) -> Doubles:
    """A road's bends (m, 2) between its ends."""
    t = np.arange(_PIECES + 1) / _PIECES
    start, along = ends[:2], ends[2:] - ends[:2]
    sway = (hashed(np.arange(_PIECES + 1), name, 51) - 0.5) * 0.16 * np.sin(np.pi * t)
    return np.asarray(start + along * t[:, None] + np.array([-along[1], along[0]]) * sway[:, None])


def _radius_km(people: Doubles) -> Doubles:
    return 0.34 * (np.maximum(people, 500) / 1000) ** 0.47


@lru_cache(maxsize=1)
def _table() -> tuple[Doubles, Doubles, Doubles]:
    """Latitudes, longitudes and inhabitants of the towns on the map."""
    from pyarrow.parquet import ParquetFile

    table = ParquetFile(ASSETS / "places" / "places.parquet").read(columns=["lat", "lon", "population"])
    lat, lon, people = (table[name].to_numpy().astype(np.float64) for name in ("lat", "lon", "population"))
    here = np.abs(lat) < 85
    return lat[here], lon[here], people[here]


@lru_cache(maxsize=1)
def towns() -> Towns:
    """The towns of the gazetteer."""
    lat, lon, people = _table()
    x, y = mercator(lat, lon)
    return Towns(x, y, _radius_km(people) / (EQUATOR_KM * np.cos(np.radians(lat))), people)


def hamlets(window: Window) -> Towns:
    """Invented hamlets about a window, spread evenly."""
    count = 1 << _HAMLETS
    columns = np.arange(window.left * count // window.size - 1, (window.left + window.side) * count // window.size + 2)
    rows = np.arange(window.top * count // window.size - 1, (window.top + window.side) * count // window.size + 2)
    c, r = (a.ravel() for a in np.meshgrid(columns, rows))
    chance, dx, dy, big = (hashed(r, c % count, 60 + i) for i in range(4))
    x, y = (c + 0.1 + 0.8 * dx) / count, (r + 0.1 + 0.8 * dy) / count
    lat = latitude(np.clip(y, 0, 1))
    radius = (0.22 + 0.5 * big**3) / (EQUATOR_KM * np.cos(np.radians(lat)))
    rows = np.flatnonzero((chance < 0.62) & (np.abs(lat) < 72))
    return Towns(x[rows], y[rows], radius[rows], np.full(len(rows), 400.0))


@lru_cache(maxsize=1)
def roads() -> Roads:
    """Every town joined to the nearest one of its size or more, and to the nearest larger one."""
    from shapely import STRtree, points

    lat, lon, people = _table()
    all_ = towns()
    rank = np.searchsorted(np.array(_RANKS), people, side="right") - 1
    shapes = np.asarray(points(np.column_stack([all_.x, all_.y])))
    pairs = []
    for least in range(len(_RANKS)):
        larger = np.flatnonzero(rank >= least)
        tree = STRtree(shapes[larger])
        asking = np.flatnonzero((rank == least) | (rank == least - 1))
        found = tree.query_nearest(shapes[asking], exclusive=True, all_matches=False)
        pairs.append(np.column_stack([asking[found[0]], larger[found[1]]]))
    joined = np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)
    a, b = joined.T
    away = np.hypot(all_.x[a] - all_.x[b], all_.y[a] - all_.y[b]) * EQUATOR_KM * np.cos(np.radians(lat[a]))
    a, b = a[(away < _LONGEST_KM)], b[(away < _LONGEST_KM)]
    ends = np.column_stack([all_.x[a], all_.y[a], all_.x[b], all_.y[b]])
    yellow = np.isin(country_codes(lat[a], lon[a]), yellow_centres())
    return Roads(ends, np.minimum(rank[a], rank[b]), yellow)
