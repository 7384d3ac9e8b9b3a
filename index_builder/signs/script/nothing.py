"""Draws what a detector of text mistakes for text: bricks, railings, windows, leaves, scribbles, arrows."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from index_builder.signs.script.lines import Drawn, spoiled, wall

HIGH = 32


def crop(rng: Random, photos: list[Image.Image]) -> Drawn:
    """A line-shaped piece of a made-up pattern or of a drawn photo."""
    width = round(HIGH * math.exp(rng.uniform(0, 2)))
    kinds = (_railing, _bricks, _windows, _leaves, _scribble, _scribble, _shapes)
    kind = rng.choice((*kinds, None) if photos else kinds)
    if kind is None:
        image = _piece(rng.choice(photos), width, rng)
    else:
        image = Image.new("L", (width, HIGH), rng.randint(0, 255))
        kind(image, rng)
    height = rng.randint(8, HIGH)
    small = image.resize((max(round(width * height / HIGH), 4), height), Image.Resampling.BOX)
    grey = np.asarray(small, np.float32) / 255 + wall(small.width, height, rng) * rng.choice((0.0, 0.02, 0.08))
    return Drawn(spoiled(grey, rng), {"none": 1.0}, height)


def _piece(photo: Image.Image, width: int, rng: Random) -> Image.Image:
    zoom = rng.uniform(0.5, 2)
    w, h = (min(round(side * zoom), limit) for side, limit in zip((width, HIGH), photo.size, strict=True))
    x, y = rng.randint(0, photo.width - w), rng.randint(0, photo.height - h)
    return photo.crop((x, y, x + w, y + h)).resize((width, HIGH), Image.Resampling.BILINEAR)


def _railing(image: Image.Image, rng: Random) -> None:
    draw, step, thick = ImageDraw.Draw(image), rng.uniform(4, 24), rng.randint(1, 6)
    lean, tone, x = rng.uniform(-0.3, 0.3) * HIGH, rng.randint(0, 255), -HIGH * 1.0
    while x < image.width + HIGH:
        draw.line((x, 0, x + lean, HIGH), fill=tone, width=thick)
        x += step * rng.uniform(0.9, 1.1)
    for _ in range(rng.randint(0, 2)):
        y = rng.randint(0, HIGH)
        draw.line((0, y, image.width, y), fill=tone, width=thick)


def _bricks(image: Image.Image, rng: Random) -> None:
    draw, high, tone = ImageDraw.Draw(image), rng.uniform(5, 16), rng.randint(0, 255)
    wide = high * rng.uniform(1.5, 4)
    for row in range(int(HIGH / high) + 2):
        y = row * high - rng.uniform(0, 1)
        draw.line((0, y, image.width, y), fill=tone, width=rng.randint(1, 2))
        x = (row % 2) * wide / 2
        while x < image.width:
            draw.line((x, y, x, y + high), fill=tone, width=1)
            x += wide


def _windows(image: Image.Image, rng: Random) -> None:
    draw, wide, gap = ImageDraw.Draw(image), rng.uniform(4, 26), rng.uniform(2, 12)
    top, bottom, x = rng.uniform(0, 10), rng.uniform(20, HIGH), -rng.uniform(0, 10)
    tone, frame, bars = rng.randint(0, 255), rng.randint(0, 255), rng.random() < 0.5
    while x < image.width:
        draw.rectangle((x, top, x + wide, bottom), fill=tone, outline=frame)
        if bars:
            draw.line((x + wide / 2, top, x + wide / 2, bottom), fill=frame)
            draw.line((x, (top + bottom) / 2, x + wide, (top + bottom) / 2), fill=frame)
        x += wide + gap


def _leaves(image: Image.Image, rng: Random) -> None:
    tone = rng.randint(20, 90)
    stains = wall(image.width, HIGH, rng) + 0.7 * wall(image.width, HIGH, rng)
    base = rng.randint(60, 190)
    image.paste(Image.fromarray(np.clip(base + tone * stains, 0, 255).astype(np.uint8)))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(0, 60)):
        x, y, r = rng.uniform(0, image.width), rng.uniform(0, HIGH), rng.uniform(1, 5)
        draw.ellipse((x - r, y - r / 2, x + r, y + r / 2), fill=rng.randint(0, 255))


def _scribble(image: Image.Image, rng: Random) -> None:
    """Strokes side by side that are no letters: graffiti, logos, ornament."""
    draw, tone, x, thick = ImageDraw.Draw(image), rng.randint(0, 255), rng.uniform(0, 8), rng.randint(1, 4)
    pitch, curved = rng.uniform(10, 30), rng.random() < 0.5
    while x < image.width - 4:
        points = [(x + rng.uniform(0, pitch), rng.uniform(2, HIGH - 2)) for _ in range(rng.randint(2, 5))]
        if curved:
            for (x0, y0), (x1, y1) in pairwise(points):
                box = (min(x0, x1), min(y0, y1), max(x0, x1) + 1, max(y0, y1) + 1)
                draw.arc(box, rng.uniform(0, 360), rng.uniform(0, 360) + 180, fill=tone, width=thick)
        else:
            draw.line(points, fill=tone, width=thick)
        x += pitch * rng.uniform(0.9, 1.5)


def _shapes(image: Image.Image, rng: Random) -> None:
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(1, 5)):
        x, y, r = rng.uniform(0, image.width), rng.uniform(0, HIGH), rng.uniform(3, 18)
        tone, sides = rng.randint(0, 255), rng.choice((3, 4, 5, 30))
        draw.regular_polygon((x, y, r), sides, rotation=rng.uniform(0, 90), fill=tone, outline=255 - tone)
