"""Draws lines of text as a detector would cut them out of a photo: in any light, size, blur and slant."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from index_builder.signs.script.fonts import Font, opened
from index_builder.signs.script.words import Words

Grey = NDArray[np.floating]
DRAWN = 48  # pixels of the letters before they are made as small as in a photo
SMALL, LARGE = 9, 48  # heights of a line in the photo, pixels
WIDEST = 1400
SPACED = ("latin", "cyrillic", "greek", "armenian", "georgian", "han", "kana", "hangul", "hebrew")  # by letters


@dataclass(frozen=True)
class Drawn:
    """A line cut out of a photo.

    Attributes:
        image: 8-bit grey.
        shares: script -> share of the letters; "none": there are no letters.
        height: what the line measured in the photo, pixels.
    """

    image: Image.Image
    shares: Mapping[str, float]
    height: int


@dataclass(frozen=True)
class Painter:
    """Draws lines with the fonts and words of each script."""

    words: Mapping[str, Words]
    fonts: Mapping[str, Sequence[Font]]

    def line(self, script: str, rng: Random, height: int | None = None) -> Drawn:
        """A line in `script`, now and then with a number or a Latin word beside it."""
        parts = [(self.words[script].draw(rng), script)]
        letters = {script: sum(c.isalpha() for c in parts[0][0])}
        if rng.random() < 0.12:
            parts.insert(rng.randint(0, 1), (number(rng), "latin"))
        if script != "latin" and rng.random() < 0.1:
            word = rng.choice(self.words["latin"].words)
            parts.insert(rng.randint(0, 1), (word, "latin"))
            letters["latin"] = len(word)
        total = sum(letters.values()) or 1
        return self._cut_out(parts, {s: n / total for s, n in letters.items()}, rng, height)

    def digits(self, rng: Random, height: int | None = None) -> Drawn:
        """A line with a number and no letters."""
        return self._cut_out([(number(rng), "latin")], {"none": 1.0}, rng, height)

    def _cut_out(
        self, parts: Sequence[tuple[str, str]], shares: Mapping[str, float], rng: Random, height: int | None
    ) -> Drawn:
        masks = [mask for text, script in parts if (mask := self._mask(text, script, rng)) is not None]
        if not masks:
            masks, shares = [Image.new("L", (DRAWN, DRAWN))], {"none": 1.0}
        tall = height or round(np.exp(rng.uniform(np.log(SMALL), np.log(LARGE))))
        return Drawn(photographed(_margin(_slanted(_beside(masks), rng), rng), tall, rng), shares, tall)

    def _mask(self, text: str, script: str, rng: Random) -> Image.Image | None:
        """The text's ink in white on black, cut to it; None if the font draws nothing."""
        fonts = self.fonts[script]
        family = rng.choice(sorted({font.family for font in fonts}))
        path = rng.choice([font.path for font in fonts if font.family == family])
        font, stroke = opened(path, DRAWN), rng.choice((0,) * 9 + (1, 2))
        spaced = script in SPACED and rng.random() < 0.1
        try:
            mask = _letter_by_letter(text, font, rng.uniform(2, 20)) if spaced else _at_once(text, font, stroke)
        except (OSError, ValueError):
            return None
        box = mask.getbbox()
        return mask.crop(box) if box and box[2] - box[0] > 3 and box[3] - box[1] > 3 else None


def number(rng: Random) -> str:
    """A price, a house number, an hour, a telephone number."""
    digits = "".join(rng.choice("0123456789") for _ in range(rng.choice((1, 2, 2, 3, 4, 5, 7, 10))))
    return rng.choice(("{}", "{}", "{}", "{}-{}", "{}.00", "{}%", "+{}", "{}:30", "{} {}", "{}/{}", "→ {}")).format(
        digits, digits[::-1]
    )


def photographed(mask: Image.Image, height: int, rng: Random) -> Image.Image:
    """Ink over a wall, in some light, `height` pixels high, blurred, with the noise and blocks of a photo."""
    width = max(round(mask.width * height / mask.height * rng.uniform(0.8, 1.25)), 4)
    alpha = np.asarray(mask.resize((width, height), Image.Resampling.BOX), np.float32) / 255
    paper, ink = rng.uniform(0, 1), rng.uniform(0, 1)
    if abs(paper - ink) < 0.3:
        ink = paper + 0.35 if paper < 0.5 else paper - 0.35
    image = paper + wall(width, height, rng) * rng.choice((0.0, 0.0, 0.05, 0.1, 0.2)) * abs(paper - ink)
    image = image * (1 - alpha) + ink * alpha
    return spoiled(image, rng)


