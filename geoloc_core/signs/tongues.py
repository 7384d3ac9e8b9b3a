"""Where which language stands on signs: `assets/signs/languages.csv`, general knowledge meant to be corrected.

A row without a place says what share of a country's signs carry the language, one with a place where in the country it
stands more often ("Catalan" in the Balearic Islands).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from geoloc_core.signs import tables
from geoloc_core.signs.clue import Spot


@dataclass(frozen=True)
class Lands:
    """Countries and places with fits, as a clue takes them."""

    countries: Mapping[str, float] = field(default_factory=dict)
    spots: tuple[Spot, ...] = ()

    def times(self, factor: float) -> Lands:
        """All fits multiplied."""
        countries = {code: fit * factor for code, fit in self.countries.items()}
        return Lands(countries, tuple(replace(spot, fit=spot.fit * factor) for spot in self.spots))

    def without(self, country: str) -> Lands:
        """The same but for one country."""
        countries = {code: fit for code, fit in self.countries.items() if code != country}
        return Lands(countries, tuple(spot for spot in self.spots if spot.country != country))

    @staticmethod
    def either(one: Lands, other: Lands) -> Lands:
        """The larger fit for each country; the places of both."""
        both = {*one.countries, *other.countries}
        countries = {code: max(one.countries.get(code, 0.0), other.countries.get(code, 0.0)) for code in both}
        return Lands(countries, tuple(dict.fromkeys((*one.spots, *other.spots))))

    def fits(self) -> dict[str, float]:
        """Countries with their fit, or that of their best part."""
        fits = dict(self.countries)
        for spot in self.spots:
            if spot.country:
                fits[spot.country] = max(fits.get(spot.country, 0.0), spot.fit)
        return fits

    def best(self) -> tuple[str, ...]:
        """The countries it fits about as well as any, the best first."""
        fits = self.fits()
        top = max(fits.values(), default=0.0)
        return tuple(sorted((c for c in fits if fits[c] >= 0.35 * top), key=lambda c: (-fits[c], c)))


@cache
def names() -> dict[str, str]:
    """Language -> its English name."""
    return {row["language"]: row["name"] for row in tables.rows("languages")}


@cache
def lands() -> dict[str, Lands]:
    """Language -> where it stands on signs."""
    countries: dict[str, dict[str, float]] = {}
    spots: dict[str, list[Spot]] = {}
    for row in tables.rows("languages"):
        code, country, share = row["language"], row["country"], float(row["share"])
        if row["lat"]:
            at = float(row["lat"]), float(row["lon"]), float(row["km"])
            spots.setdefault(code, []).append(Spot(*at, share, row["region"], country))
        else:
            countries.setdefault(code, {})[country] = share
    return {code: Lands(fits, tuple(spots.get(code, ()))) for code, fits in countries.items()}


@cache
def resolve(text: str) -> Lands:
    """A column of countries in which a code in small letters is a language: wherever that stands on signs.

    A country named beside a language replaces what the language says of it: "de:1 CH:0.3".
    """
    found, own = Lands(), {}
    for code, fit in tables.fits(text).items():
        if code.islower():
            found = Lands.either(found, lands()[code].times(fit))
        else:
            own[code] = fit
    for code in own:
        found = found.without(code)
    return Lands({**found.countries, **own}, found.spots)
