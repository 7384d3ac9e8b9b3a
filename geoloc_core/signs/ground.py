"""The ground that clues are weighed on: every town of the world, and how many photos one expects from it.

A photo with writing in it is hardly ever taken far from a town, and a town belongs to one country: so the product of
clues is taken over towns, not over a grid, and borders stay sharp. Clues that name a finer or remoter place than a town
add it to the ground.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import GeolocError
from geoloc_core.geo import EARTH_RADIUS_KM, Floats, distance_km, unit_vectors
from geoloc_core.paths import ASSETS
from geoloc_core.places import gazetteer
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.tables import columns

PHOTOS = ASSETS / "signs" / "photos.parquet"
SHARED = 0.6  # of the prior goes to where shared photos were taken, the rest to where people live
FINE_KM, MOST_ADDED = 60.0, 100
SQUARES = (2.0, 6.0, 20.0, 60.0)  # degrees
_SAME_KM = 2.0


@dataclass(frozen=True, eq=False)
class Ground:
    """Places a photo may have been taken at.

    Attributes:
        points: (n, 2) degrees (lat, lon).
        vectors: (n, 3) the same on the unit sphere.
        prior: (n,) probability of a photo with writing in it, before anything is read; sums to 1.
        codes: ISO 3166 alpha-2 codes of the countries.
        country: (n,) index into `codes`.
        people: (n,) inhabitants; 0 where unknown, and for places that clues have added.
        squares: for each size of `SQUARES`, (n,) the number of a place's square; none crosses a border.
        by_height: (n,) rows from south to north.
    """

    points: Floats
    vectors: Floats
    prior: Floats
    codes: tuple[str, ...]
    country: NDArray[np.intp]
    people: NDArray[np.int32]
    squares: tuple[NDArray[np.intp], ...]
    by_height: NDArray[np.intp]

    def fit(self, clue: Clue) -> Floats:
        """(n,) how well a clue fits each place, up to a factor."""
        by_country = np.array([clue.countries.get(code, 0.0) for code in self.codes])
        fit = by_country[self.country]
        for spot in clue.spots:
            rows, near = self._around(spot)
            fit[rows] = np.maximum(fit[rows], spot.fit * near)
        return fit

    def _around(self, spot: Spot) -> tuple[NDArray[np.intp], Floats]:
        """Rows that a spot reaches, and its Gaussian there, which is cut off at 5 widths."""
        angle = min(5 * spot.km / EARTH_RADIUS_KM, np.pi)
        rows = self._belt(spot.lat, angle)
        if spot.country in self.codes:
            rows = rows[self.country[rows] == self.codes.index(spot.country)]
        cosine = self.vectors[rows] @ unit_vectors((spot.lat, spot.lon))[0]
        inside = cosine >= np.cos(angle)
        gap = np.arccos(np.clip(cosine[inside], -1, 1)) * EARTH_RADIUS_KM
        return rows[inside], np.exp(-(gap**2) / (2 * spot.km**2))

    def _belt(self, lat: float, angle: float) -> NDArray[np.intp]:
        """Rows whose latitude is within `angle` radians of `lat` degrees."""
        south, north = np.clip(np.radians(lat) + np.array([-angle, angle]), -np.pi / 2, np.pi / 2)
        start, stop = np.searchsorted(self._heights, np.sin([south - 1e-9, north + 1e-9]))
        return self.by_height[start:stop]

    @cached_property
    def _heights(self) -> Floats:
        return self.vectors[self.by_height, 2]

    def nearest(self, lat: float, lon: float) -> tuple[int, float]:
        """The row nearest to a point in degrees, and the distance in km."""
        vector = unit_vectors((lat, lon))[0]
        for angle in (0.02, np.pi):
            rows = self._belt(lat, angle)
            if len(rows):
                cosine = self.vectors[rows] @ vector
                best = int(np.argmax(cosine))
                gap = float(np.arccos(min(cosine[best], 1.0)))
                if gap <= angle:
                    return int(rows[best]), gap * EARTH_RADIUS_KM
        raise AssertionError("the ground has no places")

    def with_spots(self, clues: Iterable[Clue]) -> Ground:
        """The ground with the fine places that clues name and that no town stands for."""
        spots = [s for clue in clues for s in clue.spots if s.km <= FINE_KM]
        new: list[Spot] = []
        towns: list[int] = []
        for spot in sorted(spots, key=lambda s: -s.fit)[:MOST_ADDED]:
            town, km = self.nearest(spot.lat, spot.lon)
            if km > _SAME_KM and not _known(spot, new):
                new.append(spot)
                towns.append(town)
        if not new:
            return self
        points = np.array([(s.lat, s.lon) for s in new])
        vectors = np.vstack([self.vectors, unit_vectors(points)])
        prior = np.concatenate([self.prior, self.prior[towns] / 2])
        own = [self._country_of(spot, town) for spot, town in zip(new, towns, strict=True)]
        return Ground(
            np.vstack([self.points, points]),
            vectors,
            prior / prior.sum(),
            self.codes,
            np.concatenate([self.country, own]),
            np.concatenate([self.people, np.zeros(len(new), np.int32)]),
            tuple(np.concatenate([squares, squares.max() + 1 + np.arange(len(new))]) for squares in self.squares),
            np.argsort(vectors[:, 2], kind="stable"),
        )

    def _country_of(self, spot: Spot, town: int) -> int:
        return self.codes.index(spot.country) if spot.country in self.codes else int(self.country[town])

    def shares(self, mass: Floats) -> list[tuple[str, float]]:
        """Countries with the sum of an (n,) mass in each, the largest first."""
        sums = np.bincount(self.country, weights=mass, minlength=len(self.codes))
        return [(self.codes[i], float(sums[i])) for i in np.argsort(-sums, kind="stable") if sums[i] > 0]


@cache
def ground() -> Ground:
    """The towns of the gazetteer, made once a process.

    Raises:
        GeolocError: the tables are missing or damaged.
    """
    towns = gazetteer().towns
    codes = tuple(sorted(code for code in towns.of_country if code))
    country = np.empty(len(towns.points), np.intp)
    for i, code in enumerate(codes):
        country[towns.of_country[code]] = i
    prior = SHARED * _photos(len(country)) + (1 - SHARED) * _people(towns.population, country)
    vectors = unit_vectors(towns.points)
    squares = tuple(_squares(towns.points, country, size) for size in SQUARES)
    north = np.argsort(vectors[:, 2], kind="stable")
    return Ground(towns.points, vectors, prior, codes, country, towns.population, squares, north)


def _squares(points: Floats, country: NDArray[np.intp], size: float) -> NDArray[np.intp]:
    """(n,) numbers 0, 1, ... of squares of `size` degrees, each within one country."""
    across = np.floor(points / size).astype(np.int64) + 1000
    return np.unique((country * 4000 + across[:, 0]) * 4000 + across[:, 1], return_inverse=True)[1].astype(np.intp)


def _known(spot: Spot, others: Sequence[Spot]) -> bool:
    return bool(others) and bool((distance_km((spot.lat, spot.lon), [(s.lat, s.lon) for s in others]) < _SAME_KM).any())


def _photos(towns: int) -> Floats:
    counts = columns(PHOTOS, "photos")["photos"].to_numpy().astype(np.float64)
    if len(counts) != towns:
        raise GeolocError(f"{PHOTOS} is of another assets/places. Restore both from the same version.")
    return counts / counts.sum()


def _people(population: NDArray[np.int32], country: NDArray[np.intp]) -> Floats:
    """Shares that grow more slowly than the number of people: small countries and towns have their photos too."""
    people = population + 300.0
    within = people**0.8
    totals = np.bincount(country, weights=people) ** 0.6
    shares = within * (totals / np.bincount(country, weights=within))[country]
    return shares / shares.sum()


def heaviest(mass: Floats, most: int) -> Sequence[int]:
    """Indices of the `most` largest of (n,) masses, largest first."""
    count = min(most, len(mass))
    top = np.argpartition(-mass, count - 1)[:count]
    return [int(i) for i in top[np.argsort(-mass[top], kind="stable")]]
