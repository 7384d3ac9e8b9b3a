"""The test sets Im2GPS, Im2GPS3k, YFCC4k and YFCC26k: NAME_places365.csv and the photos, however they are called.

Photos' names differ between the tables and the archives (45/77/3228511372.jpg, 00_4c_2283161368.jpg,
104123223_7410c654ba_19_19355699@N00.jpg); they are joined by Flickr's id.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoloc_core.errors import SourceError
from index_builder.sources import Entry, SourceOptions
from index_builder.sources.images import images_root
from index_builder.sources.joined import Join
from index_builder.sources.places365 import BENCHMARKS, benchmark_of, tables_of, the_one

NAME = "benchmarks"
DESCRIPTION = (
    "a test set: Im2GPS, Im2GPS3k, YFCC4k or YFCC26k, with its *_places365.csv (--split says which of several)"
)


def recognises(path: Path) -> str:
    """A benchmark's table, and none of anything else: a test set's table beside MP-16's is there to be excluded."""
    tables = tables_of(path) if path.is_dir() else []
    return f"it has {tables[0].name}" if tables and all(map(benchmark_of, tables)) else ""


def root(path: Path, options: SourceOptions) -> Path:
    """The folder of the images."""
    return images_root(path, options)


def read(path: Path, options: SourceOptions) -> Iterator[Entry]:
    """The photos that have a row, then what is left over on either side.

    Raises:
        SourceError: no such benchmark, no table, or several without a split.
    """
    if options.split and options.split not in BENCHMARKS:
        raise SourceError(f"There is no benchmark {options.split!r}. Choose from {', '.join(BENCHMARKS)}.")
    tables = [
        table for table in tables_of(path) if benchmark_of(table) and options.split in (None, benchmark_of(table))
    ]
    table = options.metadata or the_one(tables, path, f"Choose one with --split: {', '.join(BENCHMARKS)}.")
    images = options.images or (path if path.is_dir() else path.parent)
    return Join(table, images).entries(options)
