"""What the land is like at every pixel of a window: the fields of `world.place_at`, for many points at once.

Traits, heights and rain are evaluated once on a grid of one degree and interpolated; they are smooth beyond that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from index_builder.atlas.facts import land_mask, sea_distances
from index_builder.atlas.noise import hashed
from index_builder.atlas.tiles.grid import Doubles, Floats, Window, latitude, longitude, summed
from index_builder.atlas.world import FIELD_KEY, FIELD_SCALES, FIELD_WEIGHTS, TRAITS, regions

SHOWN = (
    "soil_u", "soil_v", "rock_u", "rock_v", "green_u", "green_v", "sky_u", "sky_v", "wall_u", "wall_v", "roof_u",
    "roof_v", "pitch", "storeys", "tree_mix", "tree_size", "tree_colour", "relief", "jagged", "crops", "flowers",
    "wealth", "water", "tone", "paving", "moisture", "height",
)  # fmt: skip
"""The traits that can be seen from above."""
_BLOCK = 6000
_COAST = {k: 0.62 ** (k - 10) * 0.55 for k in range(10, 21)}  # from 39 km down
_DEGREES = np.arange(-90.0, 91.0)


@dataclass(frozen=True)
class Land:
    """The land in a window: traits on its lattice, the rest at its pixels (side, side)."""

    traits: dict[str, Floats]
    land: Floats
    """Share of land, 0 to 1."""
    coast: Floats
    """1 at the shore, 0 out on the ocean."""
    sea_km: Floats
    plain_m: Floats
    """Height without the relief that a window draws itself."""
    warmth0: Floats
    """Mean temperature at sea level, degrees Celsius."""
    moisture: Floats
    rugged: Floats
    """0 on plains, 1 among high mountains."""


@lru_cache(maxsize=1)
def _globe() -> dict[str, Floats]:
    """Every field on the grid of one degree, (181, 360), from the South Pole and the antimeridian on."""
    lat, lon = np.meshgrid(np.radians(_DEGREES), np.radians(np.arange(-180.0, 180.0)), indexing="ij")
    xyz = np.round(np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1), 9).reshape(-1, 3)
    names = [TRAITS.index(name) for name in SHOWN]
    traits = np.concatenate([_traits(xyz[at : at + _BLOCK], names) for at in range(0, len(xyz), _BLOCK)])
    fields = dict(zip(SHOWN, traits.T, strict=True)) | _reach(xyz)
    return {name: values.reshape(181, 360).astype(np.float32) for name, values in fields.items()}


def _traits(xyz: Doubles, channels: list[int]) -> Doubles:
    """`noise.sphere_fields` at (n, 3) points: (n, channels)."""
    total = np.zeros((len(xyz), len(channels)))
    names = np.array(channels)[None, :] * 64
    for scale, (cell, weight) in enumerate(zip(FIELD_SCALES, FIELD_WEIGHTS, strict=True)):
        base = np.floor(xyz / cell)
        t = xyz / cell - base
        t, at = t * t * (3.0 - 2.0 * t), base.astype(np.int64)
        for i in range(8):
            corner = np.array([i & 1, i >> 1 & 1, i >> 2 & 1])
            share = np.prod(np.where(corner == 1, t, 1.0 - t), axis=1)[:, None]
            node = at + corner
            total += (
                weight
                * share
                * hashed((node[:, 0] * 7919 + node[:, 1])[:, None], node[:, 2:], names + scale, FIELD_KEY)
            )
    return np.clip(0.5 + (total / sum(FIELD_WEIGHTS) - 0.5) * 2.7, 0.0, 1.0)


def _reach(xyz: Doubles) -> dict[str, Doubles]:
    """The strongest region of each kind at (n, 3) points."""
    found = {kind: np.zeros(len(xyz)) for kind in ("dry", "wet", "high")}
    for kind, ends, radius, amount in zip(*regions(), strict=True):
        along = ends[1] - ends[0]
        t = np.clip((xyz - ends[0]) @ along / max(float(along @ along), 1e-12), 0.0, 1.0)
        gap = xyz - (ends[0] + along * t[:, None])
        fade = np.clip((1.35 - np.sqrt((gap * gap).sum(1)) / radius) / 0.85, 0.0, 1.0)
        np.maximum(found[str(kind)], amount * fade * fade * (3.0 - 2.0 * fade), out=found[str(kind)])
    return found


def _at(values: NDArray[np.generic], rows: Doubles, columns: Doubles) -> Floats:
    """A raster at fractional rows and columns, linearly; columns wrap."""
    last = values.shape[0] - 1
    rows = np.clip(rows, 0, last)
    r, c = np.minimum(np.floor(rows).astype(np.int64), last - 1), np.floor(columns).astype(np.int64)
    v, u = (rows - r)[:, None], columns - c
    low = r.min()
    part = values[low : r.max() + 2].astype(np.float64)
    part = part[:, c % values.shape[1]] * (1 - u) + part[:, (c + 1) % values.shape[1]] * u
    at = r - low
    return np.asarray(part[at] * (1 - v) + part[at + 1] * v, np.float32)


@lru_cache(maxsize=8)
def _mask(level: int) -> Floats:
    """Share of land in cells of 0.1 * 2^level degrees."""
    if level == 0:
        return land_mask().astype(np.float32)
    finer = _mask(level - 1)
    rows, columns = finer.shape[0] // 2, finer.shape[1] // 2
    return np.asarray(finer[: rows * 2, : columns * 2].reshape(rows, 2, columns, 2).mean((1, 3)))


def _spread(x: Doubles, y: Doubles, level: int) -> Floats:
    """The share of land about points, smoothed over about a cell and a half of `level`."""
    values, cell = _mask(level), 0.1 * 2**level
    rows, columns = (90.0 - latitude(y)) / cell - 0.5, ((longitude(x) + 180.0) / cell) - 0.5
    around = [_at(values, rows + down, columns + right) for down in (-0.35, 0.35) for right in (-0.35, 0.35)]
    return np.asarray(sum(around) / 4, np.float32)


def land_share(window: Window) -> Floats:
    """Share of land at the pixels: coasts as in the facts' raster, with bays and capes of their own below 40 km."""
    level = max(0, 4 - window.zoom)
    value = _spread(*window.xy, level) - np.float32(0.5)
    if window.zoom < 4:
        return np.clip(value * np.float32(1.3) + np.float32(0.5), 0, 1)
    amid = 1 - 4 * value * value
    if amid.any():
        value += summed(window, _COAST, 91) * np.float32(0.5) * amid
    sharp = max(1.0, 0.1 / 360 * window.size * 0.9)
    return np.clip(value * np.float32(sharp) + np.float32(0.5), 0, 1)


