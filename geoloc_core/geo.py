"""Coordinates, great-circle distance, and distributions of places over the sphere.

Coordinates are (lat, lon) in degrees, WGS84, float64. Distances are in km along great circles of a sphere with the
Earth's mean radius; where an error must be exact, use `geopy.distance.geodesic`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoloc_core.errors import CoordinateError

Floats = NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0088
THRESHOLDS_KM = (1.0, 25.0, 200.0, 750.0, 2500.0)  # street, city, region, country, continent
_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def check_coordinates(coordinates: ArrayLike) -> Floats:
    """(n, 2) float64 of (lat, lon) with longitudes wrapped to [-180, 180).

    Raises:
        CoordinateError: wrong shape, not finite, or a latitude beyond a pole.
    """
    points = np.atleast_2d(np.asarray(coordinates, dtype=np.float64))
    if points.ndim != 2 or points.shape[1] != 2:
        raise CoordinateError(f"Coordinates have shape {points.shape}. Give pairs of (lat, lon).")
    if not np.isfinite(points).all():
        raise CoordinateError("A coordinate is not a finite number. Give (lat, lon) in degrees.")
    if (np.abs(points[:, 0]) > 90).any():
        raise CoordinateError("A latitude lies beyond a pole. Give (lat, lon) in degrees, the latitude first.")
    return np.column_stack([points[:, 0], wrap_longitude(points[:, 1])])


def wrap_longitude(lon: ArrayLike) -> Floats:
    """Longitudes in degrees, wrapped to [-180, 180)."""
    wrapped = (np.asarray(lon, dtype=np.float64) + 180) % 360 - 180
    return np.where(wrapped >= 180, -180.0, wrapped)  # rounding can make a tiny negative number a whole turn


def unit_vectors(coordinates: ArrayLike) -> Floats:
    """(n, 2) degrees to (n, 3) points on the unit sphere."""
    lat, lon = np.radians(np.atleast_2d(np.asarray(coordinates, dtype=np.float64))).T
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def from_unit_vectors(vectors: ArrayLike) -> Floats:
    """(n, 3) vectors of any length but 0 to (n, 2) degrees."""
    x, y, z = np.atleast_2d(np.asarray(vectors, dtype=np.float64)).T
    return np.degrees(np.column_stack([np.arctan2(z, np.hypot(x, y)), np.arctan2(y, x)]))


def distance_km(a: ArrayLike, b: ArrayLike) -> Floats:
    """Great-circle distance in km between (..., 2) and (..., 2) degrees, broadcast (haversine)."""
    lat_a, lon_a = np.moveaxis(np.radians(np.asarray(a, dtype=np.float64)), -1, 0)
    lat_b, lon_b = np.moveaxis(np.radians(np.asarray(b, dtype=np.float64)), -1, 0)
    hav = np.sin((lat_b - lat_a) / 2) ** 2 + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(hav, 0, 1)))


def destination(start: ArrayLike, bearing_deg: ArrayLike, km: ArrayLike) -> Floats:
    """(..., 2) degrees reached from `start` (..., 2) after `km` along the great circle at `bearing_deg` from north."""
    lat, lon = np.moveaxis(np.radians(np.asarray(start, dtype=np.float64)), -1, 0)
    bearing, arc = np.radians(bearing_deg), np.asarray(km, dtype=np.float64) / EARTH_RADIUS_KM
    up, along = np.cos(arc), np.sin(arc) * np.cos(bearing)  # in vectors, so that the poles are ordinary places
    out = up * np.cos(lat) - along * np.sin(lat)
    east = np.sin(arc) * np.sin(bearing)
    x, y = out * np.cos(lon) - east * np.sin(lon), out * np.sin(lon) + east * np.cos(lon)
    z = up * np.sin(lat) + along * np.cos(lat)
    ends = from_unit_vectors(np.stack(np.broadcast_arrays(x, y, z), axis=-1).reshape(-1, 3))
    return np.column_stack([ends[:, 0], wrap_longitude(ends[:, 1])]).reshape((*np.shape(x), 2))


@dataclass(frozen=True)
class Candidate:
    """One mode of a distribution: where, and the share of the mass that lies around it."""

    lat: float
    lon: float
    mass: float


@dataclass(frozen=True, eq=False)
class LocationDistribution:
    """Weighted points on the sphere, each blurred by a von Mises-Fisher kernel.

    Every predictor answers with one, so fusion, heat maps and calibration are written once.

    Args:
        points: (n, 2) degrees (lat, lon), n >= 1.
        weights: (n,) not negative, not all 0; stored with sum 1.
        kernel_km: width of the kernel in km, one for all or (n,): the standard deviation along each of its two axes,
            as sigma of a Gaussian on the tangent plane.
        named: (lat, lon) of the place to name, if that is not where the density is highest: a predictor may know the
            country better than the town. It becomes the first mode.

    Raises:
        CoordinateError: points that are no places.
        ValueError: weights or widths that cannot be used.
    """

    points: Floats
    weights: Floats
    kernel_km: Floats
    named: tuple[float, float] | None

    def __init__(
        self,
        points: ArrayLike,
        weights: ArrayLike | None = None,
        kernel_km: ArrayLike = 100.0,
        named: tuple[float, float] | None = None,
    ) -> None:
        places = check_coordinates(points)
        mass = np.ones(len(places)) if weights is None else np.asarray(weights, dtype=np.float64)
        if mass.shape != (len(places),) or not np.isfinite(mass).all() or (mass < 0).any() or mass.sum() <= 0:
            raise ValueError("Weights must be one finite number >= 0 a point, and not all 0.")
        width = np.broadcast_to(np.asarray(kernel_km, dtype=np.float64), (len(places),))
        if not np.isfinite(width).all() or (width <= 0).any():
            raise ValueError("A kernel's width must be a number of km above 0.")
        for name, value in (("points", places), ("weights", mass / mass.sum()), ("kernel_km", width.copy())):
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        object.__setattr__(self, "named", named and (float(named[0]), float(named[1])))

    @cached_property
    def _vectors(self) -> Floats:
        return unit_vectors(self.points)

    @cached_property
    def _kappa(self) -> Floats:
        return (EARTH_RADIUS_KM / self.kernel_km) ** 2  # vMF concentration whose tangent-plane sigma is kernel_km

    def density(self, at: ArrayLike) -> Floats:
        """(m,) probability per square km at (m, 2) degrees."""
        return self._density(unit_vectors(at))

    def _density(self, at: Floats) -> Floats:
        kappa = self._kappa
        # kappa / (2 pi (1 - exp(-2 kappa))) * exp(kappa (cos - 1)), stable for the large kappa of narrow kernels
        height = self.weights * kappa / (2 * np.pi * -np.expm1(-2 * kappa)) / EARTH_RADIUS_KM**2
        out = np.empty(len(at))
        for start in range(0, len(at), 4096):
            block = at[start : start + 4096]
            out[start : start + 4096] = np.exp(kappa * (block @ self._vectors.T - 1)) @ height
        return out

    @cached_property
    def modes(self) -> tuple[Candidate, ...]:
        """All modes, the highest density first: mean shift on the sphere from the heaviest points, merged when close.

        A mode's `mass` is the weight of the points that climb to it.
        """
        order = np.argsort(-self.weights, kind="stable")[:512]
        ends = self._climb(self._vectors[order])
        heights = self._density(ends)
        centres: list[int] = []
        basin = np.zeros(len(order), dtype=np.intp)
        for i in np.argsort(-heights, kind="stable"):
            gaps = np.arccos(np.clip(ends[centres] @ ends[i], -1, 1)) * EARTH_RADIUS_KM
            near = gaps < self.kernel_km[order[i]] / 2
            basin[i] = int(np.argmax(near)) if near.any() else len(centres)
            if not near.any():
                centres.append(int(i))
        mass = np.bincount(basin, weights=self.weights[order], minlength=len(centres))
        places = from_unit_vectors(ends[centres])
        found = [Candidate(float(p[0]), float(p[1]), float(m)) for p, m in zip(places, mass, strict=True)]
        return tuple(found if self.named is None else self._named_first(found, self.named))

    def _named_first(self, modes: list[Candidate], named: tuple[float, float]) -> list[Candidate]:
        """The named place in the stead of the mode it lies on, with that mode's mass, and the others after it."""
        away = distance_km(named, [(mode.lat, mode.lon) for mode in modes])
        nearest = int(np.argmin(away))
        if away[nearest] <= 2 * self.kernel_km.max():
            return [Candidate(*named, modes.pop(nearest).mass), *modes]
        around = distance_km(named, self.points) <= 2 * self.kernel_km
        return [Candidate(*named, float(self.weights[around].sum())), *modes]

    def _climb(self, start: Floats, steps: int = 200) -> Floats:
        """Mean shift: every (n, 3) start moves to the density-weighted mean of the points until it rests."""
        at, moving = start.copy(), np.arange(len(start))
        scale = self.weights * self._kappa**2 / -np.expm1(-2 * self._kappa)
        for _ in range(steps):
            pull = np.exp(self._kappa * (at[moving] @ self._vectors.T - 1)) * scale
            moved = pull @ self._vectors
            moved /= np.linalg.norm(moved, axis=1, keepdims=True)
            far = np.abs(moved - at[moving]).max(axis=1) * EARTH_RADIUS_KM >= 1e-4
            at[moving] = moved
            moving = moving[far]
            if not len(moving):
                break
        return at

    def best(self) -> tuple[float, float]:
        """The place to name: that of highest density unless another was given, (lat, lon) in degrees."""
        return self.named or (self.modes[0].lat, self.modes[0].lon)

    def top(self, k: int) -> tuple[Candidate, ...]:
        """The `k` highest modes, at most."""
        return self.modes[:k]

    def radius_km(self, mass: float = 0.9) -> float:
        """Radius in km around `best()` that holds `mass` (0 < mass < 1) of the distribution.

        The kernels are integrated over the sphere with up to 512 equal-mass nodes each (a Fibonacci spiral through the
        vMF distribution's inverse cumulative function), so the error is a fraction of a percent of the mass.

        Raises:
            ValueError: `mass` is not between 0 and 1.
        """
        if not 0 < mass < 1:
            raise ValueError("The mass must lie between 0 and 1, for example 0.9.")
        distances, weights = self._nodes
        order = np.argsort(distances)
        total = np.cumsum(weights[order])
        return float(distances[order[min(int(np.searchsorted(total, mass * total[-1])), len(order) - 1)]])

    @cached_property
    def _nodes(self) -> tuple[Floats, Floats]:
        """Distances in km from `best()` to the integration nodes of all kernels, and the nodes' weights."""
        count = 512 if len(self.points) <= 256 else 128 if len(self.points) <= 4096 else 32
        rank = (np.arange(count) + 0.5) / count
        kappa = self._kappa[:, None]
        fall = -np.log1p(rank * np.expm1(-2 * kappa)) / kappa  # 1 - cos of the angle from the kernel's centre
        km = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(fall / 2, 0, 1)))
        bearing = np.degrees(_GOLDEN_ANGLE * np.arange(count))
        nodes = destination(self.points[:, None, :], bearing, km)
        weights = np.broadcast_to(self.weights[:, None] / count, km.shape)
        return distance_km(np.array(self.best()), nodes).ravel(), weights.ravel()
