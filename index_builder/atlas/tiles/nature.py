"""The land as nature and farmers have it, from above: ground, woods, fields, rock, snow, lakes, rivers, relief.

Colours are those that the photos of a place are drawn with, so that a photo and its tile look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index_builder.atlas.colour import Colour
from index_builder.atlas.noise import hashed
from index_builder.atlas.stage import CROPS
from index_builder.atlas.terrain import DRY_GRASS, GREENS, ROCKS, SNOW, SOILS
from index_builder.atlas.tiles.fields import Land
from index_builder.atlas.tiles.grid import Floats, Window, frames, latitude, patches, rough, summed
from index_builder.atlas.vegetation import LEAVES

_RELIEF = {  # metres that each octave of the relief adds among high mountains
    6: 250.0, 7: 350.0, 8: 450.0, 9: 620.0, 10: 760.0, 11: 700.0, 12: 500.0, 13: 300.0, 14: 165.0, 15: 88.0,
    16: 45.0, 17: 23.0, 18: 12.0, 19: 6.5, 20: 3.2, 21: 1.6, 22: 0.7,
}  # fmt: skip
_LAKE: Colour = (34.0, 70.0, 92.0)
_PARCELS_FROM_PX = 1.6


@dataclass(frozen=True)
class Ground:
    """Open land in a window: its colours (side, side, 3) and what settlements ask of it (side, side)."""

    colour: Floats
    wet: Floats
    """Where lakes and rivers are, 0 to 1."""
    shade: Floats
    """Brightness by relief, about 1."""
    habitable: Floats
    soil: Floats
    green: Floats
    snow: Floats


def blend(corners: Sequence[Colour], u: Floats, v: Floats) -> Floats:
    """`colour.blend4` of arrays: (..., 3)."""
    a, b, c, d = (np.array(corner, np.float32) for corner in corners)
    u, v = u[..., None], v[..., None]
    return np.asarray((a + (b - a) * u) * (1 - v) + (c + (d - c) * u) * v)


def over(base: Floats, colour: Floats | Colour, share: Floats | float) -> Floats:
    """A colour laid over another by a share (side, side)."""
    share = share[..., None] if isinstance(share, np.ndarray) else share
    return np.asarray(base + (np.asarray(colour, np.float32) - base) * share)


def ramp(values: Floats, low: float, high: float) -> Floats:
    """0 at `low`, 1 at `high`, smoothly; downwards if low > high."""
    t = np.clip((values - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def ground(window: Window, land: Land) -> Ground:
    """The land in a window without what people built."""
    t, wet = land.traits, land.moisture
    relief, shade = _relief(window, land)
    cover = rough(window, 8, 22, 11)
    wet = np.clip(wet + np.float32(0.16) * (cover[0] - np.float32(0.5)), 0, 1)
    warmth = land.warmth0 - np.float32(0.0052) * np.maximum(land.plain_m + relief, 0)
    warmth += np.float32(3.5) * (cover[0] - np.float32(0.5))
    soil, green = window.finer(blend(SOILS, t["soil_u"], t["soil_v"])), window.finer(_grass(t))
    colour = _open(window, land, soil, green, wet, warmth)
    summer = warmth + np.minimum(np.float32(9.0), land.sea_km / 80)
    steep = np.abs(shade - 1)
    bare = ramp(land.rugged * (0.5 + steep) * (1.2 - wet), 0.38, 0.8)
    farm = _farm_share(land, wet, warmth)
    woods = ramp(wet, 0.34, 0.72) * ramp(summer, -3.0, 2.0) * (1 - 0.35 * farm) * (1 - 0.7 * bare)
    trees = patches(woods, cover)
    farms = patches(farm, rough(window, 9, 15, 12)) if farm.any() else farm
    if bare.any():
        colour = over(colour, window.finer(blend(ROCKS, t["rock_u"], t["rock_v"]) * np.float32(0.82)), bare)
    if farms.any():
        colour = over(colour, _parcels(window, land, soil, green), farms * (1 - 0.85 * trees))
    if trees.any():
        colour = over(colour, _canopy(window, land, warmth), trees * (1 - 0.6 * farms))
    north = np.abs(latitude(window.xy[1])).astype(np.float32)[:, None]
    snow = np.maximum(ramp(summer, -7.5, -11.5), ramp(warmth + 0.15 * north, 0.0, -5.0))
    snow = snow * np.clip(0.35 + 2.2 * wet, 0, 1)
    colour = over(colour, (124.0, 122.0, 96.0), 0.5 * ramp(summer, 1.5, -4.0))  # tundra
    water = _water(window, land, wet)
    colour = over(colour * shade[..., None], _LAKE, water)
    colour = over(colour, np.array(SNOW, np.float32) * (0.55 + 0.45 * shade)[..., None], snow)
    habitable = ramp(summer, -4, 3) * ramp(wet, 0.04, 0.3) * ramp(land.rugged * steep, 0.3, 0.1) * (1 - water)
    return Ground(colour, water, shade, habitable, soil, green, snow)


def _grass(t: dict[str, Floats]) -> Floats:
    return blend(GREENS, t["green_u"], t["green_v"])


def _relief(window: Window, land: Land) -> tuple[Floats, Floats]:
    """Metres above the plain, and how bright the slopes are with the sun in the north-west."""
    wide = window.padded()
    metres = summed(wide, _RELIEF, 3, ridged=0.7)
    steeper = 2.0 ** (0.36 * max(0, 12 - window.zoom))
    metre = np.float32(steeper / (2000 * window.km))
    east = (metres[1:-1, 2:] - metres[1:-1, :-2]) * metre
    south = (metres[2:, 1:-1] - metres[:-2, 1:-1]) * metre
    slope = (east + south) * np.maximum(land.rugged, 0.03) * np.float32(1.3)
    return metres[1:-1, 1:-1] * land.rugged, np.asarray(1 + 0.42 * slope / (np.float32(0.42) + np.abs(slope)))


def _open(window: Window, land: Land, soil: Floats, green: Floats, wet: Floats, warmth: Floats) -> Floats:
    """Grass and bare ground."""
    dry = np.clip((0.66 - wet) * 2.2, 0, 1)
    grass = over(over(green, DRY_GRASS, dry), (150.0, 142.0, 92.0), np.clip((2.0 - warmth) * 0.08, 0, 0.6))
    grass *= np.float32(0.8)
    bare = np.clip((0.34 - wet) * 4, 0, 1)
    if not bare.any():
        return grass
    sandy = window.finer(ramp(land.traits["soil_v"], 0.3, 0.62)) * bare
    dunes = np.float32(0.94) + np.float32(0.24) * (rough(window, 12, 20, 14)[0] - np.float32(0.5))
    earth = over(soil, over(soil, (240.0, 220.0, 176.0), 0.4), sandy) * dunes[..., None]
    return over(grass, earth, bare)


def _farm_share(land: Land, wet: Floats, warmth: Floats) -> Floats:
    kept = np.float32(0.8) - 0.6 * ramp(wet, 0.62, 0.95)
    return np.asarray(ramp(wet, 0.27, 0.42) * ramp(warmth, 1.0, 6.0) * ramp(land.rugged, 0.55, 0.2) * kept)


def _canopy(window: Window, land: Land, warmth: Floats) -> Floats:
    """Crowns of trees: their colour, darker in the north, with single crowns where they can be seen."""
    t = land.traits
    leaf = window.finer(blend(LEAVES, t["tree_colour"], t["green_v"]))
    leaf = over(leaf, (30.0, 74.0, 58.0), 0.6 * ramp(warmth, 8.0, 2.0))
    leaf = over(leaf, (136.0, 150.0, 118.0), 0.4 * ramp(land.moisture, 0.5, 0.36) * ramp(warmth, 8, 12))
    size = window.finer(t["tree_size"])
    small, large = summed(window, {22: 1.0, 21: 0.5}, 16), summed(window, {21: 1.0, 20: 0.7}, 17)
    crowns = small + (large - small) * size
    return np.asarray(leaf * (np.float32(0.62) + np.float32(0.3) * crowns)[..., None])


def _parcels(window: Window, land: Land, soil: Floats, green: Floats) -> Floats:
    """Fields in the crops of the place, each in its own shade, with hedges between them."""
    t = land.traits
    crop = over(window.finer(blend(CROPS, t["crops"], t["green_u"])), green, 0.25) * np.float32(0.86)
    metres = window.km * 1000
    if 420 / metres < _PARCELS_FROM_PX:
        return crop
    along, across, chance, name = frames(window, 12, 21)
    long, wide = 260 + 420 * chance, 120 + 240 * ((chance * 13) % 1.0)
    a, b = along / long, across / wide
    i, j = np.floor(a), np.floor(b)
    lot = hashed(i.astype(np.int64), j.astype(np.int64), name, 22).astype(np.float32)
    seen = min(1.0, (420 / metres - _PARCELS_FROM_PX) / 3)
    other = over(window.finer(blend(CROPS, 1 - t["crops"], t["green_u"])), soil, 0.5) * np.float32(0.84)
    tone = over(crop, other, ramp(lot, 0.5, 0.95) * np.float32(seen * 0.85))
    tone *= (1 + np.float32(seen * 0.3) * ((lot * 7) % 1.0 - np.float32(0.5)))[..., None]
    edge = np.minimum(np.minimum(a - i, 1 - a + i) * long, np.minimum(b - j, 1 - b + j) * wide)
    hedge = np.clip((5 + metres / 2 - edge) / metres, 0, 1) * min(1.0, 12 / metres)
    rows = np.float32(0.05 * max(0.0, min(1.0, (4 - metres) / 2))) * np.sin(across * np.float32(0.7))
    return np.asarray(over(tone, green * np.float32(0.55), hedge * np.float32(0.6)) * (1 + rows)[..., None])


def _water(window: Window, land: Land, wet: Floats) -> Floats:
    """Lakes where it rains, rivers between."""
    share = (0.015 + 0.07 * ramp(land.warmth0, 10, 0)) * ramp(wet, 0.26, 0.5)
    if not share.any():
        return share
    stand = patches(share, rough(window, 10, 18, 31, 0.5), 0.012)
    if window.zoom < 7:
        return np.asarray(stand * min(1.0, 0.3 + window.zoom / 10))
    wide = window.padded()
    course = summed(wide, {k: 0.46 ** (k - 9) for k in range(9, 18)}, 32)
    slope = np.hypot(course[1:-1, 2:] - course[1:-1, :-2], course[2:, 1:-1] - course[:-2, 1:-1]) / 2
    away = np.abs(course[1:-1, 1:-1]) / np.maximum(slope, 1e-7)
    breadth = np.float32(0.28) * ramp(wet, 0.26, 0.5) / np.float32(window.km)
    river = np.clip(breadth / 2 + np.float32(0.5) - away, 0, 1) * np.clip(breadth, 0, 1) ** np.float32(0.7)
    return np.maximum(stand, river)
