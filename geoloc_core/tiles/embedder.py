"""Tiles to embeddings: from the store what is there, from the source and through the network what is not.

Tiles are fetched, decoded and prepared ahead while the device works. Equal pictures go through it once. A tile of one
colour shows nothing: it is not encoded, and kept as a row of zeros, so that nobody asks for it again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Prepared
from geoloc_core.errors import TileError
from geoloc_core.tiles.ahead import ready_tiles
from geoloc_core.tiles.encoders import TileEncoders
from geoloc_core.tiles.sources.base import Got, Progress, TileSource
from geoloc_core.tiles.store import Bools, Floats, TileEmbeddings
from geoloc_core.tiles.tally import Tally
from geoloc_core.tiles.tile import Tile

log = logging.getLogger(__name__)

Ints = NDArray[np.int64]
OnSome = Callable[[Ints, Floats], None]


@dataclass(frozen=True)
class Counts:
    """What was done for tiles; the first six add up to all that were asked for.

    Attributes:
        stored: had an embedding in the store, or were known there to be blank.
        encoded: went through the network.
        equal: took the embedding of an equal picture.
        blank: turned out to be of one colour.
        failed: could not be had.
        stopped: were not reached before the end.
        cached: came from the source's cache.
        fetched: came from the source itself.
    """

    stored: int = 0
    encoded: int = 0
    equal: int = 0
    blank: int = 0
    failed: int = 0
    stopped: int = 0
    cached: int = 0
    fetched: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True, eq=False)
class Embedded:
    """Embeddings of n tiles.

    Attributes:
        vectors: (n, d) float32 unit rows, zeros where there is none; rounded as the store rounds them, so that an
            answer is the same when it comes from there.
        ok: (n,) which have one.
        blank: (n,) which are of one colour, and so have none.
        counts: what was done.
        tally: why tiles could not be had.
    """

    vectors: Floats
    ok: Bools
    blank: Bools
    counts: Counts
    tally: Tally


class Embedder:
    """Embeddings of one source's tiles by one family of encoders.

    Attributes:
        trouble: why new embeddings are not kept any more, such as a full disk; empty if they are.
    """

    def __init__(self, encoders: TileEncoders, source: TileSource, store: TileEmbeddings) -> None:
        self.encoders, self.source, self.store, self.trouble = encoders, source, store, ""

    @classmethod
    def open(cls, encoders: TileEncoders, source: TileSource, root: Path) -> Embedder:
        """With the store for both under `root`, which is made if it is not there.

        Raises:
            TileError: the store cannot be used.
            GeolocError: the encoders are not on this machine.
        """
        return cls(encoders, source, TileEmbeddings(root, encoders.id, source.id, encoders.dim))

    def vectors(
        self,
        zoom: int,
        tiles: Sequence[Tile],
        on_progress: Progress | None = None,
        cancel: threading.Event | None = None,
        deadline: float | None = None,
        on_some: OnSome | None = None,
    ) -> Embedded:
        """Embeddings of tiles of a zoom. If the store has all, nothing is fetched and no weights are loaded.

        Args:
            zoom: of all the tiles.
            tiles: n.
            on_progress: called in this thread with (tiles settled, n).
            cancel: set it to stop.
            deadline: of `time.monotonic()`, to stop at; a batch that is with the device then still ends.
            on_some: called in this thread with indices and vectors (m, d) that have just become known.

        Raises:
            TileError: the store is damaged.
            ModelError: there is no encoder for the zoom.
            EncoderError: the encoders cannot be used.
        """
        work = _Work(self, zoom, tiles, on_progress, on_some)

        def over() -> bool:
            return (cancel is not None and cancel.is_set()) or (deadline is not None and time.monotonic() >= deadline)

        if (unknown := work.unknown) and not over():
            batch = self.encoders.batch
            ahead = max(2 * batch, 4 * self.source.concurrency)
            with closing(ready_tiles(self.source, unknown, self.encoders.prepare, ahead, over)) as ready:
                for one in ready:
                    if one is not None:
                        work.take(*one)
                    if one is None or work.different >= batch:
                        work.flush()
            if not over():
                work.flush()
        return work.result()

    def close(self) -> None:
        """Close the store."""
        self.store.close()


@dataclass
class _Same:
    """Tiles of the same bytes, by their indices, with the picture prepared, or None if it is blank."""

    prepared: Prepared | None
    indices: list[int] = field(default_factory=list)


class _Work:
    """One call of `Embedder.vectors`."""

    def __init__(
        self, embedder: Embedder, zoom: int, tiles: Sequence[Tile], on_progress: Progress | None, on_some: OnSome | None
    ) -> None:
        self._embedder, self._zoom, self._tiles = embedder, zoom, tuple(tiles)
        self._on_progress, self._on_some = on_progress, on_some
        found = embedder.store.find(self._tiles)
        self._vectors, self._known = found.vectors, found.here
        self._stored, self._encoded, self._equal, self._blank, self._failed = int(found.here.sum()), 0, 0, 0, 0
        self._tally, self._waiting, self.different = Tally(), dict[str, _Same](), 0
        self._places: dict[Tile, list[int]] = {}
        for index in np.flatnonzero(~found.here).tolist():
            self._places.setdefault(self._tiles[index], []).append(index)
        self._tell(np.flatnonzero(found.here))

    @property
    def unknown(self) -> list[Tile]:
        """The tiles that the store does not have, each once."""
        return list(self._places)

    def take(self, got: Got, prepared: Prepared | None) -> None:
        """Count a tile, and put it beside those of the same bytes."""
        self._tally.add(got)
        places = self._places[got.tile]
        if got.trouble:
            self._failed += len(places)
            self._tell(np.zeros(0, np.int64))
            return
        if got.digest not in self._waiting:
            self._waiting[got.digest] = _Same(prepared)
            self.different += prepared is not None
        self._waiting[got.digest].indices += places

    def flush(self) -> None:
        """Give all that wait their embeddings, and keep them."""
        if not self._waiting:
            return
        waiting, self._waiting, self.different = self._waiting, {}, 0
        indices = np.array([index for same in waiting.values() for index in same.indices], dtype=np.int64)
        digests = np.array([digest for digest, same in waiting.items() for _ in same.indices])
        kept = self._linked(indices, digests)
        self._vectors[indices[kept]] = self._embedder.store.find(self._of(indices[kept])).vectors
        new = {digest: waiting[digest] for digest in dict.fromkeys(digests[~kept].tolist())}
        self._encode(new)
        if len(new):
            self._keep(indices[~kept], digests[~kept])
        blank = int((~self._vectors[indices].any(axis=1)).sum())
        self._blank += blank
        self._equal += len(indices) - blank - sum(same.prepared is not None for same in new.values())
        self._known[indices] = True
        self._tell(indices)

    def result(self) -> Embedded:
        """What came of it."""
        ok = self._known & self._vectors.any(axis=1)
        stopped = len(self._tiles) - int(self._known.sum()) - self._failed
        counts = Counts(
            self._stored,
            self._encoded,
            self._equal,
            self._blank,
            self._failed,
            stopped,
            self._tally.from_cache,
            self._tally.fetched,
        )
        return Embedded(self._vectors, ok, self._known & ~ok, counts, self._tally)

    def _encode(self, new: dict[str, _Same]) -> None:
        """Embed different pictures, for all tiles that show them; what is blank stays zero."""
        shown = [(same.prepared, same.indices) for same in new.values() if same.prepared is not None]
        if shown:
            seen = self._embedder.encoders.embed(self._zoom, [prepared for prepared, _ in shown])
            self._encoded += len(shown)
            for row, (_, indices) in zip(seen.astype(np.float16), shown, strict=True):
                self._vectors[indices] = row

    def _linked(self, indices: Ints, digests: NDArray[np.str_]) -> Bools:
        """Which tiles show a picture whose embedding is kept; it becomes theirs."""
        if self._embedder.trouble:
            return np.zeros(len(indices), dtype=bool)
        try:
            return self._embedder.store.link(self._of(indices), digests.tolist())
        except TileError as error:
            self._give_up(error)
            return np.zeros(len(indices), dtype=bool)

    def _keep(self, indices: Ints, digests: NDArray[np.str_]) -> None:
        if not self._embedder.trouble:
            try:
                self._embedder.store.add(self._of(indices), digests.tolist(), self._vectors[indices])
            except TileError as error:
                self._give_up(error)

    def _give_up(self, error: TileError) -> None:
        log.warning("%s", error)
        self._embedder.trouble = str(error)

    def _of(self, indices: Ints) -> list[Tile]:
        return [self._tiles[index] for index in indices.tolist()]

    def _tell(self, indices: Ints) -> None:
        if self._on_some and len(some := indices[self._vectors[indices].any(axis=1)]):
            self._on_some(some, self._vectors[some])
        if self._on_progress:
            self._on_progress(int(self._known.sum()) + self._failed, len(self._tiles))
