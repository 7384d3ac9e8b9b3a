"""Colours as (red, green, blue) floats in 0..255, and the little arithmetic the painter needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Colour = tuple[float, float, float]

WHITE: Colour = (255.0, 255.0, 255.0)
BLACK: Colour = (0.0, 0.0, 0.0)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """`a` at t = 0, `b` at t = 1."""
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t


def times(a: Colour, k: float) -> Colour:
    """A colour made darker or lighter, each channel by the factor `k`."""
    return a[0] * k, a[1] * k, a[2] * k


def tinted(a: Colour, tint: Colour) -> Colour:
    """`a` seen in light of the colour `tint` (255 is white)."""
    return a[0] * tint[0] / 255.0, a[1] * tint[1] / 255.0, a[2] * tint[2] / 255.0


def blend4(corners: Sequence[Colour], u: float, v: float) -> Colour:
    """A palette with two axes: the corners (00, 10, 01, 11) blended at (u, v)."""
    return mix(mix(corners[0], corners[1], u), mix(corners[2], corners[3], u), v)


def ramp(stops: Sequence[tuple[float, Colour]], x: float) -> Colour:
    """Piecewise linear through (position, colour) stops, held at both ends."""
    if x <= stops[0][0]:
        return stops[0][1]
    for (x0, a), (x1, b) in pairwise(stops):
        if x <= x1:
            return mix(a, b, (x - x0) / (x1 - x0))
    return stops[-1][1]


def rgb(a: Colour) -> tuple[int, int, int]:
    """Rounded and clipped to bytes."""
    return (min(255, max(0, int(a[0] + 0.5))), min(255, max(0, int(a[1] + 0.5))), min(255, max(0, int(a[2] + 0.5))))
