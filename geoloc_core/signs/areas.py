"""Areas that a number on a sign stands for (a telephone area, a postal district), as a likelihood.

The same digits can be a number of several countries, of some known to the town and of others not. Bayes' rule makes
them comparable: a number of country c falls into its area a in the share that a has of c's photos, so seeing one of
that very area is 1 / share times as probable inside it. `STRAY` of the numbers on signs are of another area.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np

from geoloc_core.places import fold, gazetteer
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.ground import ground

STRAY = 0.12
_LEAST = 1e-6
Found = Mapping[str, tuple[float, tuple[Spot, ...]]]


def placed(found: Found, stray: float = STRAY) -> tuple[dict[str, float], tuple[Spot, ...]]:
    """Fits of countries and spots for a thing that may belong to several countries.

    Args:
        found: ISO 3166 alpha-2 -> how well it fits the country as a whole, and the areas it has there, if any is known.
        stray: share of such things that stand outside their area.
    """
    countries: dict[str, float] = {}
    spots: list[tuple[Spot, float]] = []
    for code, (fit, areas) in found.items():
        countries[code] = fit * (stray if areas else 1.0)
        spots += [(area, fit * (1 - stray) / len(areas) / share(area)) for area in areas]
    top = max([*countries.values(), *(fit for _, fit in spots)], default=0.0)
    if top <= 0:
        return {}, ()
    kept = {code: max(fit / top, _LEAST) for code, fit in countries.items() if fit > 0}
    return kept, tuple(replace(spot, fit=max(fit / top, _LEAST)) for spot, fit in spots if fit > 0)


@lru_cache(maxsize=4096)
def share(spot: Spot) -> float:
    """Share of its country's photos that lie in the spot, between 1e-4 and 1."""
    on = ground()
    if spot.country not in on.codes:
        return 1.0
    inside = float(on.prior @ on.fit(Clue("", "", "", (), {}, (replace(spot, fit=1.0),))))
    return float(np.clip(inside / max(mass(spot.country), 1e-12), 1e-4, 1.0))


@cache
def mass(country: str) -> float:
    """Share of the world's photos with writing in them that are of a country."""
    on = ground()
    if country not in on.codes:
        return 0.0
    return float(on.prior[on.country == on.codes.index(country)].sum())


@cache
def towns_of(country: str) -> Mapping[str, tuple[int, ...]]:
    """Names of a country's towns, as `plain` gives them -> rows of the gazetteer, the most populous first."""
    towns = gazetteer().towns
    rows = towns.of_country.get(country, slice(0, 0))
    names = towns.names.slice(rows.start, rows.stop - rows.start).to_pylist()
    found: dict[str, tuple[int, ...]] = {}
    for i in np.argsort(-towns.population[rows], kind="stable"):
        name = plain(names[i])
        found[name] = (*found.get(name, ()), rows.start + int(i))
    return found


def plain(name: str) -> str:
    """A town's name for comparing: folded, German umlauts as they are, hyphens and full stops as spaces."""
    return " ".join(fold(name).replace("-", " ").replace(".", " ").replace("'", " ").split())


def country_name(code: str) -> str:
    """A country's English name, or its code if it has no outline."""
    return gazetteer().countries.get(code, code)


def listed(names: list[str], most: int = 3) -> str:
    """ "Norway", "Norway or Denmark", "Norway, Denmark or 5 other countries"."""
    if len(names) > most:
        rest = len(names) - most + 1
        names = [*names[: most - 1], f"{rest} other countries"]
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""
