"""A sign as a flat picture: colours and proportions by its kind and country."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw, ImageOps

from index_builder.atlas.facts import countries
from index_builder.atlas.writing.fonts import line_mask
from index_builder.atlas.writing.texts import SignText

Ink = tuple[int, int, int]
LETTER = 56  # pixels of a board's largest letters
_WHITE, _BLACK, _BLUE, _GREEN = (246, 246, 242), (24, 24, 28), (24, 68, 150), (14, 104, 66)
_RED, _YELLOW, _BROWN, _CREAM = (188, 32, 38), (248, 202, 40), (106, 70, 44), (238, 228, 204)
_STREET: dict[str, tuple[Ink, Ink]] = {
    **dict.fromkeys(("US", "CA", "MX", "PH", "TH", "SA", "NZ", "KR"), (_GREEN, _WHITE)),
    **dict.fromkeys(("GB", "IE", "NL", "SE", "CH", "HU", "IT", "IN", "JM", "AU"), (_WHITE, _BLACK)),
    **dict.fromkeys(("CZ", "SK", "TR"), (_RED, _WHITE)),
}
_ENTRY: dict[str, tuple[Ink, Ink]] = {
    **dict.fromkeys(("DE", "NL", "LU"), (_YELLOW, _BLACK)),
    **dict.fromkeys(("US", "CA", "JP", "TR", "AU", "TH", "MX"), (_GREEN, _WHITE)),
    **dict.fromkeys(("DK", "SE", "FI", "HR", "IN", "KR", "CN"), (_BLUE, _WHITE)),
}
_SHOPS: tuple[tuple[Ink, Ink], ...] = (
    (_RED, _WHITE), (_BLUE, _WHITE), (_GREEN, _WHITE), (_CREAM, _BROWN), (_BLACK, _CREAM), (_WHITE, _RED),
    (_YELLOW, _RED), (_WHITE, _BLUE), (_BROWN, _CREAM), ((90, 30, 90), _WHITE), (_BLACK, _YELLOW),
    ((226, 120, 30), _WHITE),
)  # fmt: skip
_NOTICES: tuple[tuple[Ink, Ink], ...] = (
    (_WHITE, _BLACK), (_WHITE, _RED), (_YELLOW, _BLACK), (_RED, _WHITE), (_BLUE, _WHITE), (_WHITE, _BLUE),
)  # fmt: skip
_EU = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
        "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Board:
    """A painted sign.

    Attributes:
        image: RGBA.
        heights: of each line's letters, in pixels.
        text: what stands on it.
    """

    image: Image.Image
    heights: tuple[float, ...]
    text: SignText


def paint(text: SignText, iso2: str, rng: Random) -> Board:
    """The sign of a country's street; a long one is set in small letters."""
    ground, ink = _colours(text.kind, iso2, rng)
    face = 0 if text.kind in ("street", "entry", "direction", "plate", "parking") else rng.randrange(4)
    sizes = [LETTER if i == 0 else _lesser(text.kind, rng) for i in range(len(text.lines))]
    masks = [line_mask(line, text.language, size, face) for line, size in zip(text.lines, sizes, strict=True)]
    pad = int(LETTER * rng.uniform(0.3, 0.7))
    band = LETTER if text.kind == "plate" and iso2 in _EU else 0
    w = max(mask.width for mask in masks) + 2 * pad + band
    h = sum(mask.height for mask in masks) + 2 * pad // (2 if text.kind in ("street", "plate") else 1)
    image = Image.new("RGBA", (w, h), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    round_ = rng.choice((0, LETTER // 6, LETTER // 4))
    pen.rounded_rectangle((0, 0, w - 1, h - 1), round_, fill=(*ground, 255))
    if text.kind in ("street", "entry", "direction", "parking", "plate") or rng.random() < 0.35:
        edge = LETTER // 14 + 1
        pen.rounded_rectangle((edge, edge, w - 1 - edge, h - 1 - edge), round_, outline=(*ink, 255), width=edge)
    if band:
        pen.rectangle((4, 4, band, h - 5), fill=(*_BLUE, 255))
    _lay(image, masks, ink, centred=text.kind not in ("direction", "prices"), left=pad + band, right=pad)
    return Board(image, tuple(0.72 * size for size in sizes), text)


def _lay(image: Image.Image, masks: list[Image.Image], ink: Ink, *, centred: bool, left: int, right: int) -> None:
    y = (image.height - sum(mask.height for mask in masks)) // 2
    for mask in masks:
        room = image.width - left - right - mask.width
        layer = Image.new("RGBA", mask.size, (*ink, 255))
        image.paste(layer, (left + (room // 2 if centred else 0), y), mask)
        y += mask.height


def _lesser(kind: str, rng: Random) -> int:
    if kind in ("direction", "prices", "notice", "opening", "parking"):
        return LETTER if kind == "direction" else round(LETTER * rng.uniform(0.7, 1.0))
    return round(LETTER * rng.uniform(0.4, 0.75))


def _colours(kind: str, iso2: str, rng: Random) -> tuple[Ink, Ink]:
    if kind == "street":
        return _STREET.get(iso2, (_BLUE, _WHITE))
    if kind == "entry":
        return _ENTRY.get(iso2, (_WHITE, _BLACK))
    if kind == "direction":
        guide = countries()[iso2].guide_sign if iso2 in countries() else "blue"
        return (_GREEN if guide == "green" else _BLUE), _WHITE
    if kind == "plate":
        return (_YELLOW if iso2 in ("NL", "LU") or (iso2 == "GB" and rng.random() < 0.5) else _WHITE), _BLACK
    if kind == "parking":
        return rng.choice(((_BLUE, _WHITE), (_WHITE, _RED), (_WHITE, _BLACK)))
    return rng.choice(_NOTICES if kind in ("notice", "opening", "building") else _SHOPS)


def plain(board: Board) -> Image.Image:
    """The board on grey, to look at."""
    back = Image.new("RGBA", board.image.size, (128, 128, 128, 255))
    return ImageOps.expand(Image.alpha_composite(back, board.image).convert("RGB"), 8, (128, 128, 128))
