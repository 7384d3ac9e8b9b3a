"""Past the gallery's points: from a start, climb the similarity over ever finer hexagonal grids of encoded places.

Published code stops at the points of its gallery. The location encoder answers for any place, so its own neighbourhood
can be asked; its finest frequencies turn once in some 30 km, which leaves hills a few km wide and little below 100 m.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geoloc_core.encoders.base import Embeddings
from geoloc_core.geo import Floats, destination, distance_km

FINE_KM = 0.1
_RINGS = np.array(
    [(60.0 * i, 1.0) for i in range(6)]
    + [(60.0 * i, 2.0) for i in range(6)]
    + [(60.0 * i + 30, 3**0.5) for i in range(6)]
)  # bearing in degrees and distance in spacings of the 18 neighbours within two rings


@dataclass(frozen=True)
class Refined:
    """A place found by climbing: where it began and ended, and the similarity there. It never falls."""

    lat: float
    lon: float
    similarity: float
    from_lat: float
    from_lon: float
    from_similarity: float

    @property
    def km(self) -> float:
        """How far the climb went."""
        return float(distance_km((self.from_lat, self.from_lon), (self.lat, self.lon)))

    @property
    def gain(self) -> float:
        """How much the similarity rose; at least 0."""
        return self.similarity - self.from_similarity


def rounds(reach_km: float, fine_km: float = FINE_KM) -> list[float]:
    """The grids' spacings in km, coarse to fine: the first lets two rings span the reach, each next is half of it."""
    spacing = [reach_km / 2]
    while spacing[-1] > fine_km:
        spacing.append(spacing[-1] / 2)
    return spacing


def climb(
    encode: Callable[[Floats], Embeddings],
    query: ArrayLike,
    starts: ArrayLike,
    *,
    reach_km: float,
    fine_km: float = FINE_KM,
) -> tuple[Refined, ...]:
    """The best place near each start: all starts climb together, one call of `encode` a round.

    Args:
        encode: (n, 2) degrees (lat, lon) to (n, d) unit rows.
        query: (d,) the photo's embedding.
        starts: (m, 2) degrees, m >= 1.
        reach_km: no place farther than this from its start is considered.
        fine_km: spacing at which the climb ends.
    """
    photo = np.asarray(query, np.float32)
    centre = np.array(starts, np.float64).reshape(-1, 2)
    at, first = centre.copy(), encode(centre) @ photo
    best = first.copy()
    for spacing in rounds(reach_km, fine_km):
        around = destination(at[:, None, :], _RINGS[:, 0], spacing * _RINGS[:, 1])
        score = (encode(around.reshape(-1, 2)) @ photo).reshape(len(at), -1)
        score[distance_km(centre[:, None, :], around) > reach_km] = -np.inf
        top = score.argmax(axis=1)
        rose = score.max(axis=1) > best
        at[rose] = around[rose, top[rose]]
        best[rose] = score[rose, top[rose]]
    return tuple(
        Refined(float(end[0]), float(end[1]), float(s), float(begin[0]), float(begin[1]), float(s0))
        for begin, s0, end, s in zip(centre, first, at, best, strict=True)
    )
