"""Keys under which names of places are kept: letters and digits only, without case, diacritics, spaces and hyphens.

OCR drops spaces ("NewYork") and diacritics ("Koln"), so neither may tell two names apart. Where a language writes a
letter out ("Koeln", "Aarhus"), `spellings` gives the other key too.
"""

from __future__ import annotations

import re

from geoloc_core.places import fold

_NOT_LETTERS = re.compile(r"[\W_]+")
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_KIN = str.maketrans({"0": "o", "1": "l", "|": "l", "!": "l", "5": "s", "8": "b"})


def key(text: str) -> str:
    """The key of a name ("Saint-Étienne" -> "saintetienne"); empty if no letter or digit is in it."""
    return _NOT_LETTERS.sub("", fold(text))


def spellings(name: str) -> set[str]:
    """The keys a name is met under: as it is, and with umlauts and rings written out."""
    return {key(name), key(name.casefold().translate(_WRITTEN_OUT))} - {""}


def unmistaken(text: str) -> str:
    """A key in which digits that OCR took for letters are letters again ("l0nd0n" -> "london")."""
    return text.translate(_KIN) if sum(c.isdigit() for c in text) * 2 < len(text) else text
