"""How probable it is that a word on a sign is a place's name, and that the sign stands there.

By Bayes' rule: signs of a place of n people show its name `OWN` of the time; signs elsewhere show the same letters as
often as the word is common there ("Nice", "Most"), and a little because famous cities are named everywhere. What stands
around the name shifts the odds. Words that mean something else more often than the counts tell (given names, labels)
are in `assets/signs/common.csv`, general knowledge, meant to be corrected. The factors are judgements made on texts
written for it (`tests/place_cases.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from geoloc_core.signs import tables
from geoloc_core.signs.names.around import Around
from geoloc_core.signs.names.candidates import Place
from geoloc_core.signs.names.keys import key
from geoloc_core.signs.names.store import names
from geoloc_core.signs.scripts import script_of

OWN = 0.03
_WORLD = 4e9  # people, weighted by how much they photograph
_VISITED = 1500  # a hamlet is photographed as if by this many
_MENTION = 2e-11  # share of the world's words that name a city, for each of its people
_FAME = 0.15  # of a city's mentions, those on signs elsewhere
_RARE = {1: 1e-4, 2: 5e-6, 3: 1.5e-6, 4: 4e-7, 5: 1e-7, 6: 3e-8, 7: 1e-8}  # share of an unknown word by its letters
_RARER = 4e-9
_RARE_HAN = {1: 1e-4, 2: 2e-6, 3: 1e-7}
MISREAD = {"fuzzy": 0.03, "unlikely": 0.002}  # of words have the letter wrong that makes them what was read
_TOGETHER = 300.0  # how much oftener two words that may be a name meet than by chance
_SAINTS = ("san", "santa", "saint", "sainte", "sao", "sankt", "st", "sant", "sint", "santo")
_SAINT = 1e-6  # churches, schools and streets of a saint
_ODDS = {
    "office": 30.0, "welcome": 20.0, "service": 8.0, "postcode": 40.0, "alone": 2.0, "distance": 6.0, "region": 40.0,
    "small": 0.03, "prose": 0.4, "food": 0.03, "brand": 0.15, "derived": 0.3, "glued": 0.5,
}  # fmt: skip
_SURE = frozenset(("office", "postcode", "region"))  # with these, the rest of the line matters little
_LITTLE_SEEN = frozenset(
    ("CN", "IN", "PK", "BD", "NG", "ET", "CD", "EG", "SD", "TZ", "UG", "KE", "DZ", "AO", "MM", "AF", "YE", "IR", "IQ")
)


def trust(words: Sequence[str], places: Sequence[Place], around: Around, ways: Sequence[str] = ()) -> float:
    """Probability that a run of words is the name of one of `places`, and the sign stands where the name says.

    Args:
        words: keys of the words.
        places: what the name may mean.
        around: what stands around it.
        ways: how it was found if not as it stands: "fuzzy", "unlikely", "derived", "glued", "region" (which settles
            which it is).
    """
    here = OWN * sum(place.weight * _photographed(place) for place in places) / _WORLD
    kinds = {*around.kinds, *ways, *(("distance",) if around.km else ())}
    if kinds & _SURE:
        kinds -= {"food", "brand", "prose", "small"}
    proper = "derived" in ways and "street" in kinds  # "Hamburger Straße" is no dish
    odds = here / elsewhere([] if proper else words, places, min(MISREAD.get(way, 1.0) for way in (*ways, "")))
    for kind in kinds:
        odds *= _ODDS.get(kind, 1.0)
    return min(odds / (1 + odds), 0.97)


def elsewhere(words: Sequence[str], places: Sequence[Place], read: float = 1.0) -> float:
    """Share of the words on the world's signs that are these, and mean no place there.

    A misread word is an unknown one far oftener than the one it resembles: this is then as `read`, the chance to be
    misread so, allows, by the same measure as the place's own signs.
    """
    mentions = _MENTION * sum(place.weight * place.people for place in places)
    joined = "".join(words)
    common = max(_common(words), _listed(joined))
    return common + _FAME * mentions + _unknown(joined) / read


@cache
def _table() -> dict[str, float]:
    rows = sorted(tables.rows("common"), key=lambda row: float(row["share"]))
    return {key(word): float(row["share"]) for row in rows for word in row["words"].split(";")}


def _listed(joined: str) -> float:
    return _table().get(joined, 0.0)


def _common(words: Sequence[str]) -> float:
    if not words:
        return 0.0
    shares = [names().share(word) for word in words]
    if len(words) == 1:
        return shares[0]
    together = shares[0] * shares[1] * _TOGETHER if len(words) == 2 else 0.0
    return together + (_SAINT if words[0] in _SAINTS else 0.0)


def _unknown(joined: str) -> float:
    if joined and script_of(joined[0]) in ("han", "kana"):
        return _RARE_HAN.get(len(joined), 1e-8)
    return _RARE.get(len(joined), _RARER) if joined else _RARER


def _photographed(place: Place) -> float:
    people = place.people + _VISITED
    return 0.2 * people if place.country in _LITTLE_SEEN else people
