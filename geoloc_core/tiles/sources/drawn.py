"""Tiles that a function draws when they are asked for, as a synthetic world's are."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from mercantile import Tile

from geoloc_core.status import Availability
from geoloc_core.tiles.picture import Trouble
from geoloc_core.tiles.sources.base import About, Got, TileSource
from geoloc_core.tiles.tile import MOST_ZOOM

log = logging.getLogger(__name__)


class Drawn(TileSource):
    """Tiles drawn on demand.

    Args:
        draw: the bytes of a tile's PNG, JPEG or WebP; None where there is nothing. Called from several threads.
        identity: changes whenever what is drawn does.
        about: whose the tiles are.
        zooms: (least, most) that can be drawn.
    """

    name = "drawn"

    def __init__(
        self, draw: Callable[[Tile], bytes | None], identity: str, about: About, zooms: tuple[int, int] = (0, MOST_ZOOM)
    ) -> None:
        self._draw, self.id, self.about, self.zooms = draw, f"drawn:{identity}", about, zooms

    def availability(self) -> Availability:
        """Always there."""
        return Availability(True, f"{self.about.title}, drawn on demand.")

    def _get(self, tile: Tile, stop: threading.Event) -> Got:
        try:
            data = self._draw(tile)
        except Exception as error:
            log.warning("Tile %d/%d/%d could not be drawn: %s", tile.z, tile.x, tile.y, error)
            return Got(tile, None, Trouble.FAILED)
        return Got(tile, data, None if data else Trouble.MISSING)
