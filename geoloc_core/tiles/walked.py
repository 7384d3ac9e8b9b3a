"""What a walk down the tiles came to: the tiles opened zoom by zoom, the way to the answer, and a distribution."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geoloc_core.geo import Floats, LocationDistribution
from geoloc_core.tiles.how import How
from geoloc_core.tiles.tile import Tile, centre, centres, width_km

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Ended(StrEnum):
    """Why a walk went no further; the value completes "It ended at zoom z: ..."."""

    DONE = "it was the last zoom"
    TIME = "the time was up"
    CANCELLED = "it was stopped"
    NO_TILES = "no tile of the next zoom could be had or shows anything"


@dataclass(frozen=True, eq=False)
class Scored:
    """Tiles compared with a photo.

    Attributes:
        scores: (n,) cosines; of those not had, anything.
        had: (n,) which tiles were compared.
        blank: (n,) which could be had, but show nothing that could be compared.
        skipped: how many of the others were not waited for.
        counts: what was done for it, by name, such as `encoded`.
        troubles: how often which trouble came up.
    """

    scores: NDArray[np.floating]
    had: Bools
    blank: Bools
    skipped: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    troubles: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A tile on the way: its cosine with the photo (None if its picture was missing), and its rank among its zoom's."""

    tile: Tile
    score: float | None
    rank: int
    of: int


@dataclass(frozen=True, eq=False)
class Rung:
    """One zoom of a walk.

    Attributes:
        zoom: of all its tiles.
        tiles: the n that were opened, children of the best parent first.
        scores: (n,) cosines with the photo, NaN where a tile was not compared.
        paths: (n,) path scores.
        parents: (n,) where each one's parent stands among the tiles of the rung before; -1 at the first.
        kept: of the tiles, which are opened further: the best first, then those held in the beam besides.
        scored: as it came.
        seconds: it took.
    """

    zoom: int
    tiles: tuple[Tile, ...]
    scores: Floats
    paths: Floats
    parents: Ints
    kept: Ints
    scored: Scored
    seconds: float

    @property
    def had(self) -> Bools:
        """(n,) which tiles were compared with the photo."""
        return ~np.isnan(self.scores)

    @property
    def failed(self) -> int:
        """How many tiles could not be had."""
        return int((~self.had & ~self.scored.blank).sum()) - self.scored.skipped

    @cached_property
    def order(self) -> Ints:
        """The tiles that were compared, the best path score first; among equals, from the north-west row by row."""
        return best_first(self.tiles, self.paths, self.had)

    def step(self, index: int) -> Step:
        """A tile with its score and rank."""
        rank = int((self.paths[self.order] > self.paths[index]).sum()) + 1
        score = float(self.scores[index])
        return Step(self.tiles[index], None if math.isnan(score) else score, rank, len(self.tiles))


@dataclass(frozen=True, eq=False)
class Walk:
    """A walk from the first zoom's tiles to a place.

    Attributes:
        rungs: the zooms that count, at least one.
        ended: why there are no more.
        how: it was to be done.
        left: a zoom that was begun, but not brought to an end or without any tile; the answer takes nothing from it.
    """

    rungs: tuple[Rung, ...]
    ended: Ended
    how: How
    left: Rung | None = None

    def __str__(self) -> str:
        """What was done and why it ended, in a sentence or two."""
        last = self.rungs[-1].zoom
        text = f"{self.compared:,} tiles were compared, the best {self.how.k} of a zoom opened further"
        if self.failed:
            why = ", ".join(f"{count:,} {trouble}" for trouble, count in self.troubles.items())
            text += f"; {self.failed:,} more could not be had{f' ({why})' if why else ''}"
        if self.ended is Ended.DONE:
            return f"{text}."
        return f"{text}. It ended at zoom {last} instead of {self.how.zooms[-1]}: {self.ended}."

    @property
    def opened(self) -> int:
        """Tiles asked for and waited for, at all zooms."""
        return sum(len(rung.tiles) - rung.scored.skipped for rung in self._begun)

    @property
    def compared(self) -> int:
        """Tiles compared with the photo, at all zooms."""
        return sum(int(rung.had.sum()) for rung in self._begun)

    @property
    def failed(self) -> int:
        """Tiles that could not be had, at all zooms; those that were not waited for are not among them."""
        return sum(rung.failed for rung in self._begun)

    @property
    def counts(self) -> Mapping[str, int]:
        """What was done for the tiles of all zooms."""
        return _summed(rung.scored.counts for rung in self._begun)

    @property
    def troubles(self) -> Mapping[str, int]:
        """How often which trouble came up, at all zooms."""
        return _summed(rung.scored.troubles for rung in self._begun)

    @property
    def best(self) -> tuple[Step, ...]:
        """The way from the first zoom to the tile of the answer."""
        return tuple(rung.step(index) for rung, index in zip(self.rungs, self._way, strict=True))

    @property
    def named(self) -> tuple[float, float]:
        """(lat, lon) of the published answer: the middle of the best tile."""
        return centre(self.rungs[-1].tiles[self._way[-1]])

    @property
    def leaves(self) -> tuple[tuple[Tile, float], ...]:
        """The last zoom's kept tiles with their weights, the softmax of their path scores; the best first."""
        last = self.rungs[-1]
        kept = last.kept[last.had[last.kept]]
        weights = np.exp(last.paths[kept] - last.paths[kept].max())
        weights /= weights.sum()
        return tuple((last.tiles[i], float(w)) for i, w in zip(kept, weights, strict=True))

    def distribution(self) -> LocationDistribution:
        """The leaves' middles by weight, each as wide as places spread evenly over its tile: width / sqrt(12)."""
        tiles, weights = zip(*self.leaves, strict=True)
        widths = np.array([width_km(tile) for tile in tiles]) / math.sqrt(12)
        return LocationDistribution(centres(tiles), weights, widths, self.named)

    @cached_property
    def _way(self) -> tuple[int, ...]:
        index, way = int(self.rungs[-1].order[0]), list[int]()
        for rung in reversed(self.rungs):
            way.append(index)
            index = int(rung.parents[index])
        return tuple(reversed(way))

    @property
    def _begun(self) -> tuple[Rung, ...]:
        return (*self.rungs, self.left) if self.left else self.rungs


def _summed(parts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def best_first(tiles: tuple[Tile, ...], paths: Floats, among: Bools) -> Ints:
    """Indices of the tiles in `among`, the best path score first; among equals, from the north-west row by row."""
    chosen = np.flatnonzero(among)
    places = np.array([(tiles[i].x, tiles[i].y) for i in chosen], dtype=np.int64).reshape(-1, 2)
    return chosen[np.lexsort((places[:, 0], places[:, 1], -paths[chosen]))]
