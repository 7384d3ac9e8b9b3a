"""Brands of the whole world: "McDonald's", "Toyota" or "Visa" on a sign say nothing about where it stands.

The list is general knowledge, meant to be corrected: `assets/signs/brands.csv`. A name belongs there if it is met on
most continents, however well its makers' country is known: a Toyota is no sign of Japan, nor a Hilton of any town.
"""

from __future__ import annotations

from functools import cache

from geoloc_core.places import fold
from geoloc_core.signs import tables

_FUZZY = 8  # letters from which a name may be read with one letter wrong


@cache
def brands() -> frozenset[str]:
    """The names, in the form that `squeezed` gives."""
    return frozenset(squeezed(name) for row in tables.rows("brands") for name in row["names"].split(";"))


def squeezed(text: str) -> str:
    """Letters and digits alone, folded: "Coca-Cola®" and "COCA COLA" are alike."""
    return "".join(c for c in fold(text) if c.isalnum())


def is_brand(text: str) -> bool:
    """Whether `text` as a whole is a brand of the whole world, written any way, one letter wrong in a long one."""
    name = squeezed(text)
    return name in brands() or (len(name) >= _FUZZY and _is_near_a_long_one(name))


@cache
def _long() -> tuple[str, ...]:
    return tuple(sorted(name for name in brands() if len(name) >= _FUZZY))


def _is_near_a_long_one(name: str) -> bool:
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import extractOne

    return extractOne(name, _long(), scorer=Levenshtein.distance, score_cutoff=1) is not None
