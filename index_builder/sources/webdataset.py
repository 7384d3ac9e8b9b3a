"""WebDataset tars: key.jpg and key.json side by side, as img2dataset and OSV-5M's wds edition write them.

The JSON gives lat, lon and any other columns under their usual names; without a place in it the photo's EXIF is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from geoloc_core.errors import PhotoError, SourceError
from index_builder.sources import Entry, Item, Piece, Skipped, SourceOptions, tars
from index_builder.sources.columns import Layout, clean, find_columns, location
from index_builder.sources.folder import files_below, is_photo
from index_builder.sources.pieces import read_piece

NAME = "webdataset"
DESCRIPTION = "WebDataset tars: key.jpg with key.json, which holds lat and lon"
_MAX_JSON = 1_000_000  # bytes
_LOOK = 64  # members


def recognises(path: Path) -> str:
    """A tar, or a folder whose first tar has JSON beside photos."""
    first = path if path.is_file() else next((file for file in sorted(path.glob("*.tar*"))), None)
    if first is None or not first.is_file():
        return ""
    if first.name.lower().endswith(tars.COMPRESSED):
        return f"{first.name} is a tar"
    if not first.name.lower().endswith(".tar"):
        return ""
    try:
        kinds = {member.name.lower().rpartition(".")[2] for member in islice(tars.members([first]), _LOOK)}
    except SourceError:
        kinds = set()
    return f"{first.name} is a tar with JSON" if "json" in kinds or path.is_file() else ""


def root(path: Path, options: SourceOptions) -> Path:
    """The folder of the tars."""
    return path if path.is_dir() else path.parent


def read(path: Path, options: SourceOptions) -> Iterator[Entry]:
    """The samples of each tar in order, tars by name. A damaged tar ends in one `Skipped`.

    Raises:
        SourceError: a tar is compressed, a column was asked for that is not there, or there is no tar.
    """
    base = root(path, options)
    names = [name for name in (files_below(path) if path.is_dir() else [path.name]) if ".t" in name.lower()]
    for name in names:
        if name.lower().endswith(tars.COMPRESSED):
            raise SourceError(
                f"{base / name} is compressed, so its photos cannot be read in place. Decompress it once."
            )
    plain = [name for name in names if name.lower().endswith(".tar")]
    if not plain:
        raise SourceError(f"{path} has no tar. Give a folder with *.tar.")
    for name in plain:
        for sample in _samples(base, name):
            yield sample if isinstance(sample, Skipped) else _entry(base, sample, options)


@dataclass
class _Sample:
    """The members of one key, the name up to its file's first dot."""

    key: str
    photo: Piece | None = None
    json: Piece | None = None
    problem: str = ""


def _samples(base: Path, name: str) -> Iterator[_Sample | Skipped]:
    """Groups of members that follow one another with one key; a damaged tar's last group counts if it is whole."""
    sample = _Sample("")
    try:
        if clean(name) != name:
            raise SourceError("its name is not plain UTF-8")
        for member in tars.members([base / name]):
            folder, slash, file = member.name.rpartition("/")
            stem, _, ending = file.partition(".")
            if sample.key != folder + slash + stem:
                if sample.key:
                    yield sample
                sample = _Sample(folder + slash + stem)
            piece = Piece(name, member.offset, member.length)
            if is_photo(file) and sample.photo is None:
                sample.photo, sample.problem = piece, member.problem
            elif ending.lower() == "json" and not member.problem:
                sample.json = piece
    except SourceError as error:
        if sample.photo and sample.json:
            yield sample
        yield Skipped(clean(name), str(error), "failed")
    else:
        if sample.key:
            yield sample


def _entry(base: Path, sample: _Sample, options: SourceOptions) -> Entry:
    key = clean(sample.key)
    if sample.photo is None or sample.problem:
        return Skipped(key, sample.problem or "no photo with its key", "failed" if sample.problem else "skipped")
    try:
        values = _values(read_piece(base, sample.json, _MAX_JSON)) if sample.json else {}
    except (PhotoError, OSError, ValueError, RecursionError):
        return Skipped(key, "its JSON cannot be read", "failed")
    layout = _layout(tuple(values), tuple(options.columns.items()))
    row = list(values.values())
    lat, lon = layout.value(row, "lat"), layout.value(row, "lon")
    place = location(lat, lon)
    if place is None and (lat or lon):
        return Skipped(key, "no usable coordinates")
    return Item(clean(layout.value(row, "id")) or key, sample.photo, place, layout.columns(row))


@lru_cache(maxsize=64)
def _layout(header: tuple[str, ...], columns: tuple[tuple[str, str], ...]) -> Layout:
    present = {role: name for role, name in columns if name in header}
    return find_columns(header, (), present, where="the JSON")


def _values(data: bytes) -> dict[str, str]:
    """A JSON object's values as the text they are, numbers digit by digit."""
    found = json.loads(data, parse_float=str, parse_int=str, parse_constant=str)
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 - its caller treats all damage alike
    return {str(name): _text(value) for name, value in found.items()}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
