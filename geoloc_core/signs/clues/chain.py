"""Shops, banks, filling stations, telephone companies, railways and offices that exist in some countries only.

`assets/signs/chains.csv` says which and where. Names that are words of their own ("Żabka Express", "Systembolaget") are
believed wherever they stand; those that other things are called too ("Continente") must be capitalised; and those that
are plain words ("Next", "Boots", "Target") or mere letters ("DB") must stand alone on their line, and are hardly
believed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from geoloc_core.places import fold
from geoloc_core.signs import tables
from geoloc_core.signs.areas import country_name, listed, placed
from geoloc_core.signs.brands import squeezed
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.scripts import scripts_of
from geoloc_core.signs.writing import Line, Writing

KINDS = {
    "super": "a supermarket",
    "drug": "a pharmacy",
    "bank": "a bank",
    "fuel": "a filling station",
    "tel": "a telephone company",
    "rail": "a transport company",
    "bus": "a transport company",
    "post": "a post office",
    "shop": "a shop",
    "food": "a name on food and restaurants",
    "state": "a public body",
    "media": "a newspaper or channel",
    "beer": "a drink",
    "insur": "an insurance",
    "club": "a club",
    "service": "a service",
}
STRAY = 0.1  # of a city's companies are met elsewhere in the country: on posters, in shops
_LONG, _SHORT, _WINDOW = 8, 4, 6  # letters, letters, words
_WORD = re.compile(r"[^\W_]+")
_CJK = frozenset({"han", "kana", "hangul"})
_BESIDE = frozenset(
    [
        "market",
        "markt",
        "supermarket",
        "supermarkt",
        "super",
        "supermercado",
        "express",
        "city",
        "bank",
        "banco",
        "banque",
        "shop",
        "store",
        "stores",
        "group",
        "cafe",
        "coffee",
        "restaurant",
        "pharmacy",
        "outlet",
        "mini",
        "maxi",
        "centre",
        "center",
    ]
)


@dataclass(frozen=True, eq=False)
class Chain:
    """A row of the table.

    Attributes:
        names: as they are written, the usual one first.
        kind: a key of `KINDS`.
        word: "own", "shared" or "common": whether other things are called so.
        countries: ISO 3166 alpha-2 -> share of presence.
        spots: the city it belongs to, if any.
    """

    names: tuple[str, ...]
    kind: str
    word: str
    countries: Mapping[str, float]
    spots: tuple[Spot, ...]

    @property
    def written(self) -> frozenset[tuple[str, ...]]:
        """The words of each name."""
        return frozenset(tuple(_WORD.findall(name)) for name in self.names)

    @property
    def sentence(self) -> str:
        """What meeting it means."""
        of = [country_name(code) for code, _ in sorted(self.countries.items(), key=lambda item: -item[1])]
        where = f"{self.spots[0].name}, {of[0]}" if self.spots else listed(of)
        return f"{self.names[0]} is {KINDS[self.kind]} in {where}."


@dataclass(frozen=True)
class _Names:
    """The names, squeezed: all of them, those in Chinese, Japanese or Korean, and the long ones by one letter less."""

    whole: Mapping[str, Chain]
    cjk: Mapping[str, Chain]
    long: Mapping[str, Chain]
    near: Mapping[str, Sequence[str]]


class ChainFinder:
    """Finds chains of shops, companies and public bodies."""

    name = "chain"
    about = "shops, companies and public bodies"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for every chain that is named."""
        found: dict[Chain, dict[int, float]] = defaultdict(dict)
        for index, line in enumerate(writing.lines):
            for chain, trust in _in(line):
                found[chain][index] = max(trust * line.confidence, found[chain].get(index, 0.0))
        return [self._clue(chain, lines) for chain, lines in found.items()]

    def _clue(self, chain: Chain, lines: Mapping[int, float]) -> Clue:
        of: dict[str, tuple[float, tuple[Spot, ...]]] = {
            code: (fit, tuple(spot for spot in chain.spots if spot.country == code))
            for code, fit in chain.countries.items()
        }
        countries, spots = placed(of, STRAY)
        return Clue(self.name, chain.names[0], chain.sentence, tuple(lines), countries, spots, max(lines.values()))


