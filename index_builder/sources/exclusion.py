"""Keeping test photos, and other photos by the same people, out of a gallery.

Photos by one photographer on one trip are near twins: a gallery with them gives the answer away. So a test set's tables
exclude by id and by author.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from geoloc_core.errors import SourceError
from geoloc_core.gallery.manifest import Excluded
from index_builder.sources import Entry, Item, Skipped
from index_builder.sources.columns import find_columns
from index_builder.sources.flickr import owner, photo_id
from index_builder.sources.tables import BrokenRow, open_table

__all__ = ["Exclusion", "author_id", "photo_id"]

_NOBODY = frozenset({"", "unknown", "anonymous", "none", "null", "nan", "n/a"})


@dataclass
class Exclusion:
    """What is kept out, by which table (its index), and how often that happened.

    Args:
        tables: (name, SHA-256) of each table.
        ids, authors: normalised id or author to the first table that has it.
        by_author: whether authors were asked for.
    """

    tables: tuple[tuple[str, str], ...] = ()
    ids: Mapping[str, int] = field(default_factory=dict)
    authors: Mapping[str, int] = field(default_factory=dict)
    by_author: bool = False
    warnings: list[str] = field(default_factory=list)
    _counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    @classmethod
    def read(cls, tables: Sequence[Path], *, by_id: bool = True, by_author: bool = True) -> Exclusion:
        """Read tables (CSV or Parquet) with a column for the id (or file), and one for the author.

        A table without authors gives those at the end of its file names (Im2GPS), or else a warning.

        Raises:
            SourceError: a table cannot be read, has no ids though asked for, or gives nothing to exclude by.
        """
        ids: dict[str, int] = {}
        authors: dict[str, int] = {}
        warnings = []
        for index, path in enumerate(tables):
            found = list(_read(path, by_id))
            ids.update({identity: index for identity, _ in found if by_id and identity not in ids})
            named = {author for _, author in found if by_author and author not in _NOBODY}
            authors.update({author: index for author in named if author not in authors})
            if by_author and not named:
                warnings.append(f"{path.name} names no authors, so other photos by its photographers are not excluded")
        digests = tuple((path.name[:200], _sha256(path)) for path in tables)
        return cls(digests, ids, authors, by_author and bool(tables), warnings)

    def apply(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries, those that match turned into `Skipped`; counts, and may add a warning at the end."""
        items = with_author = 0
        self._counts.clear()
        for entry in entries:
            if not isinstance(entry, Item):
                yield entry
                continue
            items += 1
            author = author_id(entry.columns.get("author", "") or owner(entry.id))
            with_author += author not in _NOBODY
            if match := self._match(entry, author):
                self._counts[match] += 1
                what, table = match
                yield Skipped(entry.id, f"excluded: its {what} is in {self.tables[table][0]}")
            else:
                yield entry
        if self.by_author and with_author < items:
            which = "no photo of the source names" if not with_author else f"{items - with_author:,} photos do not name"
            self.warnings.append(f"{which} an author, so those could not be excluded by author")

    def record(self) -> tuple[Excluded, ...]:
        """For the gallery's manifest: each table with what it kept out in the last `apply`."""
        return tuple(
            Excluded(table=name, sha256=digest, by_id=self._counts["id", i], by_author=self._counts["author", i])
            for i, (name, digest) in enumerate(self.tables)
        )

    def _match(self, item: Item, author: str) -> tuple[Literal["id", "author"], int] | None:
        table = self.ids.get(photo_id(item.id))
        if table is not None:
            return "id", table
        table = self.authors.get(author)
        return None if table is None else ("author", table)


def author_id(text: str) -> str:
    """An author's name in one spelling: case and percent-encoding (78841376%40N00) make no difference."""
    return (unquote(text) if "%" in text else text).strip().casefold()


def _read(path: Path, by_id: bool) -> Iterator[tuple[str, str]]:
    """(id, author) of every row, normalised.

    Raises:
        SourceError: as `Exclusion.read`.
    """
    table = open_table(path)
    layout = find_columns(table.header, (), where=path.name)
    role = next((role for role in ("id", "file") if role in layout.roles), None)
    if role is None and (by_id or "author" not in layout.roles):
        raise SourceError(
            f"{path} has no column to exclude by; it has {', '.join(table.header) or 'none'}. Name one IMG_ID or id."
        )
    for number, row in enumerate(table.rows()):
        if isinstance(row, BrokenRow):
            raise SourceError(
                f"Row {number} of {path} {row.reason}. Mend it: a photo that is not read is not excluded."
            )
        name = layout.value(row, role) if role else ""
        if identity := photo_id(name):
            yield identity, author_id(layout.value(row, "author") or owner(name))
        elif author := author_id(layout.value(row, "author")):
            yield "", author


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
