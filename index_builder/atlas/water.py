"""Open water and its edge: sea, swell, glitter, beach and surf."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np

from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import WHITE, Colour, blend4, mix, times
from index_builder.atlas.light import Light
from index_builder.atlas.noise import noise1
from index_builder.atlas.terrain import rock, sand, soil
from index_builder.atlas.world import Place

SEAS = ((26.0, 106.0, 150.0), (44.0, 152.0, 168.0), (38.0, 84.0, 122.0), (70.0, 128.0, 146.0))


def sea_colour(place: Place) -> Colour:
    """Water here: turquoise in the tropics, steel in the north."""
    warm = min(1.0, max(0.0, (place.warmth - 4) / 22.0))
    return mix(times(blend4(SEAS, place["water"], 1.0 - warm), 0.98), (40.0, 168.0, 176.0), 0.35 * warm)


def water(
    canvas: Canvas,
    place: Place,
    light: Light,
    top: float,
    bottom: float,
    label: str,
    rng: Random,
    glitter_x: float | None = None,
) -> None:
    """Open water with swell, pale at the horizon, and a path of glitter under a low sun."""
    t = (np.arange(48) / 47.0)[:, None]
    t = 1 - (1 - t) * (1 - t)
    deep = light.lit(sea_colour(place), 0.85)
    far = mix(mix(deep, light.horizon, 0.5), light.zenith, 0.2)
    column = np.array(far) * (1 - t) + np.array(deep) * t
    pixels = np.clip(column + 0.5, 0, 255).astype(np.uint8)[:, None, :]
    canvas.texture(None, pixels, (0, int(top), canvas.w, int(bottom)), label)
    depth = max(bottom - top, 1.0)
    for _ in range(70):
        near = rng.random()
        y, half = top + depth * near * near, canvas.unit * (6 + 60 * near) * (0.4 + rng.random())
        x = rng.random() * canvas.w
        tone = mix(mix(deep, far, 1 - near), light.horizon if rng.random() < 0.6 else times(deep, 0.7), 0.3)
        canvas.ellipse(x, y, half, max(0.6, canvas.unit * (0.5 + 2.2 * near)), tone, label)
    if glitter_x is not None:
        spark = mix(light.sun, WHITE, 0.4)
        for _ in range(90):
            near = rng.random()
            y = top + depth * near
            x = glitter_x + (rng.random() + rng.random() - 1) * canvas.unit * (26 + 130 * near)
            canvas.ellipse(
                x, y, canvas.unit * (3 + 13 * near), max(0.7, canvas.unit * (0.7 + 1.2 * near)), spark, label
            )


def shore(
    canvas: Canvas, place: Place, light: Light, level: float, rng: Random, side: float
) -> Callable[[float], float]:
    """A beach in the foreground with wet sand and surf; `side` tilts the water line.

    Returns the row where dry sand begins, as a function of the column.
    """
    key = rng.getrandbits(30)
    xs = np.arange(0, canvas.w + 8, 8)
    line = (
        level
        + side * (xs - canvas.w / 2) / canvas.w * canvas.h * 0.2
        + (noise1(xs / canvas.w * 5, key) - 0.5) * 26 * canvas.unit
    )
    tone = sand(place) if place.warmth > 4 else mix(rock(place), soil(place), 0.4)
    bands = (
        (-13, WHITE, "sea"),
        (-5, mix(tone, sea_colour(place), 0.4), "sea"),
        (3, WHITE, "sea"),
        (9, times(tone, 0.76), "sand"),
        (30, tone, "sand"),
    )
    for offset, colour, label in bands:
        edge = line + offset * canvas.unit + (noise1(xs / canvas.w * 9 + offset, key + 7) - 0.5) * 12 * canvas.unit
        points = [*zip(xs.tolist(), edge.tolist(), strict=True), (canvas.w + 8, canvas.h), (0, canvas.h)]
        canvas.polygon(points, light.lit(colour, 0.92), label)
    for _ in range(26):
        x, y = rng.random() * canvas.w, canvas.h * (0.78 + 0.22 * rng.random())
        if y > line[min(len(line) - 1, int(x / 8))] + 40 * canvas.unit:
            canvas.ellipse(
                x, y, canvas.unit * (2 + 3 * rng.random()), canvas.unit * 1.5, light.lit(times(tone, 0.82)), "sand"
            )
    dry = line + 32 * canvas.unit
    return lambda x: float(dry[min(len(dry) - 1, max(0, int(x / 8)))])
