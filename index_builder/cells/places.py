"""The places of photos, from a table, a gallery, or any source that the builder reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from geoloc_core.errors import SourceError
from geoloc_core.gallery import Gallery
from geoloc_core.geo import Floats
from index_builder.cells.build import Progress
from index_builder.embedding.listing import SourceAsked
from index_builder.gallery.embeddings import find_tables
from index_builder.gallery.survey import real_numbers
from index_builder.sources import Item, open_source
from index_builder.sources.exclusion import Exclusion

NO_PLACE = "no usable coordinates"


@dataclass(frozen=True, eq=False)
class Places:
    """(n, 2) degrees, and how many entries gave none, by reason; what there is to say of where they come from."""

    points: Floats
    unused: Mapping[str, int] = field(default_factory=dict)
    title: str = ""
    licence: str = ""
    synthetic: bool = False


def of_table(path: Path) -> Places:
    """The rows of a CSV or Parquet table, or of all tables in a folder, with columns for lat and lon.

    Raises:
        GeolocError: there is no table, or it cannot be read, or holds no place.
    """
    blocks, read = [np.empty((0, 2))], 0
    for table in find_tables(path):
        for block in table.blocks(("lat", "lon")):
            pairs = np.column_stack([real_numbers(block[name]) for name in ("lat", "lon")])
            read += len(pairs)
            blocks.append(pairs[np.isfinite(pairs).all(axis=1) & (np.abs(pairs[:, 0]) <= 90)])
    points = np.concatenate(blocks)
    unused = {NO_PLACE: read - len(points)} if read > len(points) else {}
    return _some(Places(points, unused, title=path.stem), path)


def of_gallery(path: Path) -> Places:
    """The rows of a gallery.

    Raises:
        GalleryError: it cannot be opened.
    """
    gallery = Gallery.open(path)
    about = gallery.manifest
    return Places(gallery.coordinates, title=about.title, licence=about.licence, synthetic=about.synthetic)


def of_source(asked: SourceAsked, on_progress: Progress | None = None) -> Places:
    """The entries of a source whose places stand in a table; those that only their EXIF places are left out.

    Raises:
        SourceError: the source cannot be read, or holds no place.
    """
    source = open_source(asked.kind, asked.path, asked.options)
    exclusion = Exclusion.read(asked.exclude, by_author=asked.exclude_authors)
    points: list[tuple[float, float]] = []
    unused: Counter[str] = Counter()
    for number, entry in enumerate(exclusion.apply(source.entries())):
        if isinstance(entry, Item) and entry.location is not None:
            points.append(entry.location)
        else:
            unused["its place is in its EXIF only" if isinstance(entry, Item) else entry.reason] += 1
        if on_progress and number % 4_096 == 0:
            on_progress(number, 0)
    return _some(Places(np.array(points).reshape(-1, 2), dict(unused), title=asked.path.stem), asked.path)


def _some(places: Places, path: Path) -> Places:
    if len(places.points):
        return places
    told = "; ".join(f"{count:,}: {reason}" for reason, count in places.unused.items())
    raise SourceError(
        f"{path} holds no usable place{f' ({told})' if told else ''}. Give a table with latitudes and longitudes, or "
        "build a gallery of the photos and give that with --gallery."
    )
