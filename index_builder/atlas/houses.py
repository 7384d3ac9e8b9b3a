"""Buildings that stand alone: houses, huts, high-rises on a skyline."""

from __future__ import annotations

from index_builder.atlas.buildings import GLASS, LAMP, Builder
from index_builder.atlas.colour import Colour, mix, times
from index_builder.atlas.terrain import soil


def house(b: Builder, x: float, z: float, width: float, height: float, wall: Colour) -> None:
    """A detached house seen from a little to one side, gable towards us or away."""
    cam, light, depth = b.camera, b.light, width * 0.75
    sign = -1.0 if x > 0 else 1.0
    inner = x + sign * width / 2
    front = light.lit(wall, b.front_light, z)
    side = light.lit(wall, b.right_light if sign > 0 else b.left_light, z)
    _cast_shadow(b, x, z, width, height)
    b.quad([(inner, 0, z), (inner, height, z), (inner, height, z + depth), (inner, 0, z + depth)], side, "house")
    b.quad(
        [(x - width / 2, 0, z), (x - width / 2, height, z), (x + width / 2, height, z), (x + width / 2, 0, z)],
        front,
        "house",
    )
    if b.style.pitch:
        rise = width * 0.5 * b.style.pitch
        _gable(b, x, z, width, height, rise, front, side)
        _chimney(b, x, z, width, height + rise)
    else:
        b.quad(
            [
                (x - width / 2, height, z),
                (x - width / 2, height + 0.4, z),
                (x + width / 2, height + 0.4, z),
                (x + width / 2, height, z),
            ],
            times(front, 0.9),
            "house",
        )
    if b.style.timber:
        beam = light.lit((92.0, 64.0, 48.0), b.front_light, z)
        for y in (height * 0.05, height * 0.52, height * 0.97):
            low, high = cam.at(x - width / 2, y, z), cam.at(x + width / 2, y, z)
            b.canvas.line([low, high], cam.scale(z) * 0.18, beam, "house")
    b.front_windows(x - width / 2, x + width / 2, z, height, wall)
    low, high = cam.at(x - 0.5, 2.0, z), cam.at(x + 0.5, 0, z)
    b.canvas.rectangle(*low, *high, light.lit(b.style.trim, b.front_light, z), "door")


def _gable(
    b: Builder, x: float, z: float, width: float, height: float, rise: float, front: Colour, side: Colour
) -> None:
    """A pitched roof, its ridge across our view or along it."""
    depth, eave, sign = width * 0.75, 0.35, -1.0 if x > 0 else 1.0
    inner, top = x + sign * width / 2, b.light.lit(b.roof, 0.95, z)
    if b.rng.random() < 0.5:
        b.quad(
            [
                (x - width / 2 - eave, height - 0.1, z - eave),
                (x - width / 2, height + rise, z + depth / 2),
                (x + width / 2, height + rise, z + depth / 2),
                (x + width / 2 + eave, height - 0.1, z - eave),
            ],
            top,
            "house",
        )
        b.quad([(inner, height, z), (inner, height + rise, z + depth / 2), (inner, height, z + depth)], side, "house")
    else:
        b.quad([(x - width / 2, height, z), (x, height + rise, z), (x + width / 2, height, z)], front, "house")
        b.quad(
            [
                (inner + sign * eave, height - 0.2, z - eave),
                (x, height + rise, z - eave),
                (x, height + rise, z + depth),
                (inner + sign * eave, height - 0.2, z + depth),
            ],
            times(top, 0.93),
            "house",
        )
        b.quad(
            [
                (x - sign * (width / 2 + eave), height - 0.2, z - eave),
                (x, height + rise + 0.15, z - eave),
                (x, height + rise - 0.25, z - eave),
                (x - sign * (width / 2 + eave), height - 0.5, z - eave),
            ],
            times(top, 0.85),
            "house",
        )


