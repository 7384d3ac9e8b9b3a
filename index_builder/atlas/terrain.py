"""Land: its colours, ranges with relief, rolling hills, the ground in perspective, crops, dunes."""

from __future__ import annotations

from random import Random

import numpy as np
from numpy.typing import NDArray

from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import Colour, blend4, mix, times
from index_builder.atlas.light import Camera, Light
from index_builder.atlas.noise import fractal1, fractal2, hashed
from index_builder.atlas.world import Place

SOILS = ((176.0, 92.0, 58.0), (214.0, 176.0, 118.0), (112.0, 88.0, 70.0), (208.0, 194.0, 168.0))


ROCKS = ((150.0, 106.0, 88.0), (186.0, 166.0, 138.0), (104.0, 108.0, 118.0), (150.0, 146.0, 142.0))


GREENS = ((104.0, 154.0, 62.0), (164.0, 176.0, 74.0), (66.0, 138.0, 88.0), (128.0, 168.0, 108.0))


DRY_GRASS: Colour = (204.0, 180.0, 106.0)


SNOW: Colour = (226.0, 238.0, 255.0)


def soil(place: Place) -> Colour:
    """Bare earth here."""
    return blend4(SOILS, place["soil_u"], place["soil_v"])


def rock(place: Place) -> Colour:
    """Bare rock here."""
    return blend4(ROCKS, place["rock_u"], place["rock_v"])


def sand(place: Place) -> Colour:
    """Sand here: pale soil."""
    return mix(soil(place), (240.0, 220.0, 176.0), 0.6)


def snow_cover(place: Place, light: Light) -> float:
    """Share of the ground under snow, 0 to 1: season, warmth, and what is falling."""
    warmth = place.warmth + (light.summer - 0.5) * (8.0 + 0.42 * abs(place.lat))
    cover = min(1.0, max(0.0, (1.5 - warmth) / 6.0))
    return max(cover, 0.75) if light.weather == "snow" else cover if place.moisture > 0.12 else cover * 0.4


def grass(place: Place, light: Light) -> Colour:
    """Grass: green where it rains, straw where it does not, rusty in a northern autumn."""
    green = blend4(GREENS, place["green_u"], place["green_v"])
    dry = min(1.0, max(0.0, (0.62 - place.moisture) * 2.4))
    if place.climate in ("mediterranean", "steppe", "savanna"):
        dry = min(1.0, dry + 0.35 * light.summer)
    cold = min(0.6, max(0.0, (2.0 - place.warmth) * 0.08))
    return mix(mix(green, DRY_GRASS, dry), (150.0, 142.0, 92.0), cold)


def ground(place: Place, light: Light) -> Colour:
    """The mean colour of open ground, snow included."""
    bare = min(1.0, max(0.0, (0.34 - place.moisture) * 4.0))
    return mix(mix(grass(place, light), soil(place), bare), SNOW, snow_cover(place, light))


def ground_label(place: Place, light: Light) -> str:
    """Class of open ground: grass, earth or sand."""
    if place.moisture > 0.24 and snow_cover(place, light) < 0.5:
        return "grass"
    return "sand" if place.climate == "desert" and place["soil_v"] < 0.6 else "earth"


def ridge_line(
    canvas: Canvas, base: float, height: float, cells: float, jagged: float, key: int, step: int = 6
) -> NDArray[np.float64]:
    """Rows of a skyline (n,), one every `step` pixels: smooth hills (jagged 0) to sharp peaks (1)."""
    x = np.arange(0, canvas.w + step, step) / canvas.w * cells
    soft = fractal1(x, key, 3, 0.35)
    sharp = 1.0 - np.abs(2.0 * fractal1(x * 1.1 + 5.0, key + 50, 5, 0.52) - 1.0) * 2.1
    line = soft * (1 - jagged) + (0.25 + 0.75 * np.maximum(sharp, 0.0)) * soft * 1.45 * jagged
    return base - height * line


def _outline(line: NDArray[np.float64], bottom: float, step: int = 6) -> list[tuple[float, float]]:
    xs = (np.arange(len(line)) * step).tolist()
    return [*zip(xs, line.tolist(), strict=True), (xs[-1], bottom), (0.0, bottom)]


