"""Tiles fetched, decoded and prepared by other threads while their reader is busy, so many ahead and no more."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from geoloc_core.encoders.base import Prepared
from geoloc_core.tiles.sources.base import Got, TileSource
from geoloc_core.tiles.tile import Tile

if TYPE_CHECKING:
    from PIL.Image import Image

Ready = tuple[Got, Prepared | None]  # None where there is nothing to see: no picture, or one of one colour
_LOOK_S = 0.05
_MOST_WORKERS = 16


def ready_tiles(
    source: TileSource, tiles: Sequence[Tile], prepare: Callable[[Image], Prepared], most: int, over: Callable[[], bool]
) -> Generator[Ready | None, None, None]:
    """Each tile once, as they come; None whenever none came for a twentieth of a second.

    Args:
        source: of the pictures.
        tiles: to get.
        prepare: is called by several threads.
        most: tiles fetched ahead of the reader.
        over: asked about as often; once it says so, no more come.

    Raises:
        GeolocError: as `prepare` did.
    """
    stop = threading.Event()
    done: queue.Queue[Future[Ready] | BaseException | None] = queue.Queue(most)

    def fetch() -> None:
        pool = ThreadPoolExecutor(min(_MOST_WORKERS, os.cpu_count() or 1), thread_name_prefix="geoloc-decode")
        try:
            for got in source.get_many(tiles, cancel=stop):
                done.put(pool.submit(_ready, got, prepare))
            done.put(None)
        except BaseException as error:
            done.put(error)
        finally:
            pool.shutdown(wait=False, cancel_futures=stop.is_set())

    thread = threading.Thread(target=fetch, name="geoloc-fetch", daemon=True)
    thread.start()
    try:
        while not over():
            try:
                item = done.get(timeout=_LOOK_S)
            except queue.Empty:
                yield None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item.result()
    finally:
        stop.set()
        while thread.is_alive():  # it may wait for room
            with suppress(queue.Empty):
                done.get(timeout=_LOOK_S)


def _ready(got: Got, prepare: Callable[[Image], Prepared]) -> Ready:
    picture = got.picture
    return got, None if picture.image is None or picture.blank else prepare(picture.image)
