"""Value noise from an integer hash: the same bits on every machine, smooth in one, two or three dimensions.

Only integer arithmetic and IEEE +, -, *, / are used, whose results do not depend on the processor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PRIMES = (np.uint32(0x9E3779B1), np.uint32(0x85EBCA77), np.uint32(0xC2B2AE3D), np.uint32(0x27D4EB2F))


def hashed(*keys: NDArray[np.integer] | int) -> NDArray[np.float64]:
    """Integers (broadcast together) to uniform numbers in [0, 1)."""
    state: NDArray[np.uint32] = np.array(0x165667B1, np.uint32)
    with np.errstate(over="ignore"):
        for key, prime in zip(keys, _PRIMES, strict=False):
            state = (state ^ (np.asarray(key).astype(np.uint32) * prime)) * np.uint32(0x2C1B3C6D)
            state = state ^ (state >> np.uint32(15))
        state = state * np.uint32(0x297A2D39)
        state = state ^ (state >> np.uint32(16))
    return np.asarray(state.astype(np.float64) / 4294967296.0)


def _cell(x: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    base = np.floor(x)
    t = x - base
    return base.astype(np.int64), t * t * (3.0 - 2.0 * t)


def noise1(x: NDArray[np.float64], key: int) -> NDArray[np.float64]:
    """Value noise in [0, 1] along a line; one lattice cell a unit."""
    i, t = _cell(np.asarray(x, np.float64))
    a, b = hashed(i, key), hashed(i + 1, key)
    return a + (b - a) * t


def fractal1(x: NDArray[np.float64], key: int, octaves: int = 5, gain: float = 0.5) -> NDArray[np.float64]:
    """Fractal sum of `noise1`, in [0, 1]."""
    total, weight, scale = np.zeros_like(x, dtype=np.float64), 0.0, 1.0
    for octave in range(octaves):
        total += scale * noise1(x * float(2**octave) + 17.0 * octave, key + octave)
        weight += scale
        scale *= gain
    return total / weight


def noise2(shape: tuple[int, int], cell: tuple[float, float], key: int) -> NDArray[np.float64]:
    """Value noise in [0, 1] on a grid of `shape` (rows, columns), one lattice cell every `cell` grid steps."""
    rows, tv = _cell(np.arange(shape[0]) / cell[0])
    cols, tu = _cell(np.arange(shape[1]) / cell[1])
    lattice = hashed(np.arange(rows[-1] + 2)[:, None], np.arange(cols[-1] + 2)[None, :], key)
    across = lattice[:, cols] + (lattice[:, cols + 1] - lattice[:, cols]) * tu
    return across[rows] + (across[rows + 1] - across[rows]) * tv[:, None]


def fractal2(shape: tuple[int, int], cell: tuple[float, float], key: int, octaves: int = 4) -> NDArray[np.float64]:
    """Fractal sum of `noise2`, in [0, 1]."""
    total, weight, scale = np.zeros(shape), 0.0, 1.0
    for octave in range(octaves):
        step = float(2**octave)
        total += scale * noise2(shape, (cell[0] / step, cell[1] / step), key + octave)
        weight += scale
        scale *= 0.5
    return total / weight


def sphere_fields(
    xyz: NDArray[np.float64], channels: int, key: int, cells: tuple[float, ...], weights: tuple[float, ...]
) -> NDArray[np.float64]:
    """Smooth fields of place, (channels,) in [0, 1], at the unit vector `xyz`.

    `cells` are the lattice spacings (in earth radii) of the scales that are summed with `weights`.
    """
    channel = np.arange(channels)[:, None]
    total = np.zeros(channels)
    for scale, (cell, weight) in enumerate(zip(cells, weights, strict=True)):
        base, t = _cell(xyz / cell)
        corner = np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)])
        at = base + corner
        share = np.prod(np.where(corner == 1, t, 1.0 - t), axis=1)
        lattice = hashed(at[:, 0] * 7919 + at[:, 1], at[:, 2], channel * 64 + scale, key)
        total += weight * (lattice * share).sum(axis=1)
    spread = np.clip(0.5 + (total / sum(weights) - 0.5) * 2.7, 0.0, 1.0)
    return np.round(spread, 6)
