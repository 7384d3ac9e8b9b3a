"""What is written on the signs of the world, by language and by country: tables typed from general knowledge.

They are the Atlas's own and share nothing with the tables that clues are found with, so that reading a drawn sign is a
test that can fail. All are plain CSV files in `data/`, meant to be read and corrected:

`phrases.csv`: language, kind of sign, phrases parted by "|"; `{p}` stands for a surname, `{t}` for a town nearby.
`countries.csv`: languages of signs, as often as they are named (";"), and national forms, alternatives parted by "|";
"#" stands for a digit and "@" for a letter. `regions.csv`: languages where a region differs from its country.
`towns.csv`: names in the script of the country, area codes, and what number plates begin with.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from index_builder.atlas.facts import countries as atlas_countries

DATA = Path(__file__).parent / "data"
KINDS = ("street", "shop", "notice", "item", "days", "build", "stop", "name")


@dataclass(frozen=True)
class Forms:
    """How a country writes things; empty where it has no such thing or nobody has typed it.

    Attributes:
        languages: of its signs, an often used one several times.
        post: postcode.
        town_line: the line of an address with the town.
        address: the line with the street.
        price: with the currency.
        plate: number plate.
        road: number of a main road.
        company: what the name of a limited company ends with.
    """

    languages: tuple[str, ...]
    post: str = ""
    town_line: str = "{town}"
    address: str = "{street} {n}"
    price: str = ""
    plate: str = ""
    road: str = ""
    company: str = ""


@dataclass(frozen=True)
class Town:
    """A town's name as its signs have it, its telephone area code, and what its number plates begin with."""

    local: str
    phone: str
    plate: str


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@cache
def phrases() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Language -> kind of sign -> phrases."""
    table: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in _rows("phrases.csv"):
        table.setdefault(row["language"], {})[row["kind"]] = tuple(row["texts"].split("|"))
    return table


@cache
def forms() -> Mapping[str, Forms]:
    """ISO 3166 alpha-2 -> forms, for every country of the Atlas whose language has phrases."""
    table = {row["iso2"]: _forms(row) for row in _rows("countries.csv")}
    for iso2, country in atlas_countries().items():
        spoken = tuple(language for language in country.languages if language in phrases())
        if spoken:
            table.setdefault(iso2, Forms(spoken))
    return table


def _forms(row: dict[str, str]) -> Forms:
    rest = {key: row[key] for key in ("post", "price", "plate", "road", "company")}
    return Forms(
        tuple(row["languages"].split(";")),
        town_line=row["town_line"] or Forms.town_line,
        address=row["address"] or Forms.address,
        **rest,
    )


@cache
def regional() -> Mapping[tuple[str, str], tuple[str, ...]]:
    """(ISO 3166 alpha-2, region) -> languages, where they differ from the country's."""
    return {(row["iso2"], row["region"]): tuple(row["languages"].split(";")) for row in _rows("regions.csv")}


@cache
def towns() -> Mapping[tuple[str, str], Town]:
    """(ISO 3166 alpha-2, name in the gazetteer) -> town."""
    return {
        (row["iso2"], row["town"]): Town(row["local"] or row["town"], row["phone"], row["plate"])
        for row in _rows("towns.csv")
    }
