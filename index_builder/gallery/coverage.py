"""A map of where a gallery's photos are: photos per area on a logarithmic scale, over the land, as a PNG.

The projection is Equal Earth (Savric, Patterson and Jenny 2018, doi:10.1080/13658816.2018.1504949), in which every
pixel stands for the same area, so a colour means the same density everywhere. Land is Natural Earth's, from the
embedded base map.
"""

from __future__ import annotations

import io
import json
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from geoloc_core.geo import EARTH_RADIUS_KM, Floats
from geoloc_core.paths import ROOT

WIDTH, HEIGHT = 1600, 860
_MAP_WIDTH, _TOP, _LEFT = 1552, 24, 24
_FINE = 2  # the still background is drawn this much finer, then reduced
_A = (1.340264, -0.081106, 0.000893, 0.003796)
_M = np.sqrt(3) / 2
_CELLS = 10  # cells of the histogram a degree
_GLOW = 2.2  # pixels by which a photo's spot spreads (standard deviation)
_SEA, _LAND, _COAST, _GRID, _INK = (13, 20, 33), (38, 49, 66), (63, 78, 100), (24, 34, 51), (150, 163, 182)
_OUTSIDE = (255, 255, 255)  # shown as see-through
_LEVELS = 40
_STOPS = [0.0, 0.3, 0.6, 0.85, 1.0]
_RAMP = np.array([[109, 40, 217], [205, 40, 150], [245, 105, 40], [253, 196, 70], [255, 250, 215]])


class Density:
    """Counts photos in cells of a tenth of a degree, so memory stays flat however many there are."""

    def __init__(self) -> None:
        self._counts = np.zeros((180 * _CELLS, 360 * _CELLS), np.uint32)

    def add(self, coordinates: Floats) -> None:
        """Count (n, 2) degrees (lat, lon); longitudes wrap."""
        row = np.clip((90 - coordinates[:, 0]) * _CELLS, 0, 180 * _CELLS - 1).astype(np.int64)
        column = ((coordinates[:, 1] + 180) % 360 * _CELLS).astype(np.int64) % (360 * _CELLS)
        np.add.at(self._counts.reshape(-1), row * 360 * _CELLS + column, 1)

    def png(self) -> bytes:
        """The map, 1600 x 860 pixels."""
        rows, columns = np.nonzero(self._counts)
        lat, lon = 90 - (rows + 0.5) / _CELLS, (columns + 0.5) / _CELLS - 180
        x, y = equal_earth(lat, lon)
        spots = np.zeros((HEIGHT, WIDTH))
        at = _LEFT + (x + _reach()[0]) * _scale(), _TOP + (_reach()[1] - y) * _scale()
        np.add.at(spots, (at[1].astype(np.int64), at[0].astype(np.int64)), self._counts[rows, columns])
        return _drawn(_blurred(spots))


def equal_earth(lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """Degrees to (x, y) on a sphere of radius 1: equations 5 and 6 of the paper."""
    theta = np.arcsin(_M * np.sin(np.radians(lat)))
    x = np.radians(lon) * np.cos(theta) / (_M * _slope(theta))
    return x, _height(theta)


def _height(theta: Floats) -> Floats:
    square = theta**2
    return theta * (_A[0] + _A[1] * square + square**3 * (_A[2] + _A[3] * square))


def _slope(theta: Floats) -> Floats:
    square = theta**2
    return _A[0] + 3 * _A[1] * square + square**3 * (7 * _A[2] + 9 * _A[3] * square)


def _inverse(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """(x, y) to degrees by Newton's method; longitudes beyond 180 lie outside of the map."""
    theta = np.clip(y / _A[0], -np.pi / 3, np.pi / 3)
    for _ in range(8):
        theta = np.clip(theta - (_height(theta) - y) / _slope(theta), -np.pi / 3, np.pi / 3)
    lat = np.degrees(np.arcsin(np.clip(np.sin(theta) / _M, -1, 1)))
    return lat, np.degrees(_M * x * _slope(theta) / np.cos(theta))


@cache
def _reach() -> tuple[float, float]:
    """Largest x and y."""
    x, _ = equal_earth(np.zeros(1), np.full(1, 180.0))
    _, y = equal_earth(np.full(1, 90.0), np.zeros(1))
    return float(x[0]), float(y[0])


def _scale() -> float:
    return _MAP_WIDTH / (2 * _reach()[0])


def _blurred(spots: Floats) -> Floats:
    """Photos per 10,000 square km from photos per pixel."""
    reach = int(4 * _GLOW)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _GLOW) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        spots = np.apply_along_axis(np.convolve, axis, spots, kernel, mode="same")
    return spots * 10_000 / (EARTH_RADIUS_KM / _scale()) ** 2


def _drawn(density: Floats) -> bytes:
    background = np.asarray(_background(), dtype=np.float64)
    peak = density.max()
    low = min(1.0, peak / 10)
    level = np.log(np.maximum(density, 1e-12) / low) / np.log(max(peak / low, 10.0))
    level = np.round(level * _LEVELS) / _LEVELS  # fewer colours make a smaller file
    colour = np.stack([np.interp(level, _STOPS, channel) for channel in _RAMP.T], axis=-1)
    opacity = np.clip((level + 0.28) / 0.34, 0, 1)[..., None] ** 1.5
    picture = Image.fromarray(np.rint(background + (colour - background) * opacity).astype(np.uint8))
    _draw_legend(picture, low, max(peak, 10 * low))
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True, transparency=_OUTSIDE)
    return out.getvalue()


