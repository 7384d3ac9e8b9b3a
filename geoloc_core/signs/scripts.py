"""Scripts by their Unicode names, as far as signs in the streets of the world are written in them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

SCRIPTS = (
    "latin", "han", "kana", "hangul", "cyrillic", "greek", "arabic", "hebrew", "thai", "lao", "khmer", "myanmar",
    "devanagari", "bengali", "gujarati", "gurmukhi", "tamil", "telugu", "kannada", "malayalam", "sinhala", "oriya",
    "georgian", "armenian", "ethiopic", "tibetan", "thaana", "mongolian", "tifinagh",
)  # fmt: skip
_NAMES = {
    "cjk": "han",
    "ideographic": "han",
    "hiragana": "kana",
    "katakana": "kana",
    "katakana-hiragana": "kana",
}


@lru_cache(maxsize=4096)
def script_of(character: str) -> str | None:
    """The script of a letter, one of `SCRIPTS`; None for digits, signs, and letters of any other script."""
    if not (character.isalpha() or unicodedata.category(character)[0] == "M"):
        return None
    first = unicodedata.name(character, "").split(" ")[0].casefold()
    name = _NAMES.get(first, first)
    return name if name in SCRIPTS else None


def scripts_of(text: str) -> Counter[str]:
    """How many letters of `text` are in which script."""
    return Counter(script for character in text if (script := script_of(character)))
