"""Share of photos within 1, 25, 200, 750, 2500 km (a_r in the papers), and what guesses without a model get.

A photo without an answer stays among the photos and counts as wrong, so that a model cannot gain by declining; its
coverage, the share of photos it answers, is told beside its accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from geoloc_core.geo import THRESHOLDS_KM, Floats, distance_km


@dataclass(frozen=True)
class Accuracy:
    """A row of the papers' tables.

    Attributes:
        within: the share of all photos (0 to 1) whose error is at most each of `THRESHOLDS_KM`; one without an answer
            is within none.
        median_km: the median error over all photos, infinite if most have no answer; None where there is no single
            error a photo.
        coverage: the share of photos that have an answer.
        answered: the same measures over the answered photos alone if some were not; it must not be compared with rows
            that answer for every photo.
    """

    name: str
    photos: int
    within: tuple[float, ...]
    median_km: float | None
    coverage: float = 1.0
    answered: Accuracy | None = None


def accuracy(name: str, predicted: Sequence[ArrayLike | None] | ArrayLike, truth: ArrayLike) -> Accuracy:
    """Great-circle errors of (n, 2) predictions against (n, 2) true places, both (lat, lon) in degrees.

    A prediction of None (or of NaN) is no answer, which counts as wrong at every threshold.

    Raises:
        ValueError: no photos, or not one prediction for each.
    """
    errors = errors_km(predicted, truth)
    there = np.isfinite(errors)
    row = _row(name, errors)
    if there.all():
        return row
    alone = _row(f"{name}, answered photos only", errors[there]) if there.any() else None
    return replace(row, coverage=float(there.mean()), answered=alone)


def errors_km(predicted: Sequence[ArrayLike | None] | ArrayLike, truth: ArrayLike) -> Floats:
    """(n,) great-circle errors of predictions as `accuracy` takes them; infinite without an answer.

    Raises:
        ValueError: no photos, or not one prediction for each.
    """
    targets = np.atleast_2d(np.asarray(truth, np.float64))
    guesses = np.array([(np.nan, np.nan) if p is None else p for p in cast(Sequence[Any], predicted)], np.float64)
    if not targets.size or guesses.shape != targets.shape:
        raise ValueError(f"{len(guesses)} predictions for {len(targets)} photos. Give one for each, or None.")
    there = np.isfinite(guesses).all(axis=1)
    errors = np.full(len(targets), np.inf)
    errors[there] = distance_km(guesses[there], targets[there])
    return errors


def _row(name: str, errors: np.ndarray) -> Accuracy:
    within = tuple(float((errors <= r).mean()) for r in THRESHOLDS_KM)
    return Accuracy(name, len(errors), within, float(np.median(errors)))


def best_constant(gallery: ArrayLike, truth: ArrayLike) -> Accuracy:
    """Always the same guess: at each threshold, the gallery's place that has most of the gallery's places within it.

    The guess is chosen on the gallery and measured on `truth`; choosing one for each threshold makes it hard to beat.
    """
    errors = distance_km(np.asarray(truth, np.float64)[:, None], guesses_without_model(gallery))
    return Accuracy("best constant guess", len(errors), tuple((errors <= THRESHOLDS_KM).mean(axis=0).tolist()), None)


def guesses_without_model(gallery: ArrayLike) -> Floats:
    """(5, 2) the guess of `best_constant` for each threshold."""
    places = np.asarray(gallery, np.float64)
    counts = np.stack([_counts_within(place, places) for place in places])
    return places[counts.argmax(axis=0)]


def random_gallery_point(gallery: ArrayLike, truth: ArrayLike) -> Accuracy:
    """A random place of the gallery for each photo: the exact expectation over the gallery's places."""
    places, targets = np.asarray(gallery, np.float64), np.asarray(truth, np.float64)
    counts = np.mean([_counts_within(target, places) for target in targets], axis=0)
    return Accuracy("random gallery photo", len(targets), tuple(float(c) / len(places) for c in counts), None)


def _counts_within(place: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How many of (n, 2) places lie within each threshold of one."""
    return (distance_km(place, places)[:, None] <= np.array(THRESHOLDS_KM)).sum(axis=0)


def table(rows: list[Accuracy]) -> str:
    """The rows as a Markdown table in percent; below one that left photos unanswered, the answered ones alone."""
    head = "| | photos | answered | " + " | ".join(f"{r:g} km" for r in THRESHOLDS_KM) + " | median error |"
    rule = "|---|---:|---:|" + "---:|" * (len(THRESHOLDS_KM) + 1)
    lines = [_line(row) for given in rows for row in (given, given.answered) if row]
    return "\n".join([head, rule, *lines])


def _line(row: Accuracy) -> str:
    if row.median_km is None:
        median = ""
    else:
        median = f"{row.median_km:,.0f} km" if np.isfinite(row.median_km) else "no answer"
    shares = " | ".join(f"{100 * share:.1f}" for share in (row.coverage, *row.within))
    return f"| {row.name} | {row.photos:,} | {shares} | {median} |"