def spoiled(image: Grey, rng: Random) -> Image.Image:
    """Shadow, blur, noise and JPEG on an image of 0 to 1."""
    height, width = image.shape
    if rng.random() < 0.2:
        image = image * np.where(np.arange(width) < rng.uniform(0, width), 1.0, rng.uniform(0.5, 0.9))
    seed = np.random.default_rng(rng.getrandbits(32))
    image = image + seed.normal(0, rng.choice((0, 0.01, 0.02, 0.05)), image.shape)
    photo = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
    if rng.random() < 0.4:
        photo = photo.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.03) * height))
    if rng.random() < 0.5:
        stream = io.BytesIO()
        photo.save(stream, "JPEG", quality=rng.randint(25, 90))
        photo = Image.open(stream).convert("L")
    return photo


def wall(width: int, height: int, rng: Random) -> Grey:
    """(height, width) stains of several sizes, of mean 0 and deviation near 1."""
    seed = np.random.default_rng(rng.getrandbits(32))
    image: Grey = np.zeros((height, width), np.float32)
    for cells in (2, 5, 12):
        stains = seed.normal(0, 1, (cells, cells * max(width // height, 1))).astype(np.float32)
        image = image + np.asarray(Image.fromarray(stains).resize((width, height), Image.Resampling.BICUBIC))
    return image / 1.7


def _at_once(text: str, font: ImageFont.FreeTypeFont, stroke: int) -> Image.Image:
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    size = (min(round(right - left) + 12, WIDEST), min(round(bottom - top) + 12, 3 * DRAWN))
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).text((6 - left, 6 - top), text, fill=255, font=font, stroke_width=stroke)
    return mask


def _letter_by_letter(text: str, font: ImageFont.FreeTypeFont, space: float) -> Image.Image:
    mask = Image.new("L", (WIDEST, 3 * DRAWN))
    draw, x = ImageDraw.Draw(mask), 6.0
    for letter in text:
        draw.text((x, DRAWN // 2), letter, fill=255, font=font)
        x += font.getlength(letter) + space
    return mask


def _beside(masks: Sequence[Image.Image]) -> Image.Image:
    space = DRAWN // 3
    line = Image.new("L", (sum(m.width for m in masks) + space * (len(masks) - 1), max(m.height for m in masks)))
    x = 0
    for mask in masks:
        line.paste(mask, (x, (line.height - mask.height) // 2))
        x += mask.width + space
    return line


def _slanted(mask: Image.Image, rng: Random) -> Image.Image:
    """Turned, sheared, and seen from the side a little; what was level stays nearly so."""
    w, h = mask.size
    turn = min(0.07, 0.5 * h / w) * rng.gauss(0, 0.5)
    pad = round(abs(turn) * w / 2 + 0.15 * h)
    wide = Image.new("L", (w + 2 * pad, h + 2 * pad))
    wide.paste(mask, (pad, pad))
    shear, near, far = rng.gauss(0, 0.08), rng.uniform(0, 0.12), rng.uniform(0, 0.12)
    quad = []
    for x, y in ((0, 0), (0, 1), (1, 1), (1, 0)):
        narrow = (far if x else near) * (0.5 - y)
        quad += [x * wide.width + shear * h * (0.5 - y), (y + narrow) * wide.height + turn * w * (x - 0.5)]
    moved = wide.transform(wide.size, Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)
    return moved.crop(moved.getbbox() or (0, 0, *moved.size))


def _margin(mask: Image.Image, rng: Random) -> Image.Image:
    """The box as a detector draws it: often a little too large, now and then too small."""
    w, h = mask.size
    left, right = (rng.uniform(-0.1, 0.5) * h for _ in range(2))
    top, bottom = (rng.uniform(-0.06, 0.3) * h for _ in range(2))
    if w > 3 * h and rng.random() < 0.15:
        left -= rng.uniform(0, 0.4) * w
    return mask.crop((round(-left), round(-top), round(w + right), round(h + bottom)))
