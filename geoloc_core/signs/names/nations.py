"""Names of countries on signs: their own ("Sverige"), foreign ("Sweden") and adjectives ("Svenska").

A country's own name stands on its offices and border posts, a foreign one on restaurants and labels. The table is
general knowledge, meant to be corrected: `assets/signs/nations.csv`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from geoloc_core.places import gazetteer
from geoloc_core.signs import tables
from geoloc_core.signs.names.around import said_around
from geoloc_core.signs.names.keys import key
from geoloc_core.signs.names.tokens import Run, Token

_TRUST = {"own": 0.8, "others": 0.35, "adjectives": 0.4}
_LABELS = {"food": 0.15, "brand": 0.3, "prose": 0.6, "small": 0.3, "street": 0.3, "from": 0.3}
_IN_WORDS = frozenset(("madein", "productof", "importedfrom", "teamof", "visit", "vive", "viva"))


@dataclass(frozen=True)
class Nation:
    """A country's name that was found.

    Attributes:
        text: as it stands on the sign.
        line: where.
        country: ISO 3166 alpha-2.
        trust: probability that the sign stands in the country.
        adjective: it is one ("Svenska").
    """

    text: str
    line: int
    country: str
    trust: float
    adjective: bool


@cache
def table() -> dict[str, tuple[str, str]]:
    """Key -> (country, how it is called so: own, others, adjectives)."""
    found: dict[str, tuple[str, str]] = {}
    for row in tables.rows("nations"):
        for way in ("adjectives", "others", "own"):
            found.update({key(name): (row["country"], way) for name in row[way].split(";") if key(name)})
    return found


def called(country: str) -> str:
    """The English name of a country, with an article where it takes one."""
    name = gazetteer().countries.get(country, country)
    return f"the {name}" if name.startswith("United ") or name in ("Netherlands", "Philippines") else name


def nation_of(run: Run, sentence: list[Token]) -> Nation | None:
    """The country that a run of words names."""
    if run.key not in table() or (len(run.key) < 4 and run.key.isascii() and not run.text.isupper()):
        return None
    country, way = table()[run.key]
    around = said_around(run, sentence)
    sure = _TRUST[way]
    for kind in around.kinds:
        sure *= _LABELS.get(kind, 1.0)
    before = "".join(t.key for t in sentence[max(run.start - 2, 0) : run.start])
    sure *= 0.2 if before in _IN_WORDS or (run.start and sentence[run.start - 1].key in _IN_WORDS) else 1.0
    return Nation(run.text, sentence[run.start].line, country, sure, way == "adjectives")


def nations_in(runs: list[Run], sentence: list[Token]) -> Iterator[Nation]:
    """The countries named in a sentence, by the longest runs."""
    used: set[int] = set()
    for run in sorted(runs, key=lambda r: -len(r.key)):
        span = set(range(run.start, run.stop))
        if not used & span and (nation := nation_of(run, sentence)):
            used |= span
            yield nation
