"""Fonts to draw lines of text with: which a folder holds, which script each can write, which are kept for the test."""

from __future__ import annotations

import logging
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from index_builder.signs.script.words import Words

log = logging.getLogger(__name__)

ENDINGS = {".ttf", ".otf", ".ttc"}
PROBES = 24  # letters of a script that a font is tried on, the commonest
COVERED = 0.95
HELD_OUT = 4  # one family in this many is kept for the test
MISSING = "\U0010fffe"
PICTURES = ("d050000", "symbol", "dingbat")  # fonts of pictures in the places of letters
_STYLE = re.compile(
    r"[-_ .]?(thin|extra|ultra|semi|demi|light|regular|book|roman|medium|bold|black|heavy|italic|oblique|it|condensed|"
    r"cond|narrow|web|vf|r|b|m|l|\[.*\]|\d+)$"
)


@dataclass(frozen=True)
class Font:
    """A font file that can write a script.

    Attributes:
        path: the file; a collection's first font.
        family: its name without weight and style; families, not files, are held out.
    """

    path: Path
    family: str


def family_of(path: Path) -> str:
    """The family a file belongs to by its name: "NotoSansThai-Bold.ttf" is of "notosansthai"."""
    name = path.stem.casefold().replace("ui", "")
    while (shorter := _STYLE.sub("", name)) != name and len(shorter) > 3:
        name = shorter
    return name.strip("-_ ")


def find(folders: Iterable[Path], words: Mapping[str, Words]) -> dict[str, list[Font]]:
    """Script -> fonts under the folders that have nearly all of its common letters."""
    probes = {script: _probes(each) for script, each in words.items()}
    found: dict[str, list[Font]] = {script: [] for script in words}
    for path in sorted(p for folder in folders for p in folder.rglob("*") if _is_font(p)):
        try:
            font = ImageFont.truetype(str(path), 24, layout_engine=ImageFont.Layout.BASIC)
            missing = bytes(font.getmask(MISSING))
            for script, letters in probes.items():
                drawn = [bytes(font.getmask(letter)) for letter in letters]
                if len(set(drawn)) > 0.7 * len(letters) and sum(d != missing for d in drawn) >= COVERED * len(letters):
                    found[script].append(Font(path, family_of(path)))
        except OSError as error:
            log.info("%s left out: %s", path, error)
    return found


def divide(fonts: Iterable[Font]) -> tuple[list[Font], list[Font]]:
    """Fonts to train on and fonts to test on: every fourth family, by a fixed shuffle; none where there is only one."""
    fonts = list(fonts)
    families = sorted({font.family for font in fonts}, key=lambda name: zlib.crc32(name.encode()))
    kept = set(families[::HELD_OUT] if len(families) > 1 else ())
    return [f for f in fonts if f.family not in kept], [f for f in fonts if f.family in kept]


@lru_cache(maxsize=600)
def opened(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """The font at a size in pixels."""
    return ImageFont.truetype(str(path), size)


def _is_font(path: Path) -> bool:
    name = path.name.casefold()
    return path.suffix.casefold() in ENDINGS and not any(word in name for word in PICTURES)


def _probes(words: Words) -> list[str]:
    letters = Counter(cluster[0] for cluster in words.clusters if cluster[0].isalpha())
    return [letter for letter, _ in letters.most_common(PROBES)]
