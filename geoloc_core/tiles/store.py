"""Embeddings of tiles on disk: one folder for an encoder and a source, float16, memory-mapped, growing at its end.

`vectors.f16` holds rows and is only ever appended to; `index.sqlite` says which tile's row is which. Rows are flushed
before the index names them, so a process that dies leaves at most rows nobody names. Tiles of a zoom whose bytes are
the same, as open sea's are, share a row. Threads and processes may read and write at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mercantile import Tile
from numpy.typing import NDArray

from geoloc_core.errors import TileError

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

_FORMAT = "geoloc-tile-embeddings 1"
_BUSY_S = 30.0
_MOST_WHOLE = 10  # a million tiles
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tiles (id INTEGER PRIMARY KEY, row INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS pictures (zoom INTEGER, digest TEXT, row INTEGER NOT NULL, PRIMARY KEY (zoom, digest))
WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Found:
    """Embeddings of the tiles asked for: (n, d) float32, zeros where `here` (n,) is false."""

    vectors: Floats
    here: Bools


class TileEmbeddings:
    """The kept embeddings of one encoder's tiles of one source.

    Args:
        root: folder of all such stores.
        encoder: id of the map encoder; one that differs by zoom has one id.
        source: id of the tiles' source.
        dimensions: d.
    """

    def __init__(self, root: Path, encoder: str, source: str, dimensions: int) -> None:
        """Open a store, or begin one; takes a few milliseconds, however large it is.

        Raises:
            TileError: it cannot be read or written, or is another's.
        """
        name = hashlib.sha256(f"{encoder}\n{source}".encode()).hexdigest()[:24]
        self.folder, self.dimensions = Path(root) / name, dimensions
        self._lock, self._path = threading.RLock(), self.folder / "vectors.f16"
        self._mapped: NDArray[np.float16] = np.zeros((0, dimensions), np.float16)
        self._facts = {"format": _FORMAT, "encoder": encoder, "source": source, "dimensions": str(dimensions)}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._database = self._opened()
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from None

    def find(self, tiles: Sequence[Tile]) -> Found:
        """The embeddings of tiles, in their order.

        Raises:
            TileError: the store is damaged.
        """
        ids = [_id(tile) for tile in tiles]
        query = "SELECT id, row FROM tiles WHERE id IN (SELECT value FROM json_each(?))"
        rows = dict(self._ask(query, (json.dumps(ids),)))
        return self._read(np.array([rows.get(number, -1) for number in ids], dtype=np.int64))

    def whole(self, zoom: int) -> Found:
        """The embeddings of all tiles of a zoom, row by row from the north-west; one look-up.

        Raises:
            TileError: the store is damaged, or there are too many tiles.
        """
        if not 0 <= zoom <= _MOST_WHOLE:
            raise TileError(f"A whole zoom {zoom} does not fit into memory. Choose one from 0 to {_MOST_WHOLE}.")
        rows = np.full(4**zoom, -1, dtype=np.int64)
        first = _id(Tile(0, 0, zoom))
        found = self._ask("SELECT id, row FROM tiles WHERE id >= ? AND id < ?", (first, first + len(rows)))
        if found:
            table = np.array(found, dtype=np.int64)
            rows[table[:, 0] - first] = table[:, 1]
        return self._read(rows)

    def link(self, tiles: Sequence[Tile], digests: Sequence[str]) -> Bools:
        """Give tiles the embedding of a tile of their zoom with the same bytes; which now have one, (n,).

        Args:
            tiles: without an embedding.
            digests: SHA-256 of each one's bytes, in hexadecimal.
        """
        known = self._known(tiles, digests)
        pairs = [
            (_id(tile), known[key]) for tile, key in zip(tiles, _keys(tiles, digests), strict=True) if key in known
        ]
        if pairs:
            self._change(lambda database: database.executemany("INSERT OR REPLACE INTO tiles VALUES (?, ?)", pairs))
        return np.array([key in known for key in _keys(tiles, digests)], dtype=bool)

    def add(self, tiles: Sequence[Tile], digests: Sequence[str], vectors: Floats) -> None:
        """Keep embeddings; those whose picture is known already keep the row that is there.

        Args:
            tiles: n.
            digests: SHA-256 of each one's bytes, in hexadecimal.
            vectors: (n, d).

        Raises:
            TileError: the disk is full, or the shapes do not fit.
        """
        if vectors.shape != (len(tiles), self.dimensions) or len(digests) != len(tiles):
            raise TileError(f"Embeddings of shape {vectors.shape} do not fit this store. Delete {self.folder}.")
        from filelock import FileLock

        keys = _keys(tiles, digests)
        with FileLock(str(self.folder / "lock")), self._lock:
            rows = self._known(tiles, digests)
            new: dict[tuple[int, str], int] = {}
            for number, key in enumerate(keys):
                if key not in rows:
                    new.setdefault(key, number)
            start = self._append(vectors[list(new.values())])
            fresh = {key: start + place for place, key in enumerate(new)}
            rows |= fresh

            def note(database: sqlite3.Connection) -> None:
                named = [(_id(tile), rows[key]) for tile, key in zip(tiles, keys, strict=True)]
                database.executemany("INSERT OR REPLACE INTO tiles VALUES (?, ?)", named)
                seen = [(*key, row) for key, row in fresh.items()]
                database.executemany("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?)", seen)
                database.execute(f"PRAGMA user_version = {start + len(new)}")  # rows named so far

            self._change(note)

    def count(self) -> tuple[int, int]:
        """(tiles, different pictures) kept."""
        return self._ask("SELECT count(*) FROM tiles")[0][0], self._ask("SELECT count(*) FROM pictures")[0][0]

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            self._database.close()

    def _opened(self) -> sqlite3.Connection:
        from filelock import FileLock

        path = self.folder / "index.sqlite"
        with FileLock(str(self.folder / "lock")):
            database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.executescript(_SCHEMA)
            if not (facts := dict(database.execute("SELECT name, value FROM facts"))):
                with database:
                    database.executemany("INSERT INTO facts VALUES (?, ?)", self._facts.items())
            elif facts != self._facts:
                database.close()
                raise self._unusable("it is of another encoder, source or version")
            self._forget_lost(database)
        return database

    def _forget_lost(self, database: sqlite3.Connection) -> None:
        """Rows that the index names and the file has no longer: else others would come to stand there."""
        rows = self._path.stat().st_size // (2 * self.dimensions) if self._path.exists() else 0
        if rows < database.execute("PRAGMA user_version").fetchone()[0]:
            with database:
                for table in ("tiles", "pictures"):
                    database.execute(f"DELETE FROM {table} WHERE row >= ?", (rows,))
                database.execute(f"PRAGMA user_version = {rows}")

    def _ask(self, query: str, values: Iterable[object] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._database.execute(query, tuple(values)).fetchall()
            except sqlite3.Error as error:
                raise self._unusable(error) from None

    def _change(self, work: Callable[[sqlite3.Connection], object]) -> None:
        with self._lock:
            try:
                with self._database:
                    work(self._database)
            except sqlite3.Error as error:
                raise self._unusable(error) from None

    def _known(self, tiles: Sequence[Tile], digests: Sequence[str]) -> dict[tuple[int, str], int]:
        wanted = json.dumps(sorted(set(_keys(tiles, digests))))
        query = (
            "SELECT zoom, digest, row FROM json_each(?) JOIN pictures "
            "ON zoom = json_extract(value, '$[0]') AND digest = json_extract(value, '$[1]')"
        )
        return {(zoom, digest): row for zoom, digest, row in self._ask(query, (wanted,))}

    def _append(self, vectors: Floats) -> int:
        """Write rows at the end; the number of the first."""
        width = 2 * self.dimensions
        try:
            with self._path.open("ab") as file:
                end = file.tell()
                if end % width:  # a writer died in the midst of a row, which nobody names
                    file.truncate(end - end % width)
                    file.seek(0, os.SEEK_END)
                start = file.tell() // width
                file.write(np.ascontiguousarray(vectors, dtype=np.float16).tobytes())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unusable(error) from None
        return start

    def _read(self, rows: NDArray[np.int64]) -> Found:
        with self._lock:
            if len(rows) and rows.max() >= len(self._mapped):
                self._map()
            mapped = self._mapped
        here = (rows >= 0) & (rows < len(mapped))
        if here.all() and (np.diff(rows) == 1).all() and len(rows):  # as a whole zoom is written: no copy by rows
            return Found(mapped[rows[0] : rows[-1] + 1].astype(np.float32), here)
        vectors = np.zeros((len(rows), self.dimensions), np.float32)
        vectors[here] = mapped[rows[here]]
        return Found(vectors, here)

    def _map(self) -> None:
        length = self._path.stat().st_size // (2 * self.dimensions) if self._path.exists() else 0
        if length:
            self._mapped = np.memmap(self._path, np.float16, "r", shape=(length, self.dimensions))

    def _unusable(self, reason: object) -> TileError:
        return TileError(f"The kept embeddings in {self.folder} cannot be used: {reason}. Delete that folder.")


def _id(tile: Tile) -> int:
    """A number for every tile: zooms one after another, each row by row."""
    return ((1 << 2 * tile.z) - 1) // 3 + (tile.y << tile.z) + tile.x


def _keys(tiles: Sequence[Tile], digests: Sequence[str]) -> list[tuple[int, str]]:
    return [(tile.z, digest[:32]) for tile, digest in zip(tiles, digests, strict=True)]
