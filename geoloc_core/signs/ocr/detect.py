"""Where in a photo text stands: once over the whole photo, then closer where small text shows.

The detector sees letters of about 8 to 300 pixels. The overview is scaled so that large letters fit and its time is
bounded; where its map shows small text, or hints at some, close windows of the photo are looked at in full size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoloc_core.signs.ocr.crops import Pyramid, Quad, sides
from geoloc_core.signs.ocr.models import models

OVERVIEW = 1_500_000  # pixels of the overview
SMALLEST = 550_000  # a smaller photo is enlarged to this, at most twofold
CLOSER = 1_500_000  # pixels looked at in full size, in all windows together
SMALL = 12.0  # pixels: lines below this in the overview deserve a closer look
FAINT = 0.15  # probability in the overview's map that hints at text
MAX_QUADS = 200
_LEAST = 12  # pixels of the map that hint at text, for a window to be worth its time
_AROUND = 16  # pixels of the map around a hint
_MAX_WINDOWS = 60
_EDGE = 6
Window = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the photo."""


def detect(photo: Pyramid) -> list[Quad]:
    """Quads around lines of text, the tallest first; the order of their corners is as in an upright line."""
    height, width = photo.pixels.shape[:2]
    area = height * width
    scale = min(1.0, (OVERVIEW / area) ** 0.5) if area >= SMALLEST else min(2.0, (SMALLEST / area) ** 0.5)
    whole = (0, 0, width, height)
    found, chances = _look(photo, whole, scale)
    if scale < 0.8:
        for window in _windows(_hints(chances, found, scale), scale, (width, height)):
            found = _merge(found, _look(photo, window, 1.0)[0], window, whole)
    return sorted(found, key=lambda quad: -sides(quad)[1])[:MAX_QUADS]


def _look(photo: Pyramid, window: Window, scale: float) -> tuple[list[Quad], NDArray[np.float32]]:
    """Quads in a window of the photo, in pixels of the photo, and the map of probabilities, at `scale`."""
    import cv2

    left, top, right, bottom = window
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    level = int(np.clip(np.log2(1 / scale), 0, len(photo.levels) - 1)) if scale < 1 else 0
    part = photo.levels[level] if level else photo.pixels[top:bottom, left:right]
    scaled = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    rest = -size[0] % 32, -size[1] % 32
    padded = cv2.copyMakeBorder(scaled, 0, rest[1], 0, rest[0], cv2.BORDER_REPLICATE)[:, :, ::-1]
    chances = models().detect(padded.astype(np.float32) / 127.5 - 1)
    shape = round(chances.shape[0] / scale), round(chances.shape[1] / scale)
    boxes, _ = models().boxes(chances[None, None], shape)
    offset, most = np.array([left, top], np.float32), np.array([right, bottom], np.float32)
    quads = [np.minimum(np.asarray(box, np.float32) + offset, most) for box in boxes]
    return [quad for quad in quads if min(sides(quad)) >= 3], chances


def _hints(chances: NDArray[np.float32], found: list[Quad], scale: float) -> NDArray[np.float32]:
    """The overview's map with all that is large enough, and all that is surely nothing, set to 0."""
    import cv2

    hints = np.where(chances > FAINT, 1.0, 0.0).astype(np.float32)
    for quad in found:
        if min(sides(quad)) * scale >= SMALL:
            cv2.fillConvexPoly(hints, np.rint(quad * scale).astype(np.int32), 0.0)
    return hints


def _windows(hints: NDArray[np.float32], scale: float, size: tuple[int, int]) -> list[Window]:
    """Windows around what hints at text, most hints first, of at most `CLOSER` pixels in all."""
    import cv2

    near = cv2.dilate(hints, np.ones((_AROUND, 2 * _AROUND), np.uint8)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near)
    weights = np.bincount(labels.ravel(), hints.ravel(), count)
    chosen, left = [], CLOSER
    for i in np.argsort(-weights[1:])[:_MAX_WINDOWS] + 1:
        x, y, w, h = (int(value) for value in stats[i, :4])
        edges = [round(edge / scale) for edge in (x - _AROUND, y - _AROUND, x + w + _AROUND, y + h + _AROUND)]
        window = max(0, edges[0]), max(0, edges[1]), min(size[0], edges[2]), min(size[1], edges[3])
        area = (window[2] - window[0]) * (window[3] - window[1])
        if weights[i] >= _LEAST and 0 < area <= left:
            chosen.append(window)
            left -= area
    return chosen


def _merge(found: list[Quad], closer: list[Quad], window: Window, whole: Window) -> list[Quad]:
    """What was found with what a window shows.

    A line that the window's edge cuts is joined with what overlaps it; any other stands for all that lies within it.
    """
    for quad in closer:
        same = [i for i, other in enumerate(found) if _shared(quad, other) > 0.5]
        if not _cut(quad, window, whole):
            found = [*(other for i, other in enumerate(found) if i not in same), quad]
        elif not same:
            found = [*found, quad]
        elif len(same) == 1 and _in_line(quad, found[same[0]]):
            found[same[0]] = _joined(quad, found[same[0]])
    return found


def _cut(quad: Quad, window: Window, whole: Window) -> bool:
    """Whether the quad touches an edge of the window that is none of the photo."""
    near = [*(quad.min(axis=0) - window[:2] < _EDGE), *(window[2:] - quad.max(axis=0) < _EDGE)]
    return any(touches and edge != end for touches, edge, end in zip(near, window, whole, strict=True))


def _shared(one: Quad, other: Quad) -> float:
    """Area of the intersection, as a share of the smaller's."""
    import cv2

    if (one.min(axis=0) >= other.max(axis=0)).any() or (other.min(axis=0) >= one.max(axis=0)).any():
        return 0.0
    smaller = min(abs(cv2.contourArea(one)), abs(cv2.contourArea(other)))
    return float(cv2.intersectConvexConvex(one, other)[0] / max(smaller, 1.0))


def _in_line(one: Quad, other: Quad) -> bool:
    heights = sorted((sides(one)[1], sides(other)[1]))
    return heights[1] < 1.5 * heights[0]


def _joined(one: Quad, other: Quad) -> Quad:
    """The rectangle around both, along the first's sides."""
    along = (one[1] - one[0]) / max(float(np.linalg.norm(one[1] - one[0])), 1.0)
    frame = np.array([along, (-along[1], along[0])])
    points = np.concatenate([one, other]) @ frame.T
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return (np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) @ frame).astype(np.float32)
