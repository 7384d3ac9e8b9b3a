"""Search at both ends at once. Fast scores are rounded; rows they leave in doubt get a second, exact look.

A fast score is off by at most its `slack`, so a row whose score plus slack lies below the k-th best score minus slack
cannot be among the k best. All others are scored again in float64 from the vectors as stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoloc_core.encoders.base import Embeddings

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Doubles = NDArray[np.float64]
Picked = tuple[Rows, NDArray[np.float32]]
Take = Callable[[Rows], NDArray[np.floating]]

_GROUPS = 32  # for each row asked for: the k-th best of their maxima bounds the k-th best score from below
_LOOK_ROWS = 4_096


@dataclass(frozen=True, eq=False)
class Hits:
    """(k,) rows of a gallery with their similarity (inner product), best first; ties by the lower row."""

    rows: Rows
    similarity: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TwoEnded:
    """The most similar rows, similarity falling, and the least similar ones, similarity rising."""

    nearest: Hits
    farthest: Hits


def two_ended(blocks: Iterable[Embeddings], query: Embeddings, k: int) -> TwoEnded:
    """Both ends in the plain way, every row in float64: what any faster search must equal.

    Args:
        blocks: consecutive (n_i, d) blocks of the gallery.
        query: (d,) float32.
        k: at most this many at each end.
    """
    exact = np.asarray(query, np.float64)
    scores = np.concatenate([np.vecdot(np.asarray(block, np.float64), exact) for block in blocks])
    rows = np.arange(len(scores))
    return TwoEnded(_best(rows, scores, k, 1), _best(rows, scores, k, -1))


class Search:
    """One query on its way through a gallery, holding the rows that can still be among its k at either end.

    Args:
        query: (d,) finite numbers.
        k: at most this many rows at each end.
        allowed: (n,) whether a row may be found; None allows all.
    """

    def __init__(self, query: ArrayLike, k: int, allowed: Mask | None = None) -> None:
        self.query = np.asarray(query, np.float64)
        exponent = int(np.frexp(np.linalg.norm(self.query))[1])
        self.scaled: Doubles = np.ldexp(self.query, -exponent)  # of length 0.5 to 1, so that float16 can hold it
        self.k, self.allowed = k, allowed
        self._near, self._far = _End(k, 1), _End(k, -1)

    def add(self, low: NDArray[np.float32], high: NDArray[np.float32], first: int, slack: float) -> None:
        """Take in the rows that start at `first`.

        The inner products of `scaled` and the rows lie between (n_i,) `low - slack` and `high + slack`.
        """
        if self.allowed is not None:
            allowed = self.allowed[first : first + len(low)]
            same = high is low
            low = np.where(allowed, low, np.float32(np.nan))
            high = low if same else np.where(allowed, high, np.float32(np.nan))
        self._near.add(low, high, first, slack)
        self._far.add(high, low, first, slack)

    def add_picked(self, near: Picked, far: Picked, slack: float) -> None:
        """Take in rows with rounded scores, picked so that no other row can be among the k of that end."""
        self._near.keep(near[0], near[1], near[1], slack)
        self._far.keep(far[0], far[1], far[1], slack)

    def found(self, take: Take) -> TwoEnded:
        """Both ends, by the exact similarity of the vectors that `take` gives for rows."""
        return TwoEnded(self._exact(self._near.rows, take, 1), self._exact(self._far.rows, take, -1))

    def _exact(self, rows: Rows, take: Take, sign: int) -> Hits:
        scores = np.empty(len(rows))
        for at in range(0, len(rows), _LOOK_ROWS):
            some = take(rows[at : at + _LOOK_ROWS]).astype(np.float64)
            np.vecdot(some, self.query, out=scores[at : at + _LOOK_ROWS])
        return _best(rows, scores, self.k, sign)


class _End:
    """The rows that can be among the k highest (sign 1) or lowest (-1) of the scores, as far as these are known."""

    def __init__(self, k: int, sign: int) -> None:
        self.k, self.sign = k, sign
        self.floor = -np.inf  # k rows are known to reach it, times the sign
        self.rows: Rows = np.empty(0, np.int64)
        self._sure, self._hoped = np.empty(0), np.empty(0)

    def add(self, sure: NDArray[np.float32], hoped: NDArray[np.float32], first: int, slack: float) -> None:
        """Take in the rows that start at `first`: what each reaches surely and at best, give or take the slack.

        Rows whose numbers are NaN are no candidates.
        """
        self.floor = max(self.floor, _kth(_extremes(sure, _GROUPS * self.k, self.sign), self.k) - slack)
        least = self.sign * np.nextafter(np.float32(self.floor - slack), np.float32(-np.inf))
        chosen = np.flatnonzero(hoped >= least if self.sign > 0 else hoped <= least)
        if len(chosen):
            self.keep(chosen + first, sure[chosen], hoped[chosen], slack)

    def keep(self, rows: Rows, sure: NDArray[np.float32], hoped: NDArray[np.float32], slack: float) -> None:
        """Take in some rows, and let go of those that are out of the question by now."""
        self.rows = np.concatenate([self.rows, rows])
        self._sure = np.concatenate([self._sure, self.sign * sure.astype(np.float64) - slack])
        self._hoped = np.concatenate([self._hoped, self.sign * hoped.astype(np.float64) + slack])
        self.floor = max(self.floor, _kth(self._sure, self.k))
        kept = self._hoped >= self.floor
        self.rows, self._sure, self._hoped = self.rows[kept], self._sure[kept], self._hoped[kept]


def _extremes(scores: NDArray[np.float32], groups: int, sign: int) -> NDArray[np.float32]:
    """The best score, times the sign, of each of about `groups` groups; neighbouring rows, often alike, lie apart."""
    width = len(scores) // groups
    best = np.fmax if sign > 0 else np.fmin
    tables = scores[: width * groups].reshape(width, groups) if width > 1 else scores[None]
    found = sign * best.reduce(tables, axis=0)
    return found[~np.isnan(found)]


def _kth(scores: NDArray[np.floating], k: int) -> float:
    return float(np.partition(scores, -k)[-k]) if len(scores) >= k else -np.inf


def _best(rows: Rows, scores: Doubles, k: int, sign: int) -> Hits:
    order = np.lexsort((rows, -sign * scores))[:k]
    return Hits(rows[order], scores[order].astype(np.float32))
