"""MP-16 and MP16-Pro: 4.7 million Flickr photos, as they come from wherever they come.

    *_places365.csv     IMG_ID, AUTHOR, LAT, LON, scene labels; MP16-Pro has city to continent besides
    *_urls.csv          without a header: image id, URL (optional)
    photos              loose (ab/cd/123.jpg, ab_cd_123.jpg), in a tar, whole or cut (mp-16-images00 to 18), which is
                        neither joined nor unpacked, or in msgpack shards (shard_0.msg)

The tables may lie in a folder `metadata`. Any collection with a table of that layout reads the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from index_builder.sources import Entry, SourceOptions
from index_builder.sources.images import images_root
from index_builder.sources.joined import Join
from index_builder.sources.places365 import benchmark_of, tables_of, the_one

NAME = "mp16"
DESCRIPTION = "MP-16 or MP16-Pro: *_places365.csv with photos loose, in a tar (also split) or in msgpack shards"


def recognises(path: Path) -> str:
    """A table *_places365.csv that is no benchmark's."""
    tables = _tables(path) if path.is_dir() else []
    return f"it has {tables[0].name}" if tables else ""


def root(path: Path, options: SourceOptions) -> Path:
    """The folder of the images."""
    return images_root(path, options)


def read(path: Path, options: SourceOptions) -> Iterator[Entry]:
    """The photos that have a row, then what is left over on either side."""
    table = options.metadata or the_one(_tables(path), path, "Name the one to use with --metadata.")
    pages = tables_of(path if path.is_dir() else path.parent, "_urls.csv")
    images = options.images or (path if path.is_dir() else path.parent)
    join = Join(table, images, pages=pages[0] if pages else None)
    return join.entries(options)


def _tables(path: Path) -> list[Path]:
    return [table for table in tables_of(path) if not benchmark_of(table)]
