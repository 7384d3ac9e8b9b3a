"""Inflected and derived forms of names: "Berliner", "Krakowska", "Pražská", "Московская", "Helsingin", "Stockholms".

A rule takes an ending off and puts others on; it counts only for towns of the countries whose language has it. What no
rule makes ("Zürcher", "Московская") is in `assets/signs/forms.csv`, general knowledge, meant to be corrected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from geoloc_core.signs import tables
from geoloc_core.signs.names.keys import key

_GERMAN, _NORDIC, _DUTCH = ("DE", "AT", "CH", "LI", "LU"), ("SE", "DK", "NO", "FI"), ("NL", "BE")
_SLAVIC = ("", "a", "o", "e", "y", "i", "ice", "in", "ov", "ow")
# Keys have no diacritics: й is и, ä is a.
_RULES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (  # ending, what may stand there instead, where
    ("er", ("", "e", "en", "er"), _GERMAN),
    ("ner", ("nen", "en"), _GERMAN),
    ("s", ("",), _NORDIC),
    ("se", ("", "n"), _DUTCH),
    ("n", ("",), ("FI",)),
    ("i", ("",), ("HU",)),
    *((end, (*_SLAVIC, "sk"), ("PL",)) for end in ("ska", "ski", "skie", "skiego", "skiej", "cka", "cki", "ckiej")),
    *((end, (*_SLAVIC, "sko", "sk"), ("CZ", "SK")) for end in ("ska", "sky", "ske", "skeho", "cka", "cky", "cke")),
    *((end, (*_SLAVIC, "sk"), ("SI", "HR", "RS", "BA", "ME")) for end in ("ska", "ski", "sko", "ske", "cka", "ska")),
    *((e, ("", "а", "о", "ь", "и", "ы", "ск"), ("RU", "BY", "KZ")) for e in ("ская", "скии", "ское", "скои", "ского")),
    *((end, ("", "а", "о", "ь", "и", "ськ"), ("UA",)) for end in ("ська", "ськии", "ське", "ськои", "ського")),
    *((end, ("", "а", "о", "я"), ("BG", "MK")) for end in ("ска", "ски", "ско")),
)
_LEAST = 4  # letters that must be left


@dataclass(frozen=True)
class Form:
    """What a word may be derived from.

    Attributes:
        key: of the name.
        countries: where the language is spoken that derives so.
    """

    key: str
    countries: tuple[str, ...]


@cache
def _irregular() -> dict[str, tuple[Form, ...]]:
    table: dict[str, tuple[Form, ...]] = {}
    for row in tables.rows("forms"):
        form = Form(key(row["name"]), tuple(row["countries"].split()))
        for word in row["forms"].split():
            table[key(word)] = (*table.get(key(word), ()), form)
    return table


def forms_of(word: str) -> Iterator[Form]:
    """The names that a word (a key) may be derived from; most of them do not exist."""
    yield from _irregular().get(word, ())
    for ending, others, countries in _RULES:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST:
            stem = word[: len(word) - len(ending)]
            yield from (Form(stem + other, countries) for other in others)
            if stem.endswith("en") and "CZ" in countries:
                yield Form(stem[:-2] + "no", countries)