def _draw_legend(picture: Image.Image, low: float, peak: float) -> None:
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(17)
    left, top, width = 64, HEIGHT - 44, 300
    for i in range(width):
        colour = tuple(int(np.interp(i / (width - 1), _STOPS, channel)) for channel in _RAMP.T)
        draw.line([(left + i, top), (left + i, top + 11)], fill=colour)
    draw.text((left, top - 25), "photos per 10,000 sq km", fill=_INK, font=font)
    draw.text((left - 8, top + 5), _short(low), fill=_INK, font=font, anchor="rm")
    draw.text((left + width + 8, top + 5), _short(peak), fill=_INK, font=font, anchor="lm")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1g}"


@cache
def _background() -> Image.Image:
    """Sea, land and coast in the projection, without photos."""
    fine = _FINE * _scale()
    columns, rows = np.arange(WIDTH * _FINE) + 0.5, np.arange(HEIGHT * _FINE) + 0.5
    y = _reach()[1] - (rows - _TOP * _FINE) / fine
    x = (columns - _LEFT * _FINE) / fine - _reach()[0]
    image = np.empty((len(rows), len(columns), 3), np.uint8)
    land = np.asarray(_land())
    for start in range(0, len(rows), 200):  # in strips, to save memory
        strip = slice(start, start + 200)
        lat, lon = _inverse(*np.meshgrid(x, y[strip]))
        inside = (np.abs(lon) <= 180) & (np.abs(y[strip, None]) <= _reach()[1])
        i = np.clip((90 - lat) / 180 * land.shape[0], 0, land.shape[0] - 1).astype(np.int64)
        j = np.clip((lon + 180) / 360 * land.shape[1], 0, land.shape[1] - 1).astype(np.int64)
        image[strip] = np.array([_SEA, _LAND, _COAST], np.uint8)[land[i, j]]
        image[strip][(land[i, j] == 0) & _on_grid(lat, lon)] = _GRID
        image[strip][~inside] = _OUTSIDE
    return Image.fromarray(image).resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def _on_grid(lat: Floats, lon: Floats) -> NDArray[np.bool_]:
    """Every 30 degrees, two fine pixels wide."""
    near = np.abs((lat + 15) % 30 - 15) < 0.1, np.abs((lon + 15) % 30 - 15) * np.cos(np.radians(lat)) < 0.1
    return (near[0] | near[1]) & (np.abs(lon) < 179)


@cache
def _land() -> Image.Image:
    """Plate carrée of 0.05 degrees: 0 sea, 1 land, 2 coast."""
    width, height = 7200, 3600
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    rings = sorted(_rings(), key=lambda ring: -abs(_area(ring)))
    ground = np.sign(_area(rings[0]))
    for ring in rings:  # the largest first: islands lie in lakes, lakes on land
        fill = int(np.sign(_area(ring)) == ground)
        for turn in (-360, 0, 360):
            west, east = ring[:, 1].min() + turn, ring[:, 1].max() + turn
            if east < -180 or west > 180:
                continue
            points = np.column_stack([(ring[:, 1] + turn + 180) * width / 360, (90 - ring[:, 0]) * height / 180])
            draw.polygon([tuple(point) for point in points], fill=fill)
            if not (abs(ring[:, 0]) == 90).any():
                draw.line([tuple(point) for point in points], fill=2, width=3)
    return mask


def _rings() -> list[Floats]:
    """(n, 2) degrees (lat, lon) of the base map's land, decoded from Google's polylines."""
    text = (ROOT / "static" / "basemap" / "land-50m.js").read_text(encoding="utf8")
    data = json.loads(text[text.index(",") + 1 : text.rindex(")")])
    return [decode(line) / data["scale"] for line in data["land"]]


def decode(line: str) -> NDArray[np.int64]:
    """A Google encoded polyline as (n, 2) whole numbers; see `geodata.basemap.encode`."""
    codes = np.frombuffer(line.encode(), np.uint8).astype(np.int64) - 63
    ends = np.flatnonzero(codes < 0x20)
    starts = np.r_[0, ends[:-1] + 1]
    shifts = 5 * (np.arange(len(codes)) - np.repeat(starts, ends - starts + 1))
    values = np.add.reduceat((codes & 0x1F) << shifts, starts)
    return np.cumsum(np.where(values & 1, ~(values >> 1), values >> 1).reshape(-1, 2), axis=0)


def _area(ring: Floats) -> float:
    """Signed area in square degrees."""
    y, x = ring.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)
