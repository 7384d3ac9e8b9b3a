"""What a postcode stands for: its area by the first digits, and whether a town beside it lies there.

`index_builder.signs.postcodes` makes the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from geoloc_core.geo import distance_km
from geoloc_core.places import gazetteer, town_radius_km
from geoloc_core.signs import tables
from geoloc_core.signs.areas import plain, towns_of
from geoloc_core.signs.clue import Spot

_NEAR = 3.0  # standard deviations of an area within which a town may have its postcode
AGREES, UNCHECKED, ELSEWHERE = 1.0, 0.15, 0.005


@dataclass(frozen=True)
class Town:
    """A town beside a postcode: how well both go together, and where it lies."""

    fit: float
    name: str
    spot: Spot


def area(country: str, code: str) -> Spot | None:
    """The area of a postcode without spaces and hyphens, or of "@" and a state's abbreviation."""
    table = _areas().get(country, {})
    for size in range(min(len(code), 4), 0, -1):
        if spot := table.get(code[:size]):
            return spot
    return None


def town(country: str, names: Iterable[str], place: Spot | None) -> Town | None:
    """The first of `names` that is a town of the country, and how well it goes with the postcode's area."""
    for name in names:
        key = plain(name)
        if place and key in _aliases().get(country, {}).get((place.lat, place.lon), ()):
            return Town(AGREES, name, Spot(place.lat, place.lon, min(place.km, 12.0), 1.0, place.name, country))
        rows = towns_of(country).get(key, ())
        if rows:
            return _nearest(country, name, rows, place)
    return None


def _nearest(country: str, name: str, rows: tuple[int, ...], place: Spot | None) -> Town:
    towns = gazetteer().towns
    reach = _NEAR * place.km if place else 0.0
    near = [row for row in rows if place and distance_km(towns.points[row], (place.lat, place.lon)) <= max(reach, 50.0)]
    row = (near or rows)[0]
    lat, lon = (float(value) for value in towns.points[row])
    km = max(town_radius_km(int(towns.population[row])), 4.0)
    fit = AGREES if near else ELSEWHERE if place else UNCHECKED
    return Town(fit, name, Spot(lat, lon, km, 1.0, str(towns.names[row].as_py()), country))


@cache
def _rows() -> tuple[dict[str, str], ...]:
    return tuple(tables.rows("postcodes"))


@cache
def _areas() -> Mapping[str, Mapping[str, Spot]]:
    found: dict[str, dict[str, Spot]] = {}
    for row in _rows():
        lat, lon, km = (float(row[key]) for key in ("lat", "lon", "km"))
        found.setdefault(row["country"], {})[row["prefix"]] = Spot(lat, lon, km, 1.0, row["name"], row["country"])
    return found


@cache
def _aliases() -> Mapping[str, Mapping[tuple[float, float], frozenset[str]]]:
    """By country and place the names that a town goes by: "Köln" and "Cologne"; the first row of a place has them."""
    found: dict[str, dict[tuple[float, float], frozenset[str]]] = {}
    for row in _rows():
        names = {plain(name) for name in (row["name"], *row["also"].split(";"))} - {""}
        place = float(row["lat"]), float(row["lon"])
        here = found.setdefault(row["country"], {})
        here[place] = here.get(place, frozenset()) | names
    return found
