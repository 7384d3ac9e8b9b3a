"""Lines of text into masks: which font has a character, Arabic letters joined, right-to-left runs turned round.

Fonts are subsets of Noto (SIL Open Font License; `make_fonts` makes them). Joining and turning is done here, so that
the picture of an Arabic or Hebrew sign is the same on every machine. The scripts of India, Burma and Cambodia are laid
out by Pillow's Raqm; without the system library FriBiDi, which it needs, their vowel signs stand beside their letters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, features

from geoloc_core.signs.scripts import SCRIPTS, script_of

FONTS = Path(__file__).parent / "fonts"
LATIN_FACES = ("Sans-Bold", "Sans-Regular", "SansDisplay-Bold", "Serif-Bold")
_LATIN = {"latin", "cyrillic", "greek"}
_TURNED = {"arabic", "hebrew", "thaana"}
_SHAPED = {
    "devanagari", "bengali", "gujarati", "gurmukhi", "tamil", "telugu", "kannada", "malayalam", "sinhala", "oriya",
    "khmer", "myanmar", "tibetan", "thaana",
}  # fmt: skip
_CJK = {"zh": "han", "zh-Hant": "han-traditional", "ja": "kana", "ko": "hangul"}
_FORMS = {"<isolated>": 0, "<final>": 1, "<initial>": 2, "<medial>": 3}


@cache
def _presentation() -> dict[str, dict[int, str]]:
    """Arabic letters (or lam with alef) -> position -> presentation form, from Unicode's decompositions."""
    table: dict[str, dict[int, str]] = {}
    for code in (*range(0xFB50, 0xFDD0), *range(0xFE80, 0xFEFD)):
        tag, *letters = unicodedata.decomposition(chr(code)).split()[:3] or [""]
        text = "".join(chr(int(letter, 16)) for letter in letters)
        if tag in _FORMS and (len(text) == 1 or (text[0] == "ل" and text[1:] in "اأإآ")):
            table.setdefault(text, {}).setdefault(_FORMS[tag], chr(code))
    return table


def joined(text: str) -> str:
    """Arabic letters in the forms that their neighbours give them, still in reading order."""
    table = _presentation()
    letters: list[str] = []
    for character in text:
        if letters and letters[-1] + character in table:
            letters[-1] += character
        else:
            letters.append(character)
    out = []
    for i, letter in enumerate(letters):
        forms = table.get(letter, {})
        before = i > 0 and 2 in table.get(letters[i - 1], {})
        after = i + 1 < len(letters) and letters[i + 1] in table and 1 in table[letters[i + 1]]
        position = (1 if before else 0) + (2 if after and 2 in forms else 0)
        out.append(forms.get(position) or forms.get(0) or letter)
    return "".join(out)


def font_script(character: str) -> str:
    """The script whose font has a character: that of its letters, or of its name for signs and digits; "" for a space.

    "wide" stands for the four fonts of Han, Kana and Hangul.
    """
    if character == " ":
        return ""
    script = script_of(character) or unicodedata.name(character, "").split(" ")[0].casefold()
    if script in ("han", "kana", "hangul") or ord(character) >= 0x3000:
        return "arabic" if 0xFB50 <= ord(character) < 0xFF00 else "wide"
    return script if script in SCRIPTS and script not in _LATIN else "latin"


def runs(text: str, language: str) -> Iterator[tuple[str, str]]:
    """(script, characters) from left to right as they stand on the sign; signs and digits count as Latin."""
    found: list[list[str]] = []
    wide = _CJK.get(language, "han")
    for character in text:
        script = font_script(character)
        if script == "wide":
            script = wide
        if not found or script not in ("", found[-1][0]):
            found.append([script or "latin", ""])
        found[-1][1] += character
    if found and any(script in _TURNED for script, _ in found):
        found = found[::-1]
    for script, characters in found:
        yield script, _turned(characters, script) if script in _TURNED else characters


def _turned(text: str, script: str) -> str:
    text = joined(text) if script == "arabic" else text
    clusters: list[str] = []
    for character in text:
        if clusters and unicodedata.combining(character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return "".join(reversed(clusters)) if script != "thaana" else text


@lru_cache(maxsize=256)
def font(script: str, face: int, size: int) -> ImageFont.FreeTypeFont:
    """The font for a script; `face` chooses among the Latin ones."""
    name = LATIN_FACES[face % len(LATIN_FACES)].lower() if script == "latin" else script
    path = next(FONTS.glob(f"{name}.*tf"))
    shaped = script in _SHAPED and features.check("fribidi")
    engine = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    return ImageFont.truetype(path, size, layout_engine=engine)


def has_glyphs(text: str, language: str, face: int = 0) -> bool:
    """Whether the fonts have a glyph for all of it."""
    return all(
        character.isspace() or not _is_tofu(script, character, face)
        for script, characters in runs(text, language)
        for character in characters
    )


@lru_cache(maxsize=8192)
def _is_tofu(script: str, character: str, face: int) -> bool:
    if unicodedata.category(character) in ("Cf", "Mn", "Mc"):
        return False
    drawn = font(script, face, 32)
    return bytes(drawn.getmask(character)) == bytes(drawn.getmask("\U000f1234"))


def line_mask(text: str, language: str, size: int, face: int) -> Image.Image:
    """Grey mask of a line with letters of `size` pixels, its height the line's."""
    parts = [(font(script, face, size), characters) for script, characters in runs(text, language)]
    widths = [f.getlength(characters) for f, characters in parts]
    mask = Image.new("L", (max(1, round(sum(widths)) + size // 3), round(size * 1.5)))
    pen, x = ImageDraw.Draw(mask), size / 6
    for (drawn, characters), width in zip(parts, widths, strict=True):
        pen.text((x, size * 1.15), characters, font=drawn, fill=255, anchor="ls")
        x += width
    return mask
