"""The geo-cells of one scale: the classes of one head of a classifier."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geoloc_core.cells import s2
from geoloc_core.cells.s2 import Classes, Ids
from geoloc_core.errors import CellsError
from geoloc_core.geo import Floats, check_coordinates

_BUILD_AGAIN = "Get it again from where it came from, or build cells with `python -m index_builder cells`."


@dataclass(frozen=True, eq=False)
class Level:
    """n cells that do not overlap; a cell's place in the arrays is its class.

    Attributes:
        name: such as "fine".
        ids: (n,) S2 cell ids.
        points: (n, 2) degrees, for each cell the mean on the sphere of the places of its training photos: where a photo
            of that class is said to be (Mueller-Budack et al. 2018; TransLocator, section 4.3).
        counts: (n,) how many training photos it held.
        parent: (n,) the class of the next coarser level whose cell holds it; -1 for none, and at the coarsest level.

    Raises:
        CellsError: no name, ids that are none or overlap, counts below 1, or a cell that does not hold its own mean.
    """

    name: str
    ids: Ids
    points: Floats
    counts: Classes
    parent: Classes = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w -]{1,40}", self.name):
            raise CellsError("A level of geo-cells has a name that is none. Use a word such as fine.")
        ids, counts = np.array(self.ids, np.uint64), np.array(self.counts, np.int64)
        shapes = {(len(ids),), ids.shape, counts.shape, np.shape(self.points)[:1]}
        if not ids.size or len(shapes) > 1:
            raise CellsError(f"The {self.name} cells have no rows, or columns of unlike lengths. {_BUILD_AGAIN}")
        points = check_coordinates(self.points)
        parent = np.array(self.parent, np.int64) if np.size(self.parent) else np.full(len(ids), -1)
        for name, value in (("ids", ids), ("points", points), ("counts", counts), ("parent", parent)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        outside = misplaced(self.ids, self.points)
        if outside.any():
            first = int(np.argmax(outside))
            raise CellsError(
                f"{outside.sum():,} of {len(self):,} {self.name} cells do not hold the mean place of their own photos; "
                f"the first is class {first}. {_BUILD_AGAIN}"
            )
        if (self._lasts[:-1] >= self._firsts[1:]).any():
            raise CellsError(f"Some {self.name} cells overlap, so a place would have two classes. {_BUILD_AGAIN}")
        if (self.counts < 1).any():
            raise CellsError(f"Some {self.name} cells have no training photos. {_BUILD_AGAIN}")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The cells' names in S2, for other software."""
        return s2.tokens(self.ids)

    @cached_property
    def depths(self) -> Classes:
        """(n,) the cells' levels in S2's quadtree, 0 to 30."""
        return s2.depths(self.ids)

    def find(self, leaves: Ids) -> Classes:
        """(m,) the classes of the cells that hold (m,) leaf cells, -1 where none does."""
        at = np.searchsorted(self._firsts, leaves, side="right") - 1
        held = (at >= 0) & (leaves <= self._lasts[at])
        return np.where(held, self._order[at], -1)

    def outline(self, cell: int) -> Floats:
        """(m, 2) degrees around a class's cell; see `s2.outline`."""
        return s2.outline(int(self.ids[cell]))

    def bounds(self, cell: int) -> tuple[float, float, float, float]:
        """South, west, north and east of a class's cell; east is above 180 where it crosses the antimeridian."""
        return s2.box(self.outline(cell))

    @cached_property
    def _order(self) -> Classes:
        return np.argsort(self.ids).astype(np.int64)

    @cached_property
    def _firsts(self) -> Ids:
        return s2.firsts(self.ids[self._order])

    @cached_property
    def _lasts(self) -> Ids:
        return s2.lasts(self.ids[self._order])


def misplaced(ids: Ids, points: Floats) -> NDArray[np.bool_]:
    """(n,) which ids are no cell, or one that does not hold its point of (n, 2) degrees."""
    leaves = s2.leaf_ids(points)
    return ~s2.valid(ids) | (leaves < s2.firsts(ids)) | (leaves > s2.lasts(ids))
