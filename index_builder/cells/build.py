"""Adaptive subdivision: cells of the S2 quadtree, cut in four until none holds too many photos.

Source: Weyand et al., "PlaNet - Photo Geolocation with Convolutional Neural Networks" (2016), with the three scales of
Mueller-Budack et al., "Geolocation Estimation of Photos using a Hierarchical Model and Scene Classification" (2018),
whose limits are the defaults; TransLocator uses the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geoloc_core.cells import NAMES, About, Level, Partition, s2
from geoloc_core.cells.level import misplaced
from geoloc_core.cells.s2 import Classes, Ids
from geoloc_core.errors import CellsError
from geoloc_core.geo import Floats, check_coordinates, from_unit_vectors, unit_vectors

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Limits:
    """How fine the cells become.

    Args:
        most: for each level, the coarsest first, how many photos a cell may hold; one that holds more is cut in four,
            unless it is of level `deepest`: photos of one place cannot be told apart.
        least: a cell with so many photos or fewer is dropped, as in the published partitions, whose smallest holds 51.
        shallowest, deepest: levels of the S2 quadtree.

    Raises:
        CellsError: limits that cannot be met.
    """

    most: tuple[int, ...] = (5_000, 2_000, 1_000)
    least: int = 50
    shallowest: int = 2
    deepest: int = s2.LEAF

    def __post_init__(self) -> None:
        if not 1 <= len(self.most) <= len(NAMES) or sorted(set(self.most), reverse=True) != list(self.most):
            raise CellsError(f"Give 1 to {len(NAMES)} numbers of photos, each smaller than the one before.")
        if not 0 <= self.least < min(self.most):
            raise CellsError("A cell must be allowed to hold more photos than the fewest it needs. Lower --min.")
        if not 0 <= self.shallowest <= self.deepest <= s2.LEAF:
            raise CellsError(f"Levels of the quadtree are 0 to {s2.LEAF}. Give the shallower one first.")

    @property
    def names(self) -> tuple[str, ...]:
        """The levels' names: the last ones of coarse, middle, fine."""
        return NAMES[-len(self.most) :]


@dataclass(frozen=True)
class Built:
    """A partition, and for each level how many photos lie in cells that were dropped."""

    partition: Partition
    dropped: tuple[int, ...]

    def __str__(self) -> str:
        photos = self.partition.about.photos
        lines = [f"{self.partition} of {photos:,} photos"]
        for part, dropped in zip(self.partition.parts, self.dropped, strict=True):
            lines.append(
                f"  {part.name}: {part.counts.min():,} to {part.counts.max():,} photos a cell, S2 levels "
                f"{part.depths.min()} to {part.depths.max()}, {dropped:,} photos in no cell"
            )
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class _Sorted:
    """Photos along the curve: (n,) leaves, ascending, and (n, 3) unit vectors with a row of zeros behind them."""

    leaves: Ids
    points: Floats
    vectors: Floats


def build(
    points: ArrayLike, limits: Limits | None = None, about: About | None = None, on_progress: Progress | None = None
) -> Built:
    """The partition for photos at (n, 2) degrees. It depends on which places they are, not on their order.

    Args:
        points: (lat, lon), one row a training photo.
        limits: how fine.
        about: what the partition says of itself; the photos' number and the limits are put in.
        on_progress: called with the points located and all points, which is nearly all of the work.

    Raises:
        CoordinateError: a point that is no place.
        CellsError: no cell holds more than `least` photos.
    """
    limits = limits or Limits()
    along = _along_the_curve(points, on_progress)
    parts, dropped = [], []
    for name, most in zip(limits.names, limits.most, strict=True):
        ids, starts, counts = subdivide(along.leaves, most, limits)
        kept = counts > limits.least
        if not kept.any():
            raise CellsError(
                f"No {name} cell holds more than {limits.least:,} of the {len(along.leaves):,} photos. "
                "Lower --min, or give more photos."
            )
        ids, starts, counts = ids[kept], starts[kept], counts[kept]
        parts.append(Level(name, ids, _means(along, ids, starts, counts), counts))
        dropped.append(len(along.leaves) - int(counts.sum()))
    facts = {"photos": len(along.leaves), "most": limits.most, "least": limits.least}
    return Built(Partition(parts, (about or About()).model_copy(update=facts)), tuple(dropped))


def subdivide(leaves: Ids, most: int, limits: Limits) -> tuple[Ids, Classes, Classes]:
    """Cut the world until no cell holds more than `most` photos.

    Args:
        leaves: (n,) ids of the photos' leaf cells, ascending.
        most: photos a cell.
        limits: its levels of the quadtree.

    Returns:
        (k,) ids of the cells that hold photos, ascending; (k,) where in `leaves` each one's photos start; (k,) how many
        they are.
    """
    found: list[tuple[Ids, Classes, Classes]] = []
    waiting = np.arange(len(leaves))  # photos whose cell is still too full
    for depth in range(limits.shallowest, limits.deepest + 1):
        cells = s2.ancestors(leaves[waiting], depth)
        starts = np.flatnonzero(np.concatenate([[len(cells) > 0], cells[1:] != cells[:-1]])[: len(cells)])
        counts = np.diff(starts, append=len(cells))
        done = (counts <= most) | (depth == limits.deepest)
        found.append((cells[starts[done]], waiting[starts[done]], counts[done]))
        waiting = waiting[np.repeat(~done, counts)]
    ids, starts, counts = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(ids)
    return ids[order], starts[order], counts[order]


def _along_the_curve(points: ArrayLike, on_progress: Progress | None) -> _Sorted:
    """Photos sorted by leaf, then place, so that sums over a cell come out the same in whatever order they came."""
    places = check_coordinates(points) if np.size(points) else np.empty((0, 2))
    leaves = s2.leaf_ids(places, on_progress)
    order = np.lexsort((places[:, 1], places[:, 0], leaves))
    places = places[order]
    vectors = np.zeros((len(places) + 1, 3))
    vectors[:-1] = unit_vectors(places)
    return _Sorted(leaves[order], places, vectors)


def _means(along: _Sorted, ids: Ids, starts: Classes, counts: Classes) -> Floats:
    """(k, 2) degrees: the mean direction of each cell's photos, every photo weighing the same."""
    edges = np.column_stack([starts, starts + counts]).ravel()
    sums = np.column_stack([np.add.reduceat(axis, edges)[::2] for axis in along.vectors.T])
    means = check_coordinates(from_unit_vectors(sums))
    rounded_out = misplaced(ids, means)  # photos on a cell's border, whose mean lies there too
    means[rounded_out] = along.points[starts[rounded_out]]
    return means
