"""Scores for walks without a picture: a number for every tile, the same each time, and a record of what was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from geoloc_core.tiles.tile import Tile
from geoloc_core.tiles.walk import SoFar
from geoloc_core.tiles.walked import Scored


@dataclass
class Fake:
    """Cosines by a function of the tile.

    Args:
        cosine: of a tile; NaN where it cannot be had, infinite where it is blank.
        batch: tiles between two looks at `stop`.
        delay_s: of a batch.
    """

    cosine: Callable[[Tile], float]
    batch: int = 64
    delay_s: float = 0.0
    asked: list[Tile] = field(default_factory=list)
    batches: int = 0

    def __call__(self, zoom: int, tiles: Sequence[Tile], stop: threading.Event, so_far: SoFar) -> Scored:
        """Score in batches until stopped."""
        assert {tile.z for tile in tiles} == {zoom}
        self.asked += tiles
        scores = np.full(len(tiles), np.nan)
        for start in range(0, len(tiles), self.batch):
            if stop.is_set():
                return self._scored(scores, start)
            time.sleep(self.delay_s)
            self.batches += 1
            rows = np.arange(start, min(start + self.batch, len(tiles)))
            scores[rows] = [self.cosine(tiles[i]) for i in rows]
            so_far(rows[np.isfinite(scores[rows])], scores[rows][np.isfinite(scores[rows])])
        return self._scored(scores, len(tiles))

    def _scored(self, scores: NDArray[np.float64], done: int) -> Scored:
        had, failed = np.isfinite(scores), int(np.isnan(scores[:done]).sum())
        troubles = {"not there": failed} if failed else {}
        return Scored(scores, had, np.isinf(scores), len(scores) - done, {"encoded": int(had.sum())}, troubles)


def hashed(seed: int = 0, levels: int = 1 << 20) -> Callable[[Tile], float]:
    """Cosines between -1 and 1 that look random, of so many different values."""

    def cosine(tile: Tile) -> float:
        mixed = (tile.x * 73856093 ^ tile.y * 19349663 ^ tile.z * 83492791 ^ seed * 2654435761) * 0x9E3779B97F4A7C15
        return 2 * ((mixed >> 20 & 0xFFFFF) * levels >> 20) / levels - 1

    return cosine


def towards(place: tuple[float, float]) -> Callable[[Tile], float]:
    """A cosine that is 1 for the tiles of a place and falls with the tiles' distance on the map."""
    from geoloc_core.tiles.tile import tile_at

    def cosine(tile: Tile) -> float:
        goal, size = tile_at(*place, tile.z), 1 << tile.z
        across = min((tile.x - goal.x) % size, (goal.x - tile.x) % size)
        return 1.0 - np.hypot(across, tile.y - goal.y) / size

    return cosine


def exhaustive(cosine: Callable[[Tile], float], zooms: Sequence[int], by: str, temperature: float) -> dict[Tile, float]:
    """The path scores of the last zoom's tiles, by looking at every tile of every zoom; `chain` begins at zoom 0."""
    paths: dict[Tile, float] = {}
    for depth, zoom in enumerate(zooms):
        above, paths = paths, {}
        places = list(product(range(1 << zoom), repeat=2))
        logits = {(x, y): temperature * cosine(Tile(x, y, zoom)) for x, y in places}
        for x, y in places:
            before = above.get(Tile(x // 4, y // 4, zoom - 2), 0.0) if depth else 0.0
            family = [(i, j) for i, j in product(range(x - x % 4, x - x % 4 + 4), range(y - y % 4, y - y % 4 + 4))]
            paths[Tile(x, y, zoom)] = {
                "last": logits[x, y],
                "mean": (before * depth + logits[x, y]) / (depth + 1),
                "chain": before + logits[x, y] - np.logaddexp.reduce([logits[at] for at in family if at in logits]),
            }[by]
    return paths
