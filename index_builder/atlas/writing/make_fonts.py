"""Builds `fonts/`: subsets of Noto fonts (SIL Open Font License) with the glyphs that drawn signs can need.

It needs, for the build only, the pip package fonttools and Debian's packages fonts-noto-core and fonts-noto-cjk. Run
again whenever a table in `data/` names a character that the fonts lack; `tests/test_atlas_signs.py` says so:

    pip install fonttools && python -m index_builder.atlas.writing.make_fonts
"""

from __future__ import annotations

from pathlib import Path

from index_builder.atlas.writing.fonts import FONTS, LATIN_FACES, font_script, joined
from index_builder.atlas.writing.tables import DATA

_SOURCE = Path("/usr/share/fonts")
_CJK = _SOURCE / "opentype" / "noto" / "NotoSansCJK-Bold.ttc"
_CJK_FACES = {"kana": 0, "hangul": 1, "han": 2, "han-traditional": 3}
_LATIN = (
    *range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x1E00, 0x1F00), *range(0x370, 0x400), *range(0x400, 0x530),
    0x1A0, 0x1A1, 0x1AF, 0x1B0, 0x18F, 0x259, 0x218, 0x219, 0x21A, 0x21B, 0x1EA, 0x1EB, 0x2BB, 0x2BC,
    *range(0x300, 0x334), *range(0x2010, 0x2027), *range(0x20A0, 0x20C0), 0x2116, 0x0E3F, 0x17DB,
)  # fmt: skip
_NAMES = {
    "arabic": "Arabic", "armenian": "Armenian", "bengali": "Bengali", "devanagari": "Devanagari",
    "ethiopic": "Ethiopic", "georgian": "Georgian", "gujarati": "Gujarati", "gurmukhi": "Gurmukhi",
    "hebrew": "Hebrew", "kannada": "Kannada", "khmer": "Khmer", "lao": "Lao", "malayalam": "Malayalam",
    "myanmar": "Myanmar", "oriya": "Oriya", "sinhala": "Sinhala", "tamil": "Tamil", "telugu": "Telugu",
    "thaana": "Thaana", "thai": "Thai", "tibetan": "Tibetan",
}  # fmt: skip


def build(out: Path = FONTS) -> None:
    """Write the subsets."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(DATA.glob("*.csv")))
    truetype = _SOURCE / "truetype" / "noto"
    for face in LATIN_FACES:
        _subset(truetype / f"Noto{face}.ttf", out / f"{face.lower()}.ttf", set(_LATIN), keep_layout=False)
    for script, name in _NAMES.items():
        style = "NotoSerif" if script == "tibetan" else "NotoSans"
        own = {c for c in text if font_script(c) == script}
        if script == "arabic":
            own |= set("".join(joined(word) for word in text.split()))
        used = {ord(c) for c in own if font_script(c) == script} | {0x20, 0x25CC, 0x200C, 0x200D}
        _subset(truetype / f"{style}{name}-Bold.ttf", out / f"{script}.ttf", used, keep_layout=script != "arabic")
    wide = {ord(c) for c in text if font_script(c) == "wide" or c == "·"} | set(range(0x20, 0x7F))
    for script, number in _CJK_FACES.items():
        _subset(_CJK, out / f"{script}.otf", wide, number=number, keep_layout=False)


def _subset(source: Path, out: Path, characters: set[int], *, keep_layout: bool, number: int = -1) -> None:
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    options = Options()
    options.hinting, options.name_IDs, options.notdef_outline = False, [1, 2], True
    options.layout_features = ["*"] if keep_layout else []
    font = TTFont(source, fontNumber=number, recalcTimestamp=False)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    font.save(out)


if __name__ == "__main__":
    build()
