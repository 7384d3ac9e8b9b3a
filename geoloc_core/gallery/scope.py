"""How a gallery is searched for one photo: among which rows, with duplicates or without."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from geoloc_core.gallery.diversity import Distinct, antihubs, distinct
from geoloc_core.gallery.filters import Mask, Where
from geoloc_core.gallery.search import Hits, TwoEnded

if TYPE_CHECKING:
    from geoloc_core.gallery import Gallery, Neighbour


@dataclass(frozen=True)
class Scope:
    """What a search may find and how it is shown.

    Attributes:
        where: limits on the photos, for voters, neighbours and the farthest alike.
        distinct: collapse near-duplicates among the neighbours shown. The voters are not collapsed: voting was
            published, and each gallery's settings measured, with every photo's vote.
        antihubs: let the photos that are farthest from everybody be among the farthest.
    """

    where: Where = field(default_factory=Where)
    distinct: bool = True
    antihubs: bool = True

    def open(self, gallery: Gallery) -> Scoped:
        """The gallery as far as this scope reaches.

        Raises:
            FilterError: the limits cannot be used with it, or leave nothing.
        """
        allowed = self.where.allowed(gallery)
        hubs = () if self.antihubs else antihubs(gallery)
        count = len(gallery) if allowed is None else int(np.count_nonzero(allowed))
        return Scoped(self, gallery, allowed, count, frozenset(hub.row for hub in hubs))


@dataclass(frozen=True, eq=False)
class Scoped:
    """A gallery within a scope: `count` rows may be found; `hubs` are kept from the farthest."""

    scope: Scope
    gallery: Gallery
    allowed: Mask | None
    count: int
    hubs: frozenset[int]

    def search(self, query: ArrayLike, k: int) -> TwoEnded:
        """The `k` nearest and farthest rows in the scope, exact, in one pass."""
        ends = self.gallery.two_ended(query, k + len(self.hubs), self.allowed)
        kept = ~np.isin(ends.farthest.rows, list(self.hubs))
        far = Hits(ends.farthest.rows[kept], ends.farthest.similarity[kept])
        return TwoEnded(_first(ends.nearest, k), _first(far, k))

    def shown(self, query: ArrayLike, ends: TwoEnded, k: int) -> tuple[tuple[Neighbour, ...], tuple[Neighbour, ...]]:
        """The `k` neighbours to show at each end, given the first of the ranking; more of it is asked for if needed."""
        if not self.scope.distinct:
            neighbours = self.gallery.neighbours
            return neighbours(_first(ends.nearest, k)), neighbours(_first(ends.farthest, k))
        near = distinct(ends.nearest, self.gallery, k, lambda m: self.search(query, m).nearest)
        far = distinct(ends.farthest, self.gallery, k, lambda m: self.search(query, m).farthest)
        return self._counted(near), self._counted(far)

    def _counted(self, found: Distinct) -> tuple[Neighbour, ...]:
        named = zip(self.gallery.neighbours(found.hits), found.stands_for, strict=True)
        return tuple(replace(one, stands_for=int(count)) for one, count in named)


def _first(hits: Hits, k: int) -> Hits:
    return Hits(hits.rows[:k], hits.similarity[:k])
