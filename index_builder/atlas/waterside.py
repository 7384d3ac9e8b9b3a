"""Compositions by the water: coast and lake."""

from __future__ import annotations

import numpy as np

from index_builder.atlas.architecture import wall_colour
from index_builder.atlas.colour import WHITE
from index_builder.atlas.sky import draw_sky
from index_builder.atlas.stage import Stage
from index_builder.atlas.terrain import ground, ground_label, hill, mountains, ridge_line, rock
from index_builder.atlas.vegetation import species
from index_builder.atlas.water import shore, water


def coast(s: Stage) -> None:
    """A beach, the sea, a headland."""
    draw_sky(s.canvas, s.camera, s.light, s.rng)
    canvas, camera, place, rng = s.canvas, s.camera, s.place, s.rng
    horizon = camera.horizon
    if s.rugged > 0.15 or rng.random() < 0.4:
        mountains(
            canvas,
            place,
            s.light,
            horizon + 1,
            canvas.h * (0.07 + 0.2 * s.rugged),
            2600,
            0.6 * place["jagged"],
            s.key(),
        )
    sun_x = (
        camera.cx + s.light.bearing / 52.0 * canvas.w * 0.8
        if abs(s.light.bearing) < 40 and s.light.altitude < 25
        else None
    )
    water(
        canvas, place, s.light, horizon, canvas.h, "sea", rng, sun_x if s.light.weather in ("clear", "fair") else None
    )
    _headland(s)
    for _ in range(rng.randint(0, 3)):
        far = rng.random()
        s.figures.boat(
            canvas.w * rng.random(),
            horizon + canvas.h * (0.02 + 0.12 * far),
            canvas.unit * (12 + 40 * far),
            500 * (1.1 - far),
        )
    side = rng.choice((-1.0, 1.0))
    dry = shore(canvas, place, s.light, canvas.h * (0.7 + 0.1 * rng.random()), rng, side)
    kind = "palm" if place.warmth > 19 else species(place, rng)
    if place.warmth > 2:
        for _ in range(rng.randint(1, 4)):
            x = canvas.w * (0.5 + side * (0.22 + 0.3 * rng.random()))
            h = canvas.h * (0.34 + 0.3 * rng.random()) * {"shrub": 0.3, "olive": 0.5}.get(kind, 1.0)
            s.plants.standing(
                x, max(dry(x) + 14 * canvas.unit, canvas.h * (0.86 + 0.1 * rng.random())), h, kind, 9, shadow=True
            )
    for _ in range(rng.randint(0, 4)):
        x = canvas.w * rng.random()
        row = min(dry(x) + canvas.unit * (6 + 40 * rng.random()), canvas.h * 0.9)
        z = camera.ground_z(row)
        s.figures.person((x - camera.cx) * z / camera.focal, z)


