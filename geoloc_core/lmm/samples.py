"""What a model said, once or several times, as a distribution over the sphere.

Each place named is the centre of a von Mises-Fisher kernel, all with one width: were each as narrow as its own claim, a
single overconfident reply would outweigh any number that agree. The width comes from the radii claimed, which are a
model's own word; replies that lie apart belie smaller claims and widen it. So agreement shows as the radius.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from geoloc_core.geo import LocationDistribution, distance_km
from geoloc_core.lmm.reading import Reading
from geoloc_core.status import Choice

# Of a Gaussian of two dimensions 90 % lies within sigma * sqrt(2 ln 10), half within sigma * sqrt(2 ln 2) (Rayleigh)
SIGMA_OF_90 = 1 / math.sqrt(2 * math.log(10))
SIGMA_OF_50 = 1 / math.sqrt(2 * math.log(2))
CLAIMS_KM = (1.0, 5_000.0)  # radii claimed are taken as no smaller and no larger
UNCLAIMED_KM = 200.0  # within it were half of GPT-4V's answers: 57.9 % on Im2GPS3k, 41.4 % on YFCC4k (Img2Loc, table 1)
APART_KM = (25.0, 100.0)  # replies that agree better share their model's errors; those farther apart are other places


def distribution(readings: Sequence[Reading]) -> tuple[LocationDistribution, Choice]:
    """The places named, of equal weight, and why their kernel is as wide as it is. Swaps proposed are not places named.

    Raises:
        ValueError: no reading has a location.
    """
    named = [reading for reading in readings if reading.location]
    if not named:
        raise ValueError("No reply names a place: there is nothing to make a distribution of.")
    points = np.array([reading.location for reading in named])
    sigma, why = _sigma_km(points, [reading.radius_km for reading in named if _usable(reading.radius_km)])
    return LocationDistribution(points, kernel_km=sigma), Choice(f"sigma {sigma:,.3g} km", why)


def _usable(radius_km: float | None) -> bool:
    return radius_km is not None and math.isfinite(radius_km) and radius_km > 0


def _sigma_km(points: np.ndarray, claims: Sequence[float | None]) -> tuple[float, str]:
    """Kernel width for (n, 2) places, given the radii claimed for some of them, and the reason."""
    apart = _apart_km(points)
    if not claims:
        if apart is None:
            return UNCLAIMED_KM * SIGMA_OF_50, f"no radius claimed: half within {UNCLAIMED_KM:g} km, about as published"
        low, high = APART_KM[0], UNCLAIMED_KM * SIGMA_OF_50
        return float(np.clip(apart, low, high)), f"no radius claimed; the replies lie {apart:,.0f} km apart"
    claimed = float(np.median(np.array(claims, dtype=np.float64)))
    sigma = float(np.clip(claimed, *CLAIMS_KM)) * SIGMA_OF_90
    why = f"{'the median of the radii claimed is' if len(points) > 1 else 'it claims'} {claimed:,.3g} km for 90 %"
    if not CLAIMS_KM[0] <= claimed <= CLAIMS_KM[1]:
        why += f", taken within {CLAIMS_KM[0]:g} to {CLAIMS_KM[1]:,.0f}"
    if apart is not None and min(apart, APART_KM[1]) > sigma:
        return min(apart, APART_KM[1]), f"{why}, but the replies lie {apart:,.0f} km apart"
    return sigma, why


def _apart_km(points: np.ndarray) -> float | None:
    """The median over the places of the distance to the nearest other; None for a single place."""
    if len(points) < 2:
        return None
    between = distance_km(points[:, None], points[None])
    np.fill_diagonal(between, np.inf)
    return float(np.median(between.min(axis=1)))
