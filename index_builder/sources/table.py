"""A table that names photos and their places, or places alone: CSV, TSV or Parquet, of any length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from index_builder.sources import NO_PHOTO, Entry, Item, Piece, Skipped, SourceOptions
from index_builder.sources.columns import Layout, clean, find_columns, location
from index_builder.sources.tables import SUFFIXES, BrokenRow, open_table

NAME = "table"
DESCRIPTION = "a CSV, TSV or Parquet table with columns for file, lat and lon, or for lat and lon alone"


def recognises(path: Path) -> str:
    """A table by its name."""
    return "it is a table" if path.is_file() and path.suffix.lower() in SUFFIXES else ""


def root(path: Path, options: SourceOptions) -> Path:
    """Where relative file names start: the folder of images, else the table's own."""
    return options.images or path.parent


def read(path: Path, options: SourceOptions) -> Iterator[Entry]:
    """The rows in their order. An item's id is the column id, else the file's name, else the row's number from 0.

    Raises:
        SourceError: the file cannot be read as a table, or lacks a column.
    """
    table = open_table(path)
    required = ("lat", "lon") if options.locations_only else ("file", "lat", "lon")
    layout = find_columns(table.header, required, options.columns, where=path.name)
    entry = _location if options.locations_only else _photo
    for number, row in enumerate(table.rows()):
        if isinstance(row, BrokenRow):
            yield Skipped(f"row {number}", row.reason, "failed")
        else:
            yield entry(row, layout, number)


def _photo(row: list[str], layout: Layout, number: int) -> Entry:
    name = layout.value(row, "file")
    identity = clean(layout.value(row, "id") or name) or f"row {number}"
    if not name or "\0" in name:
        return Skipped(identity, "no file name")
    place = location(layout.value(row, "lat"), layout.value(row, "lon"))
    if place is None:
        return Skipped(identity, "no usable coordinates")
    return Item(identity, Piece(name), place, layout.columns(row))


def _location(row: list[str], layout: Layout, number: int) -> Entry:
    identity = clean(layout.value(row, "id")) or str(number)
    place = location(layout.value(row, "lat"), layout.value(row, "lon"))
    if place is None:
        return Skipped(identity, "no usable coordinates")
    return Item(identity, NO_PHOTO, place, layout.columns(row))
