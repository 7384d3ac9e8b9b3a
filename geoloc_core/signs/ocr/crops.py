"""Cuts lines of text out of a photo, upright and of one height."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc_core.signs.writing import Box

if TYPE_CHECKING:
    from PIL.Image import Image

Quad = NDArray[np.float32]
"""(4, 2) corners (x, y) in pixels, clockwise from where the text begins."""
HEIGHT = 48
MAX_ASPECT = 32.0  # a longer line is squeezed
_MARGIN = 0.1  # of its height, left of a line and right of it


@dataclass(frozen=True)
class Pyramid:
    """A photo at full size, half, a quarter and so on; each is (h, w, 3) RGB.

    A crop is warped from the level where its letters are nearest to the wanted height: large letters keep smooth edges,
    and cost no more than small ones.
    """

    levels: tuple[NDArray[np.uint8], ...]

    @classmethod
    def of(cls, image: Image) -> Pyramid:
        """The pyramid of an RGB photo."""
        import cv2

        levels = [np.asarray(image.convert("RGB"))]
        while min(levels[-1].shape[:2]) >= 4 * HEIGHT:
            levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        return cls(tuple(levels))

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The photo at full size."""
        return self.levels[0]

    def crop(self, quad: Quad, height: int = HEIGHT) -> NDArray[np.uint8]:
        """(height, w, 3) RGB of what stands in a quad."""
        import cv2

        quad = _with_margin(quad)
        width, tall = crop_size(quad, height)[0], sides(quad)[1]
        level = int(np.clip(np.log2(max(tall / height, 1.0)), 0, len(self.levels) - 1))
        goal = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        warp = cv2.getPerspectiveTransform(quad / np.float32(2**level), goal)
        photo, size = self.levels[level], (width, height)
        cut = cv2.warpPerspective(photo, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cut, np.uint8)


def line_images(image: Image, boxes: Sequence[Box], height: int = HEIGHT) -> list[Image]:
    """What stands in each of a writing's boxes, upright, `height` pixels high."""
    from PIL.Image import fromarray

    photo = Pyramid.of(image)
    quads = [np.array(box, np.float32) * np.array(image.size, np.float32) for box in boxes]
    return [fromarray(photo.crop(quad, height)) for quad in quads]


def crop_size(quad: Quad, height: int = HEIGHT) -> tuple[int, int]:
    """(width, height) of a quad's crop."""
    long, tall = sides(quad)
    return max(8, round(height * min(MAX_ASPECT, long / max(tall, 1.0)))), height


def sides(quad: Quad) -> tuple[float, float]:
    """Length along the text and height across it, in pixels."""
    a, b, c, d = quad
    long = max(np.linalg.norm(b - a), np.linalg.norm(c - d))
    return float(long), float(max(np.linalg.norm(d - a), np.linalg.norm(c - b)))


def _with_margin(quad: Quad) -> Quad:
    long, tall = sides(quad)
    ends = (quad[1] - quad[0] + quad[2] - quad[3]) / 2 * (_MARGIN * tall / max(long, 1.0))
    return (quad + np.array([-ends, ends, ends, -ends])).astype(np.float32)


def turned(quad: Quad, quarters: int) -> Quad:
    """The same quad for text that begins `quarters` corners further clockwise."""
    return np.roll(quad, -quarters, axis=0)
