"""Fetched tiles kept on disk, within a bound: one SQLite file that several processes and threads share.

Keyed by the source's id, which holds no key, and the tile. Only tiles that decode are put here; that a source has no
such tile is kept for a day. The tiles used longest ago go first. A damaged file is moved aside, said so, begun anew.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mercantile import Tile

from geoloc_core.errors import TileError

log = logging.getLogger(__name__)

_VERSION = 1
_ROW_BYTES = 120  # what a row takes beside its picture
_MISSING_S = 86_400.0
_TOUCH_S = 60.0  # a later use within this time of an earlier one is not written down
_BUSY_S = 10.0
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS tiles (
    source TEXT NOT NULL, z INTEGER NOT NULL, x INTEGER NOT NULL, y INTEGER NOT NULL,
    bytes INTEGER NOT NULL, used REAL NOT NULL, until REAL, data BLOB, UNIQUE (source, z, x, y));
CREATE INDEX IF NOT EXISTS by_use ON tiles (used, bytes);
CREATE TABLE IF NOT EXISTS held (bytes INTEGER NOT NULL);
INSERT INTO held SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM held);
CREATE TRIGGER IF NOT EXISTS came AFTER INSERT ON tiles BEGIN UPDATE held SET bytes = bytes + new.bytes; END;
CREATE TRIGGER IF NOT EXISTS went AFTER DELETE ON tiles BEGIN UPDATE held SET bytes = bytes - old.bytes; END;
PRAGMA user_version = {_VERSION};
"""

T = TypeVar("T")


@dataclass(frozen=True)
class Kept:
    """What the cache knows of a tile: its bytes, or with None that the source has no such tile."""

    data: bytes | None


