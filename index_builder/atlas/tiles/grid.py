"""A window of the map's pixels, and noise on it that depends on the place alone.

At zoom z the world is a square of 256 * 2^z pixels in Web Mercator. All arithmetic on pixel numbers is exact (powers of
two), so a pixel gets the same value in whichever window it lies: neighbouring tiles meet without a seam.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from index_builder.atlas.noise import hashed

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
EQUATOR_KM = 40030.2  # 2 pi 6371.0088
_COARSE = 16  # an octave this many lattice steps wide is drawn on the lattice
_SHIFTS = (0.375, 0.8125, 0.21875, 0.65625, 0.09375, 0.53125)  # so that the octaves' corners do not coincide


@dataclass(frozen=True)
class Window:
    """`side` x `side` pixels of the map at a zoom, from pixel column `left` and row `top` on."""

    zoom: int
    left: int
    top: int
    side: int = 256

    @property
    def size(self) -> int:
        """Pixels of the whole map's side."""
        return 256 << self.zoom

    @property
    def step(self) -> int:
        """Pixels between points of the lattice that smooth things are computed on."""
        return 1 << min(3, self.zoom)

    def padded(self) -> Window:
        """The window with one more pixel on every side."""
        return Window(self.zoom, self.left - 1, self.top - 1, self.side + 2)

    @cached_property
    def xy(self) -> tuple[Doubles, Doubles]:
        """Pixel centres: columns (side,) and rows (side,) in [0, 1] of the map; columns may lie beside it."""
        inner = np.arange(self.side) + 0.5
        return (self.left + inner) / self.size, (self.top + inner) / self.size

    @cached_property
    def lattice(self) -> tuple[Doubles, Doubles]:
        """Columns and rows of the lattice that covers the window, in [0, 1] of the map."""
        return self._nodes(self.left) * self.step / self.size, self._nodes(self.top) * self.step / self.size

    @cached_property
    def km(self) -> float:
        """A pixel's width on the ground at the equator."""
        return EQUATOR_KM / self.size

    def finer(self, values: Doubles | Floats) -> Floats:
        """Values on the lattice (rows, columns[, c]) to the pixels (side, side[, c]), linearly."""
        (r0, r), (c0, c) = self._between(self.top), self._between(self.left)
        tail = (1,) * (values.ndim - 2)
        values = values.astype(np.float32)
        r, c = r.reshape(-1, 1, *tail), c.reshape(1, -1, *tail)
        across = values[:, c0] + (values[:, c0 + 1] - values[:, c0]) * c
        return np.asarray(across[r0] + (across[r0 + 1] - across[r0]) * r)

    def _nodes(self, start: int) -> Doubles:
        return np.arange(start // self.step, (start + self.side) // self.step + 2, dtype=np.float64)

    def _between(self, start: int) -> tuple[Ints, Floats]:
        at = (start + np.arange(self.side) + 0.5) / self.step - start // self.step
        base = np.floor(at).astype(np.int64)
        return base, (at - base).astype(np.float32)


def latitude(y: Doubles) -> Doubles:
    """Degrees north of a row of the map, rounded past what processors differ in."""
    return np.asarray(np.round(np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * y)))), 9), np.float64)


def longitude(x: Doubles) -> Doubles:
    """Degrees east of a column of the map, in [-180, 180)."""
    return (x % 1.0) * 360.0 - 180.0


def mercator(lat: Doubles, lon: Doubles) -> tuple[Doubles, Doubles]:
    """(x, y) in [0, 1] of the map."""
    return (lon + 180.0) / 360.0, 0.5 - np.arcsinh(np.tan(np.radians(np.clip(lat, -85.06, 85.06)))) / (2 * np.pi)


