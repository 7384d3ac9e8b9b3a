"""Words on signs, warning signs and direction signs, true to the country's scripts and shapes.

The fonts in `fonts/` are subsets of Noto (SIL Open Font License) with just the glyphs of `data/words.csv`. Text is
laid out with Pillow's basic engine from words stored in left-to-right glyph order, so no shaping library is needed.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFont

from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import WHITE, Colour, mix, times
from index_builder.atlas.facts import Word
from index_builder.atlas.light import Camera, Light
from index_builder.atlas.world import Place

_FONTS = Path(__file__).parent / "fonts"
_SHARED = {"cyrillic": "latin", "greek": "latin"}
_GUIDE = {"green": (22.0, 116.0, 78.0), "blue": (30.0, 84.0, 168.0)}
_BOARDS: tuple[tuple[Colour, Colour], ...] = (
    ((198.0, 52.0, 48.0), WHITE),
    ((36.0, 74.0, 134.0), WHITE),
    ((244.0, 240.0, 228.0), (170.0, 40.0, 44.0)),
    ((246.0, 204.0, 70.0), (60.0, 40.0, 36.0)),
    ((32.0, 110.0, 92.0), (250.0, 244.0, 220.0)),
    ((56.0, 48.0, 52.0), (250.0, 220.0, 140.0)),
)


@lru_cache(maxsize=64)
def _font(script: str, size: int) -> ImageFont.FreeTypeFont:
    path = next(_FONTS.glob(_SHARED.get(script, script) + ".*tf"))
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1024)
def text_mask(drawn: str, script: str, upright: bool = False) -> Image.Image:
    """Grey mask of a word at 48 px, tightly cut; `upright` stacks its characters."""
    font = _font(script, 48)
    if upright:
        glyphs = [text_mask(character, script) for character in drawn if character != " "]
        w = max(g.width for g in glyphs)
        mask = Image.new("L", (w, 54 * len(glyphs)))
        for i, glyph in enumerate(glyphs):
            mask.paste(glyph, ((w - glyph.width) // 2, 54 * i + (54 - glyph.height) // 2))
        return mask
    x0, y0, x1, y1 = font.getbbox(drawn)
    mask = Image.new("L", (max(1, int(x1 - x0) + 4), max(1, int(y1 - y0) + 4)))
    ImageDraw.Draw(mask).text((2 - x0, 2 - y0), drawn, font=font, fill=255)
    return mask


def write(
    canvas: Canvas, word: Word, x: float, y: float, w: float, h: float, colour: Colour, upright: bool = False
) -> None:
    """A word fitted into the box of width w and height h about (x, y)."""
    mask = text_mask(word.drawn, word.script, upright)
    scale = min(w / mask.width, h / mask.height)
    size = (max(1, round(mask.width * scale)), max(1, round(mask.height * scale)))
    if size[1] >= 3 or upright:
        method = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR
        canvas.stamp(colour, mask.resize(size, method), x - size[0] / 2, y - size[1] / 2)


class SignMaker:
    """Draws the signs of one place and moment."""

    def __init__(self, canvas: Canvas, camera: Camera, place: Place, light: Light, rng: Random) -> None:
        self.canvas, self.camera, self.place, self.light, self.rng = canvas, camera, place, light, rng

    def word(self) -> Word | None:
        """A word from the country's languages, mostly the first."""
        languages = self.place.country.languages
        words = self.place.country.words
        if not words:
            return None
        language = languages[0] if len(languages) == 1 or self.rng.random() < 0.72 else languages[1]
        own = [w for w in words if w.language == language]
        return own[self.rng.randrange(len(own))]

    def board(self, x: float, y: float, z: float, width: float, height: float) -> None:
        """A shop's sign facing us, centred at (x, y, z) in metres."""
        word = self.word()
        px, py = self.camera.at(x, y, z)
        s = self.camera.scale(z)
        w, h = width * s, height * s
        if px + w < 0 or px - w > self.canvas.w or h < 3:
            return
        ground, ink = _BOARDS[self.rng.randrange(len(_BOARDS))]
        self.canvas.rounded(
            px - w / 2 - 1,
            py - h / 2 - 1,
            px + w / 2 + 1,
            py + h / 2 + 1,
            h * 0.1,
            self.light.lit(times(ground, 0.6), 0.7, z),
            "signboard",
        )
        self.canvas.rounded(
            px - w / 2, py - h / 2, px + w / 2, py + h / 2, h * 0.1, self._shine(ground, z), "signboard"
        )
        if word:
            write(self.canvas, word, px, py, w * 0.88, h * 0.72, self._shine(ink, z), upright=height > 1.6 * width)

    def _shine(self, colour: Colour, z: float) -> Colour:
        return mix(self.light.lit(colour, 0.9, z), colour, 0.55 * self.light.dark)

    def post(self, x: float, z: float, height: float) -> tuple[float, float, float]:
        """A sign post; returns the pixel of its top and its scale."""
        s = self.camera.scale(z)
        px, py = self.camera.at(x, 0, z)
        top = py - height * s
        half = max(0.6, 0.05 * s)
        self.canvas.rectangle(px - half, top, px + half, py, self.light.lit((150.0, 154.0, 158.0), 0.7, z), "pole")
        return px, top, s

    def warning(self, x: float, z: float) -> None:
        """The country's warning sign: yellow diamond, or red triangle on white or yellow."""
        px, py, s = self.post(x, z, 2.4)
        kind, r = self.place.country.warning_sign, 0.52 * s
        if kind == "diamond":
            for k, tone in ((1.0, (30.0, 30.0, 30.0)), (0.92, (250.0, 196.0, 30.0))):
                self.canvas.polygon(
                    [(px, py - r * k), (px + r * k, py), (px, py + r * k), (px - r * k, py)],
                    self.light.lit(tone, 0.95, z),
                    "signboard",
                )
        else:
            inner = (252.0, 206.0, 60.0) if kind == "yellow_triangle" else (250.0, 248.0, 244.0)
            for k, tone in ((1.0, (206.0, 40.0, 44.0)), (0.66, inner)):
                self.canvas.polygon(
                    [(px, py - r * k), (px + r * k, py + r * 0.72 * k), (px - r * k, py + r * 0.72 * k)],
                    self.light.lit(tone, 0.95, z),
                    "signboard",
                )
        self.canvas.rectangle(
            px - r * 0.07,
            py - r * 0.32,
            px + r * 0.07,
            py + r * 0.22,
            self.light.lit((30.0, 30.0, 30.0), 0.9, z),
            "signboard",
        )
        self.canvas.ellipse(
            px, py + r * 0.38, r * 0.08, r * 0.08, self.light.lit((30.0, 30.0, 30.0), 0.9, z), "signboard"
        )

    def limit(self, x: float, z: float) -> None:
        """A speed limit: white rectangle in North America, red ring elsewhere."""
        px, py, s = self.post(x, z, 2.4)
        r = 0.42 * s
        number = Word("", self.rng.choice(("30", "50", "60", "80")), "latin", "")
        if self.place.country.iso2 in ("US", "CA", "LR"):
            self.canvas.rounded(
                px - r * 0.8,
                py - r,
                px + r * 0.8,
                py + r,
                r * 0.1,
                self.light.lit((248.0, 248.0, 246.0), 0.95, z),
                "signboard",
            )
        else:
            for k, tone in ((1.0, (206.0, 40.0, 44.0)), (0.74, (250.0, 250.0, 248.0))):
                self.canvas.ellipse(px, py, r * k, r * k, self.light.lit(tone, 0.95, z), "signboard")
        write(self.canvas, number, px, py, r * 1.0, r * 0.8, self.light.lit((28.0, 28.0, 30.0), 0.9, z))

    def direction(self, x: float, z: float, width: float = 4.2) -> None:
        """A big direction sign in the country's colour, with a word in each of its first two scripts."""
        s = self.camera.scale(z)
        height = width * 0.55
        for dx in (-0.32, 0.32):
            self.post(x + dx * width, z, 2.2)
        px, py = self.camera.at(x, 2.0 + height / 2, z)
        w, h = width * s / 2, height * s / 2
        ground = _GUIDE[self.place.country.guide_sign]
        self.canvas.rounded(
            px - w, py - h, px + w, py + h, h * 0.14, self.light.lit((246.0, 248.0, 248.0), 0.95, z), "signboard"
        )
        rim = max(1.0, 0.05 * s)
        self.canvas.rounded(
            px - w + rim,
            py - h + rim,
            px + w - rim,
            py + h - rim,
            h * 0.12,
            self.light.lit(ground, 0.9, z),
            "signboard",
        )
        words, scripts = list(self.place.country.words), self.place.country.scripts
        for row, script in zip((-0.42, 0.42), (scripts * 2)[:2], strict=False):
            choice = [word for word in words if word.script == script]
            if choice:
                word = self.rng.choice(choice)
                words.remove(word)
                write(
                    self.canvas, word, px - w * 0.14, py + row * h, w * 1.35, h * 0.56, self.light.lit(WHITE, 0.95, z)
                )
        ax, white = px + w * 0.76, self.light.lit(WHITE, 0.95, z)
        self.canvas.polygon([(ax - w * 0.1, py), (ax, py - h * 0.5), (ax + w * 0.1, py)], white, "signboard")
        self.canvas.rectangle(ax - w * 0.03, py, ax + w * 0.03, py + h * 0.5, white, "signboard")