def _chimney(b: Builder, x: float, z: float, width: float, top: float) -> None:
    if b.place.warmth < 17:
        low, high = (b.camera.at(x + width * 0.2, top + 0.9, z), b.camera.at(x + width * 0.2 + 0.7, top - 0.9, z))
        b.canvas.rectangle(*low, *high, b.light.lit((140.0, 92.0, 76.0), 0.7, z), "house")


def _cast_shadow(b: Builder, x: float, z: float, width: float, height: float) -> None:
    if b.light.shadow > 0.05:
        away = -1.0 if b.light.sun_side > 0 else 1.0
        reach = away * height * 1.1
        points = [
            b.camera.at(x + away * width / 2, 0, z),
            b.camera.at(x + away * width / 2 + reach, 0, z + 0.6),
            b.camera.at(x + away * width / 2 + reach, 0, z + width * 0.7),
            b.camera.at(x + away * width / 2, 0, z + width * 0.7),
        ]
        b.canvas.glaze(points, (20.0, 26.0, 50.0), b.light.shadow)


def hut(b: Builder, x: float, z: float, width: float, wall: Colour) -> None:
    """A round or square hut under thatch."""
    cam, light = b.camera, b.light
    _cast_shadow(b, x, z, width, 2.4)
    px, py = cam.at(x, 0, z)
    s = cam.scale(z)
    tone = light.lit(mix(wall, soil(b.place), 0.5), b.front_light, z)
    b.canvas.rectangle(px - width * 0.42 * s, py - 2.2 * s, px + width * 0.42 * s, py, tone, "hovel")
    shade_x = px - width * 0.42 * s if light.sun_side > 0 else px + width * 0.12 * s
    b.canvas.rectangle(shade_x, py - 2.2 * s, shade_x + width * 0.3 * s, py, times(tone, 0.85), "hovel")
    thatch = light.lit(mix((190.0, 158.0, 98.0), soil(b.place), 0.25), 0.9, z)
    b.canvas.polygon(
        [(px - width * 0.66 * s, py - 1.9 * s), (px, py - 4.6 * s), (px + width * 0.66 * s, py - 1.9 * s)],
        thatch,
        "hovel",
    )
    dark = px - width * 0.66 * s if light.sun_side > 0 else px + width * 0.66 * s
    b.canvas.polygon([(dark, py - 1.9 * s), (px, py - 4.6 * s), (px, py - 1.8 * s)], times(thatch, 0.86), "hovel")
    b.canvas.rectangle(px - 0.45 * s, py - 1.7 * s, px + 0.45 * s, py, times(tone, 0.4), "hovel")


def tower_block(b: Builder, x: float, base: float, width: float, height: float, distance: float, wall: Colour) -> None:
    """A high-rise on the skyline, in pixels: `base` is the row of its foot."""
    tone = b.light.lit(wall, b.front_light, distance)
    split = width * (0.62 if b.light.sun_side < 0 else 0.38)
    lit, dark = times(tone, 1.05), times(tone, 0.84)
    left, right = (lit, dark) if b.light.sun_side < 0 else (dark, lit)
    label = "skyscraper" if height > width * 2.2 else "building"
    b.canvas.rectangle(x, base - height, x + split, base, left, label)
    b.canvas.rectangle(x + split, base - height, x + width, base, right, label)
    pane = mix(tone, b.light.lit(GLASS, 0.7, distance), 0.6)
    gap = max(4.0, 7.0 * b.canvas.unit)
    y = base - height + gap
    while y < base - gap:
        if b.light.dark > 0.2:
            xx = x + gap * 0.5
            while xx < x + width - gap * 0.6:
                if b.rng.random() < 0.4:
                    b.canvas.rectangle(xx, y, xx + gap * 0.4, y + gap * 0.4, mix(LAMP, tone, 0.25), label)
                xx += gap
        else:
            b.canvas.rectangle(x + gap * 0.3, y, x + width - gap * 0.3, y + gap * 0.42, pane, label)
        y += gap
    if b.rng.random() < 0.3:
        b.canvas.line(
            [(x + width / 2, base - height), (x + width / 2, base - height * 1.14)], b.canvas.unit * 2, tone, label
        )
