"""The cosines of a photo with tiles, for a walk: the seam between `embedder` and `walk`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc_core.tiles.embedder import Embedder, Floats
from geoloc_core.tiles.tile import Tile
from geoloc_core.tiles.walk import Scores, SoFar
from geoloc_core.tiles.walked import Scored

if TYPE_CHECKING:
    from geoloc_core.prediction import Query


OnZoom = Callable[[int, int, int], None]


def comparing(embedder: Embedder, photo: Floats, query: Query, on_progress: OnZoom | None = None) -> Scores:
    """Scores of tiles for one photo.

    Args:
        embedder: of the tiles.
        photo: (d,) of length 1.
        query: is told of every zoom.
        on_progress: called with (zoom, tiles settled, tiles in all).
    """

    def scores(zoom: int, tiles: Sequence[Tile], stop: threading.Event, so_far: SoFar) -> Scored:
        with query.step("walk", f"Zoom {zoom}: {len(tiles):,} tiles"):
            found = embedder.vectors(
                zoom,
                tiles,
                on_progress=partial(on_progress, zoom) if on_progress else None,
                cancel=stop,
                on_some=lambda rows, vectors: so_far(rows, cosines(vectors, photo)),
            )
            counts = {name: count for name, count in asdict(found.counts).items() if count}
            troubles = {str(trouble): count for trouble, count in found.tally.failed.most_common()}
            similar = cosines(found.vectors, photo)
            return Scored(similar, found.ok, found.blank, found.counts.stopped, counts, troubles)

    return scores


def cosines(vectors: Floats, photo: Floats) -> NDArray[np.float64]:
    """(n,) of unit rows with a unit vector. A matrix product may round equal rows differently by where they stand."""
    return np.einsum("nd,d->n", vectors, photo, dtype=np.float64)
