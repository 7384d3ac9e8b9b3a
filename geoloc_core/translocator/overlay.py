"""A map from 0 to 1 laid over the picture that it is about. Free of torch."""

from __future__ import annotations

import numpy as np
from PIL import Image

from geoloc_core.geo import Floats

WHOLE = (0.0, 0.0, 1.0, 1.0)
# Inferno (S. van der Walt and N. Smith, CC0), every sixteenth: as light as it is high, for the colour-blind too.
INFERNO = np.array(
    [
        [0, 0, 4], [11, 7, 36], [33, 12, 74], [61, 9, 101], [87, 16, 110], [113, 25, 110], [138, 34, 106],
        [163, 44, 97], [188, 55, 84], [208, 69, 69], [227, 89, 51], [241, 113, 31], [249, 140, 10], [252, 170, 15],
        [249, 201, 50], [242, 232, 101], [252, 255, 164],
    ]
)  # fmt: skip
_OPACITY = 0.5
_OUTSIDE = 0.35  # brightness of what the map says nothing about


def overlay(image: Image.Image, values: Floats, box: tuple[float, float, float, float] = WHOLE) -> Image.Image:
    """`values` in colours, half transparent, over `image` in grey, which is darkened outside `box`.

    Args:
        image: RGB.
        values: (h, w) from 0 to 1, of any shape: stretched over the box.
        box: (left, top, right, bottom) as parts of the image's width and height.
    """
    picture = np.asarray(image.convert("L"), np.float64)[..., None] * np.ones(3)
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(part * side) for part, side in zip(box, (width, height) * 2, strict=True))
    drawn = picture * _OUTSIDE
    inside = (slice(top, bottom), slice(left, right))
    laid = colours(_stretched(values, max(bottom - top, 1), max(right - left, 1)))
    drawn[inside] = (1 - _OPACITY) * picture[inside] + _OPACITY * laid[: bottom - top, : right - left]
    return Image.fromarray(drawn.round().astype(np.uint8))


def colours(values: Floats) -> Floats:
    """(..., 3) red, green and blue from 0 to 255, of (...) values from 0 to 1."""
    stops = np.linspace(0, 1, len(INFERNO))
    return np.stack([np.interp(values, stops, INFERNO[:, channel]) for channel in range(3)], axis=-1)


def _stretched(values: Floats, height: int, width: int) -> Floats:
    image = Image.fromarray(np.asarray(values, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float64)
