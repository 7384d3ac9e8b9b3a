"""A gallery's vectors exported to a LanceDB table, in one commit: the table is whole, or as it was before."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from geoloc_core.errors import GalleryDamaged, GeolocError
from geoloc_core.gallery.lance import KEY, Table, connect, fingerprint, table_of
from geoloc_core.gallery.manifest import Manifest, check_files, read_manifest
from index_builder.gallery.publish import writing

_BATCH_ROWS = 8_192


@dataclass(frozen=True)
class Exported:
    """The table that now holds a gallery's vectors."""

    table: Table
    rows: int

    def __str__(self) -> str:
        return f"{self.table}: {self.rows:,} rows. Search it: GEOLOC_SEARCH_BACKEND=lance"


def to_lance(gallery: Path, uri: str | None = None, on_progress: Callable[[int, int], None] | None = None) -> Exported:
    """Export vectors, ids and places to a table, replacing the one that is there.

    The vectors become float32, which holds float16 exactly and which LanceDB multiplies several times faster.

    Args:
        gallery: the gallery's folder.
        uri: the database, a folder or URL; None is the gallery's own folder.
        on_progress: called with the rows done and all rows.

    Raises:
        SettingsError: LanceDB is not installed.
        GalleryError: there is no whole gallery of photos.
        GeolocError: the table cannot be written.
    """
    import pyarrow as pa

    gallery, where = gallery.absolute(), table_of(gallery, uri)
    manifest = read_manifest(gallery)
    _ = manifest.made_with
    database = connect(where)
    with writing(gallery):
        check_files(gallery, manifest, checksums=False)
        about = {KEY: _about(manifest, _longest(gallery, manifest))}
        vector = pa.list_(pa.float32(), manifest.dim)
        columns = {"row": pa.int64(), "id": pa.string(), "lat": pa.float64(), "lon": pa.float64(), "vector": vector}
        schema = pa.schema(list(columns.items()), metadata=about)
        batches = _batches(gallery, manifest, schema, on_progress or (lambda _done, _all: None))
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        try:
            table = database.create_table(where.name, reader, mode="overwrite")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # who has the old table open is told to open the gallery again
                table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise GeolocError(
                f"The table {where} could not be written ({error}). Check the disk or your access, then run again."
            ) from error
    return Exported(where, manifest.count)


def _about(manifest: Manifest, longest: float) -> bytes:
    """What a table says of itself: which vectors it holds, and the length of the longest."""
    return json.dumps({"fingerprint": fingerprint(manifest), "longest": longest, "title": manifest.title}).encode()


def _blocks(gallery: Path, manifest: Manifest) -> Iterator[tuple[str, int, Any]]:
    """Name of the rows' file, first row in it and vectors, some rows at a time."""
    for shard in manifest.shards:
        vectors = np.load(gallery / str(shard.vectors), mmap_mode="r", allow_pickle=False)
        if vectors.dtype != np.float16 or vectors.shape != (shard.count, manifest.dim):
            raise GalleryDamaged(f"{shard.vectors} is not what the manifest says. Build or copy the gallery again.")
        for at in range(0, shard.count, _BATCH_ROWS):
            yield shard.rows, at, vectors[at : at + _BATCH_ROWS].astype(np.float32)


def _longest(gallery: Path, manifest: Manifest) -> float:
    """Length of the longest vector, at least 1."""
    square = max(float(np.max(np.vecdot(block, block))) for _, _, block in _blocks(gallery, manifest))
    whole = all(np.isfinite(block).all() for _, _, block in _blocks(gallery, manifest))
    if not whole:
        raise GalleryDamaged("A vector of the gallery is not finite. Build or copy the gallery again.")
    return max(1.0, 1.001 * square**0.5)


def _batches(gallery: Path, manifest: Manifest, schema: Any, on_progress: Callable[[int, int], None]) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    done, name = 0, ""
    places: Any = None
    for rows, at, block in _blocks(gallery, manifest):
        if rows != name:
            name, places = rows, pq.read_table(gallery / rows, columns=["id", "lat", "lon"])
        some = places.slice(at, len(block)).combine_chunks()
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), manifest.dim)
        values = [some[column].cast(schema.field(column).type).combine_chunks() for column in ("id", "lat", "lon")]
        yield pa.record_batch([pa.array(np.arange(done, done + len(block))), *values, vectors], schema=schema)
        done += len(block)
        on_progress(done, manifest.count)
