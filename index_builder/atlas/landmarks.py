"""The one tall building of a village or skyline, by country: church, mosque, pagoda, stupa, temple, onion domes."""

from __future__ import annotations

from random import Random

from index_builder.atlas.architecture import wall_colour
from index_builder.atlas.buildings import Builder
from index_builder.atlas.colour import WHITE, Colour, blend4, mix, times


def landmark(builder: Builder, x: float, base: float, h: float, distance: float, rng: Random) -> None:
    """Draw the landmark with its foot at pixel (x, base), `h` pixels tall."""
    wall = mix(wall_colour(builder.place, rng), WHITE, 0.3)
    tone = builder.light.lit(wall, 0.85, distance)
    dark = builder.light.lit(times(wall, 0.86), 0.5, distance)
    roof = builder.light.lit(builder.roof, 0.85, distance)
    {"church": _church, "mosque": _mosque, "pagoda": _pagoda, "stupa": _stupa, "dome": _dome, "temple": _temple}[
        builder.place.country.landmark
    ](builder, x, base, h, (tone, dark, roof), distance)


def _body(
    b: Builder, x0: float, y0: float, x1: float, y1: float, tones: tuple[Colour, ...], label: str = "building"
) -> None:
    """A wall with a shaded half."""
    b.canvas.rectangle(x0, y0, x1, y1, tones[0], label)
    cut = x0 + (x1 - x0) * 0.55
    if b.light.sun_side < 0:
        b.canvas.rectangle(cut, y0, x1, y1, tones[1], label)
    else:
        b.canvas.rectangle(x0, y0, x0 + (x1 - x0) * 0.45, y1, tones[1], label)


def _church(b: Builder, x: float, y: float, h: float, t: tuple[Colour, ...], distance: float) -> None:
    w = h * 0.13
    _body(b, x + w, y - h * 0.3, x + w * 4.6, y, t)
    b.canvas.polygon(
        [
            (x + w * 0.8, y - h * 0.3),
            (x + w * 1.5, y - h * 0.44),
            (x + w * 4.3, y - h * 0.44),
            (x + w * 4.9, y - h * 0.3),
        ],
        t[2],
        "building",
    )
    _body(b, x - w, y - h * 0.62, x + w, y, t, "tower")
    tip = 1.0 if b.style.pitch > 0.3 else 0.78
    b.canvas.polygon([(x - w * 1.15, y - h * 0.61), (x, y - h * tip), (x + w * 1.15, y - h * 0.61)], t[2], "tower")
    b.canvas.rounded(x - w * 0.35, y - h * 0.55, x + w * 0.35, y - h * 0.42, w * 0.3, times(t[1], 0.5), "tower")
    for i in range(3):
        cx = x + w * (1.8 + i * 1.05)
        b.canvas.rounded(cx - w * 0.2, y - h * 0.22, cx + w * 0.2, y - h * 0.08, w * 0.2, times(t[1], 0.55), "building")


def _onion(b: Builder, x: float, y: float, r: float, colour: Colour) -> None:
    b.canvas.ellipse(x, y - r * 0.8, r, r * 0.95, colour, "tower")
    b.canvas.polygon([(x - r * 0.55, y - r * 1.45), (x, y - r * 2.5), (x + r * 0.55, y - r * 1.45)], colour, "tower")
    b.canvas.ellipse(
        x + (0.3 if b.light.sun_side > 0 else -0.3) * r,
        y - r * 1.05,
        r * 0.28,
        r * 0.4,
        mix(colour, WHITE, 0.4),
        "tower",
    )


def _dome(b: Builder, x: float, y: float, h: float, t: tuple[Colour, ...], distance: float) -> None:
    w = h * 0.15
    hue = b.light.lit(
        blend4(
            ((226.0, 176.0, 60.0), (58.0, 116.0, 168.0), (66.0, 142.0, 104.0), (120.0, 124.0, 132.0)),
            b.place["roof_u"],
            b.place["trim"],
        ),
        0.95,
        distance,
    )
    _body(b, x - w * 2, y - h * 0.4, x + w * 2, y, t)
    for dx, top, r in ((-1.4, 0.5, 0.5), (1.4, 0.5, 0.5), (0.0, 0.66, 0.8)):
        _body(b, x + (dx - r * 0.7) * w, y - h * top, x + (dx + r * 0.7) * w, y - h * 0.38, t, "tower")
        _onion(b, x + dx * w, y - h * top, r * w, hue)
    b.canvas.rounded(x - w * 0.4, y - h * 0.18, x + w * 0.4, y, w * 0.4, times(t[1], 0.5), "door")