def mountains(
    canvas: Canvas, place: Place, light: Light, base: float, height: float, distance: float, jagged: float, key: int
) -> None:
    """A range with shaded relief, woods at its foot and snow above the snow line."""
    line = ridge_line(canvas, base, height, 1.6 + 1.6 * jagged, jagged, key)
    top, bottom = int(max(0, line.min())) - 1, int(base) + 2
    coarse = 4
    shape = (max(4, (bottom - top) // coarse), canvas.w // coarse)
    relief = fractal2(shape, (shape[0] * 0.62 + 3, shape[1] * 0.09), key + 9, 4)
    slope = np.zeros(shape)
    slope[:, 1:] = relief[:, 1:] - relief[:, :-1]
    side = -1.0 if light.sun_side < 0 else 1.0
    facing = np.clip(0.55 - side * slope * (12.0 + 18.0 * jagged), 0.08, 1.0)[:, :, None]
    rows = top + np.arange(shape[0]) * coarse
    up = np.clip((base - rows) / max(height, 1.0), 0.0, 1.0)[:, None] + 0.42 * (relief - 0.5)
    wood = grass(place, light) if place.moisture < 0.5 else times(grass(place, light), 0.62)
    bare = rock(place) if place.moisture > 0.22 else mix(rock(place), soil(place), 0.6)
    green = np.clip((0.78 * min(1.0, 2.4 * place.moisture) - up) * 5.0, 0.0, 1.0)[:, :, None]
    colour = np.array(bare) * (1 - green) + np.array(wood) * green
    line_at = 0.92 - 0.75 * snow_cover(place, light) - min(0.42, place.elevation_m / 8000.0)
    if jagged < 0.35 or place.warmth > 21:
        line_at = max(line_at, 1.5 - 1.7 * snow_cover(place, light))
    colour = colour + (np.array(SNOW) - colour) * max(0.0, snow_cover(place, light) - 0.45) * 1.3
    white = np.clip((up - line_at) * 9.0, 0.0, 1.0)[:, :, None]
    colour = colour * (1 - white) + np.array(SNOW) * white
    dark, bright = np.array(light.lit((255, 255, 255), 0.0)), np.array(light.lit((255, 255, 255), 1.0))
    colour = colour * (dark + (bright - dark) * facing) / 255.0
    depth = np.clip((rows - top) / max(bottom - top, 1), 0.0, 1.0)[:, None, None]
    haze = distance / (distance + light.haze_m * 1.6) * (0.78 + 0.3 * depth)
    colour += (np.array(light.horizon) - colour) * np.minimum(haze, 0.96)
    pixels = np.clip(colour + 0.5, 0, 255).astype(np.uint8)
    canvas.texture(_outline(line, bottom), pixels, (0, top, canvas.w, bottom), "mountain" if jagged > 0.3 else "hill")


def hill(
    canvas: Canvas, light: Light, line: NDArray[np.float64], bottom: float, colour: Colour, distance: float, label: str
) -> None:
    """One rolling hill or dune: lit along its crest, hazier towards its foot."""
    top = int(max(0.0, line.min()))
    if bottom <= top + 2:
        return
    t = (np.arange(32) / 31.0)[:, None]
    crest = np.array(light.lit(times(colour, 1.06), 1.0, distance))
    foot = np.array(light.lit(times(colour, 0.86), 0.7, distance * 0.8))
    column = crest * (1 - t) + foot * t
    pixels = np.clip(column + 0.5, 0, 255).astype(np.uint8)[:, None, :]
    canvas.texture(_outline(line, bottom), pixels, (0, top, canvas.w, int(bottom)), label)


def ground_plane(
    canvas: Canvas,
    camera: Camera,
    place: Place,
    light: Light,
    rng: Random,
    colour: Colour | None = None,
    label: str | None = None,
) -> None:
    """Open ground from the horizon to our feet, mottled in perspective."""
    coarse = 4
    top = int(camera.horizon)
    rows = np.arange(max(2, (canvas.h - top) // coarse))
    y = top + rows * coarse + 2.0
    z = np.minimum(camera.focal * camera.height / (y - camera.horizon), 900.0)
    x = (np.arange(canvas.w // coarse) * coarse - camera.cx)[None, :] / camera.focal * z[:, None]
    key = rng.getrandbits(30)
    spots = 0.62 * _lattice(x / 2.4 + 900, z[:, None] / 4.6, key) + 0.38 * _lattice(
        x / 0.55 + 900, z[:, None] / 1.3, key + 1
    )
    base = colour or ground(place, light)
    other = mix(soil(place), base, 0.35) if colour is None else times(base, 0.88)
    other = mix(other, SNOW, 0.93 * snow_cover(place, light)) if colour is None else other
    near, far = np.array(light.lit(base, 0.9)), np.array(light.lit(mix(base, times(base, 1.08), 0.5), 1.0))
    patch = np.array(light.lit(other, 0.8))
    haze = (z / (z + light.haze_m))[:, None, None]
    depth = np.clip(z / 60.0, 0, 1)[:, None, None]
    blot = (np.clip((spots - 0.52) * 4.0, 0.0, 1.0) * (1 - 0.7 * depth[:, :, 0]))[:, :, None]
    field = near * (1 - depth) + far * depth
    field = field + (patch - field) * blot * 0.55
    field = field * (0.94 + 0.12 * spots[:, :, None]) * (1 - 0.16 * (1 - depth))
    field += (np.array(light.horizon) - field) * haze
    canvas.texture(
        None,
        np.clip(field + 0.5, 0, 255).astype(np.uint8),
        (0, top, canvas.w, canvas.h),
        label or ground_label(place, light),
    )


def _lattice(x: NDArray[np.float64], z: NDArray[np.float64], key: int) -> NDArray[np.float64]:
    """Value noise at scattered points."""
    i, k = np.floor(x), np.floor(z)
    u, v = x - i, z - k
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    i, k = i.astype(np.int64), k.astype(np.int64)
    a, b = hashed(i, k, key), hashed(i + 1, k, key)
    c, d = hashed(i, k + 1, key), hashed(i + 1, k + 1, key)
    return (a + (b - a) * u) * (1 - v) + (c + (d - c) * u) * v


def crop_rows(
    canvas: Canvas,
    camera: Camera,
    light: Light,
    colour: Colour,
    near: float,
    far: float,
    gap: float,
    slant: float,
    label: str = "field",
) -> None:
    """Rows of crops that run towards the horizon between two distances."""
    dark = light.lit(times(colour, 0.78), 0.7, near)
    lanes = int(70 / gap)
    for i in range(-lanes, lanes + 1):
        x = i * gap
        a, b = camera.at(x + slant * near, 0, near), camera.at(x + slant * far, 0, far)
        if max(a[0], b[0]) < -canvas.w * 0.6 or min(a[0], b[0]) > canvas.w * 1.6:
            continue
        half_a, half_b = camera.scale(near) * gap * 0.27, camera.scale(far) * gap * 0.27
        canvas.polygon(
            [(a[0] - half_a, a[1]), (a[0] + half_a, a[1]), (b[0] + half_b, b[1]), (b[0] - half_b, b[1])], dark, label
        )


def dunes(canvas: Canvas, place: Place, light: Light, top: float, rng: Random) -> None:
    """Sand dunes: smooth crests with a sharp shadow side."""
    tone = mix(sand(place), soil(place), 0.35)
    n = rng.randint(3, 5)
    for i in range(n):
        near = (i + 1) / n
        base = top + (canvas.h - top) * near * near
        line = ridge_line(canvas, base, canvas.h * (0.06 + 0.16 * near), 1.6 + rng.random(), 0.0, rng.getrandbits(28))
        hill(canvas, light, line, canvas.h, mix(tone, times(tone, 1.08), 1 - near), 700 * (1 - near), "sand")
        _slip_face(canvas, light, line, times(tone, 0.8), base, 700 * (1 - near))


def _slip_face(
    canvas: Canvas, light: Light, line: NDArray[np.float64], colour: Colour, base: float, distance: float
) -> None:
    """The shaded side of a dune: all that lies away from the sun of a sinuous ridge that comes down from its top."""
    n = len(line)
    peak = int(line[n // 6 : -n // 6].argmin()) + n // 6
    away = -1 if light.sun_side > 0 else 1
    crest = [(j * 6.0, float(line[j])) for j in range(peak, n if away > 0 else -1, away)]
    top, foot = float(line[peak]), base + 0.35 * (base - float(line[peak]))
    drift = away * canvas.w * 0.5
    ridge = []
    for k in range(13):
        t = k / 12.0
        swing = t * (1 - t) * (1 - 2 * t) * 2.4
        ridge.append((peak * 6.0 + drift * (0.55 * t * t + 0.32 * swing), top + (foot - top) * t))
    end = canvas.w if away > 0 else 0.0
    canvas.polygon([*ridge, (end, foot), *reversed(crest)], light.lit(colour, 0.25, distance), "sand")
