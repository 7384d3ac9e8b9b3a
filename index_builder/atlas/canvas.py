"""One drawing surface for a photo and its segmentation.

The picture is an RGBA image at twice the final size whose fourth channel is the class of the pixel, so each shape
is drawn once and colour and label cannot disagree. Classes are ADE20K's 150, counted from 0; ADE20K has no snow,
which therefore counts as the ground it lies on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from index_builder.atlas.colour import Colour, rgb

SCALE = 2
ADE20K = {
    "wall": 0,
    "building": 1,
    "sky": 2,
    "tree": 4,
    "road": 6,
    "windowpane": 8,
    "grass": 9,
    "sidewalk": 11,
    "person": 12,
    "earth": 13,
    "door": 14,
    "mountain": 16,
    "plant": 17,
    "car": 20,
    "water": 21,
    "house": 25,
    "sea": 26,
    "field": 29,
    "fence": 32,
    "rock": 34,
    "signboard": 43,
    "sand": 46,
    "skyscraper": 48,
    "path": 52,
    "river": 60,
    "bridge": 61,
    "flower": 66,
    "hill": 68,
    "palm": 72,
    "boat": 76,
    "hovel": 79,
    "bus": 80,
    "truck": 83,
    "tower": 84,
    "awning": 86,
    "streetlight": 87,
    "dirt track": 91,
    "pole": 93,
    "minibike": 116,
    "animal": 126,
    "lake": 128,
    "bicycle": 127,
    "traffic light": 136,
}
Point = tuple[float, float]


class Canvas:
    """Draws shapes into picture and segmentation at once. Coordinates are in pixels of the doubled image."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.w, self.h = size[0] * SCALE, size[1] * SCALE
        self.unit = self.w / 768.0
        self.image = Image.new("RGBA", (self.w, self.h))
        self.pen = ImageDraw.Draw(self.image)
        self.lights: list[tuple[float, float, float, Colour]] = []

    def polygon(self, points: Sequence[Point], colour: Colour, label: str) -> None:
        """A filled polygon."""
        self.pen.polygon(list(points), fill=(*rgb(colour), ADE20K[label]))

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, label: str) -> None:
        """A filled rectangle; nothing if it is empty."""
        if x1 >= x0 and y1 >= y0:
            self.pen.rectangle((x0, y0, x1, y1), fill=(*rgb(colour), ADE20K[label]))

    def rounded(self, x0: float, y0: float, x1: float, y1: float, r: float, colour: Colour, label: str) -> None:
        """A filled rectangle with round corners."""
        if x1 > x0 + 1 and y1 > y0 + 1:
            r = min(r, (x1 - x0) / 2, (y1 - y0) / 2)
            self.pen.rounded_rectangle((x0, y0, x1, y1), r, fill=(*rgb(colour), ADE20K[label]))

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, label: str) -> None:
        """A filled ellipse about (x, y)."""
        self.pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=(*rgb(colour), ADE20K[label]))

    def line(self, points: Sequence[Point], width: float, colour: Colour, label: str) -> None:
        """An open line, at least one pixel wide."""
        self.pen.line(list(points), fill=(*rgb(colour), ADE20K[label]), width=max(1, round(width)))

    def texture(
        self, points: Sequence[Point] | None, pixels: NDArray[np.uint8], box: tuple[int, int, int, int], label: str
    ) -> None:
        """Fill a polygon (None: the whole box) with `pixels` (h, w, 3), stretched smoothly over `box`."""
        x0, y0, x1, y1 = box
        if x1 <= x0 or y1 <= y0:
            return
        patch = Image.fromarray(pixels).resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR)
        patch.putalpha(ADE20K[label])
        if points is None:
            self.image.paste(patch, (x0, y0))
            return
        mask = Image.new("L", patch.size)
        ImageDraw.Draw(mask).polygon([(x - x0, y - y0) for x, y in points], fill=255)
        self.image.paste(patch, (x0, y0), mask)

    def stamp(self, colour: Colour, mask: Image.Image, x: float, y: float) -> None:
        """Colour what a mask covers, as strongly as it says; (x, y) is its top left corner. Labels stay."""
        left, top = round(x), round(y)
        patch = self.image.crop((left, top, left + mask.width, top + mask.height))
        labels = patch.getchannel(3)
        patch.paste((*rgb(colour), 0), mask=mask)
        patch.putalpha(labels)
        self.image.paste(patch, (left, top))

    def glaze(self, points: Sequence[Point], colour: Colour, strength: float) -> None:
        """Lay a translucent colour over a polygon: shadows (black), reflections, light. Labels stay."""
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        x0, y0 = max(0, int(min(xs))), max(0, int(min(ys)))
        x1, y1 = min(self.w, int(max(xs)) + 2), min(self.h, int(max(ys)) + 2)
        if x1 <= x0 or y1 <= y0:
            return
        mask = Image.new("L", (x1 - x0, y1 - y0))
        ImageDraw.Draw(mask).polygon([(x - x0, y - y0) for x, y in points], fill=int(strength * 255))
        self.stamp(colour, mask, x0, y0)

    def glaze_ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, strength: float) -> None:
        """The same for an ellipse about (x, y)."""
        x0, y0 = max(0, int(x - rx)), max(0, int(y - ry))
        x1, y1 = min(self.w, int(x + rx) + 2), min(self.h, int(y + ry) + 2)
        if x1 <= x0 or y1 <= y0:
            return
        mask = Image.new("L", (x1 - x0, y1 - y0))
        ImageDraw.Draw(mask).ellipse((x - rx - x0, y - ry - y0, x + rx - x0, y + ry - y0), fill=int(strength * 255))
        self.stamp(colour, mask, x0, y0)

    def mirror(self, y: float, depth: float, colour: Colour, strength: float, label: str) -> None:
        """Water below `y`: the picture above, upside down and tinted."""
        top, bottom = int(y), min(self.h, int(y + depth))
        rows = bottom - top
        if rows <= 0:
            return
        if rows > top:
            self.rectangle(0, 2 * top, self.w, self.h, colour, label)
            rows = top
        above = self.image.crop((0, top - rows, self.w, top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        above.paste((*rgb(colour), 0), mask=Image.new("L", above.size, int(strength * 255)))
        above.putalpha(ADE20K[label])
        self.image.paste(above, (0, top))

    def light(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A glow added when the picture is finished (lamps, lit windows, the sun)."""
        self.lights.append((x / SCALE, y / SCALE, radius / SCALE, colour))

    def finish(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The picture (h, w, 3) averaged down to its final size, glows added, and the labels (h, w)."""
        labels = np.asarray(self.image.getchannel(3))[::SCALE, ::SCALE].copy()
        picture = np.asarray(self.image.convert("RGB").reduce(SCALE)).copy()
        h, w = labels.shape
        for x, y, radius, colour in self.lights:
            x0, x1 = max(0, int(x - radius)), min(w, int(x + radius) + 1)
            y0, y1 = max(0, int(y - radius)), min(h, int(y + radius) + 1)
            if x1 <= x0 or y1 <= y0:
                continue
            dx, dy = (np.arange(x0, x1) - x) / radius, (np.arange(y0, y1) - y) / radius
            fall = np.clip(1.0 - dx[None, :] * dx[None, :] - dy[:, None] * dy[:, None], 0.0, 1.0)
            added = (fall * fall)[:, :, None] * np.array(colour)
            patch = picture[y0:y1, x0:x1]
            picture[y0:y1, x0:x1] = np.minimum(patch + added, 255.0).astype(np.uint8)
        return picture, labels
