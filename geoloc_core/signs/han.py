"""Chinese characters: simplified, traditional or Japanese, by which national character sets hold them.

GB 2312 lists the characters that mainland China writes, Big5 those of Taiwan and Hong Kong, and the first level of
JIS X 0208 the ordinary Japanese ones. Python carries all three as encodings.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp

from geoloc_core.signs.scripts import script_of

_MISSING = -2.5  # log probability of a character that the language's set lacks
_KANA = -5.0  # log probability of a kana in Chinese
_MAX = 60  # characters that are looked at
_JIS_LEVEL_1 = range(0xB0, 0xD0)  # first bytes in EUC-JP


@lru_cache(maxsize=8192)
def _holds(character: str) -> tuple[bool, bool, bool]:
    """Whether the sets for "zh", "zh-hant" and "ja" hold a character."""
    japanese = _encoded(character, "euc_jp")
    level_1 = len(japanese) == 2 and japanese[0] in _JIS_LEVEL_1
    return bool(_encoded(character, "gb2312")), bool(_encoded(character, "big5")), level_1


def _encoded(character: str, encoding: str) -> bytes:
    try:
        return character.encode(encoding)
    except UnicodeEncodeError:
        return b""


def han_languages(text: str) -> dict[str, float]:
    """Shares of "zh", "zh-hant" and "ja" by the Chinese characters and kana of a text; equal ones if it has none."""
    score = [0.0, 0.0, 0.0]
    for character in [c for c in text if script_of(c) in ("han", "kana")][:_MAX]:
        if script_of(character) == "kana":
            score[0] += _KANA
            score[1] += _KANA
            continue
        for language, held in enumerate(_holds(character)):
            score[language] += 0.0 if held else _MISSING
    weights = [exp(s - max(score)) for s in score]
    return dict(zip(("zh", "zh-hant", "ja"), (w / sum(weights) for w in weights), strict=True))
