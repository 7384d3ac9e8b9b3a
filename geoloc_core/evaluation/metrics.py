"""Share of photos within 1, 25, 200, 750, 2500 km (a_r in the papers), and what guesses without a model get."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geoloc_core.geo import THRESHOLDS_KM, distance_km


@dataclass(frozen=True)
class Accuracy:
    """A row of the papers' tables.

    `within` holds the share of photos (0 to 1) whose error is at most each of `THRESHOLDS_KM`; `median_km` is the
    median error, or None where there is no single error a photo.
    """

    name: str
    photos: int
    within: tuple[float, ...]
    median_km: float | None


def accuracy(name: str, predicted: ArrayLike, truth: ArrayLike) -> Accuracy:
    """Great-circle errors of (n, 2) predictions against (n, 2) true places, both (lat, lon) in degrees."""
    errors = distance_km(predicted, truth)
    within = tuple(float((errors <= r).mean()) for r in THRESHOLDS_KM)
    return Accuracy(name, len(errors), within, float(np.median(errors)))


def best_constant(gallery: ArrayLike, truth: ArrayLike) -> Accuracy:
    """Always the same guess: at each threshold, the gallery's place that has most of the gallery's places within it.

    The guess is chosen on the gallery and measured on `truth`; choosing one for each threshold makes it hard to beat.
    """
    places, targets = np.asarray(gallery, np.float64), np.asarray(truth, np.float64)
    counts = np.stack([_counts_within(place, places) for place in places])
    within = []
    for column, radius in enumerate(THRESHOLDS_KM):
        guess = places[int(np.argmax(counts[:, column]))]
        within.append(float((distance_km(guess, targets) <= radius).mean()))
    return Accuracy("best constant guess", len(targets), tuple(within), None)


def random_gallery_point(gallery: ArrayLike, truth: ArrayLike) -> Accuracy:
    """A random place of the gallery for each photo: the exact expectation over the gallery's places."""
    places, targets = np.asarray(gallery, np.float64), np.asarray(truth, np.float64)
    counts = np.mean([_counts_within(target, places) for target in targets], axis=0)
    return Accuracy("random gallery photo", len(targets), tuple(float(c) / len(places) for c in counts), None)


def _counts_within(place: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How many of (n, 2) places lie within each threshold of one."""
    return (distance_km(place, places)[:, None] <= np.array(THRESHOLDS_KM)).sum(axis=0)


def table(rows: list[Accuracy]) -> str:
    """The rows as a Markdown table in percent."""
    head = "| | photos | " + " | ".join(f"{r:g} km" for r in THRESHOLDS_KM) + " | median error |"
    rule = "|---|---:|" + "---:|" * (len(THRESHOLDS_KM) + 1)
    lines = [
        f"| {row.name} | {row.photos:,} | "
        + " | ".join(f"{100 * share:.1f}" for share in row.within)
        + (f" | {row.median_km:,.0f} km |" if row.median_km is not None else " | |")
        for row in rows
    ]
    return "\n".join([head, rule, *lines])
