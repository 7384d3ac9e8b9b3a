"""A CSV file that names photos and their places: the columns file, lat, lon and any more, which are kept."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from geoloc_core.errors import CoordinateError, GeolocError
from geoloc_core.geo import check_coordinates
from index_builder.sources import Item, Skipped

NAMES = {
    "file": ("file", "filename", "path", "image", "image_path", "photo", "img_id", "id"),
    "lat": ("lat", "latitude", "y"),
    "lon": ("lon", "lng", "long", "longitude", "x"),
}


def read_table(table: Path, images: Path | None = None) -> list[Item | Skipped]:
    """The rows of a CSV file (comma, semicolon or tab; UTF-8).

    Args:
        table: the file, with a header. Its columns are found by their usual names (`NAMES`), in any case.
        images: the folder that relative file names start from; the table's own folder by default.

    Raises:
        GeolocError: the file cannot be read as a table, or lacks a column.
    """
    base = images or table.parent
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            head = stream.readline()
            stream.seek(0)
            reader = csv.DictReader(stream, delimiter=max(",;\t", key=head.count))
            found = _columns(reader.fieldnames or [], table)
            return [_entry(row, found, base, number) for number, row in enumerate(reader, start=2)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise GeolocError(f"{table} cannot be read as CSV ({error}). Save it as CSV in UTF-8.") from None


def _columns(header: Sequence[str], table: Path) -> dict[str, str]:
    by_name = {name.strip().lower(): name for name in header if name}
    found: dict[str, str] = {}
    for role, names in NAMES.items():
        name = next((by_name[n] for n in names if n in by_name), None)
        if name is None:
            raise GeolocError(
                f"{table} has no column for {role}; it has {', '.join(by_name) or 'none'}. "
                f"Name one of them {' or '.join(names[:3])}."
            )
        found[role] = name
    return found


def _entry(row: dict[str | None, str], found: dict[str, str], base: Path, number: int) -> Item | Skipped:
    name = (row.get(found["file"]) or "").strip()
    if not name or "\0" in name:
        return Skipped(f"line {number}", "no file name")
    try:
        lat, lon = check_coordinates((row.get(found["lat"]) or "nan", row.get(found["lon"]) or "nan"))[0]
    except (CoordinateError, ValueError):
        return Skipped(name, "no usable coordinates")
    extra = {
        key.strip(): value.strip()
        for key, value in row.items()
        if key and key not in found.values() and isinstance(value, str)
    }
    return Item(base / name, extra.pop("id", "") or name, (float(lat), float(lon)), extra)
