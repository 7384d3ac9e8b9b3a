"""OSV-5M: 5.1 million street-level photos from Mapillary.

    train.csv, test.csv         id, latitude, longitude, country, creator_username and 22 more
    images/train, images/test   NN.zip, which are not unpacked, or the folders that they hold

The country NA is Namibia: every value stays the text that it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoloc_core.errors import SourceError
from index_builder.sources import Entry, SourceOptions
from index_builder.sources.joined import Join
from index_builder.sources.tables import open_table

NAME = "osv5m"
DESCRIPTION = "OSV-5M: train.csv or test.csv with images/train, images/test as ZIPs or folders (--split train or test)"
LICENCE = "CC-BY-SA-4.0"
SPLITS = ("train", "test")


def recognises(path: Path) -> str:
    """A split's table with Mapillary's columns."""
    if path.is_dir():
        for table in (path / f"{split}.csv" for split in SPLITS):
            if table.is_file() and {"id", "latitude", "longitude", "creator_username"} <= _header(table):
                return f"it has {table.name} with OSV-5M's columns"
    return ""


def root(path: Path, options: SourceOptions) -> Path:
    """The folder of the images."""
    images = _images(path, options)
    return images if images.is_dir() else images.parent


def read(path: Path, options: SourceOptions) -> Iterator[Entry]:
    """The split's photos that have a row, then what is left over on either side.

    Raises:
        SourceError: the split's table is not there.
    """
    table = options.metadata or path / f"{_split(path, options)}.csv"
    if not table.is_file():
        raise SourceError(f"There is no {table}. Download it, or choose another split: {', '.join(SPLITS)}.")
    join = Join(table, _images(path, options), constants={"licence": LICENCE})
    return join.entries(options)


def _split(path: Path, options: SourceOptions) -> str:
    """The one that was asked for, else training: a gallery must not hold the test set by accident."""
    if options.split not in (None, *SPLITS):
        raise SourceError(f"OSV-5M has no split {options.split!r}. Choose from {', '.join(SPLITS)}.")
    return options.split or "train"


def _images(path: Path, options: SourceOptions) -> Path:
    """images/SPLIT, or whatever of that there is."""
    base = options.images or path / "images"
    inner = base / _split(path, options)
    return next((folder for folder in (inner, base) if folder.exists()), path)


def _header(table: Path) -> set[str]:
    try:
        return set(open_table(table).header)
    except SourceError:
        return set()
