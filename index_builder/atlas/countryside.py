"""Compositions of open land: mountain, field, forest, desert, ice."""

from __future__ import annotations

from index_builder.atlas.architecture import wall_colour
from index_builder.atlas.colour import WHITE, Colour, blend4, mix, times
from index_builder.atlas.houses import house
from index_builder.atlas.roads import Road, RoadBuilder
from index_builder.atlas.sky import draw_sky
from index_builder.atlas.stage import Stage, crop_colour
from index_builder.atlas.terrain import crop_rows, dunes, hill, mountains, ridge_line, rock
from index_builder.atlas.water import water

_CROPS: tuple[Colour, ...] = ((216.0, 186.0, 92.0), (122.0, 160.0, 66.0), (226.0, 206.0, 72.0), (96.0, 140.0, 82.0))


def mountain(s: Stage) -> None:
    """High mountains over a meadow."""
    canvas, place, rng = s.canvas, s.place, s.rng
    draw_sky(canvas, s.camera, s.light, rng)
    base, jagged = s.camera.horizon + 3, 0.45 + 0.5 * place["jagged"]
    mountains(canvas, place, s.light, base, canvas.h * (0.34 + 0.24 * rng.random()), 3400, jagged, s.key())
    mountains(canvas, place, s.light, base, canvas.h * 0.2, 1300, jagged * 0.7, s.key())
    if place.moisture > 0.25:
        s.plants.tree_line(base + 4, canvas.h * 0.05, 380, 1.2)
    s.ground()
    if rng.random() < 0.4:
        path = Road(1.3, 2 * (rng.random() - 0.5), 0.1 * (rng.random() - 0.5), 0.003 * (rng.random() - 0.5), 2, False)
        RoadBuilder(canvas, s.camera, place, s.light, path, rng).surface()
    for _ in range(rng.randint(2, 6)):
        z = 8 + 40 * rng.random()
        _boulder(s, (rng.random() - 0.5) * z * 1.3, z, min(z / 14, 0.5 + 1.3 * rng.random()))
    s.scatter(int(14 * place.moisture), 12, 90, lambda x, z: abs(x) < 4)
    if rng.random() < 0.5:
        house(s.builder, (rng.random() - 0.5) * 30, 38, 7, 3.4, wall_colour(place, rng))
    _herd(s)
    s.plants.tufts(3, 15, 44)


def _boulder(s: Stage, x: float, z: float, size: float) -> None:
    px, py = s.camera.at(x, 0, z)
    r = s.camera.scale(z) * size
    tone = s.light.lit(rock(s.place), 0.8, z)
    points = [
        (px - r, py),
        (px - r * 0.85, py - r * 0.5),
        (px - r * 0.3, py - r * 0.9),
        (px + r * 0.4, py - r * 0.8),
        (px + r * 0.95, py - r * 0.35),
        (px + r, py),
    ]
    s.canvas.polygon(points, tone, "rock")
    a = (
        [points[0], points[1], points[2], (px - r * 0.2, py)]
        if s.light.sun_side > 0
        else [points[3], points[4], points[5], (px + r * 0.2, py)]
    )
    s.canvas.polygon(a, times(tone, 0.78), "rock")


def _herd(s: Stage) -> None:
    """Some livestock of the climate, or none."""
    if s.rng.random() > 0.45 or s.place.climate == "ice":
        return
    kind = {"desert": "camel", "tundra": "reindeer", "boreal": "reindeer", "steppe": "horse"}.get(
        s.place.climate, "cow" if s.place["wealth"] > 0.4 else "sheep"
    )
    if kind == "camel" and not (-20 < s.place.lon < 115 and s.place.lat > -5):
        kind = "horse"
    x0 = (s.rng.random() - 0.5) * 14
    for i in range(s.rng.randint(3, 6)):
        z = 30 - 3.2 * i
        s.figures.animal(x0 + (s.rng.random() - 0.5) * 14, z, kind)


def field(s: Stage) -> None:
    """Crops in rows, a farm."""
    s.backdrop(1.2)
    place, rng, camera = s.place, s.rng, s.camera
    tone = crop_colour(s)
    paddy = place.moisture > 0.55 and place.warmth > 13 and 65 < place.lon < 150 and rng.random() < 0.7
    s.ground(mix(s.light.zenith, s.light.horizon, 0.55) if paddy else tone, "field")
    other = blend4(_CROPS, 1 - place["crops"], place["green_u"])
    for z0, z1 in ((170, 400), (85, 150)):
        a, b = (rng.random() - 0.8) * z0, (0.2 + rng.random()) * z0
        points = [camera.at(a, 0, z0), camera.at(b, 0, z0), camera.at(b * 1.5, 0, z1), camera.at(a * 1.5, 0, z1)]
        s.canvas.polygon(
            points, s.light.lit(mix(mix(other, tone, rng.random()), WHITE, 0.7 * s.snow), 0.95, z0), "field"
        )
    crop_rows(s.canvas, camera, s.light, tone, 3.2, 75, 1.1 + 1.2 * rng.random(), 0.25 * (rng.random() - 0.5))
    y = camera.at(0, 0, 80)[1]
    s.plants.tree_line(y, s.canvas.h * 0.06, 80, 0.5, (0.0, 0.35 + 0.5 * rng.random()))
    if rng.random() < 0.75:
        x = (rng.random() - 0.5) * 40
        house(s.builder, x, 62, 10, 4.8, wall_colour(place, rng))
        house(s.builder, x + 13, 66, 12, 4.0, times(s.builder.style.roof, 0.95))
        s.plants.tree(x - 9, 60)
    if place.moisture > 0.4 and s.light.summer > 0.4 and not paddy:
        for _ in range(rng.randint(0, 6)):
            z = 16 + 40 * rng.random()
            px, py = camera.at((rng.random() - 0.5) * z, 0, z)
            r = camera.scale(z) * 0.75
            s.canvas.glaze_ellipse(px, py, r * 1.3, r * 0.25, (20.0, 26.0, 50.0), 0.3)
            s.canvas.ellipse(px, py - r * 0.9, r, r * 0.95, s.light.lit((214.0, 178.0, 96.0), 0.8, z), "field")
            s.canvas.ellipse(px, py - r * 0.9, r * 0.6, r * 0.55, s.light.lit((184.0, 146.0, 76.0), 0.8, z), "field")
    RoadBuilder(s.canvas, camera, place, s.light, Road(3, 0, 0, 0, 2, False), rng).poles(
        rng.choice((-1.0, 1.0)), 2.2, 34.0
    )
    s.plants.tufts(2.6, 8, 20)


