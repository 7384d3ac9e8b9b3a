"""Shapes on the sphere as Leaflet can draw them: rings, great circles, and the window they need.

Leaflet joins vertices by straight lines in Web Mercator and knows nothing of the date line, so longitudes run on past
180 wherever a shape does, and what goes round a pole is closed along it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geoloc_core.geo import EARTH_RADIUS_KM, Floats, destination, from_unit_vectors, unit_vectors

_QUARTER_KM = EARTH_RADIUS_KM * np.pi / 2
MAX_LAT = 85.05  # where Web Mercator ends


@dataclass(frozen=True, eq=False)
class Ring:
    """A geodesic circle.

    Args:
        line: (n, 2) degrees, closed in latitude; consecutive longitudes differ by 180 at most.
        areas: polygons to fill, each an outer ring followed by its holes, (m, 2) each.
    """

    line: Floats
    areas: tuple[tuple[Floats, ...], ...]


def unwrap(points: Floats) -> Floats:
    """(n, 2) degrees with whole turns added to longitudes so that no step crosses more than half the world."""
    return np.column_stack([points[:, 0], np.unwrap(points[:, 1], period=360)])


def beside(points: ArrayLike, lon: float) -> Floats:
    """(n, 2) degrees, each point in the world copy in which it is nearest to the meridian `lon`."""
    out = np.atleast_2d(np.array(points, dtype=np.float64))
    out[:, 1] += 360 * np.rint((lon - out[:, 1]) / 360)
    return out


def ring(lat: float, lon: float, km: float, vertices: int = 240) -> Ring:
    """The points at `km` from a place, with the area within; right over the poles and the date line for any radius."""
    line = destination(np.array([lat, lon]), np.linspace(0, 360, vertices + 1), km)
    line[-1] = line[0]
    line = unwrap(line)
    line[:, 1] += 360 * np.rint((lon - line[:, 1].mean()) / 360)
    if abs(line[-1, 1] - line[0, 1]) > 180:  # once round the world, so the nearer pole lies within
        pole = np.copysign(90.0, lat)
        area = np.vstack([line, [pole, line[-1, 1]], [pole, line[0, 1]]])
        return Ring(line, ((area,),))
    if km <= _QUARTER_KM:
        return Ring(line, ((line,),))
    middle = line[:, 1].mean()  # both poles lie within: the world without the cap around the antipode
    world = np.array([[-90, middle - 180], [90, middle - 180], [90, middle + 180], [-90, middle + 180]])
    return Ring(line, ((world, line),)) if km < 2 * _QUARTER_KM else Ring(line, ((world,),))


def great_circle(start: tuple[float, float], end: tuple[float, float], vertices: int = 129) -> Floats:
    """(vertices, 2) degrees along the shortest way, from `start` on in its own world copy."""
    a, b = unit_vectors([start, end])
    across = b - (a @ b) * a
    if np.linalg.norm(across) < 1e-12:  # one place or antipodes: any way is the shortest, take the one over the north
        across = np.array([0.0, 0.0, 1.0]) - a[2] * a
    if np.linalg.norm(across) < 1e-12:  # and from a pole any meridian
        across = np.array([1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    angle = np.linspace(0, np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b), vertices)[:, None]
    path = unwrap(from_unit_vectors(np.cos(angle) * a + np.sin(angle) * across))
    path[:, 1] += 360 * np.rint((start[1] - path[0, 1]) / 360)
    return path


def narrowest(points: ArrayLike) -> Floats:
    """(n, 2) degrees moved by whole turns into the narrowest window of longitudes (Fiji and Samoa side by side)."""
    out = np.atleast_2d(np.array(points, dtype=np.float64))
    lons = np.sort(out[:, 1] % 360)
    gaps = np.diff(lons, append=lons[0] + 360)
    start = lons[(np.argmax(gaps) + 1) % len(lons)]
    out[:, 1] = start + (out[:, 1] - start) % 360
    out[:, 1] -= 360 * np.rint(out[:, 1].mean() / 360)
    return out


def bounds(points: ArrayLike) -> list[list[float]]:
    """South-west and north-east corner of (n, 2) degrees, within Web Mercator and one world at most."""
    at = np.atleast_2d(np.asarray(points, dtype=np.float64))
    low, high = at.min(axis=0), at.max(axis=0)
    if high[1] - low[1] > 360:
        middle = (low[1] + high[1]) / 2
        low[1], high[1] = middle - 180, middle + 180
    low[0], high[0] = max(low[0], -MAX_LAT), min(high[0], MAX_LAT)
    return [low.round(5).tolist(), high.round(5).tolist()]