def _mosque(b: Builder, x: float, y: float, h: float, t: tuple[Colour, ...], distance: float) -> None:
    w = h * 0.16
    hue = b.light.lit(
        blend4(
            ((78.0, 150.0, 150.0), (232.0, 226.0, 206.0), (84.0, 140.0, 100.0), (214.0, 176.0, 96.0)),
            b.place["roof_u"],
            b.place["trim"],
        ),
        0.95,
        distance,
    )
    b.canvas.ellipse(x, y - h * 0.36, w * 1.35, h * 0.2, hue, "building")
    b.canvas.ellipse(
        x + (0.45 if b.light.sun_side > 0 else -0.45) * w,
        y - h * 0.42,
        w * 0.5,
        h * 0.09,
        mix(hue, WHITE, 0.3),
        "building",
    )
    _body(b, x - w * 1.8, y - h * 0.36, x + w * 1.8, y, t)
    for i in range(3):
        cx = x + (i - 1) * w * 1.1
        b.canvas.rounded(
            cx - w * 0.32, y - h * 0.24, cx + w * 0.32, y + w * 0.2, w * 0.32, times(t[1], 0.55), "building"
        )
    m = w * 0.22
    _body(b, x + w * 2.2 - m, y - h * 0.82, x + w * 2.2 + m, y, t, "tower")
    b.canvas.rectangle(x + w * 2.2 - m * 1.7, y - h * 0.7, x + w * 2.2 + m * 1.7, y - h * 0.67, t[1], "tower")
    b.canvas.polygon(
        [(x + w * 2.2 - m * 1.2, y - h * 0.82), (x + w * 2.2, y - h), (x + w * 2.2 + m * 1.2, y - h * 0.82)],
        hue,
        "tower",
    )


def _pagoda(b: Builder, x: float, y: float, h: float, t: tuple[Colour, ...], distance: float) -> None:
    red = b.light.lit(
        blend4(
            ((186.0, 66.0, 48.0), (150.0, 96.0, 62.0), (120.0, 74.0, 56.0), (206.0, 190.0, 160.0)),
            b.place["wall_u"],
            b.place["trim"],
        ),
        0.7,
        distance,
    )
    for i in range(4):
        w, foot = h * (0.2 - 0.032 * i), y - h * 0.22 * i
        b.canvas.rectangle(x - w * 0.72, foot - h * 0.16, x + w * 0.72, foot, red, "tower")
        b.canvas.rectangle(x - w * 0.25, foot - h * 0.1, x + w * 0.25, foot, times(red, 0.55), "tower")
        b.canvas.polygon(
            [
                (x - w * 1.4, foot - h * 0.15),
                (x - w * 1.0, foot - h * 0.17),
                (x - w * 0.6, foot - h * 0.235),
                (x + w * 0.6, foot - h * 0.235),
                (x + w * 1.0, foot - h * 0.17),
                (x + w * 1.4, foot - h * 0.15),
                (x + w * 0.9, foot - h * 0.145),
                (x - w * 0.9, foot - h * 0.145),
            ],
            t[2],
            "tower",
        )
    b.canvas.line([(x, y - h * 0.88), (x, y - h)], h * 0.014, t[2], "tower")


def _stupa(b: Builder, x: float, y: float, h: float, t: tuple[Colour, ...], distance: float) -> None:
    gold = b.light.lit(
        blend4(
            ((240.0, 190.0, 70.0), (246.0, 240.0, 226.0), (226.0, 168.0, 64.0), (238.0, 232.0, 218.0)),
            b.place["wall_u"],
            b.place["trim"],
        ),
        0.95,
        distance,
    )
    r = h * 0.26
    for i in range(3):
        b.canvas.rectangle(
            x - r * (1.35 - 0.16 * i),
            y - h * 0.07 * (i + 1),
            x + r * (1.35 - 0.16 * i),
            y - h * 0.07 * i,
            times(gold, 0.8 + 0.07 * i),
            "building",
        )
    b.canvas.ellipse(x, y - h * 0.24, r, h * 0.22, gold, "tower")
    b.canvas.polygon(
        [
            (x - r * 0.6, y - h * 0.42),
            (x - r * 0.12, y - h * 0.66),
            (x, y - h),
            (x + r * 0.12, y - h * 0.66),
            (x + r * 0.6, y - h * 0.42),
        ],
        gold,
        "tower",
    )
    away = -1 if b.light.sun_side > 0 else 1
    b.canvas.polygon(
        [
            (x, y - h),
            (x + away * r * 0.12, y - h * 0.66),
            (x + away * r * 0.6, y - h * 0.42),
            (x + away * r * 0.9, y - h * 0.22),
            (x + away * r * 0.25, y - h * 0.3),
        ],
        times(gold, 0.84),
        "tower",
    )


def _temple(b: Builder, x: float, y: float, h: float, t: tuple[Colour, ...], distance: float) -> None:
    hue = b.light.lit(
        blend4(
            ((226.0, 160.0, 110.0), (236.0, 226.0, 204.0), (200.0, 120.0, 96.0), (214.0, 190.0, 140.0)),
            b.place["wall_u"],
            b.place["trim"],
        ),
        0.85,
        distance,
    )
    w = h * 0.2
    _body(b, x - w * 1.6, y - h * 0.26, x + w * 1.6, y, (hue, times(hue, 0.86)))
    for i in range(6):
        k = 1 - i / 6.6
        b.canvas.rounded(
            x - w * k,
            y - h * (0.36 + 0.1 * i),
            x + w * k,
            y - h * (0.24 + 0.1 * i),
            w * 0.1,
            times(hue, 1.04 if i % 2 else 0.92),
            "tower",
        )
    b.canvas.line([(x, y - h * 0.86), (x, y - h)], h * 0.015, t[2], "tower")
    b.canvas.polygon([(x, y - h), (x + w * 0.7, y - h * 0.96), (x, y - h * 0.92)], (226.0, 120.0, 50.0), "tower")
