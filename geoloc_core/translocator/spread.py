"""Probabilities of geo-cells as a distribution of places: each cell's mass around the mean place of its photos.

A photo of a cell is said to be at that mean (TransLocator, section 4.3). It may be anywhere in the cell, and of a place
spread evenly over a disc of radius r each coordinate has the standard deviation r / 2: that is the width of the kernel,
with the disc of the cell's area. Cells of one S2 level differ in area by a factor of 2; the mean of the level is taken.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoloc_core.cells import Level
from geoloc_core.geo import EARTH_RADIUS_KM, Floats, LocationDistribution
from geoloc_core.translocator.refine import Within
from geoloc_core.translocator.said import Classified

MASS, MOST = 0.999, 1_000
LEAST_KM = 0.05  # the narrowest kernel: a street


def likeliest(classified: Classified) -> NDArray[np.int64]:
    """The classes that hold 99.9 % of the probability, at most 1,000, the likeliest first."""
    order = np.argsort(-classified.probabilities, kind="stable")
    held = np.cumsum(classified.probabilities[order])
    return order[: min(int(np.searchsorted(held, MASS * held[-1])) + 1, MOST)].astype(np.int64)


def widths_km(level: Level, cells: NDArray[np.int64]) -> Floats:
    """(n,) standard deviations in km of places in (n,) cells, along each axis."""
    area = 4 * np.pi * EARTH_RADIUS_KM**2 / 6 / 4.0 ** level.depths[cells]
    return np.maximum(np.sqrt(area / np.pi) / 2, LEAST_KM)


def spread(classified: Classified, within: Within | None = None) -> LocationDistribution:
    """The likeliest cells' places, each with its probability; the likeliest cell's is the place to name.

    Args:
        classified: the cells.
        within: what was found inside the likeliest cell: its photos then share that cell's mass, in kernels as narrow
            as the photos lie apart, and the densest place among them is named.
    """
    level, cells = classified.level, likeliest(classified)
    points, mass, widths = level.points[cells], classified.probabilities[cells], widths_km(level, cells)
    if within is None:
        return LocationDistribution(points, mass, widths, named=(float(points[0, 0]), float(points[0, 1])))
    narrow = np.full(len(within.points), max(float(widths[0]) / np.sqrt(within.count), LEAST_KM))
    named = LocationDistribution(within.points, within.weights, narrow).best()
    return LocationDistribution(
        np.concatenate([within.points, points[1:]]),
        np.concatenate([within.weights / within.weights.sum() * mass[0], mass[1:]]),
        np.concatenate([narrow, widths[1:]]),
        named=named,
    )
