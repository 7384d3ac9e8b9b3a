"""A source whose tiles can be asked for early: other threads get them, and they are kept until they are wanted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

from geoloc_core.status import Availability
from geoloc_core.tiles.sources.base import Got, TileSource
from geoloc_core.tiles.tile import Tile

_MOST = 2_048  # tiles kept, some 40 MB; those asked for longest ago go first


class Early(TileSource):
    """Another source, with `ahead`. To be closed, which leaves that source open."""

    def __init__(self, source: TileSource) -> None:
        self._source, self._stop, self._lock = source, threading.Event(), threading.Lock()
        self.name, self.id, self.about = source.name, source.id, source.about
        self.zooms, self.concurrency = source.zooms, source.concurrency
        self._pool = ThreadPoolExecutor(source.concurrency, thread_name_prefix="geoloc-early")
        self._asked: OrderedDict[Tile, Future[Got]] = OrderedDict()

    def availability(self) -> Availability:
        """The source's."""
        return self._source.availability()

    def ahead(self, tiles: Sequence[Tile]) -> None:
        """Ask for tiles that will probably be wanted; returns at once."""
        with self._lock:
            for tile in tiles:
                if tile not in self._asked and not self._stop.is_set() and self.has(tile):
                    self._asked[tile] = self._pool.submit(self._source.get, tile, self._stop)
            while len(self._asked) > _MOST:
                self._asked.popitem(last=False)[1].cancel()

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _get(self, tile: Tile, stop: threading.Event) -> Got:
        with self._lock:
            asked = self._asked.pop(tile, None)
        if asked is None or asked.cancel():  # not yet begun: the reader gets it sooner himself
            return self._source.get(tile, stop)
        try:
            return asked.result()
        except CancelledError:
            return self._source.get(tile, stop)
