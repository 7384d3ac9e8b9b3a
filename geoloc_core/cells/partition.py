"""Geo-cells at one to five scales: which classes a place has, and which cell lies in which."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from geoloc_core.cells import s2
from geoloc_core.cells.about import MOST_LEVELS, About
from geoloc_core.cells.level import Level
from geoloc_core.cells.s2 import Classes, Ids
from geoloc_core.errors import CellsError

NAMES = ("coarse", "middle", "fine")


@dataclass(frozen=True, eq=False)
class Partition:
    """Levels of geo-cells, the coarsest first; each cell's `parent` is found here.

    Raises:
        CellsError: no levels, too many, two of one name, or a cell that holds a cell of a coarser level.
    """

    parts: tuple[Level, ...]
    about: About

    def __init__(self, parts: Sequence[Level], about: About | None = None) -> None:
        if not 1 <= len(parts) <= MOST_LEVELS or len({part.name for part in parts}) < len(parts):
            raise CellsError(f"A partition has 1 to {MOST_LEVELS} levels of different names. Give those.")
        nested = [replace(parts[0], parent=np.full(len(parts[0]), -1))]
        for finer in parts[1:]:
            nested.append(replace(finer, parent=_parents(nested[-1], finer)))
        object.__setattr__(self, "parts", tuple(nested))
        object.__setattr__(self, "about", about or About())

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels' names, the coarsest first."""
        return tuple(part.name for part in self.parts)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many cells each level has."""
        return tuple(len(part) for part in self.parts)

    def level(self, name: str) -> Level:
        """The level of that name.

        Raises:
            CellsError: there is none.
        """
        for part in self.parts:
            if part.name == name:
                return part
        raise CellsError(f"There is no level {name!r} of geo-cells. Choose from {', '.join(self.levels)}.")

    def assign(self, points: ArrayLike) -> Classes:
        """(m, levels) the classes of (m, 2) degrees at each level, -1 where no cell holds the point.

        Raises:
            CoordinateError: a point that is no place.
        """
        return self.find(s2.leaf_ids(points))

    def find(self, leaves: Ids) -> Classes:
        """(m, levels) the classes of (m,) leaf cells, as `s2.leaf_ids` gives them."""
        return np.column_stack([part.find(leaves) for part in self.parts])

    @cached_property
    def lineage(self) -> Classes:
        """(n, levels) for each of the finest level's n cells its class at every level, -1 where it has no ancestor.

        With it, f* (Mueller-Budack et al. 2018) multiplies a cell's probability by its ancestors'.
        """
        columns = [np.arange(len(self.parts[-1]))]
        for part in reversed(self.parts[1:]):
            columns.append(np.where(columns[-1] >= 0, part.parent[columns[-1]], -1))
        return np.column_stack(columns[::-1])

    @cached_property
    def id(self) -> str:
        """`cells/sha256-…`: equal ids have the same classes in the same order, and the same place for each."""
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(f"{part.name} {len(part)} ".encode())
            digest.update(part.ids.astype("<u8").tobytes())
            digest.update(part.points.astype("<f8").tobytes())
        return f"cells/sha256-{digest.hexdigest()[:16]}"

    def __str__(self) -> str:
        return ", ".join(f"{len(part):,} {part.name}" for part in self.parts) + " cells"

    def save(self, path: Path | str) -> Path:
        """Write it into one file, whole or not at all; see `storage`."""
        from geoloc_core.cells.storage import save

        return save(self.parts, self.about, Path(path))

    @classmethod
    def open(cls, path: Path | str) -> Partition:
        """Read what `save` wrote.

        Raises:
            CellsError: there is no such file, or it is damaged.
        """
        from geoloc_core.cells.storage import read

        return read(Path(path), cls)


def _parents(coarser: Level, finer: Level) -> Classes:
    inside = finer.find(s2.firsts(coarser.ids))
    if (finer.depths[inside] < coarser.depths)[inside >= 0].any():
        raise CellsError(
            f"A {finer.name} cell holds a {coarser.name} one, so these are not levels of one partition. "
            "Give the levels of one partition, the coarsest first."
        )
    return coarser.find(s2.firsts(finer.ids))
