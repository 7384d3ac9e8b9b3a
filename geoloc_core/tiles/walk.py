"""The walk from the world to a street: at each zoom the tiles most like the photo are kept and opened two zooms down.

Source: Kim, Jang and Kim, sections 3.1 and 3.3. The published rule drops all tiles that tie for the last place; here
the first of them, row by row from the north-west, are kept, so that open sea, whose tiles are all alike, does not empty
the beam. What compares a tile with the photo is `Scores`, so that the walk itself is arithmetic.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from geoloc_core.errors import NoAnswer
from geoloc_core.geo import Floats
from geoloc_core.tiles.how import How
from geoloc_core.tiles.paths import combine
from geoloc_core.tiles.tile import Tile
from geoloc_core.tiles.walked import Bools, Ended, Ints, Rung, Scored, Walk, best_first

Prefetch = Callable[[Sequence[Tile]], None]
SoFar = Callable[[Ints, Floats], None]

_POLL_S = 0.05


class Scores(Protocol):
    """Compares tiles with one photo."""

    def __call__(self, zoom: int, tiles: Sequence[Tile], stop: threading.Event, so_far: SoFar) -> Scored:
        """The cosine of each tile with the photo.

        Args:
            zoom: of the tiles.
            tiles: n, none of them twice in a walk.
            stop: when it is set the rest may be left out, as skipped.
            so_far: may be called with (indices, cosines) of tiles scored since the last call, for looking ahead.
        """
        ...


def walk(
    scores: Scores,
    how: How | None = None,
    *,
    cancel: threading.Event | None = None,
    prefetch: Prefetch | None = None,
) -> Walk:
    """Walk down the tiles.

    Tiles that cannot be had, or show nothing, are left out and counted; a path through one that is held goes on as if
    that tile were as good as the mean of its zoom. If a zoom has none at all, or is cut short by the budget or by
    `cancel`, the answer is that of the zoom before.

    Args:
        scores: compares tiles with the photo.
        how: beam, formula, zooms, region, places beside, budget.
        cancel: set it to stop.
        prefetch: is told of tiles that will probably be asked for next, while others are scored; must return at once.

    Raises:
        NoAnswer: not one tile of the first zoom could be had.
        TileError: there are too many tiles at the first zoom.
    """
    how = how or How()
    until = math.inf if how.budget_s is None else time.monotonic() + how.budget_s
    rungs, ended, left = list[Rung](), Ended.DONE, None
    for zoom in how.zooms:
        stop = _Stop(cancel, until if rungs else math.inf)
        if rungs and stop.is_set():
            ended = stop.why
            break
        rung = _rung(scores, how, rungs, zoom, stop, prefetch if zoom < how.zooms[-1] else None)
        if (rungs and rung.scored.skipped) or not rung.had.any():
            left, ended = rung, stop.why if rung.scored.skipped else Ended.NO_TILES
            break
        rungs.append(rung)
    if not rungs:
        why = "Choose a source of tiles that has them." if ended is Ended.NO_TILES else "Let it run."
        raise NoAnswer(f"No tile of zoom {how.zooms[0]} was compared with the photo. {why}")
    return Walk(tuple(rungs), ended, how, left)


def _rung(scores: Scores, how: How, before: list[Rung], zoom: int, stop: _Stop, prefetch: Prefetch | None) -> Rung:
    start = time.perf_counter()
    tiles, parents, offset = _open(how, before)
    held = how.held(tiles)
    ahead = _Ahead(how, tiles, held, prefetch)
    scored = scores(zoom, tiles, stop, ahead)
    had = np.asarray(scored.had, dtype=bool) & np.isfinite(scored.scores)
    cosines = np.where(had, scored.scores, np.nan).astype(np.float64)
    assumed = np.where(had, cosines, np.mean(cosines[had]) if had.any() else 0.0)
    assumed[scored.blank & ~held] = -1.0
    paths = combine(how.by, assumed, offset, np.maximum(parents, 0), len(before) + 1, how.temperature)
    best = best_first(tiles, paths, had)[: how.k]
    others = held.copy()
    others[best] = False
    kept = np.concatenate([best, best_first(tiles, paths, others)])
    seconds = time.perf_counter() - start
    return Rung(zoom, tiles, cosines, paths, parents, kept, scored, seconds)


def _open(how: How, before: list[Rung]) -> tuple[tuple[Tile, ...], Ints, Floats]:
    """A zoom's tiles, where the parent of each stands in the rung before, and the parents' path scores."""
    if not before:
        tiles = how.start()
        return tiles, np.full(len(tiles), -1, dtype=np.int64), np.zeros(len(tiles))
    last = before[-1]
    found = how.opened([last.tiles[i] for i in last.kept])
    parents = last.kept[[index for index, _ in found]]
    return tuple(tile for _, tile in found), parents, last.paths[parents]


class _Ahead:
    """Tells which tiles will probably be opened next, from the scores so far.

    When a share f of a zoom is scored, the best f k of it are likely to stay; what is held stays in any case.
    """

    def __init__(self, how: How, tiles: tuple[Tile, ...], held: Bools, prefetch: Prefetch | None) -> None:
        self._how, self._tiles, self._prefetch = how, tiles, prefetch
        self._scores, self._told = np.full(len(tiles), np.nan), np.zeros(len(tiles), dtype=bool)
        self._tell(np.flatnonzero(held))

    def __call__(self, indices: Ints, cosines: Floats) -> None:
        self._scores[indices] = cosines
        done = np.isfinite(self._scores)
        likely = best_first(self._tiles, self._scores, done)[: int(self._how.k * done.mean())]
        self._tell(likely[~self._told[likely]])

    def _tell(self, chosen: Ints) -> None:
        if self._prefetch and len(chosen):
            self._told[chosen] = True
            self._prefetch([child for _, child in self._how.opened([self._tiles[i] for i in chosen])])


class _Stop(threading.Event):
    """Set when the time is up or somebody else's event is."""

    def __init__(self, cancel: threading.Event | None, until: float) -> None:
        super().__init__()
        self._cancel, self._until = cancel, until

    @property
    def why(self) -> Ended:
        return Ended.CANCELLED if self._cancel and self._cancel.is_set() else Ended.TIME

    def is_set(self) -> bool:
        return super().is_set() or (self._cancel is not None and self._cancel.is_set()) or self._late()

    def wait(self, timeout: float | None = None) -> bool:
        end = math.inf if timeout is None else time.monotonic() + timeout
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            super().wait(min(_POLL_S, left))
        return self.is_set()

    def _late(self) -> bool:
        return time.monotonic() >= self._until
