"""Where on Earth a text, a photo or a mixture of both fits: every location of a gallery scored, and drawn as heat.

A similarity says little by itself: any text is closer to some places than to others before it says anything, and texts
lie elsewhere in the shared space than photos do. So a text's similarity is taken minus that of the same prompts with
nothing said (`TextSide.neutral`), and what remains is put in standard deviations over the gallery's locations. Trained
by contrast, exp(t s) estimates p(place | query) / p(place), so the difference estimates log p(place | text) / p(place |
nothing said): how much the text speaks for a place, and not how many photos are taken there. A photo needs no such
partner: photos are what the places were trained against. The result is a score, not a probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.geo import EARTH_RADIUS_KM, Floats, LocationDistribution, distance_km, from_unit_vectors, unit_vectors

Scores = NDArray[np.float64]
SHARPNESS = 2.0  # for normally distributed scores, a quarter of the ground takes 90 % of the heat
MOST = 4.0  # scores beyond are drawn alike, lest one landmark leave the rest of the world blank
CELL_KM = 200.0  # no more detail shows on a map of the world
_APART_CELLS = 1.5
_REACH = 3.5  # kernel widths beyond which there is no heat
_LAND_KM2 = 149e6
_BLOCK = 16_384  # vectors compared at a time


@dataclass(frozen=True)
class TopPlace:
    """A location of the gallery: its row, (lat, lon) in degrees, and its score, in standard deviations."""

    row: int
    lat: float
    lon: float
    score: float


@dataclass(frozen=True, eq=False)
class PlaceScores:
    """(n,) scores of (n, 2) places in degrees (lat, lon), with mean 0 and standard deviation 1."""

    places: Floats
    scores: Scores

    @cached_property
    def heat(self) -> LocationDistribution:
        """The scores over the ground: weight exp(`SHARPNESS` x score), up to `MOST`, each cell's mean.

        A gallery has many locations where many photos are taken. One kernel a cell, whatever its number of locations,
        shows how well the ground fits rather than how often it is photographed; ground without a location stays blank.
        """
        weight = np.exp(SHARPNESS * np.minimum(self.scores, MOST))
        km = self._cell_km
        _, cell, count = np.unique(_cells(self.places, km), return_inverse=True, return_counts=True)
        vectors = unit_vectors(self.places)
        centres = np.column_stack([np.bincount(cell, axis) for axis in vectors.T])
        return LocationDistribution(from_unit_vectors(centres), np.bincount(cell, weight) / count, 0.9 * km)

    def density(self, at: Floats) -> Floats:
        """(m,) heat per square km at (m, 2) degrees: that of `heat`, asked for only where there is any."""
        cells = unit_vectors(self.heat.points).astype(np.float32)
        warm = (unit_vectors(at).astype(np.float32) @ cells.T).max(axis=1) > np.cos(
            _REACH * self.heat.kernel_km[0] / EARTH_RADIUS_KM
        )
        out = np.zeros(len(at))
        out[warm] = self.heat.density(at[warm])
        return out

    def top(self, k: int) -> tuple[TopPlace, ...]:
        """The `k` best places, at most; none within one and a half cells of a better one."""
        left, found = self.scores.copy(), list[TopPlace]()
        while len(found) < k and np.isfinite(best := left.max()):
            row = int(left.argmax())
            lat, lon = self.places[row].tolist()
            found.append(TopPlace(row, lat, lon, float(best)))
            left[distance_km((lat, lon), self.places) < _APART_CELLS * self._cell_km] = -np.inf
        return tuple(found)

    @cached_property
    def _cell_km(self) -> float:
        """Cells of a sparse gallery are as wide as its locations lie apart, lest the map fall into dots."""
        return float(np.clip(1.2 * np.sqrt(_LAND_KM2 / len(self.places)), CELL_KM, 4 * CELL_KM))


def score(
    gallery: Gallery,
    *,
    text: NDArray[np.floating] | None = None,
    neutral: NDArray[np.floating] | None = None,
    photo: NDArray[np.floating] | None = None,
    photo_weight: float = 0.5,
) -> PlaceScores:
    """Score all locations of a gallery for a text, a photo, or both.

    Both are mixed as a weighted sum of their two rows, each first scaled so that its similarities spread alike over the
    gallery: text rows lie close together, and in a plain sum the photo would drown them at any weight.

    Args:
        gallery: locations encoded by the GeoCLIP that made the rows.
        text: (d,) unit row of a text.
        neutral: (d,) unit row of a text that says nothing, to be subtracted; needed with `text`.
        photo: (d,) unit row of a photo.
        photo_weight: the photo's share, 0 to 1, where there are both.

    Raises:
        GeolocError: neither is given, a text without its neutral one, a weight outside 0 to 1, a gallery of photos, or
            one all of whose locations score alike.
        EncoderMismatch: the gallery holds bare coordinates.
    """
    _ = gallery.manifest.made_with
    if not gallery.manifest.of_locations:
        raise GeolocError("A heat map needs a gallery of locations. Build one with `python -m index_builder geoclip`.")
    if (text is None) != (neutral is None) or not 0 <= photo_weight <= 1 or (text is None and photo is None):
        raise GeolocError("Give a text with its neutral one, or a photo, and a weight from 0 to 1.")
    parts: list[tuple[float, NDArray[np.float32]]] = []
    if text is not None and neutral is not None:
        parts.append((1.0 if photo is None else 1 - photo_weight, np.subtract(text, neutral, dtype=np.float32)))
    if photo is not None:
        parts.append((1.0 if text is None else photo_weight, np.asarray(photo, np.float32)))
    similar = _similarities(gallery, np.stack([row for _, row in parts]))
    mixed = [weight * _standardised(one) for (weight, _), one in zip(parts, similar, strict=True)]
    return PlaceScores(gallery.coordinates, _standardised(np.sum(mixed, axis=0)))


def _similarities(gallery: Gallery, rows: NDArray[np.float32]) -> Scores:
    """(k, n) inner products of (k, d) rows with all n vectors of the gallery."""
    out = np.empty((len(rows), len(gallery)))
    for at in range(0, len(gallery), _BLOCK):
        some = np.arange(at, min(at + _BLOCK, len(gallery)))
        out[:, some] = rows @ np.asarray(gallery.vectors(some), np.float32).T
    return out


def _standardised(values: Scores) -> Scores:
    spread = values.std()
    if not np.isfinite(spread) or spread < 1e-9:
        raise GeolocError("All locations of the gallery score alike. Say something else, or take a larger gallery.")
    return np.asarray((values - values.mean()) / spread)


def _cells(places: Floats, km: float) -> NDArray[np.int64]:
    """(n,) numbers of cells some `km` wide and high: rings of latitude, each cut into equal parts."""
    step = np.degrees(km / EARTH_RADIUS_KM)
    ring = np.floor((places[:, 0] + 90) / step).astype(np.int64)
    middle = np.radians(np.clip((ring + 0.5) * step - 90, -89.9, 89.9))
    parts = np.maximum(np.rint(360 * np.cos(middle) / step), 1)
    turn = np.minimum(np.floor((places[:, 1] + 180) / 360 * parts), parts - 1)
    return ring * 1_000_000 + turn.astype(np.int64)
