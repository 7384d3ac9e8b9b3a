"""How far a measured accuracy can be trusted: 95 % intervals by resampling the test photos, or whole groups of them.

Photos of one walk or one photographer are near twins, so that n of them tell less than n photos of strangers; drawing
whole groups with replacement (the cluster bootstrap) accounts for that. Two systems on the same photos are compared by
their difference on the same resamples, which is far narrower than the two intervals side by side. What training again
from another seed would change is not in these intervals.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13: percentile intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoloc_core.geo import THRESHOLDS_KM, Floats

RESAMPLES = 2_000
_ENDS = (2.5, 97.5)  # percentiles of a 95 % interval
_BLOCK = 20_000_000  # numbers held at once


@dataclass(frozen=True)
class Interval:
    """A measured value and the ends of its interval; `str()` gives "41.0 (38.1 to 44.0)"."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is one that the photos can vouch for."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.value:,.1f} ({self.low:,.1f} to {self.high:,.1f})"


@dataclass(frozen=True)
class Measured:
    """A row of a table, or the difference of two.

    Attributes:
        within: percent of photos (a_r) within each of `THRESHOLDS_KM`, or percentage points of difference.
        median_km: the median error; None where there is no single error a photo.
        photos: how many.
        groups: how many groups were resampled whole; 0 for photo by photo.
    """

    name: str
    within: tuple[Interval, ...]
    median_km: Interval | None
    photos: int
    groups: int = 0


def bootstrap(
    name: str,
    errors_km: ArrayLike,
    groups: Sequence[object] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Measured:
    """The accuracy of a system with 95 % intervals.

    Args:
        name: the row's.
        errors_km: (n,) as `metrics.errors_km` gives them, infinite for no answer; or (n, 5), an error for each
            threshold, which leaves the median out.
        groups: (n,) each photo's group, such as its walk or author, to resample whole groups.
        resamples, seed: of the drawing; the same ones draw the same photos for every system.

    Raises:
        ValueError: no photos, another number of groups, or errors of another shape.
    """
    errors = _checked(errors_km)
    values, drawn = _statistics(errors, groups, resamples, seed)
    return _measured(name, errors, values, drawn, groups)


def difference(
    name: str,
    errors_km: ArrayLike,
    than_km: ArrayLike,
    groups: Sequence[object] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Measured:
    """How much better one system is than another on the same photos; arguments as of `bootstrap`.

    A share above 0 and a median below 0 speak for the first.

    Raises:
        ValueError: as `bootstrap`, or not the same number of photos.
    """
    errors, than = _checked(errors_km), _checked(than_km)
    if len(errors) != len(than):
        raise ValueError(f"{len(errors)} errors against {len(than)}. Give both systems the same photos.")
    first, drawn = _statistics(errors, groups, resamples, seed)
    second, also = _statistics(than, groups, resamples, seed)
    with np.errstate(invalid="ignore"):  # infinite medians
        return _measured(name, errors, first - second, drawn - also, groups)


def table(rows: Sequence[Measured], *, signed: bool = False) -> str:
    """The rows as a Markdown table in percent; `signed` for differences."""
    head = "| | " + " | ".join(f"{r:g} km" for r in THRESHOLDS_KM) + " | median error, km |"
    lines = [head, "|---|" + "---:|" * (len(THRESHOLDS_KM) + 1)]
    for row in rows:
        cells = [_cell(value, signed) for value in (*row.within, row.median_km)]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: Interval | None, signed: bool) -> str:
    if value is None or not np.isfinite([value.value, value.low, value.high]).all():
        return ""
    if not signed:
        return str(value)
    low, high = (f"{end:+,.1f}" for end in (value.low, value.high))
    mark = "**" if value.excludes_zero else ""
    return f"{mark}{value.value:+,.1f}{mark} ({low} to {high})"


def _checked(errors_km: ArrayLike) -> Floats:
    errors = np.asarray(errors_km, np.float64)
    if not errors.size or errors.shape[1:] not in ((), (len(THRESHOLDS_KM),)) or np.isnan(errors).any():
        raise ValueError(f"Errors have shape {errors.shape} or hold NaN. Give (n,) km, infinite for no answer.")
    return errors


def _statistics(errors: Floats, groups: Sequence[object] | None, resamples: int, seed: int) -> tuple[Floats, Floats]:
    """(6,) percent within each threshold and the median; and (resamples, 6) of the same. No median is NaN."""
    single = errors.ndim == 1
    hits = 100.0 * ((errors[:, None] if single else errors) <= THRESHOLDS_KM)
    own = np.append(hits.mean(axis=0), np.median(errors) if single else np.nan)
    order = np.argsort(errors, kind="stable") if single else None
    drawn = []
    for counts in _counts(len(errors), groups, resamples, seed):
        shares = counts @ hits / counts.sum(axis=1, keepdims=True)
        medians = np.full(len(counts), np.nan) if order is None else _medians(errors[order], counts[:, order])
        drawn.append(np.column_stack([shares, medians]))
    return own, np.concatenate(drawn)


def _counts(n: int, groups: Sequence[object] | None, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """(b, n) how often each photo is drawn, in blocks of resamples."""
    if groups is not None and len(groups) != n:
        raise ValueError(f"{len(groups)} groups for {n} photos. Give each photo one.")
    labels = np.arange(n) if groups is None else np.unique([str(group) for group in groups], return_inverse=True)[1]
    units = int(labels.max()) + 1
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // n)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)[:, labels]


def _medians(ascending: Floats, counts: NDArray[np.int64]) -> Floats:
    """(b,) medians of the (n,) values, the k-th taken counts[:, k] times."""
    before = counts.cumsum(axis=1)
    total = before[:, -1:]
    low = (before <= (total - 1) // 2).sum(axis=1)
    high = (before <= total // 2).sum(axis=1)
    return (ascending[low] + ascending[high]) / 2


def _measured(name: str, errors: Floats, values: Floats, drawn: Floats, groups: Sequence[object] | None) -> Measured:
    low, high = np.percentile(drawn, _ENDS, axis=0, method="inverted_cdf")  # no means of infinite ends
    intervals = [Interval(*map(float, ends)) for ends in zip(values, low, high, strict=True)]
    median = None if np.isnan(values[-1]) else intervals[-1]
    count = 0 if groups is None else len({str(group) for group in groups})
    return Measured(name, tuple(intervals[:-1]), median, len(errors), count)
