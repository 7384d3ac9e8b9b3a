"""What people built, from above: towns as a texture from afar, streets and roofs from near, roads between."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from index_builder.atlas.architecture import ROOFS, WALLS
from index_builder.atlas.noise import hashed
from index_builder.atlas.roads import ASPHALT, PAINT, YELLOW
from index_builder.atlas.tiles.fields import Land
from index_builder.atlas.tiles.grid import Doubles, Floats, Ints, Window, frames, rough
from index_builder.atlas.tiles.nature import Ground, blend, over, ramp
from index_builder.atlas.tiles.network import Towns, hamlets, roads, towns

_TOWNS_FROM, _HAMLETS_FROM, _ROADS_FROM, _STREETS_FROM, _HOUSES_FROM = 5, 10, 9, 12, 14
_LEAST_RANK = {9: 4, 10: 3, 11: 2, 12: 1}
_ROAD_M = (9.0, 10.0, 12.0, 16.0, 22.0)


def settle(window: Window, land: Land, nature: Ground) -> Floats:
    """The land's colours (side, side, 3) with what people built upon it."""
    colour = nature.colour
    if window.zoom < _TOWNS_FROM:
        return colour
    t = land.traits
    tar = window.finer(blend(ASPHALT, t["paving"], t["tone"])) * np.float32(0.95)
    built = _built(window, nature)
    if built.any():
        streets = _town(window, land, nature, tar, built)
        white = 0.6 * nature.snow
        colour = over(colour, over(streets, (226.0, 238.0, 255.0), white), built * (1 - nature.wet))
    return _roads(window, colour, tar, nature) if window.zoom >= _ROADS_FROM else colour


def _built(window: Window, nature: Ground) -> Floats:
    """How built-up the land is, (side, side) from 0 to 1."""
    density = np.zeros((window.side, window.side), np.float32)
    _stamp(window, density, towns().within(window, 0.8))
    if window.zoom >= _HAMLETS_FROM:
        small = np.zeros_like(density)
        _stamp(window, small, hamlets(window).within(window, 0.8))
        np.maximum(density, small * nature.habitable, out=density)
    if not density.any():
        return density
    value, hidden = rough(window, 13, 19, 43, 0.7)
    frayed = density - np.float32(0.9) * (value - np.float32(0.5)) * (density < 1.2) - np.float32(0.3)
    return np.asarray(np.clip(frayed / np.float32(0.16 + hidden) + np.float32(0.35), 0, 1) * (density > 0))


def _stamp(window: Window, density: Floats, some: Towns) -> None:
    """Add towns to a map of density: 1.5 in the middle, 0 at 1.5 radii; where two meet the denser counts."""
    size = window.size
    for x, y, r in zip(some.x * size - window.left, some.y * size - window.top, some.radius * size, strict=True):
        c0, c1 = max(0, int(x - 1.5 * r)), min(window.side, int(x + 1.5 * r) + 2)
        r0, r1 = max(0, int(y - 1.5 * r)), min(window.side, int(y + 1.5 * r) + 2)
        if c0 >= c1 or r0 >= r1:
            continue
        dx = ((np.arange(c0, c1) + 0.5 - x) / r).astype(np.float32)
        dy = ((np.arange(r0, r1) + 0.5 - y) / r).astype(np.float32)
        part = density[r0:r1, c0:c1]
        np.maximum(part, np.float32(1.5) - np.sqrt(dx * dx + (dy * dy)[:, None]), out=part)


def _town(window: Window, land: Land, nature: Ground, tar: Floats, built: Floats) -> Floats:
    """A town's colours as if it filled the window."""
    t, metres = land.traits, window.km * 1000
    roof = window.finer(blend(ROOFS, t["roof_u"], t["roof_v"]))
    wall = window.finer(sum(blend(w, t["wall_u"], t["wall_v"]) for w in WALLS) / 3)  # type: ignore[arg-type]
    flat = (1 - ramp(land.moisture, 0.2, 0.32))[..., None]
    roof = roof + (over(wall, nature.soil, 0.3) - roof) * flat * np.float32(0.8)
    yard = over(nature.soil, nature.green * np.float32(0.72), ramp(land.moisture, 0.2, 0.5))
    mean = roof * np.float32(0.4) + wall * np.float32(0.14) + tar * np.float32(0.2) + yard * np.float32(0.26)
    mottle = 1 + np.float32(0.3) * (rough(window, 15, 20, 44, 0.8)[0] - np.float32(0.5))
    if window.zoom < _STREETS_FROM:
        return np.asarray(mean * mottle[..., None])
    along, across, chance, name = frames(window, 15, 45)
    long, wide = 110 + 70 * chance, 62 + 40 * ((chance * 17) % 1.0)
    a, b = along / long, across / wide
    i, j = np.floor(a), np.floor(b)
    block = over(mean * mottle[..., None], roof, 0.15)
    if window.zoom >= _HOUSES_FROM:
        block = _houses(window, land, roof, wall, yard, mean, (a - i) * long, (b - j) * wide, i, j, name)
    edge = np.minimum(np.minimum(a - i, 1 - a + i) * long, np.minimum(b - j, 1 - b + j) * wide)
    street = np.clip((5.0 + metres / 2 - edge) / metres, 0, 1) * min(1.0, 11 / metres)
    return over(block, tar, street)


