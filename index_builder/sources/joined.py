"""Photos here, their places in a table there: what MP-16, the benchmarks and OSV-5M have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from index_builder.sources import NO_PHOTO, Entry, Item, Piece, Skipped, SourceOptions
from index_builder.sources.columns import Layout, clean, find_columns, location
from index_builder.sources.flickr import owner, photo_id
from index_builder.sources.images import photos_in
from index_builder.sources.keyed import KeyedRows
from index_builder.sources.tables import BrokenRow, Table, open_table


@dataclass(frozen=True)
class Join:
    """What to join.

    Args:
        table: the places: columns for id, lat, lon, and any others.
        images: the folder or archive with the photos.
        pages: a table without header of image id and URL, which becomes the column `source`.
        constants: columns that every item gets unless the table has them.
    """

    table: Path
    images: Path
    pages: Path | None = None
    constants: Mapping[str, str] = field(default_factory=dict)

    def entries(self, options: SourceOptions) -> Iterator[Entry]:
        """Photos with their rows in the order of the photos' bytes, then the rows without a photo, in theirs.

        Memory stays flat: the table waits in a temporary file.

        Raises:
            SourceError: the table cannot be read or lacks a column, or there are no images.
        """
        table = open_table(self.table)
        layout = find_columns(table.header, ("id", "lat", "lon"), options.columns, where=self.table.name)
        with KeyedRows() as rows, KeyedRows() as pages:
            broken: list[Skipped] = []
            rows.load(_keyed(table, layout, broken))
            if self.pages is not None:
                pages.load(_keyed(open_table(self.pages, ("id", "source")), Layout({"id": 0}, ()), []))
            yield from broken
            maker = _Maker(layout, pages, self.constants)
            if options.locations_only:
                yield from _places(rows, maker)
            else:
                yield from self._photos(rows, maker)

    def _photos(self, rows: KeyedRows, maker: _Maker) -> Iterator[Entry]:
        taken = bytearray(rows.count)
        for photo in photos_in(self.images):
            if isinstance(photo, Skipped):
                yield photo
                continue
            key = photo_id(photo.name)
            found = rows.first(key)
            if found is None:
                yield Skipped(key, "no row in the table")
            elif taken[found[0]]:
                yield Skipped(key, "another photo with its id came before")
            else:
                taken[found[0]] = 1
                yield maker.item(key, photo.piece, found[1])
        for number, key in rows.listing():
            if not taken[number]:
                yield _left_over(number, key, rows)


@dataclass(frozen=True)
class _Maker:
    """Makes items of rows."""

    layout: Layout
    pages: KeyedRows
    constants: Mapping[str, str]

    def item(self, key: str, piece: Piece, row: list[str]) -> Entry:
        place = location(self.layout.value(row, "lat"), self.layout.value(row, "lon"))
        if place is None:
            return Skipped(key, "no usable coordinates")
        columns = {**self.constants, **self.layout.columns(row)}
        if self.pages.count and (page := self.pages.first(key)):
            columns["source"] = clean(page[1][-1])
        if not columns.get("author") and (name := owner(self.layout.value(row, "id"))):
            columns["author"] = name
        return Item(key, piece, place, columns)


def _places(rows: KeyedRows, maker: _Maker) -> Iterator[Entry]:
    for number, key in rows.listing():
        first = rows.first(key)
        yield maker.item(key, NO_PHOTO, first[1]) if first and first[0] == number else _left_over(number, key, rows)


def _left_over(number: int, key: str, rows: KeyedRows) -> Skipped:
    first = rows.first(key)
    if first and first[0] < number:
        return Skipped(key, "its id came before in the table")
    return Skipped(key, "its photo is not in the images", "failed")


def _keyed(table: Table, layout: Layout, broken: list[Skipped]) -> Iterator[tuple[str, list[str]]]:
    for number, row in enumerate(table.rows()):
        if isinstance(row, BrokenRow):
            broken.append(Skipped(f"row {number}", row.reason, "failed"))
        elif key := clean(photo_id(layout.value(row, "id"))):
            yield key, row
        else:
            broken.append(Skipped(f"row {number}", "no id"))
