"""What stands around a name and says what it does there: "City of Bath", "Bath Road", "Bath 12 km", "Bath Coffee".

The words are general knowledge, meant to be corrected: `assets/signs/around.csv`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from geoloc_core.signs import tables
from geoloc_core.signs.brands import is_brand
from geoloc_core.signs.names.keys import key
from geoloc_core.signs.names.tokens import Run, Token

MAX_PHRASE = 4  # words
FARTHEST = 2000.0  # km that a sign may give
_MILES = frozenset(("mi", "mile", "miles"))
_YEAR = re.compile(r"(19|20)\d\d")
_GLUED_AFTER = (
    "strasse", "straße", "strase", "straat", "gatan", "vagen", "gade", "vej", "gata", "hauptbahnhof", "hbf", "bahnhof",
    "str", "road", "street", "allee", "platz", "airport", "university", "weg", "laan", "utca",
)  # fmt: skip
_GLUED_BEFORE = (
    "stadt",
    "hotel",
    "cityof",
    "welcometo",
    "villede",
    "comunedi",
    "ayuntamientode",
    "gemeinde",
    "universitat",
)


@dataclass(frozen=True)
class Around:
    """What stands around a name.

    Attributes:
        kinds: as in the table: "office", "welcome", "service", "street", "food", "brand"; and "postcode", "alone"
            (nothing else is on the line), "small" (without capitals, so hardly a name), "prose" (in a sentence).
        km: the distance the sign gives, if it does.
        following: keys of the next words, which may say where it lies ("TX", "Illinois").
        countries: where they speak so ("Comune di": IT, CH); empty if that is not known.
    """

    kinds: frozenset[str] = frozenset()
    km: float | None = None
    following: tuple[str, ...] = ()
    countries: frozenset[str] = frozenset()


Phrases = dict[str, list[tuple[str, frozenset[str]]]]


@cache
def _phrases() -> dict[str, Phrases]:
    """Side -> key -> what it says, with the countries where they say so."""
    table: dict[str, Phrases] = {"before": {}, "after": {}, "any": {}}
    for row in tables.rows("around"):
        meaning = (row["kind"], frozenset(row["countries"].split()))
        for phrase in filter(None, map(key, row["phrases"].split(";"))):
            table[row["side"]].setdefault(phrase, []).append(meaning)
    return table


def said_around(run: Run, sentence: Sequence[Token]) -> Around:
    """What stands around a run of words in its line."""
    before, after = sentence[: run.start], sentence[run.stop :]
    beside, others = _beside(before, after), [*before, *after]
    kinds = {kind for kind, _ in beside} | _among(others)
    if _is_postcode(before, after):
        kinds.add("postcode")
    if not any(t.key.isalpha() for t in others):
        kinds.add("alone")
    if 0 < len(others) <= MAX_PHRASE and is_brand("".join(t.text for t in others)):
        kinds.add("brand")
    if run.text[:1].islower():
        kinds.add("small")
    if sum(t.text.islower() for t in others) >= 5:
        kinds.add("prose")
    spoken = [countries for _, countries in beside if countries]
    return Around(frozenset(kinds), _distance(after), tuple(t.key for t in after[:4]), frozenset().union(*spoken))


def unglued(word: str) -> list[tuple[str, str]]:
    """Names that a word may hold together with what stands around it, and the kind ("neusserstrasse" -> street)."""
    table, found = _phrases(), []
    for end in _GLUED_AFTER:
        if word.endswith(end) and len(word) - len(end) >= 4:
            found.append((word[: -len(end)], _kind(table["after"], key(end))))
    for begin in _GLUED_BEFORE:
        if word.startswith(begin) and len(word) - len(begin) >= 4:
            found.append((word[len(begin) :], _kind(table["before"], begin)))
    return found


def _kind(phrases: Phrases, word: str) -> str:
    return phrases[word][0][0] if word in phrases else "street"


@cache
def words_around() -> frozenset[str]:
    """All words of the table, which are no names by themselves."""
    return frozenset(word for side in _phrases().values() for word in side)


def is_office(word: str) -> bool:
    """Whether a word alone announces the name of a place ("Stadt", "Gemeente")."""
    return any(kind == "office" for kind, _ in _phrases()["before"].get(word, ()))


def _beside(before: Sequence[Token], after: Sequence[Token]) -> list[tuple[str, frozenset[str]]]:
    """What the phrases right before and right behind say."""
    table, found = _phrases(), []
    for n in range(1, MAX_PHRASE + 1):
        if n <= len(before):
            found += table["before"].get("".join(t.key for t in before[-n:]), [])
        if n <= len(after):
            found += table["after"].get("".join(t.key for t in after[:n]), [])
    return found


def _among(others: Sequence[Token]) -> set[str]:
    keys = [t.key for t in others]
    keys += [a + b for a, b in pairwise(keys)]
    return {kind for k in keys for kind, _ in _phrases()["any"].get(k, ())}


def _is_postcode(before: Sequence[Token], after: Sequence[Token]) -> bool:
    """Whether four to six digits stand before the name ("50667 Köln", "00-950 Warszawa") or five or six behind it."""
    digits = [t.key for t in before[-2:] if t.key.isdigit()]
    if before and before[-1].key.isdigit():
        one, both = before[-1].key, "".join(digits)
        if (4 <= len(one) <= 6 and not _YEAR.fullmatch(one)) or (len(digits) == 2 and len(both) == 5 and len(one) < 4):
            return True
    return any(t.key.isdigit() and 5 <= len(t.key) <= 6 for t in after[:2])


def _distance(after: Sequence[Token]) -> float | None:
    """Kilometres, if a number comes next and "km" or miles behind it, or nothing more."""
    if not after or not after[0].key.isdigit() or not 0 < len(after[0].key) <= 4:
        return None
    unit = after[1].key if len(after) > 1 else ""
    if unit and unit != "km" and unit not in _MILES:
        return None
    km = float(after[0].key) * (1.609 if unit in _MILES else 1.0)
    return km if 1 <= km <= (FARTHEST if unit else 400) else None
