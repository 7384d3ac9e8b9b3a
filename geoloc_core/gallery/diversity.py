"""Sixteen neighbours that are sixteen pieces of evidence: bursts collapsed, and photos far from everybody named.

Anti-hubs, photos that turn up among the farthest of a large part of a gallery, are what Radovanović, Nanopoulos and
Ivanović (2010) call hubs, at the other end of the ranking: blanks and screens mostly, which say nothing of a place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.gallery.search import Hits
from geoloc_core.geo import distance_km

if TYPE_CHECKING:
    from geoloc_core.gallery import Gallery

SPOT_KM = 0.05
BURST_SECONDS = 60.0
ALIKE = 0.98  # similarity of two photos of the gallery from which they show the same
_GROW = 4
_CHANCE = 10  # an anti-hub turns up this many times as often as a row drawn at random would


@dataclass(frozen=True, eq=False)
class Distinct:
    """Hits no two of which are near-duplicates, and how many hits each one stands for, itself included: (k,)."""

    hits: Hits
    stands_for: NDArray[np.int64]


@dataclass(frozen=True)
class AntiHub:
    """A row that is among the `k` farthest of the share `share` of `sample` photos of its gallery."""

    row: int
    share: float
    sample: int
    k: int

    def __str__(self) -> str:
        return f"row {self.row}: among the {self.k} farthest of {self.share:.0%} of {self.sample} photos sampled"


def distinct(hits: Hits, gallery: Gallery, k: int, more: Callable[[int], Hits] | None = None) -> Distinct:
    """The first `k` distinct hits of a ranking; near-duplicates join the best-ranked one they duplicate.

    Two photos are near-duplicates if their vectors' similarity is at least `ALIKE`, if they hold the same bytes
    (`content_hash`), or if they are of one burst: within `SPOT_KM`, by one author, within `BURST_SECONDS`. An author
    or time that is not known is passed over, but one of the two must be. A photo's likeness by vector goes first.

    Args:
        hits: the beginning of the ranking.
        gallery: whose rows they are.
        k: how many distinct ones.
        more: gives the first m hits of the same ranking; without it, `hits` is all there is.

    Returns:
        What collapsing the whole ranking would give. `stands_for` counts down the ranking to where a further distinct
        one, of rank k + 1, begins.
    """
    seen = _Leaders(gallery, k)
    done = 0
    while True:
        whole = seen.add(hits, done)
        done = len(hits.rows)
        if whole or more is None or done >= len(gallery):
            return seen.distinct(hits)
        hits = more(min(max(_GROW * k, _GROW * done), len(gallery)))
        if len(hits.rows) <= done:
            return seen.distinct(hits)


def antihubs(
    gallery: Gallery, *, sample: int = 256, k: int = 16, share: float = 0.1, seed: int = 0
) -> tuple[AntiHub, ...]:
    """The rows among the `k` farthest of more than `share` of the gallery's photos, the most frequent first.

    Measured on `sample` photos drawn at random, the same for the same `seed`. In a small gallery every row is often
    among the farthest; therefore an anti-hub must also be so 10 times as often as by chance. The gallery keeps the
    answer.

    Raises:
        GalleryError: the gallery cannot be searched.
    """
    key = ("antihubs", sample, k, share, seed)
    if key not in gallery.kept:
        rows = np.sort(np.random.default_rng(seed).choice(len(gallery), min(sample, len(gallery)), replace=False))
        ends = gallery.two_ended_batch(gallery.vectors(rows), k)
        found, counts = np.unique(np.concatenate([end.farthest.rows for end in ends]), return_counts=True)
        part = counts / len(rows)
        often = part > max(share, _CHANCE * k / len(gallery))
        order = np.lexsort((found[often], -part[often]))
        gallery.kept[key] = tuple(
            AntiHub(int(row), float(of), len(rows), k)
            for row, of in zip(found[often][order], part[often][order], strict=True)
        )
    hubs: tuple[AntiHub, ...] = gallery.kept[key]
    return hubs


class _Leaders:
    """The distinct hits found so far, going down a ranking, and what tells whether another one is distinct too."""

    def __init__(self, gallery: Gallery, k: int) -> None:
        self._gallery, self._k = gallery, k
        self._ranks: list[int] = []
        self._counts: list[int] = []
        self._facts: list[Mapping[str, Any]] = []
        self._vectors = np.empty((k, gallery.manifest.dim))

    def add(self, hits: Hits, start: int) -> bool:
        """Go on down from rank `start`; whether a distinct hit came that is one too many."""
        for at in range(start, len(hits.rows), 256):
            rows = hits.rows[at : at + 256]
            for rank, row, vector in zip(range(at, at + 256), rows, self._gallery.vectors(rows), strict=False):
                if self._one_too_many(rank, int(row), vector.astype(np.float64)):
                    return True
        return False

    def distinct(self, hits: Hits) -> Distinct:
        return Distinct(Hits(hits.rows[self._ranks], hits.similarity[self._ranks]), np.array(self._counts, np.int64))

    def _one_too_many(self, rank: int, row: int, vector: NDArray[np.float64]) -> bool:
        count = len(self._ranks)
        alike = np.flatnonzero(self._vectors[:count] @ vector >= ALIKE)
        if len(alike):
            self._counts[int(alike[0])] += 1
            return False
        lat, lon = self._gallery.coordinates[row]
        facts = {**self._gallery.row(row), "lat": lat, "lon": lon}
        for number, leader in enumerate(self._facts):
            if same_shot(leader, facts):
                self._counts[number] += 1
                return False
        if count == self._k:
            return True
        self._vectors[count] = vector
        self._ranks.append(rank)
        self._counts.append(1)
        self._facts.append(facts)
        return False


def same_shot(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether what two rows say makes them one photo or one burst; see `distinct`."""
    if a.get("content_hash") and a.get("content_hash") == b.get("content_hash"):
        return True
    authors = {a.get("author"), b.get("author")} - {None, ""}
    by_one = len(authors) == 1 and a.get("author") == b.get("author")
    seconds = _seconds_between(a.get("taken_at"), b.get("taken_at"))
    if len(authors) > 1 or not (by_one if seconds is None else seconds <= BURST_SECONDS):
        return False
    return float(distance_km((a["lat"], a["lon"]), (b["lat"], b["lon"]))) <= SPOT_KM


def _seconds_between(a: object, b: object) -> float | None:
    """None if one is not known, or only one of them knows its time zone."""
    first, second = _instant(a), _instant(b)
    if first is None or second is None or (first.tzinfo is None) != (second.tzinfo is None):
        return None
    return abs((first - second).total_seconds())


def _instant(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
