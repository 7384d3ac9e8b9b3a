"""What every source of tiles does: say what it is and whose, and get tiles, one or many."""

from __future__ import annotations

import hashlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property

from mercantile import Tile

from geoloc_core.status import Availability
from geoloc_core.tiles.picture import Picture, Trouble, read_tile
from geoloc_core.tiles.tile import exists

Progress = Callable[[int, int], None]
_WATCH_EVERY_S = 0.05


@dataclass(frozen=True)
class About:
    """Whose the tiles are.

    Attributes:
        title: for a person.
        attribution: to be shown wherever a tile is.
        licence: of the pictures.
        terms: of the service, in a sentence, where there is one.
        url: where licence and terms stand.
    """

    title: str
    attribution: str = ""
    licence: str = "not stated"
    terms: str = ""
    url: str = ""


@dataclass(frozen=True)
class Got:
    """What came for a tile: bytes, or the trouble there was."""

    tile: Tile
    data: bytes | None = field(repr=False)
    why: Trouble | None = None
    from_cache: bool = False

    @cached_property
    def picture(self) -> Picture:
        """Decoded once; without an image if there are no bytes or they are no tile."""
        return read_tile(self.data) if self.data is not None else Picture(None, self.why or Trouble.MISSING)

    @property
    def trouble(self) -> Trouble | None:
        """Why there is no picture, None if there is one."""
        return self.picture.trouble

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes: tiles of the same picture, such as open sea, share it."""
        return hashlib.sha256(self.data or b"").hexdigest()


class TileSource(ABC):
    """Where tiles come from.

    Attributes:
        name: the kind, as its file is called.
        id: tells the tiles of one source from those of another; holds no key.
        about: title, attribution, licence, terms.
        zooms: (least, most) it has.
        concurrency: tiles got at once by `get_many`.
    """

    name: str
    id: str
    about: About
    zooms: tuple[int, int]
    concurrency: int = min(4, os.cpu_count() or 1)

    @abstractmethod
    def availability(self) -> Availability:
        """Whether it can be used; asks no server."""

    @abstractmethod
    def _get(self, tile: Tile, stop: threading.Event) -> Got:
        """A tile within `zooms`. Gives up when `stop` is set."""

    def close(self) -> None:
        """Let go of files and connections."""
        return

    def has(self, tile: Tile) -> bool:
        """Whether the source may have such a tile."""
        return exists(tile) and self.zooms[0] <= tile.z <= self.zooms[1]

    def get(self, tile: Tile, stop: threading.Event | None = None) -> Got:
        """A tile; trouble is told, not raised."""
        if stop and stop.is_set():
            return Got(tile, None, Trouble.STOPPED)
        return self._get(tile, stop or threading.Event()) if self.has(tile) else Got(tile, None, Trouble.OUTSIDE)

    def get_many(
        self, tiles: Iterable[Tile], on_progress: Progress | None = None, cancel: threading.Event | None = None
    ) -> Iterator[Got]:
        """Tiles as they come, each once, `concurrency` at a time and no more ahead of the reader than a few.

        Args:
            tiles: in any number.
            on_progress: called in this thread with (tiles done, tiles in all).
            cancel: set it to stop; what is not there yet comes as `Trouble.STOPPED`.
        """
        waiting = list(dict.fromkeys(tiles))
        total, done, stop, pending = len(waiting), 0, threading.Event(), dict[Future[Got], Tile]()
        waiting.reverse()
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="geoloc-tiles")
        try:
            while waiting or pending:
                while waiting and len(pending) < 4 * self.concurrency:
                    tile = waiting.pop()
                    pending[pool.submit(self.get, tile, stop)] = tile
                ready = wait(pending, _WATCH_EVERY_S if cancel else None, FIRST_COMPLETED).done
                gots = [future.result() for future in ready]
                for future in ready:
                    del pending[future]
                if cancel and cancel.is_set():
                    stop.set()
                    gots += [Got(left, None, Trouble.STOPPED) for left in (*pending.values(), *reversed(waiting))]
                    pending, waiting = {}, []
                for got in gots:
                    done += 1
                    if on_progress:
                        on_progress(done, total)
                    yield got
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)  # what is under way ends by itself, and is not waited for


def line_of(text: object) -> str:
    """A stranger's words as one short line."""
    words = text if isinstance(text, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in words[:400]).split())[:200]
