"""A table's rows by key, for joining millions of photos with it in flat memory: SQLite's private temporary database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from geoloc_core.errors import SourceError

_SEPARATOR = "\x1f"
_CACHE_KB = 64_000


class KeyedRows:
    """Rows of text, numbered from 0 and found by a key that need not be unique. Use it in a `with`."""

    def __init__(self) -> None:
        # one generator uses it, but not always from one thread
        self._base = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KB}"):
            self._base.execute(f"PRAGMA {pragma}")
        self._base.execute("CREATE TABLE rows (n INTEGER PRIMARY KEY, key TEXT, row TEXT)")
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def load(self, rows: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Take in (key, row) pairs, once.

        Raises:
            SourceError: the disk for temporary files is full.
        """
        try:
            self._base.execute("BEGIN")
            self._base.executemany("INSERT INTO rows VALUES (?, ?, ?)", self._numbered(rows))
            self._base.execute("COMMIT")
            self._base.execute("CREATE INDEX by_key ON rows (key)")
        except sqlite3.OperationalError as error:
            raise SourceError(
                f"The table cannot be kept in a temporary file ({error}). Free some disk, or set SQLITE_TMPDIR to a "
                "folder on a disk with as much room as the table takes."
            ) from None

    def first(self, key: str) -> tuple[int, list[str]] | None:
        """The number and the row of the first one with this key."""
        found = self._base.execute("SELECT n, row FROM rows WHERE key = ? ORDER BY n LIMIT 1", (key,)).fetchone()
        return (found[0], found[1].split(_SEPARATOR)) if found else None

    def listing(self) -> Iterator[tuple[int, str]]:
        """Each row's number and key, in the table's order."""
        return iter(self._base.execute("SELECT n, key FROM rows ORDER BY n"))

    def _numbered(self, rows: Iterable[tuple[str, Sequence[str]]]) -> Iterator[tuple[int, str, str]]:
        for key, row in rows:
            text = _SEPARATOR.join(row)
            if text.count(_SEPARATOR) >= max(len(row), 1):
                text = _SEPARATOR.join(value.replace(_SEPARATOR, " ") for value in row)
            yield self.count, key, text
            self.count += 1