def _houses(
    window: Window, land: Land, roof: Floats, wall: Floats, yard: Floats, mean: Floats,
    along: Floats, across: Floats, i: Floats, j: Floats, name: Ints,
) -> Floats:  # fmt: skip
    """Roofs in their yards, some 20 m apart."""
    metres = window.km * 1000
    u, v = along / 20, across / 17
    lot_u, lot_v = np.floor(u), np.floor(v)
    lot = hashed((i * 64 + lot_u).astype(np.int64), (j * 64 + lot_v).astype(np.int64), name, 46).astype(np.float32)
    other = (lot * 91) % 1.0
    half_u, half_v = 0.27 + 0.15 * other, 0.26 + 0.14 * ((lot * 37) % 1.0)
    du, dv = u - lot_u - np.float32(0.5), v - lot_v - np.float32(0.5)
    soft = np.float32(20 / metres)
    inside = np.clip((half_u - np.abs(du)) * soft + 0.5, 0, 1) * np.clip((half_v - np.abs(dv)) * soft + 0.5, 0, 1)
    shadow = np.clip((half_u - np.abs(du - 0.1)) * soft + 0.5, 0, 1) * np.clip(
        (half_v - np.abs(dv - 0.1)) * soft + 0.5, 0, 1
    )
    there = (lot < np.float32(0.86)).astype(np.float32)
    pitched = window.finer(np.float32(0.16) * land.traits["pitch"]) * np.sign(du)
    tone = over(roof, wall, (other > 0.8) * np.float32(0.6))
    tone = tone * (np.float32(0.86) + np.float32(0.3) * other - pitched)[..., None]
    drawn = over(yard * (1 - np.float32(0.45) * shadow * there)[..., None], tone, inside * there)
    return over(mean, drawn, min(1.0, max(0.25, (12 - metres) / 8)))


def _roads(window: Window, colour: Floats, tar: Floats, nature: Ground) -> Floats:
    """Roads between towns, with their country's lines from zoom 15 on."""
    metres = window.km * 1000
    share = np.zeros((window.side, window.side), np.float32)
    lines = {False: np.zeros_like(share), True: np.zeros_like(share)}
    for bends, rank, yellow in roads().within(window, _LEAST_RANK.get(window.zoom, 0)):
        half = _ROAD_M[rank] / metres / 2
        lone = min(1.0, 2 * half + 0.3)
        for start, end in pairwise(bends):
            _line(share, start, end, max(half, 0.5), lone)
            if metres < 6:
                _line(lines[yellow], start, end, max(0.35, 0.5 / metres), 0.8)
    if not share.any():
        return colour
    verge = over(tar, nature.soil, 0.35 if metres > 8 else 0.1)
    colour = over(colour, over(verge, (214.0, 206.0, 192.0), 0.3 if metres > 8 else 0.0), share)
    for yellow, line in lines.items():
        if line.any():
            colour = over(colour, YELLOW if yellow else PAINT, line)
    return colour


def _line(share: Floats, start: Doubles, end: Doubles, half: float, most: float) -> None:
    """Draw a straight stroke of half a width in pixels into a map of shares."""
    side, slack = share.shape[0], half + 1.5
    c0, r0 = (max(0, int(v - slack)) for v in np.minimum(start, end))
    c1, r1 = (min(side, int(v + slack) + 1) for v in np.maximum(start, end))
    if c0 >= c1 or r0 >= r1:
        return
    along = end - start
    dx, dy = np.arange(c0, c1) + 0.5 - start[0], (np.arange(r0, r1) + 0.5 - start[1])[:, None]
    t = np.clip((dx * along[0] + dy * along[1]) / max(float(along @ along), 1e-9), 0, 1)
    away = np.hypot(dx - t * along[0], dy - t * along[1])
    part = share[r0:r1, c0:c1]
    np.maximum(part, np.clip(half + 0.5 - away, 0, 1) * most, out=part)
