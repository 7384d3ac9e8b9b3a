"""A density on the sphere as a see-through image for Web Mercator."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc_core.geo import Floats
from geoloc_core.maps.shapes import MAX_LAT

Density = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # (n, 2) degrees (lat, lon) -> (n,) per square km

# Share of the mass outside (0 far out, 1 at the peak) to red, green, blue, alpha: legible on light and dark land alike.
_STOPS = np.array([0.0, 0.1, 0.3, 0.6, 0.85, 1.0])
_RAMP = np.array(
    [
        [109, 40, 217, 0],
        [109, 40, 217, 14],
        [139, 42, 214, 62],
        [205, 40, 150, 100],
        [245, 105, 40, 128],
        [253, 176, 50, 150],
    ]
)


@dataclass(frozen=True)
class HeatImage:
    """An image in a data URI, rows even in Web Mercator, and its sides in degrees."""

    image: str
    south: float
    west: float
    north: float
    east: float


def heat_image(density: Density, window: list[list[float]], rows: int = 104, columns: int = 128) -> HeatImage:
    """Draws `density` over a window [[south, west], [north, east]], widened by three quarters on each side.

    A pixel's colour is the share of the mass that lies at places of lower density, so that one picture serves a sharp
    peak and a broad plain: the border of the smallest region that holds 90 % is faint. The density is asked for at
    rows x columns points and drawn twice as fine.
    """
    south, west, north, east = _widened(window)
    top, bottom = _mercator(north), _mercator(south)
    lat = _latitude(top + (bottom - top) * (np.arange(rows) + 0.5) / rows)
    lon = west + (east - west) * (np.arange(columns) + 0.5) / columns
    points = np.column_stack([np.repeat(lat, columns), np.tile(lon, rows)])
    values = np.asarray(density(points), dtype=np.float64).reshape(rows, columns)
    share = _finer(_outside(values, np.cos(np.radians(lat))[:, None] ** 2))
    share *= _edge_fade(2 * rows, north < MAX_LAT - 0.01, south > 0.01 - MAX_LAT)[:, None]
    if east - west < 359.9:
        share *= _edge_fade(2 * columns)[None, :]
    return HeatImage(_png(share), south, west, north, east)


def _widened(window: list[list[float]]) -> tuple[float, float, float, float]:
    (south, west), (north, east) = window
    high, low = _mercator(min(north, MAX_LAT)), _mercator(max(south, -MAX_LAT))
    up, side = max(0.75 * (high - low), 1e-6), max(0.75 * (east - west), 1e-4)
    if east - west + 2 * side >= 360:
        west, side, east = (west + east) / 2 - 180, 0.0, (west + east) / 2 + 180
    ceiling = _mercator(MAX_LAT)
    return _lat1(max(low - up, -ceiling)), west - side, _lat1(min(high + up, ceiling)), east + side


def _mercator(lat: float) -> float:
    return float(np.arctanh(np.sin(np.radians(lat))))


def _latitude(y: Floats) -> Floats:
    return np.degrees(np.arcsin(np.tanh(y)))


def _lat1(y: float) -> float:
    return float(_latitude(np.array([y]))[0])


def _outside(values: Floats, area: Floats) -> Floats:
    """For every pixel the share of the window's mass at lower density: 0 at the tail, 1 at the peak."""
    mass = (values * area).ravel()
    order = np.argsort(values, axis=None, kind="stable")
    total = np.cumsum(mass[order])
    share = np.zeros(values.size)
    if total[-1] > 0:
        share[order] = total / total[-1]
    return share.reshape(values.shape)


def _finer(share: Floats) -> Floats:
    """Twice as many rows and columns, by bicubic interpolation."""
    from PIL import Image

    rows, columns = share.shape
    picture = Image.fromarray(share.astype(np.float32)).resize((2 * columns, 2 * rows), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(picture, dtype=np.float64), 0, 1)


def _edge_fade(n: int, first: bool = True, last: bool = True, width: float = 0.1) -> Floats:
    """1 inside, falling to 0 at the ends asked for, so that a tail cut by the window shows no edge."""
    at = (np.arange(n) + 0.5) / n
    near = np.minimum(np.clip(at / width, not first, 1), np.clip((1 - at) / width, not last, 1))
    return near * near * (3 - 2 * near)


def _png(share: Floats) -> str:
    """(rows, columns) in 0..1 as an RGBA PNG in a data URI."""
    from PIL import Image

    levels = np.linspace(0, 1, 128)
    table = np.column_stack([np.interp(levels, _STOPS, channel) for channel in _RAMP.T]).round().astype(np.uint8)
    index = np.rint(share * 127).astype(np.uint8)
    picture = Image.fromarray(index, mode="P")
    picture.putpalette(table.tobytes(), rawmode="RGBA")
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=False, transparency=table[:, 3].tobytes())
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