def forest(s: Stage) -> None:
    """A path through woods."""
    s.backdrop(0.7)
    s.ground()
    rng, place = s.rng, s.place
    path = Road(1.6, rng.random() - 0.5, 0.16 * (rng.random() - 0.5), 0.004 * (rng.random() - 0.5), 2, False)
    for z in (150.0, 100.0):
        s.plants.tree_line(s.camera.at(0, 0, z)[1], s.canvas.h * 0.13, z, 1.3)
    RoadBuilder(s.canvas, s.camera, place, s.light, path, rng).surface()
    for i in range(46):
        z = 85 - 73 * (i + rng.random()) / 46
        x = (rng.random() - 0.5) * (z * 1.3 + 8)
        if abs(x - path.x(z)) > 2.6 + 1.5 * rng.random():
            s.plants.tree(x, z, None, 1.15)
    s.plants.tufts(3, 14, 60, lambda x, z: abs(x - path.x(z)) < 1.8)


def desert(s: Stage) -> None:
    """Dunes, or stony desert."""
    rng, place = s.rng, s.place
    draw_sky(s.canvas, s.camera, s.light, rng)
    base = s.camera.horizon + 3
    if rng.random() < 0.75:
        mountains(
            s.canvas,
            place,
            s.light,
            base,
            s.canvas.h * (0.06 + 0.26 * max(s.rugged, place["relief"] * 0.7)),
            2500,
            place["jagged"],
            s.key(),
        )
    if place["soil_v"] + 0.4 * (rng.random() - 0.5) > 0.45:
        dunes(s.canvas, place, s.light, base - s.canvas.h * 0.02, rng)
        s.scatter(4, 18, 60, lambda x, z: False)
    else:
        s.ground()
        for _ in range(rng.randint(3, 7)):
            z = 8 + 50 * rng.random()
            _boulder(s, (rng.random() - 0.5) * z * 1.3, z, 0.4 + rng.random())
        s.scatter(14, 8, 110, lambda x, z: abs(x) < 3)
    _herd(s)
    s.plants.tufts(3, 18, 22)


def ice(s: Stage) -> None:
    """Snow fields or icebergs."""
    canvas, place, rng = s.canvas, s.place, s.rng
    draw_sky(canvas, s.camera, s.light, rng)
    base = s.camera.horizon + 2
    if rng.random() < 0.75:
        mountains(
            canvas,
            place,
            s.light,
            base,
            canvas.h * (0.12 + 0.2 * rng.random()),
            2600,
            0.4 + 0.5 * place["jagged"],
            s.key(),
        )
    if place.sea_km < 130 and rng.random() < 0.6:
        water(canvas, place, s.light, base, canvas.h, "sea", rng)
        for i in range(rng.randint(3, 7)):
            t = (i + rng.random()) / 7
            _berg(s, canvas.w * rng.random(), base + canvas.h * (0.02 + 0.3 * t * t), canvas.w * (0.05 + 0.12 * t))
        bank = ridge_line(canvas, canvas.h * 1.02, canvas.h * 0.2, 1.5, 0.1, s.key())
        hill(canvas, s.light, bank, canvas.h, (236.0, 243.0, 252.0), 2, "earth")
        return
    for k in (0.1, 0.45, 1.0):
        line = ridge_line(canvas, base + canvas.h * 0.36 * k, canvas.h * 0.1 * k, 1.3 + rng.random(), 0.0, s.key())
        hill(
            canvas,
            s.light,
            line,
            canvas.h,
            mix((206.0, 224.0, 244.0), (242.0, 247.0, 252.0), k),
            700 * (1.05 - k),
            "earth",
        )
    if rng.random() < 0.5:
        for i in range(3):
            paint = ((196.0, 60.0, 54.0), (60.0, 104.0, 160.0), (236.0, 190.0, 70.0))[i]
            house(s.builder, -9 + 9 * i, 40 + 4 * i, 6.5, 4.4, paint)


def _berg(s: Stage, x: float, y: float, w: float) -> None:
    """An iceberg afloat."""
    h = w * (0.3 + 0.4 * s.rng.random())
    tone, dark = s.light.lit((238.0, 246.0, 252.0), 0.95, 200), s.light.lit((158.0, 200.0, 222.0), 0.7, 200)
    s.canvas.polygon(
        [
            (x - w / 2, y),
            (x - w * 0.36, y - h * 0.7),
            (x - w * 0.05, y - h),
            (x + w * 0.2, y - h * 0.75),
            (x + w * 0.42, y - h * 0.55),
            (x + w / 2, y),
        ],
        tone,
        "earth",
    )
    s.canvas.polygon(
        [
            (x - w * 0.05, y - h),
            (x + w * 0.08, y - h * 0.4),
            (x, y),
            (x + w / 2, y),
            (x + w * 0.42, y - h * 0.55),
            (x + w * 0.2, y - h * 0.75),
        ],
        dark,
        "earth",
    )
