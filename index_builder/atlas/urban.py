"""Compositions with roads and houses: street, highway, village, skyline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from index_builder.atlas.architecture import wall_colour
from index_builder.atlas.colour import Colour, mix, times
from index_builder.atlas.houses import house, hut, tower_block
from index_builder.atlas.landmarks import landmark
from index_builder.atlas.roads import Road, RoadBuilder
from index_builder.atlas.stage import Stage, crop_colour
from index_builder.atlas.terrain import crop_rows, ground, ground_label
from index_builder.atlas.vegetation import species


def street(s: Stage) -> None:
    """A street between two rows of buildings."""
    s.backdrop(0.8)
    place, rng, camera = s.place, s.rng, s.camera
    lanes = 4 if rng.random() < 0.22 + 0.2 * place["wealth"] else 2
    paved = rng.random() < 0.6 + 0.7 * place["wealth"]
    lane = -1.0 if place.country.drives_left else 1.0
    half = 3.1 if lanes == 2 else 6.4
    walking = rng.random() < 0.3
    road = Road(
        half, (lane * half * 1.16 if walking else -lane * half * 0.45), 0.03 * (rng.random() - 0.5), 0.0, lanes, paved
    )
    s.ground((172.0, 166.0, 156.0) if paved else None, "sidewalk" if paved else "earth")
    builder_road = RoadBuilder(s.canvas, camera, place, s.light, road, rng)
    builder_road.surface(pavement=paved)
    if rng.random() < 0.4 and paved:
        builder_road.crossing(9 + 6 * rng.random())
    edge = half * 1.95 + (1.2 + 2.5 * rng.random())
    trees = place.moisture > 0.25 and rng.random() < 0.25 + 0.5 * place["flowers"]
    lots = sorted((_lots(s, -edge, road) + _lots(s, edge, road)), key=lambda lot: -lot[1])
    furniture = _furniture(s, road, trees)
    lamps = rng.random() < 0.5 and paved
    side = 1.0 if rng.random() < 0.5 else -1.0
    for x, z0, z1, height, wall, shop in lots:
        s.builder.block(x, x + (9.0 if x > 0 else -9.0), z0, z1, height, wall, shop)
        if shop and rng.random() < 0.75:
            furniture.append((z0 + 1.0, _shop_sign(s, x, z0 + 1.0)))
    if lamps:
        builder_road.lamps(side, 1.15)
    else:
        builder_road.poles(side, 1.28, 17.0)
    for _, draw in sorted(furniture, key=lambda thing: -thing[0]):
        draw()


def _lots(s: Stage, x: float, road: Road) -> list[tuple[float, float, float, float, Colour, bool]]:
    """Building lots along one side: (x, z near, z far, height, wall, shop)."""
    lots = []
    z = 2.5 + 6 * s.rng.random()
    while z < 120:
        long = 6.5 + 8 * s.rng.random()
        floors = max(
            1, s.builder.style.floors + s.rng.choice((-1, 0, 0, 1)) - (road.lanes == 2 and s.place["wealth"] < 0.3)
        )
        height = 1.4 + 3.1 * floors
        shop = s.rng.random() < 0.6
        lots.append((road.x(z) + x, z, z + long, height, wall_colour(s.place, s.rng), shop))
        z += long + (0.0 if s.rng.random() < 0.72 else 2.5 + 4 * s.rng.random())
    return lots


def _furniture(s: Stage, road: Road, trees: bool) -> list[tuple[float, Callable[[], None]]]:
    """Cars, people, trees and signs along a street, each at its distance, far first."""
    rng, place = s.rng, s.place
    things: list[tuple[float, Callable[[], None]]] = []
    for _ in range(rng.randint(2, 5) + road.lanes):
        z = 9 + 60 * rng.random() * rng.random()
        coming = rng.random() < 0.5
        sign = 1.0 if coming == place.country.drives_left else -1.0
        across = sign * (0.46 if road.lanes == 2 else rng.choice((0.25, 0.7)))
        things.append((z, partial(s.driver.vehicle, road.x(z, across), z, coming)))
    for _ in range(rng.randint(1, 6)):
        z, across = 5 + 26 * rng.random(), rng.choice((-1, 1)) * (1.2 + 0.5 * rng.random())
        things.append((z, partial(s.figures.person, road.x(z, across), z)))
    if trees:
        kind = species(place, rng)
        kind = {"conifer": "broadleaf", "larch": "birch", "shrub": "olive", "cactus": "palm", "pine": "poplar"}.get(
            kind, kind
        )
        for i in range(7):
            for sign in (-1, 1):
                z = 12 + 9.5 * i
                things.append((z, partial(s.plants.tree, road.x(z, 1.32 * sign), z, kind, 0.62)))
    z = 8 + 8 * rng.random()
    near = -1.0 if place.country.drives_left else 1.0
    things.append((z, partial(s.signs.warning if rng.random() < 0.5 else s.signs.limit, road.x(z, 1.1 * near), z)))
    return things


def _shop_sign(s: Stage, x: float, z: float) -> Callable[[], None]:
    """A board that sticks out of a shop front: upright in East Asia, mostly lying elsewhere."""
    inwards = 1.25 if x < 0 else -1.25
    scripts = set(s.place.country.scripts)
    share = 0.6 if scripts & {"han", "kana", "hangul"} else 0.15 if scripts <= {"latin", "cyrillic", "greek"} else 0.0
    upright = s.rng.random() < share
    if upright:
        return partial(s.signs.board, x + inwards * 0.75, 5.4, z, 1.0, 3.4)
    return partial(s.signs.board, x + inwards, 4.4, z, 2.5, 0.95)


def highway(s: Stage) -> None:
    """A road through open country."""
    s.backdrop()
    s.ground()
    rng, place = s.rng, s.place
    lane = -1.0 if place.country.drives_left else 1.0
    paved = rng.random() < 0.5 + 0.8 * place["wealth"]
    half = 3.4 if rng.random() < 0.75 else 6.8
    road = Road(
        half,
        -lane * half * 0.42,
        0.05 * (rng.random() - 0.5),
        0.0018 * (rng.random() - 0.5),
        4 if half > 5 else 2,
        paved,
    )
    builder = RoadBuilder(s.canvas, s.camera, place, s.light, road, rng)
    if rng.random() < place["crops"] and place.moisture > 0.3:
        tone = crop_colour(s)
        crop_rows(s.canvas, s.camera, s.light, tone, 6, 120, 2.2, 0.0)
    if place.climate != "ice":
        s.scatter(
            int(12 + 22 * place.moisture),
            22 if place.moisture > 0.2 else 9,
            200,
            lambda x, z: abs(x - road.x(z)) < half * 2.2,
        )
    if rng.random() < 0.3:
        house(s.builder, road.x(60) + rng.choice((-22, 22)), 60, 9, 4.5, wall_colour(place, rng))
    builder.surface()
    side = rng.choice((-1.0, 1.0))
    if rng.random() < 0.65:
        builder.poles(side, 2.0, 32.0)
    if paved and rng.random() < 0.35:
        builder.guard_rail(-side)
    elif rng.random() < 0.5:
        builder.fence(-side)
    s.traffic(road, rng.randint(1, 4))
    if rng.random() < 0.75:
        z = 14 + 10 * rng.random()
        sign = s.signs.direction if rng.random() < 0.55 else s.signs.warning
        sign(road.x(z, lane * (1.9 if sign == s.signs.direction else 1.4)), z)
    s.plants.tufts(3.2, 16, 44, lambda x, z: abs(x - road.x(z)) < half * 1.3)


def village(s: Stage) -> None:
    """Houses or huts about a track, with a landmark behind."""
    s.backdrop(1.15)
    s.ground()
    place, rng = s.place, s.rng
    path = Road(1.5, 0.6 * (rng.random() - 0.5), 0.12 * (rng.random() - 0.5), 0.002 * (rng.random() - 0.5), 2, False)
    x, y = s.canvas.w * (0.25 + 0.5 * rng.random()), s.camera.at(0, 0, 95)[1]
    landmark(s.builder, x, y, s.canvas.h * (0.2 + 0.1 * rng.random()), 95, rng)
    RoadBuilder(s.canvas, s.camera, place, s.light, path, rng).surface()
    huts = (
        place["wealth"] < 0.4 and place.warmth > 18 and place.climate in ("savanna", "tropical", "desert", "highland")
    )
    spots: list[tuple[float, float, float]] = []
    for _ in range(60):
        z = 17 + 66 * rng.random()
        hx = (rng.random() - 0.5) * (z * 1.2 + 14)
        if abs(hx - path.x(z)) > 9.5 and all(abs(hx - a) > 11 or abs(z - b) > 9 for a, b, _ in spots):
            spots.append((hx, z, rng.random()))
    trees = [
        ((rng.random() - 0.5) * z * 1.4, z)
        for z in (14 + 70 * rng.random() for _ in range(int(4 + 20 * place.moisture)))
    ]
    things: list[tuple[float, Callable[[], None]]] = []
    for hx, z, u in spots[:16]:
        wall = wall_colour(place, rng)
        if huts and u < 0.7:
            things.append((z, partial(hut, s.builder, hx, z, 4.4 + 2 * u, wall)))
        else:
            things.append((z, partial(house, s.builder, hx, z, 7 + 4 * u, 3.1 * (1 + (u > 0.45)) + 0.5, wall)))
    things += [(z, partial(s.plants.tree, tx, z)) for tx, z in trees if abs(tx - path.x(z)) > 3]
    things += [
        (z, partial(s.figures.person, path.x(z, 0.4), z))
        for z in (9 + 16 * rng.random() for _ in range(rng.randint(0, 3)))
    ]
    for _, draw in sorted(things, key=lambda thing: -thing[0]):
        draw()
    RoadBuilder(s.canvas, s.camera, place, s.light, path, rng).fence(rng.choice((-1.0, 1.0)), 2.2)
    s.plants.tufts(3.2, 13, 40, lambda x, z: abs(x - path.x(z)) < 1.7)


def skyline(s: Stage) -> None:
    """A town from afar, across water or over roofs."""
    s.backdrop(1.2)
    canvas, place, rng = s.canvas, s.place, s.rng
    base = s.camera.horizon + canvas.h * 0.06
    canvas.rectangle(
        0, s.camera.horizon, canvas.w, base, s.light.lit(ground(place, s.light), 0.7, 500), ground_label(place, s.light)
    )
    for distance, low, high in (
        (900.0, 0.06, 0.24 + 0.2 * place["wealth"]),
        (420.0, 0.03, 0.12 + 0.08 * place["storeys"]),
    ):
        x = -20.0
        while x < canvas.w:
            w = canvas.w * (0.025 + 0.04 * rng.random())
            middle = 1 - abs(x / canvas.w - 0.5) * 1.1
            tower_block(
                s.builder,
                x,
                base,
                w,
                canvas.h * (low + (high - low) * rng.random() * rng.random() * middle * 1.6),
                distance,
                wall_colour(place, rng),
            )
            x += w * (0.75 + 0.6 * rng.random())
    landmark(s.builder, canvas.w * (0.2 + 0.6 * rng.random()), base, canvas.h * 0.22, 300, rng)
    s.plants.tree_line(base + 4, canvas.h * 0.05, 200, 0.9 * min(1.0, place.moisture * 1.5))
    if rng.random() < 0.5:
        _river(s, base)
    else:
        _rooftops(s, base)


def _river(s: Stage, base: float) -> None:
    """Water between us and the town, with its mirror image."""
    canvas, rng = s.canvas, s.rng
    canvas.mirror(base + 6, canvas.h, s.light.lit((60.0, 96.0, 116.0), 0.7), 0.42, "river")
    for _ in range(50):
        t = rng.random()
        canvas.glaze_ellipse(
            canvas.w * rng.random(),
            base + 6 + (canvas.h - base) * t,
            canvas.unit * (16 + 80 * t),
            max(1.0, canvas.unit * (0.8 + 2 * t)),
            s.light.horizon,
            0.22,
        )
    if rng.random() < 0.6:
        s.figures.boat(canvas.w * rng.random(), base + canvas.h * 0.14, canvas.h * 0.07, 60)


def _rooftops(s: Stage, base: float) -> None:
    """Three rows of houses between us and the far town, woods among them."""
    canvas, place, rng = s.canvas, s.place, s.rng
    canvas.rectangle(
        0,
        base,
        canvas.w,
        canvas.h,
        s.light.lit(mix(ground(place, s.light), (60.0, 66.0, 70.0), 0.35), 0.4, 150),
        ground_label(place, s.light),
    )
    for row in range(3):
        y = base + canvas.h * (0.1 + 0.15 * row)
        s.plants.tree_line(
            y - canvas.h * 0.02, canvas.h * (0.06 + 0.03 * row), 190 - 50 * row, 0.5 * min(1.0, place.moisture * 1.6)
        )
        x = -30.0
        while x < canvas.w:
            w = canvas.w * (0.05 + 0.035 * row) * (0.8 + 0.5 * rng.random())
            _roof(s, x, y, w, canvas.h * (0.1 + 0.06 * row) * (0.8 + 0.4 * rng.random()), 190 - 60 * row)
            x += w * (0.95 + 0.3 * rng.random())
    s.plants.tree_line(canvas.h * 1.02, canvas.h * 0.16, 25, 0.7 * min(1, place.moisture * 2))


def _roof(s: Stage, x: float, y: float, w: float, h: float, distance: float) -> None:
    """A house among many, seen from above."""
    wall = wall_colour(s.place, s.rng)
    s.canvas.rectangle(
        x, y - h * 0.6, x + w, s.canvas.h, s.light.lit(wall, s.builder.front_light, distance), "building"
    )
    for i in range(2):
        for j in range(3):
            pane, _ = s.builder.glass(distance)
            wx, wy = x + w * (0.16 + 0.27 * j), y - h * (0.42 - 0.5 * i)
            s.canvas.rectangle(wx, wy, wx + w * 0.13, wy + h * 0.24, pane, "building")
    top = s.light.lit(times(s.builder.roof, 0.9 + 0.15 * s.rng.random()), 0.95, distance)
    if s.builder.style.pitch:
        s.canvas.polygon(
            [(x - w * 0.06, y - h * 0.58), (x + w * 0.14, y - h), (x + w * 0.86, y - h), (x + w * 1.06, y - h * 0.58)],
            top,
            "building",
        )
    else:
        s.canvas.polygon(
            [(x, y - h * 0.6), (x + w * 0.1, y - h * 0.85), (x + w * 0.9, y - h * 0.85), (x + w, y - h * 0.6)],
            s.light.lit(times(wall, 1.05), 1.0, distance),
            "building",
        )
