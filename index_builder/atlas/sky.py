"""Sky: gradient, sun or moon with its halo, three kinds of cloud, stars, birds."""

from __future__ import annotations

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from index_builder.atlas.canvas import ADE20K, Canvas
from index_builder.atlas.colour import WHITE, Colour, mix, times
from index_builder.atlas.light import Camera, Light
from index_builder.atlas.noise import fractal2

_COARSE = 4


def draw_sky(canvas: Canvas, camera: Camera, light: Light, rng: Random) -> None:
    """Fill the picture with sky down to a little below the horizon."""
    bottom = min(canvas.h, int(camera.horizon + 40 * canvas.unit))
    h, w = max(8, bottom // _COARSE), max(8, canvas.w // _COARSE)
    t = np.minimum(1.0, np.arange(h) * _COARSE / max(camera.horizon, 1.0))[:, None, None]
    t = t * (0.45 + 0.55 * t)
    sky = np.array(light.zenith) * (1.0 - t) + np.array(light.horizon) * t
    sky = np.broadcast_to(sky, (h, w, 3)).copy()
    disc = _sun(canvas, camera, light)
    if disc:
        _halo(sky, disc[0] / _COARSE, disc[1] / _COARSE, light)
    if light.weather != "clear" or rng.random() < 0.5:
        _veil(sky, light, rng)
    pixels = np.clip(sky + 0.5, 0, 255).astype(np.uint8)
    canvas.texture(None, pixels, (0, 0, canvas.w, bottom), "sky")
    if light.altitude < -5:
        _stars(canvas, light, rng)
    if disc and light.weather in ("clear", "fair", "cloudy"):
        _disc(canvas, disc, light)
    if light.weather in ("fair", "cloudy"):
        _cumuli(canvas, camera, light, rng)
    if light.altitude > 0 and rng.random() < 0.22:
        _birds(canvas, camera, light, rng)


def _sun(canvas: Canvas, camera: Camera, light: Light) -> tuple[float, float] | None:
    """Where the sun stands in the picture, if it does."""
    if abs(light.bearing) > 75 or light.altitude < -4:
        return None
    x = camera.cx + light.bearing / 52.0 * canvas.w * 0.8
    y = camera.horizon - light.altitude / 46.0 * canvas.h * 0.8
    return (x, y) if -0.3 * canvas.w < x < 1.3 * canvas.w and y > -0.3 * canvas.h else None


def _halo(sky: NDArray[np.float64], x: float, y: float, light: Light) -> None:
    h, w, _ = sky.shape
    dx, dy = (np.arange(w) - x) / w, (np.arange(h) - y) / w
    near = 1.0 / (1.0 + 26.0 * (dx[None, :] * dx[None, :] + 1.6 * dy[:, None] * dy[:, None]))
    low = max(0.0, 1.0 - abs(light.altitude) / 24.0)
    strength = (0.3 + 0.5 * low) * {"clear": 1.0, "fair": 1.0, "cloudy": 0.6}.get(light.weather, 0.2)
    warm = np.array(mix((255.0, 250.0, 230.0), (255.0, 178.0, 96.0), low))
    amount = (near * strength)[:, :, None]
    sky += (warm - sky) * amount


def _disc(canvas: Canvas, at: tuple[float, float], light: Light) -> None:
    low = max(0.0, 1.0 - abs(light.altitude) / 20.0)
    r = (16 + 12 * low) * canvas.unit
    colour = mix((255.0, 252.0, 236.0), (255.0, 214.0, 140.0), low)
    canvas.glaze_ellipse(*at, r * 1.7, r * 1.7, WHITE, 0.16)
    canvas.ellipse(*at, r, r, colour, "sky")


def _veil(sky: NDArray[np.float64], light: Light, rng: Random) -> None:
    """High cloud or an overcast deck: noise stretched towards the horizon."""
    h, w, _ = sky.shape
    cover = {"clear": 0.0, "fair": 0.12, "cloudy": 0.34, "overcast": 0.62, "rain": 0.75}.get(light.weather, 0.5)
    field = fractal2((h, w), (max(3.0, h * 0.16), w * (0.3 + 0.25 * rng.random())), rng.getrandbits(30))
    amount = np.clip((field - (0.62 - 0.4 * cover)) * 3.2, 0.0, 1.0) * (0.35 + 0.5 * cover)
    shade = np.clip((field - 0.35) * 1.6, 0.0, 1.0)[:, :, None]
    pale = np.array(mix(light.horizon, WHITE, 0.45 * (1 - light.dark)))
    deep = np.array(times(mix(light.horizon, light.zenith, 0.35), 0.97 - 0.14 * cover))
    colour = pale + (deep - pale) * shade * min(1.0, 1.5 * cover)
    sky += (colour - sky) * amount[:, :, None]


def _cumuli(canvas: Canvas, camera: Camera, light: Light, rng: Random) -> None:
    """Heaps of round cloud with flat bases, smaller towards the horizon."""
    count = rng.randint(2, 5) if light.weather == "fair" else rng.randint(5, 8)
    heights = sorted(0.06 + 0.8 * rng.random() for _ in range(count))
    for share in reversed(heights):
        base = camera.horizon * share
        size = canvas.unit * (150 - 105 * share) * (0.6 + 0.7 * rng.random())
        _cumulus(canvas, canvas.w * (1.2 * rng.random() - 0.1), base, size, light, rng)


def _cumulus(canvas: Canvas, x: float, base: float, size: float, light: Light, rng: Random) -> None:
    w, h = int(size * 2.4) + 4, int(size * 0.8) + 4
    mask = Image.new("L", (w, h))
    lobes = ImageDraw.Draw(mask)
    n = 6 + int(size / 34)
    for i in range(n):
        u = (i + 0.5) / n * 2 - 1
        r = size * (0.1 + 0.3 * (1 - u * u) * (0.35 + 0.9 * rng.random()))
        cx = w / 2 + u * size * 0.95
        cy = h - r * (0.2 + 0.5 * rng.random())
        lobes.ellipse((cx - r, cy - r, cx + r, cy + r), fill=255)
    top = mix(mix(light.horizon, WHITE, 0.85 - 0.6 * light.dark), light.sun, 0.18)
    foot = mix(mix(light.horizon, light.zenith, 0.35), top, 0.42)
    t = (np.arange(h) / h)[:, None]
    t = np.clip((t - 0.25) * 1.25, 0, 1)
    column = np.array(top) * (1 - t) + np.array(foot) * t
    patch = Image.fromarray(np.clip(column + 0.5, 0, 255).astype(np.uint8)[:, None, :]).resize((w, h))
    patch.putalpha(ADE20K["sky"])
    canvas.image.paste(patch, (int(x - w / 2), int(base - h)), mask)


def _stars(canvas: Canvas, light: Light, rng: Random) -> None:
    for _ in range(60):
        x, y = rng.random() * canvas.w, rng.random() * canvas.h * 0.5
        canvas.ellipse(x, y, canvas.unit, canvas.unit, mix(light.zenith, WHITE, 0.3 + 0.6 * rng.random()), "sky")
    r = 15 * canvas.unit
    x, y = canvas.w * (0.15 + 0.7 * rng.random()), canvas.h * (0.08 + 0.15 * rng.random())
    for k in (4.0, 2.8, 1.9):
        canvas.glaze_ellipse(x, y, r * k, r * k, (190.0, 200.0, 235.0), 0.07)
    canvas.ellipse(x, y, r, r, (244.0, 240.0, 220.0), "sky")


def _birds(canvas: Canvas, camera: Camera, light: Light, rng: Random) -> None:
    x, y = canvas.w * (0.2 + 0.6 * rng.random()), camera.horizon * (0.2 + 0.5 * rng.random())
    colour: Colour = times(light.zenith, 0.45)
    for _ in range(rng.randint(3, 7)):
        s = canvas.unit * (5 + 4 * rng.random())
        bx, by = x + canvas.unit * 90 * (rng.random() - 0.5), y + canvas.unit * 40 * (rng.random() - 0.5)
        canvas.line([(bx - s, by - s * 0.5), (bx, by), (bx + s, by - s * 0.55)], 1.6 * canvas.unit, colour, "sky")
