"""`info`: what a gallery holds, or how far a build has come, in words; and which entries gave no row, and why."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoloc_core.errors import GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.manifest import NAME, Manifest, read_manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLE = 2_000  # rows whose country is looked up
_TOP = 10


def info(path: Path) -> str:
    """A few lines on a gallery or a work folder.

    Raises:
        GeolocError: it is neither, or cannot be read.
    """
    return "\n".join(_work_lines(path) if _is_work(path) else _gallery_lines(path))


def unused_lines(path: Path) -> Iterator[str]:
    """The entries of a gallery or a work folder that gave no row, as lines of CSV: id, status, reason.

    Raises:
        GeolocError: it is neither, or cannot be read.
    """
    yield "id,status,reason"
    for row in _unused_of_work(path) if _is_work(path) else _unused_of_gallery(path):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(row)
        yield line.getvalue()


def countries(coordinates: NDArray[np.float64], sample: int = _SAMPLE) -> list[tuple[str, float]]:
    """The countries of (n, 2) places and their shares, the largest first, from up to `sample` of them evenly spread."""
    from geoloc_core.places import gazetteer

    chosen = coordinates[np.linspace(0, len(coordinates) - 1, min(sample, len(coordinates))).astype(np.int64)]
    places = gazetteer().describe_many(chosen)
    counted = Counter("open sea" if place.at_sea else place.country or "no country" for place in places)
    return [(name, count / len(chosen)) for name, count in counted.most_common()]


def _gallery_lines(path: Path) -> Iterator[str]:
    gallery = Gallery.open(path, verify=False)
    about = gallery.manifest
    yield about.title or path.name
    if about.encoder is None:
        yield f"{about.count:,} bare locations, for location encoders such as GeoCLIP's"
    else:
        what = "locations" if about.of_locations else "photos"
        yield f"{about.count:,} {what}, encoder {about.encoder.name} ({about.encoder.id}), {about.dim:,} numbers each"
    size = sum(file.bytes for file in about.files.values())
    yield f"{size / 1e6:,.1f} MB, made {about.created:%Y-%m-%d} by {about.software}"
    if about.source or about.licence:
        yield f"source: {about.source or 'not said'}; licence: {about.licence or 'not said'}"
    yield from _places_lines(gallery)
    yield from _history_lines(about)


def _places_lines(gallery: Gallery) -> Iterator[str]:
    found = countries(gallery.coordinates)
    told = ", ".join(f"{name} {share:.0%}" for name, share in found[:_TOP])
    sampled = f", by {_SAMPLE:,} of them" if len(gallery) > _SAMPLE else ""
    yield f"where ({len(found)} countries and seas{sampled}): {told}"


def _history_lines(about: Manifest) -> Iterator[str]:
    for reason, count in about.reasons.items():
        yield f"not used: {count:,} {reason}"
    for table in about.excluded:
        yield f"kept out: {table.by_id:,} by id and {table.by_author:,} by author, of {table.table}"
    for addition in about.appended:
        yield f"added {addition.created:%Y-%m-%d}: {addition.count:,} from {addition.source or 'a source not said'}"
    if near := about.near:
        yield (
            f"near search: {near.key} over {near.rows:,} rows, finds {near.recall_near:.1%} of the {near.k} nearest "
            f"({near.recall_far:.1%} of the farthest, which are searched exactly)"
        )


def _is_work(path: Path) -> bool:
    if not path.is_dir():
        raise GeolocError(f"There is no folder {path}. Give a gallery or the work folder of a build.")
    return (path / "embeddings").is_dir() and not (path / NAME).is_file()


def _work_lines(path: Path) -> Iterator[str]:
    import pyarrow.parquet as pq

    listed = sorted((path / "manifest").glob("[0-9]*.parquet"))
    done = sorted((path / "embeddings").glob("[0-9]*.parquet"))
    entries = sum(pq.read_metadata(file).num_rows for file in listed)
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for file in done:
        table = pq.read_table(file, columns=["_status", "_reason"])
        statuses.update(table["_status"].to_pylist())
        reasons.update(reason for reason in table["_reason"].to_pylist() if reason)
    yield f"{entries:,} entries in {len(listed):,} shards, {len(done):,} shards done"
    if statuses:
        yield ", ".join(f"{count:,} {status}" for status, count in statuses.most_common())
    for reason, count in reasons.most_common():
        yield f"not used: {count:,} {reason}"


def _unused_of_work(path: Path) -> Iterator[Iterable[str]]:
    import pyarrow.parquet as pq

    for file in sorted((path / "embeddings").glob("[0-9]*.parquet")):
        for row in pq.read_table(file, columns=["id", "_status", "_reason"]).to_pylist():
            if row["_status"] != "ok":
                yield row["id"] or "", row["_status"] or "", row["_reason"] or ""


def _unused_of_gallery(path: Path) -> Iterator[Iterable[str]]:
    import pyarrow.parquet as pq

    name = read_manifest(path).unused
    if name is None:
        return
    for batch in pq.ParquetFile(path / name).iter_batches():
        for row in batch.to_pylist():
            yield row["id"], row["status"], row["reason"]
