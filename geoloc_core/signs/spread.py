"""A belief over 155,000 places as a distribution of some hundred points, and the place to name.

The likeliest places keep a point each; what is left is gathered by country into ever larger squares, so that no mass is
lost and none crosses a border.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoloc_core.geo import (
    EARTH_RADIUS_KM,
    Floats,
    LocationDistribution,
    distance_km,
    from_unit_vectors,
)
from geoloc_core.signs.combine import Belief
from geoloc_core.signs.ground import heaviest

OWN_POINTS, MOST_SQUARES = 250, 200
TOWN_KM = 8.0  # a photo "of a town" is taken this far from its centre
_SCALES = ((25.0, 1.0), (200.0, 0.5), (750.0, 0.5))  # km, and what being right within them is worth
_COUNTRY = 1.0
_EQUAL = 0.03  # worths that differ by less are equal, and the larger town is named: Cologne, not its suburb
_CANDIDATES, _COUNTRIES = 60, 6


def distribution_of(belief: Belief) -> LocationDistribution:
    """The belief as weighted points; `best()` is the place that is right at the most scales, see `to_name`."""
    head = np.array(heaviest(belief.mass, OWN_POINTS))
    points, mass, width = belief.ground.points[head], belief.mass[head], np.full(len(head), TOWN_KM)
    rest = belief.mass.copy()
    rest[head] = 0
    others = _squares(belief, rest)
    points, mass, width = (np.concatenate(pair) for pair in zip((points, mass, width), others, strict=True))
    kept = mass > 1e-7
    points, mass, width = points[kept], mass[kept], width[kept]
    return LocationDistribution(points, mass, width, named=to_name(belief, points, mass))


def to_name(belief: Belief, points: Floats, mass: Floats) -> tuple[float, float]:
    """(lat, lon) of the place with the highest expected worth.

    Naming a place is worth `_COUNTRY` if the photo was taken in its country, and something for being within 25, 200 and
    750 km of it. The place of highest density alone would be a capital of the wrong country whenever the right one is
    large.

    Args:
        belief: the places and their probabilities.
        points: (n, 2) degrees, the belief gathered.
        mass: (n,) likewise.
    """
    on, shares = belief.ground, belief.countries()[:_COUNTRIES]
    rows = heaviest(belief.mass, _CANDIDATES)
    for code, _ in shares:
        own = np.flatnonzero(on.country == on.codes.index(code))
        rows = [*rows, int(own[np.argmax(belief.mass[own])])]
    candidates = np.array(rows)
    sums = np.bincount(on.country, weights=belief.mass, minlength=len(on.codes))
    worth = _COUNTRY * sums[on.country[candidates]]
    away = distance_km(on.points[candidates][:, None], points[None])
    for km, value in _SCALES:
        worth += value * (away <= km) @ mass
    as_good = candidates[worth >= worth.max() - _EQUAL]
    best = as_good[int(np.argmax(on.people[as_good]))]
    return float(on.points[best, 0]), float(on.points[best, 1])


def _squares(belief: Belief, rest: Floats) -> tuple[Floats, Floats, Floats]:
    """Points, masses and widths (km) of what has no point of its own, in the smallest squares that are few enough."""
    rows = np.flatnonzero(rest > 0)
    found: list[tuple[Floats, Floats, Floats]] = []
    room = MOST_SQUARES
    for numbers in belief.ground.squares:
        square = numbers[rows]
        sums: Floats = np.bincount(square, weights=rest[rows]).astype(np.float64)
        there = int(np.count_nonzero(sums))
        taken = there if numbers is belief.ground.squares[-1] or there <= room else room // 2
        kept = np.zeros(len(sums), bool)
        kept[heaviest(sums, taken)] = True
        mine = kept[square]
        found.append(_gather(belief, rows[mine], rest[rows[mine]], square[mine]))
        rows, room = rows[~mine], room - taken
        if not len(rows):
            break
    points, mass, width = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return points, mass, width


def _gather(
    belief: Belief, rows: NDArray[np.intp], mass: Floats, square: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats]:
    """Each square's centre of mass, its mass, and the standard deviation of its places along an axis."""
    vectors = belief.ground.vectors[rows]
    sums: Floats = np.bincount(square, weights=mass).astype(np.float64)
    there = sums > 0
    totals = np.column_stack([np.bincount(square, weights=mass * axis) for axis in vectors.T])
    centre: Floats = totals[there] / sums[there, None]
    length = np.linalg.norm(centre, axis=1)
    spread = EARTH_RADIUS_KM * np.sqrt(np.maximum(2 * (1 - length), 0) / 2)
    return from_unit_vectors(centre), sums[there], np.clip(spread, 2 * TOWN_KM, 1500.0)