def _headland(s: Stage) -> None:
    """A cape from one side with trees, houses or a lighthouse."""
    canvas, rng, place = s.canvas, s.rng, s.place
    left = rng.random() < 0.5
    reach, rise = canvas.w * (0.3 + 0.3 * rng.random()), canvas.h * (0.05 + 0.14 * place["relief"])
    xs = np.arange(0, reach, 8.0)
    t = 1 - xs / reach
    base = s.camera.horizon + canvas.h * 0.06
    top = base - rise * np.sqrt(t) * (0.75 + 0.5 * ridge_line(canvas, 0, -1, 3, 0.3, s.key(), 8)[: len(xs)])
    px = xs if left else canvas.w - xs
    crest = [*zip(px.tolist(), top.tolist(), strict=True)]
    foot = [(px[-1], base), (px[0], base)]
    canvas.polygon([*crest, *foot], s.light.lit(rock(place), 0.6, 350), "rock")
    green = [(x, y + (base - y) * 0.45) for x, y in crest]
    canvas.polygon(
        [*crest, *reversed(green)], s.light.lit(ground(place, s.light), 0.9, 350), ground_label(place, s.light)
    )
    canvas.line([(px[0], base), (px[-1], base)], 3 * canvas.unit, s.light.lit(WHITE, 0.9, 300), "sea")
    for i in range(2, max(3, len(crest) - 6), 2):
        if place.moisture > 0.3 and rng.random() < 0.7:
            s.plants.standing(*crest[i], canvas.h * 0.05, species(place, rng), 350)
        elif rng.random() < 0.4:
            wall, w = s.light.lit(wall_colour(place, rng), 0.8, 350), 11 * canvas.unit
            x, y = crest[i]
            canvas.rectangle(x - w, y - w, x + w, y + w * 0.5, wall, "house")
            canvas.polygon(
                [(x - w * 1.2, y - w), (x, y - w * 1.9), (x + w * 1.2, y - w)],
                s.light.lit(s.builder.roof, 0.9, 350),
                "house",
            )
    if rng.random() < 0.35 and len(crest) > 14:
        x, y = crest[len(crest) // 2]
        h = canvas.h * 0.13
        for i in range(5):
            w = h * (0.13 - 0.012 * i)
            tone = (206.0, 60.0, 52.0) if i % 2 else (246.0, 244.0, 238.0)
            canvas.rectangle(x - w, y - h * (i + 1) / 5, x + w, y - h * i / 5, s.light.lit(tone, 0.85, 300), "tower")
        canvas.rectangle(
            x - h * 0.06, y - h * 1.14, x + h * 0.06, y - h, s.light.lit((60.0, 64.0, 70.0), 0.8, 300), "tower"
        )


def lake(s: Stage) -> None:
    """A lake that mirrors hills and woods."""
    s.backdrop(1.5)
    canvas, place, rng = s.canvas, s.place, s.rng
    top = s.camera.horizon + canvas.h * 0.03
    canvas.polygon(
        [(0, s.camera.horizon), (canvas.w, s.camera.horizon), (canvas.w, top), (0, top)],
        s.light.lit(ground(place, s.light), 0.8, 300),
        ground_label(place, s.light),
    )
    s.plants.tree_line(top, canvas.h * 0.075, 230, 0.9 * min(1.0, place.moisture * 1.6))
    if rng.random() < 0.6:
        wall = wall_colour(place, rng)
        x, w = canvas.w * (0.2 + 0.6 * rng.random()), canvas.w * 0.03
        canvas.rectangle(x - w, top - w * 1.1, x + w, top, s.light.lit(wall, 0.85, 200), "house")
        canvas.polygon(
            [(x - w * 1.25, top - w * 1.05), (x, top - w * 2.1), (x + w * 1.25, top - w * 1.05)],
            s.light.lit(s.builder.roof, 0.9, 200),
            "house",
        )
    deep = s.light.lit((52.0, 96.0, 120.0), 0.8)
    canvas.mirror(top, canvas.h, deep, 0.34, "lake")
    for _ in range(46):
        t = rng.random()
        y = top + (canvas.h - top) * t
        canvas.glaze_ellipse(
            canvas.w * rng.random(),
            y,
            canvas.unit * (18 + 90 * t),
            max(1.0, canvas.unit * (0.8 + 2.4 * t)),
            s.light.horizon,
            0.2,
        )
    if rng.random() < 0.5:
        s.figures.boat(canvas.w * (0.2 + 0.6 * rng.random()), top + canvas.h * 0.12, canvas.h * 0.06, 60)
    bank = ridge_line(canvas, canvas.h * 1.02, canvas.h * 0.14, 1.6, 0.0, s.key())
    hill(canvas, s.light, bank, canvas.h, ground(place, s.light), 2, ground_label(place, s.light))
    if place.moisture > 0.2:
        for _ in range(16):
            i = rng.randrange(len(bank))
            s.plants.standing(i * 6.0, bank[i] + 8, canvas.h * 0.05, "shrub", 6)
        i = rng.choice((3, len(bank) - 5))
        s.plants.standing(i * 6.0, bank[i] + canvas.h * 0.05, canvas.h * 0.5, species(place, rng), 9)