def coast_share(window: Window) -> Floats:
    """1 at the shore, 0 some 150 km out."""
    x, y = window.lattice
    wide = _spread(x, y, 3)
    return window.finer(np.clip(1.6 * wide + 0.6 * _spread(x, y, 4), 0, 1))


def land_at(window: Window) -> Land:
    """Everything about the land in a window."""
    x, y = window.lattice
    lat, lon = latitude(y), longitude(x)
    rows, columns = lat + 90.0, (lon + 180.0) % 360.0
    fields = {name: _at(values, rows, columns) for name, values in _globe().items()}
    sea = _at(sea_distances(), (90.0 - lat) * 2 - 0.5, (lon + 180.0) * 2 - 0.5)
    height = fields["height"]
    plain = (fields["high"] * (0.7 + 0.6 * height) + 30 + 500 * height**2) * np.minimum(1.0, 0.25 + sea / 150.0)
    rugged = np.minimum(1.0, plain / 2600.0 * (0.6 + 0.6 * fields["relief"]) + 0.25 * fields["relief"])
    high = np.abs(lat)[:, None]
    warmth = 27.5 - 0.0105 * np.maximum(0.0, high - 8) ** 2
    warmth = warmth + 18.0 * np.maximum(0, 1 - np.abs(lat - 67) / 19)[:, None] * np.maximum(0, 1 - np.abs(lon - 8) / 44)
    band = np.where(
        high < 8, 0.82, np.where(high < 24, 0.82 - 0.028 * (high - 8), 0.37 + 0.016 * np.minimum(high - 24, 14))
    )
    moisture = band + fields["wet"] - fields["dry"] - np.minimum(0.2, sea / 9000.0) + 0.24 * (fields["moisture"] - 0.5)
    up = [window.finer(v) for v in (sea, plain, warmth, np.clip(moisture, 0, 1), rugged)]
    return Land(fields, land_share(window), coast_share(window), *up)