class TileCache:
    """A bounded cache of tiles in a file.

    A full or read-only disk, or a file others keep locked, makes it forget, never fail.

    Attributes:
        notes: sentences on what went wrong with the file, for a person.
    """

    def __init__(self, path: Path, most_bytes: int = 2_000_000_000, *, clock: Callable[[], float] = time.time) -> None:
        """Open a cache, or begin one.

        Args:
            path: of the file; its folder is made if needed.
            most_bytes: of all tiles together.
            clock: seconds since the epoch.

        Raises:
            TileError: there can be no such file.
        """
        self.path, self.most_bytes, self.notes = Path(path), most_bytes, list[str]()
        self._clock, self._lock, self._process = clock, threading.RLock(), os.getpid()
        self._database: sqlite3.Connection | None = None
        self._suspect = False
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._lock:
                self._open_or_mend()
        except (OSError, sqlite3.Error) as error:
            raise TileError(f"Tiles cannot be kept in {self.path} ({error}). Choose another place for them.") from None

    def get(self, source: str, tile: Tile) -> Kept | None:
        """What is known of a tile; None if nothing is."""
        return self._try(lambda database: self._look_up(database, source, tile), None)

    def put(self, source: str, tile: Tile, data: bytes | None) -> None:
        """Keep a tile, or with None that there is none; the caller has seen that it decodes."""
        size = len(data or b"") + _ROW_BYTES
        if size <= self.most_bytes:
            self._try(lambda database: self._write(database, source, tile, data, size), None)

    def drop(self, source: str, tile: Tile) -> None:
        """Forget a tile."""

        def forget(database: sqlite3.Connection) -> None:
            with database:
                database.execute("DELETE FROM tiles WHERE (source, z, x, y) = (?, ?, ?, ?)", _key(source, tile))

        self._try(forget, None)

    def size(self) -> int:
        """Bytes held."""
        return self._try(lambda database: int(database.execute("SELECT bytes FROM held").fetchone()[0]), 0)

    def count(self) -> int:
        """Tiles held, with those known to be missing."""
        return self._try(lambda database: int(database.execute("SELECT count(*) FROM tiles").fetchone()[0]), 0)

    def clear(self) -> None:
        """Forget all."""

        def forget(database: sqlite3.Connection) -> None:
            with database:
                database.execute("DELETE FROM tiles")
            database.execute("VACUUM")

        self._try(forget, None)

    def close(self) -> None:
        """Close the file; a later use opens it again."""
        with self._lock:
            if self._database:
                self._database.close()
            self._database = None

    def _look_up(self, database: sqlite3.Connection, source: str, tile: Tile) -> Kept | None:
        query = "SELECT rowid, data, used, until FROM tiles WHERE (source, z, x, y) = (?, ?, ?, ?)"
        row = database.execute(query, _key(source, tile)).fetchone()
        now = self._clock()
        if row is None or (row[3] is not None and row[3] < now) or not isinstance(row[1], bytes | None):
            return None
        if now - row[2] > _TOUCH_S:
            with suppress(sqlite3.OperationalError), database:
                database.execute("UPDATE tiles SET used = ? WHERE rowid = ?", (now, row[0]))
        return Kept(row[1])

    def _write(self, database: sqlite3.Connection, source: str, tile: Tile, data: bytes | None, size: int) -> None:
        now = self._clock()
        until = now + _MISSING_S if data is None else None
        with database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("DELETE FROM tiles WHERE (source, z, x, y) = (?, ?, ?, ?)", _key(source, tile))
            excess = database.execute("SELECT bytes FROM held").fetchone()[0] + size - self.most_bytes
            if excess > 0:
                self._evict(database, excess + self.most_bytes // 20)
            row = (*_key(source, tile), size, now, until, data)
            database.execute("INSERT INTO tiles VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _evict(self, database: sqlite3.Connection, excess: int) -> None:
        old = []
        for number, size in database.execute("SELECT rowid, bytes FROM tiles ORDER BY used"):
            if excess <= 0:
                break
            old.append((number,))
            excess -= size
        database.executemany("DELETE FROM tiles WHERE rowid = ?", old)

    def _try(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """The result of `work`, once more on a new file if this one is damaged; `otherwise` if it cannot be done."""
        with self._lock:
            for _ in range(2):
                try:
                    return work(self._connection())
                except sqlite3.DatabaseError as error:
                    if not self._is_damaged(error):
                        self._note(f"Tiles are not kept just now: {error}.")
                        return otherwise
                    self.close()
                    self._suspect = True  # looking through the whole file takes time: only now
                except OSError as error:
                    self._note(f"Tiles are not kept just now: {error}.")
                    return otherwise
        return otherwise

    def _connection(self) -> sqlite3.Connection:
        if self._process != os.getpid():  # a connection must not cross a fork, not even to be closed
            _inherited.append(self._database)
            self._process, self._database = os.getpid(), None
        if self._database is None:
            self._open_or_mend()
        assert self._database
        return self._database

    def _open_or_mend(self) -> None:
        from filelock import FileLock

        with FileLock(f"{self.path}.lock"):  # one process at a time begins the file, or moves it aside
            try:
                self._database = self._opened()
            except sqlite3.DatabaseError as error:
                if not self._is_damaged(error):
                    raise
                self._move_aside()
                self._suspect = False
                self._database = self._opened()

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=_BUSY_S, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            elif version != _VERSION:
                raise _Damaged(f"version {version}")
            if self._suspect and (check := database.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise _Damaged(check)
        except BaseException:
            database.close()
            raise
        self._suspect = False
        return database

    def _is_damaged(self, error: sqlite3.DatabaseError) -> bool:
        return isinstance(error, _Damaged) or (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED

    def _move_aside(self) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        for ending in ("", "-wal", "-shm"):
            piece = Path(f"{self.path}{ending}")
            if piece.exists():
                piece.replace(f"{aside}{ending}")
        self._note(f"The kept tiles in {self.path} were damaged; they now lie in {aside.name}, which may be deleted.")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            log.warning(text)


class _Damaged(sqlite3.DatabaseError):
    """The file is SQLite's, but not whole or not ours."""


_inherited: list[sqlite3.Connection | None] = []  # connections of a parent process, kept from being closed in this one


def _key(source: str, tile: Tile) -> tuple[str, int, int, int]:
    return source, tile.z, tile.x, tile.y