def octave(x: Doubles, y: Doubles, k: int, key: int) -> Floats:
    """Gradient noise (len(y), len(x)) in about [-0.5, 0.5] with 2^k cells across the map."""
    count, shift = 1 << k, _SHIFTS[k % len(_SHIFTS)]
    px, py = x * count + shift, y * count + shift
    c, r = np.floor(px).astype(np.int64), np.floor(py).astype(np.int64)
    u, v = (px - c).astype(np.float32), (py - r).astype(np.float32)
    rows, columns = np.arange(r[0], r[-1] + 2)[:, None], (np.arange(c[0], c[-1] + 2) % count)[None, :]
    c, r = c - c[0], r - r[0]
    chance = hashed(rows, columns, key * 64 + k).astype(np.float32)
    east = np.float32(2.6) * (chance - np.float32(0.5))
    south = np.float32(2.6) * ((chance * np.float32(61)) % 1 - np.float32(0.5))
    su, sv = u * u * (3 - 2 * u), (v * v * (3 - 2 * v))[:, None]
    slope = east[:, c] * u
    slope += (east[:, c + 1] * (u - 1) - slope) * su
    tilt = south[:, c] + (south[:, c + 1] - south[:, c]) * su
    v = v[:, None]
    upper, lower = slope[r] + tilt[r] * v, slope[r + 1] + tilt[r + 1] * (v - 1)
    lower -= upper
    lower *= sv
    lower += upper
    return np.asarray(lower)


def summed(window: Window, weights: dict[int, float], key: int, ridged: float = 0.0) -> Floats:
    """Octaves k of `octave` times their weights, those that the zoom can show; `ridged` 1 gives sharp crests."""
    coarse = {k for k in weights if (window.size >> k) >= _COARSE * window.step}
    fine = {k for k in weights if k not in coarse and (window.size >> k) >= 2}
    total = np.zeros((window.side, window.side), np.float32)
    if coarse:
        x, y = window.lattice
        total += window.finer(_sum(x, y, {k: weights[k] for k in coarse}, key, ridged))
    return total + _sum(*window.xy, {k: weights[k] for k in fine}, key, ridged) if fine else total


def _sum(x: Doubles, y: Doubles, weights: dict[int, float], key: int, ridged: float) -> Floats:
    total = np.zeros((len(y), len(x)), np.float32)
    for k in sorted(weights):
        value = octave(x, y, k, key)
        if ridged:
            value += np.float32(ridged) * (np.float32(0.27) - 2 * np.abs(value) - value)
        total += np.float32(weights[k]) * value
    return total


def rough(window: Window, first: int, last: int, key: int, gain: float = 0.55) -> tuple[Floats, float]:
    """Noise spread over about [0, 1] from octaves first to last, and the share of it finer than the zoom shows."""
    weights = {k: gain ** (k - first) for k in range(first, last + 1)}
    whole = sum(weights.values())
    shown = sum(weight for k, weight in weights.items() if (window.size >> k) >= 2)
    return 0.5 + summed(window, weights, key) * np.float32(2.2 / whole), 1.0 - shown / whole


def patches(share: Floats, noise: tuple[Floats, float], edge: float = 0.1) -> Floats:
    """Where a cover stands (0 to 1) that has `share` of the ground; its mean where its patches are too small to see."""
    value, hidden = noise
    return np.clip((share - value) / np.float32(edge + 0.9 * hidden) + np.float32(0.5), 0, 1) * (share > 0.01)


def frames(window: Window, k: int, key: int) -> tuple[Floats, Floats, Floats, Ints]:
    """Local coordinates for patterns that people lay out: 2^k districts across the map, each turned its own way.

    Returns:
        metres along and across, the district's random number, and its integer name; each (side, side).
    """
    count = 1 << k
    wave = summed(window, {k: 0.5, k + 1: 0.3, k + 2: 0.2}, key)
    x, y = window.xy
    px = x[None, :] * count + wave
    py = y[:, None] * count - wave
    c, r = np.floor(px).astype(np.int64), np.floor(py).astype(np.int64)
    c0, r0 = int(c.min()), int(r.min())
    rows, columns = np.arange(r0, int(r.max()) + 1), np.arange(c0, int(c.max()) + 1)
    chance = hashed(rows[:, None], columns[None, :] % count, key)
    turn = np.round((chance * 7.0) % 1.0 * np.pi / 2, 6)
    metres = EQUATOR_KM * 1000 / count * np.cos(np.radians(latitude((rows + 0.5) / count)))[:, None]
    u, v = px - c - 0.5, py - r - 0.5
    at = (r - r0, c - c0)
    cos, sin = (np.round(np.cos(turn), 9) * metres)[at], (np.round(np.sin(turn), 9) * metres)[at]
    along, across = u * cos - v * sin, u * sin + v * cos
    name = (r * count + c % count) % (1 << 31)
    return along.astype(np.float32), across.astype(np.float32), chance[at].astype(np.float32), name