@cache
def names() -> _Names:
    """The table, read once a process."""
    whole: dict[str, Chain] = {}
    for row in tables.rows("chains"):
        countries = tables.fits(row["countries"])
        spots = tables.spots(row, next(iter(countries)))
        chain = Chain(tuple(row["names"].split(";")), row["kind"], row["word"], countries, spots)
        for name in chain.names:
            whole.setdefault(squeezed(name), chain)
    cjk = {key: chain for key, chain in whole.items() if _CJK & scripts_of(key).keys()}
    long = {k: c for k, c in whole.items() if k not in cjk and len(k) >= _LONG and c.word == "own"}
    near: dict[str, list[str]] = defaultdict(list)
    for key in long:
        for shorter in {key, *_shortened(key)}:
            near[shorter].append(key)
    return _Names(whole, cjk, long, near)


def _in(line: Line) -> Iterator[tuple[Chain, float]]:
    """Chains in a line with how far to trust them; a name within a longer one is not counted."""
    words = [match.group() for match in _WORD.finditer(line.text)]
    folded = [fold(word) for word in words]
    taken: set[int] = set()
    for size in range(min(_WINDOW, len(words)), 0, -1):
        for start in range(len(words) - size + 1):
            span = range(start, start + size)
            if taken.isdisjoint(span) and (hit := _at(words, folded, span)):
                taken.update(span)
                yield hit
    everything = "".join(word for i, word in enumerate(folded) if i not in taken)
    yield from _within(everything)


def _at(words: Sequence[str], folded: Sequence[str], span: range) -> tuple[Chain, float] | None:
    key = "".join(folded[i] for i in span)
    chain = names().whole.get(key)
    if chain is None:
        near = _near(key) if len(key) >= _LONG else None
        return (near, 0.7) if near else None
    if len(key) < _LONG and len(span) not in map(len, chain.written):
        return None
    rest = [word for i, word in enumerate(folded) if i not in span]
    trust = _trust(chain, key, [words[i] for i in span], all(word in _BESIDE or word.isdigit() for word in rest))
    return (chain, trust) if trust else None


def _trust(chain: Chain, key: str, written: Sequence[str], alone: bool) -> float:
    """How far a name is believed, by its kind, how it is written and whether it stands alone on its line."""
    if key in names().cjk:
        return 0.9 if len(key) > 2 and chain.word == "own" else 0.6
    capital = all(word[0].isupper() or not word[0].isalpha() for word in written if len(word) > 2) and any(
        not word.islower() for word in written
    )
    if len(key) < _SHORT:
        return 0.4 if alone and tuple(written) in chain.written else 0.0
    if chain.word == "own":
        if len(key) > _SHORT:
            return 0.93
        return 0.0 if not capital else 0.8 if alone else 0.6
    if not capital:
        return 0.0
    if chain.word == "shared":
        return 0.55 if alone else 0.3
    return 0.25 if alone else 0.0


def _within(text: str) -> Iterator[tuple[Chain, float]]:
    """Names inside text without spaces: in Chinese, Japanese or Korean, and long ones that run into other words."""
    for key, chain in names().cjk.items():
        if key in text:
            yield chain, _trust(chain, key, (), False)
    if len(text) > _LONG:
        for key, chain in names().long.items():
            if len(key) > _LONG and key in text:
                yield chain, 0.7


def _near(key: str) -> Chain | None:
    """The long name that is one letter off `key`."""
    from rapidfuzz.distance import Levenshtein

    for form in (key, *_shortened(key)):
        for other in names().near.get(form, ()):
            if Levenshtein.distance(key, other, score_cutoff=1) <= 1:
                return names().long[other]
    return None


def _shortened(key: str) -> list[str]:
    """`key` with each of its letters but the first left out in turn: names that begin otherwise are others."""
    return [key[:i] + key[i + 1 :] for i in range(1, len(key))]
