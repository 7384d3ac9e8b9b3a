"""Whether a word of a table is met by chance: an everyday word of another language, or a scrap of noise.

"gate" is a street in Norway and a gate in a field; "Counter" ends as squares in Hungary do; "bd" and "ct" come out of
any unreadable line.
"""

from __future__ import annotations

from collections.abc import Sequence

from geoloc_core.places import fold
from geoloc_core.signs.heard import agreement
from geoloc_core.signs.names.store import names

SHORT = 4  # letters of an ending that many words have by chance
SCRAP = 3  # letters of a word that noise is full of
_EVERYDAY = 1e-6  # share of the world's words
_SURELY, _AGREES, _FOREIGN = 0.45, 0.35, 0.15
_NO_MARKS = 0.4  # of the trust is left for a short form whose marks are not there


def is_everyday(word: str) -> bool:
    """Whether a word (folded) is a known one as it stands, so that it need not be another one misread."""
    return names().share(word) > 0


def doubt_of_word(form: str, countries: Sequence[str], line: str) -> float:
    """Factor for the trust in a form met in a line, by the language of the line if the form is an everyday word."""
    if not form.isascii() or " " in form or names().share(fold(form)) < _EVERYDAY or len(line.split()) < 2:
        return 1.0
    fit, sure = agreement(line, countries)
    return _FOREIGN if sure > _SURELY and fit < _AGREES else 1.0


def is_scrap(form: str, words: Sequence[str], line: str) -> bool:
    """Whether a form of `SCRAP` letters at most has lost its marks, or stands among no words that might be a name.

    Args:
        form: as the table spells it.
        words: of the line, folded.
        line: as it was read.
    """
    plain = fold(form).strip("./")
    if len(plain) > SCRAP or not plain.isascii() or not plain.isalpha():
        return False
    if form.strip("./").casefold() not in line.casefold():
        return True
    others = [word for word in words if word != plain]
    return not any((len(w) >= 3 and w.isalpha()) or (w.isdigit() and len(plain) == SCRAP) for w in others)


def doubt_of_ending(form: str, word: str) -> float:
    """Factor for the trust in an ending met in a word as written; 0 for short ones of words that are everyday ones."""
    if len(form) > SHORT or not fold(form).isascii():
        return 1.0
    if word[:1].islower() or is_everyday(fold(word)):
        return 0.0
    return 1.0 if form.isascii() or form in word.casefold() else _NO_MARKS
