"""Places that a name may mean: towns, districts, regions, and landmarks that no table of towns has.

Landmarks (`assets/signs/landmarks.csv`) and the regions' own and short names (`assets/signs/regions.csv`) are general
knowledge, meant to be corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from geoloc_core.places import town_radius_km
from geoloc_core.signs import tables
from geoloc_core.signs.names.keys import key, spellings
from geoloc_core.signs.names.store import COUNTY, REGION, TOWN, Named, names

LANDMARK = 3
MOST = 40  # places a name is followed up to
LEAST_KM = 5.0
_WEIGHTS = (1.0, 0.25, 0.05)  # of a name by its grade: how much rarer signs use it there than the own name
_NAMESAKE = 30_000  # a town this large may have given its region the name
_FAMOUS = 300_000  # the alternates of a city this large are its names in the world's languages, one of them its own
_FAMOUS_WEIGHT = 0.7
_AREA_WEIGHTS = {REGION: 0.3, COUNTY: 0.1}  # signs name a region less often than a town of as many people
OWN_NAMES = frozenset((_WEIGHTS[0], _WEIGHTS[0] * _AREA_WEIGHTS[REGION]))  # weights of towns and regions by those


@dataclass(frozen=True)
class Place:
    """A place that a name may mean.

    Attributes:
        name: what it is called.
        region: first-level region, if known.
        country: ISO 3166 alpha-2.
        lat: degrees.
        lon: degrees.
        km: standard deviation of the places that are in it.
        people: who live there, or for a landmark as many as would photograph as many signs.
        level: TOWN, REGION, COUNTY or LANDMARK.
        weight: how usual the name is for it, up to 1.
    """

    name: str
    region: str | None
    country: str
    lat: float
    lon: float
    km: float
    people: float
    level: int
    weight: float


def places_of(spelt: Iterable[str]) -> dict[str, tuple[Place, ...]]:
    """Those of the keys that are names, each with what it may mean, the most populous first."""
    asked = list(dict.fromkeys(spelt))
    found = {k: tuple(_followed(named)) for k, named in names().find(asked).items()}
    for k in asked:
        if own := _known().get(k):
            found[k] = (*own, *found.get(k, ()))
    return {k: _ordered(places) for k, places in found.items()}


def _ordered(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The most populous first, but a region behind the town that it is named after."""
    towns = {p.country for p in places if p.level == TOWN and p.people * p.weight > _NAMESAKE}

    def rank(place: Place) -> float:
        namesake = place.level in (REGION, COUNTY) and place.country in towns
        return -place.people * place.weight * (0.01 if namesake else 1.0)

    return tuple(sorted(places, key=rank))[:MOST]


def _followed(named: Named) -> Iterator[Place]:
    people = names().people[named.rows]
    famous = (named.grades == 1) & (people >= _FAMOUS)
    weights = np.where(famous, _FAMOUS_WEIGHT, np.take(_WEIGHTS, named.grades))
    for i in np.argsort(-(people + 1000) * weights)[:MOST]:
        yield _place(int(named.rows[i]), float(weights[i]))


def _place(row: int, weight: float) -> Place:
    table = names()
    lat, lon = (float(x) for x in table.points[row])
    people, level = float(table.people[row]), int(table.levels[row])
    km = max(LEAST_KM, town_radius_km(int(people)) if level == TOWN else float(table.spread_km[row]))
    weight *= _AREA_WEIGHTS.get(level, 1.0)
    return Place(table.name(row), table.region(row), table.country(row), lat, lon, km, people, level, weight)


@cache
def _known() -> dict[str, tuple[Place, ...]]:
    """Key -> landmarks, and regions by their own names."""
    found: dict[str, tuple[Place, ...]] = {}
    for spelt, place in (*_landmarks(), *_regions()):
        found[spelt] = (*found.get(spelt, ()), place)
    return found


def _landmarks() -> Iterator[tuple[str, Place]]:
    for row in tables.rows("landmarks"):
        lat, lon, km = (float(row[column]) for column in ("lat", "lon", "km"))
        for name in row["names"].split(";"):
            place = Place(
                name, None, row["country"], lat, lon, max(km, 2.0), float(row["people"]) * 1000, LANDMARK, 1.0
            )
            yield from ((spelt, place) for spelt in spellings(name))


def _regions() -> Iterator[tuple[str, Place]]:
    rows = [row for row in tables.rows("regions") if row["names"]]
    found = names().find(key(row["region"]) for row in rows)
    for row in rows:
        named = found.get(key(row["region"]))
        places = (_place(int(i), 1.0) for i in (named.rows if named else ()) if names().levels[i] == REGION)
        for place in (p for p in places if p.country == row["country"]):
            for name in row["names"].split(";"):
                yield from ((spelt, place) for spelt in spellings(name))


@cache
def abbreviations() -> dict[str, frozenset[tuple[str, str]]]:
    """Short names of regions ("tx") -> (country, key of the region)."""
    found: dict[str, frozenset[tuple[str, str]]] = {}
    for row in tables.rows("regions"):
        for short in filter(None, (row["abbreviation"], row["region"], *row["names"].split(";"))):
            found[key(short)] = found.get(key(short), frozenset()) | {(row["country"], key(row["region"]))}
    return found
