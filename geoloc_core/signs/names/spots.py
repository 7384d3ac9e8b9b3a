"""Where a sign with a place's name may stand: in the place, about it, on the road to it.

The fits are shares of signs, judged: a name's own town shows it far oftener than any other place, firms and direction
signs carry it some 50 km into the country. A street is named after a town where that is a neighbour ("Neusser Straße"
lies in Köln), and the larger the town, the farther its name reaches. A sign that gives the distance says the most.
"""

from __future__ import annotations

from collections.abc import Iterator

from geoloc_core.geo import destination
from geoloc_core.signs.clue import Spot
from geoloc_core.signs.names.candidates import LANDMARK, TOWN, Place
from geoloc_core.signs.names.mentions import Mention

MOST_SPOTS = 24
_HALO_KM, _HALO, _HALOES = 45.0, 0.04, 6
_IN_COUNTRY, _STREET_IN_COUNTRY = 0.002, 0.03
_RENOWNED = 200_000
_BEARINGS, _AS_THE_CROW_FLIES, _RING_WIDTH = 10, 0.82, 0.3
_NEAR_KM = 8.0
_STREET_KM, _STREET_POWER, _STREET_LEAST, _STREET_MOST = 12.0, 0.37, 25.0, 300.0


def spots_of(mention: Mention) -> tuple[dict[str, float], tuple[Spot, ...]]:
    """Fits of countries, and the spots with theirs, for a name that was found."""
    places = mention.places
    top = max(place.weight for place in places)
    places = tuple(p for p in places if p.weight >= 0.02 * top)[:MOST_SPOTS]
    street = "street" in mention.around.kinds and "postcode" not in mention.around.kinds
    share = _STREET_IN_COUNTRY if street else _IN_COUNTRY
    countries: dict[str, float] = {}
    for place in places:
        fit = share * place.weight / top * _renown(place)
        countries[place.country] = max(fit, countries.get(place.country, 0.0))
    spots: list[Spot] = []
    for i, place in enumerate(places):
        if mention.around.km:
            spots += _ring(place, mention.around.km, place.weight / top)
        elif street:
            spots += _street(place, place.weight / top)
        else:
            spots += _town(place, place.weight / top, i < _HALOES)
    return countries, tuple(sorted(spots, key=lambda s: -s.fit)[: 2 * MOST_SPOTS])


def _town(place: Place, fit: float, halo: bool) -> Iterator[Spot]:
    yield _spot(place, place.km, fit)
    if halo and place.level in (TOWN, LANDMARK):
        yield _spot(place, _HALO_KM, fit * _HALO * _renown(place))


def _renown(place: Place) -> float:
    """How many of the signs that a city has outside itself a place has: as it has people, up to `_RENOWNED`."""
    return min(max(place.people, 1000) / _RENOWNED, 1.0)


def _street(place: Place, fit: float) -> Iterator[Spot]:
    reach = _STREET_KM * (max(place.people, 1) / 1000) ** _STREET_POWER
    yield _spot(place, min(max(reach, _STREET_LEAST), _STREET_MOST) + (place.km if place.level != TOWN else 0), fit)


def _ring(place: Place, km: float, fit: float) -> Iterator[Spot]:
    """A sign so far away: a ring of spots, or one around the place where that comes to the same."""
    away = km * _AS_THE_CROW_FLIES
    if away < _NEAR_KM + place.km:
        yield _spot(place, max(place.km, away), fit)
        return
    ends = destination((place.lat, place.lon), [360 * i / _BEARINGS for i in range(_BEARINGS)], away)
    for lat, lon in ends:
        yield Spot(float(lat), float(lon), max(_NEAR_KM, _RING_WIDTH * away), fit, place.name)


def _spot(place: Place, km: float, fit: float) -> Spot:
    return Spot(place.lat, place.lon, float(km), fit, place.name, place.country)
