"""A folder of tiles, z/x/y.png (or jpg, jpeg, webp, avif), as many programs write them."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from mercantile import Tile

from geoloc_core.errors import TileSourceError
from geoloc_core.status import Availability
from geoloc_core.tiles.picture import MOST_BYTES, Trouble
from geoloc_core.tiles.sources.base import About, Got, TileSource
from geoloc_core.tiles.tile import MOST_ZOOM

_ENDINGS = ("png", "jpg", "jpeg", "webp", "avif")


class Folder(TileSource):
    """Tiles in files.

    Args:
        path: the folder that holds the zooms.
        about: whose the tiles are.
        tms: rows count from the south.
    """

    name = "folder"

    def __init__(self, path: Path, about: About | None = None, *, tms: bool = False) -> None:
        """Look which zooms there are.

        Raises:
            TileSourceError: there is no such folder, or no zoom in it.
        """
        self.path, self.tms = Path(path), tms
        try:
            names = [entry.name for entry in self.path.iterdir() if entry.is_dir()]
        except OSError as error:
            raise TileSourceError(f"{str(path)!r} cannot be read ({error.strerror}). Check the path.") from None
        zooms = [int(n) for n in names if n.isascii() and n.isdigit() and len(n) <= 2 and int(n) <= MOST_ZOOM]
        if not zooms:
            raise TileSourceError(f"{str(path)!r} has no folders 0, 1, 2 ... for zooms. Choose the one that has.")
        self.zooms = min(zooms), max(zooms)
        self.about = about or About(self.path.name)
        self.id = f"folder:{hashlib.sha256(f'{self.path.absolute()}{tms}'.encode()).hexdigest()[:16]}"

    def availability(self) -> Availability:
        """Whether the folder is still there."""
        if self.path.is_dir():
            return Availability(True, f"{self.path.name}, zooms {self.zooms[0]} to {self.zooms[1]}.")
        return Availability(False, f"{self.path} is gone.", "Put it back or choose another source.")

    def _get(self, tile: Tile, stop: threading.Event) -> Got:
        row = (1 << tile.z) - 1 - tile.y if self.tms else tile.y
        for ending in _ENDINGS:
            path = self.path / str(tile.z) / str(tile.x) / f"{row}.{ending}"
            try:
                with path.open("rb") as file:
                    return Got(tile, file.read(MOST_BYTES + 1))
            except FileNotFoundError:
                continue
            except OSError:
                return Got(tile, None, Trouble.FAILED)
        return Got(tile, None, Trouble.MISSING)
