"""An MBTiles file (specification 1.3): a SQLite database of tiles whose rows count from the south.

The file is hostile: it is opened read-only, its schema is not trusted, and a query that runs too long is stopped.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from pathlib import Path

from mercantile import Tile

from geoloc_core.errors import TileSourceError
from geoloc_core.status import Availability
from geoloc_core.tiles.picture import MOST_BYTES, Trouble
from geoloc_core.tiles.sources.base import About, Got, TileSource, line_of
from geoloc_core.tiles.tile import MOST_ZOOM

_LONGEST_QUERY_S = 5.0
_STEPS = 20_000  # of SQLite's machine between two looks at the clock
_RASTER = ("png", "jpg", "jpeg", "webp", "avif", "")


class MBTiles(TileSource):
    """Tiles of an MBTiles file."""

    name = "mbtiles"

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            TileSourceError: there is none, or it is no MBTiles with pictures.
        """
        self.path, self._lock, self._until = Path(path), threading.Lock(), 0.0
        if not self.path.is_file():
            raise TileSourceError(f"There is no file {str(path)!r}. Check the path.")
        try:
            self._database = self._open()
            facts = {str(k): str(v) for k, v in self._ask("SELECT name, value FROM metadata LIMIT 1000")}
            self.zooms = self._zooms(facts)
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise TileSourceError(f"{str(path)!r} is no MBTiles file ({error}). Choose another file.") from None
        if facts.get("format", "").lower() not in _RASTER:
            raise TileSourceError(f"{str(path)!r} holds drawings (vector tiles), not pictures. Choose a raster file.")
        self.about = About(
            line_of(facts.get("name")) or self.path.stem,
            line_of(facts.get("attribution")),
            line_of(facts.get("license") or facts.get("licence")) or "not stated",
        )
        self.id = f"mbtiles:{self._identity(facts)}"

    def availability(self) -> Availability:
        """Whether the file is still there."""
        if self.path.is_file():
            return Availability(True, f"{self.path.name}, zooms {self.zooms[0]} to {self.zooms[1]}.")
        return Availability(False, f"{self.path} is gone.", "Put it back or choose another source.")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _get(self, tile: Tile, stop: threading.Event) -> Got:
        row = (1 << tile.z) - 1 - tile.y
        query = "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ? LIMIT 1"
        try:
            found = self._ask(query, (tile.z, tile.x, row))
        except sqlite3.Error:
            return Got(tile, None, Trouble.BROKEN)
        if not found:
            return Got(tile, None, Trouble.MISSING)
        data = found[0][0]
        return Got(tile, data) if isinstance(data, bytes) else Got(tile, None, Trouble.BROKEN)

    def _open(self) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            return self._connected(address)
        except sqlite3.OperationalError:  # a database left in WAL mode, in a folder we may not write to
            return self._connected(f"{address}&immutable=1")

    def _connected(self, address: str) -> sqlite3.Connection:
        database = sqlite3.connect(address, uri=True, check_same_thread=False)
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        database.set_progress_handler(lambda: time.monotonic() > self._until, _STEPS)
        self._until = time.monotonic() + _LONGEST_QUERY_S
        for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return database

    def _ask(self, query: str, values: tuple[int, ...] = ()) -> list[tuple[object, ...]]:
        with self._lock:
            self._until = time.monotonic() + _LONGEST_QUERY_S
            return self._database.execute(query, values).fetchall()

    def _zooms(self, facts: dict[str, str]) -> tuple[int, int]:
        low, high = facts.get("minzoom"), facts.get("maxzoom")
        if low is None or high is None:
            low, high = self._ask("SELECT min(zoom_level), max(zoom_level) FROM tiles")[0]  # type: ignore[assignment]
        if low is None or high is None:
            raise ValueError("it holds no tile")
        zooms = int(low), int(high)
        if not 0 <= zooms[0] <= zooms[1] <= MOST_ZOOM:
            raise ValueError(f"its zooms are said to be {zooms[0]} to {zooms[1]}")
        return zooms

    def _identity(self, facts: dict[str, str]) -> str:
        with self.path.open("rb") as file:
            head = file.read(100)  # SQLite's header, with a counter of changes
        told = repr((head, self.path.stat().st_size, sorted(facts.items())))
        return hashlib.sha256(told.encode()).hexdigest()[:16]
