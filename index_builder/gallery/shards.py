"""Rows -> the files of a gallery: batches of any size joined into shards, streamed to the disk as they come."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import GeolocError
from geoloc_core.gallery import thumbnail_name
from geoloc_core.gallery.manifest import File, Shard, describe_file

if TYPE_CHECKING:
    import pyarrow as pa

SHARD_ROWS = 65_536
GROUP_ROWS = 4_096  # rows of a Parquet row group: what a reader has to unpack to see one row
RESERVED = ("id", "lat", "lon")


class ShardWriter:
    """Writes rows into `folder` as shards of up to `SHARD_ROWS` rows. Call `finish` after the last `add`.

    Memory holds the columns of one shard and one batch of vectors; thumbnails go straight to the disk.

    Args:
        folder: where the files go.
        first: the number of the first shard.
        schema: the columns of every shard; None takes each shard's as they come, unified.
    """

    def __init__(self, folder: Path, *, first: int = 0, schema: pa.Schema | None = None) -> None:
        self.folder, self.schema, self._number = folder, schema, first
        self.shards: list[Shard] = []
        self.files: dict[str, File] = {}
        self.dim = 0
        self._open: _OpenShard | None = None

    @property
    def count(self) -> int:
        """Rows taken so far."""
        return sum(shard.count for shard in self.shards) + (self._open.count if self._open else 0)

    def add(self, vectors: NDArray[np.floating] | None, table: pa.Table, thumbnails: Iterable[bytes | None]) -> None:
        """Append n rows: (n, d) unit vectors or None, their columns with id, lat and lon, and n or no thumbnails."""
        photos = iter(thumbnails)
        if vectors is not None:
            self.dim = vectors.shape[1]
        start = 0
        while start < table.num_rows:
            if self._open is None:
                self._open = _OpenShard(self.folder, self._number, self.dim)
                self._number += 1
            take = min(table.num_rows - start, SHARD_ROWS - self._open.count)
            span = None if vectors is None else vectors[start : start + take]
            self._open.add(span, table.slice(start, take), islice(photos, take))
            start += take
            if self._open.count == SHARD_ROWS:
                self.finish()

    def finish(self) -> None:
        """Complete the last shard."""
        if self._open is not None:
            shard = self._open.close(self.schema)
            self.shards.append(shard)
            for name in filter(None, (shard.vectors, shard.rows, shard.thumbnails)):
                self.files[name] = describe_file(self.folder / name)
            self._open = None

    def abandon(self) -> None:
        """Close the files of a shard that is not going to be completed."""
        if self._open is not None:
            self._open.abandon()
            self._open = None


class _OpenShard:
    """A shard that still takes rows."""

    def __init__(self, folder: Path, number: int, dim: int) -> None:
        self.folder, self.number, self.dim, self.count = folder, number, dim, 0
        self.tables: list[pa.Table] = []
        self.vectors: IO[bytes] | None = None
        self.archive: _Archive | None = None

    def add(self, vectors: NDArray[np.floating] | None, table: pa.Table, thumbnails: Iterable[bytes | None]) -> None:
        if vectors is not None:
            if self.vectors is None:
                self.vectors = (self.folder / self._name("vectors", "npy")).open("wb")
                _write_header(self.vectors, 0, self.dim)
            self.vectors.write(np.ascontiguousarray(vectors, dtype="<f2").data)
        for row, thumbnail in enumerate(thumbnails, start=self.count):
            if thumbnail:
                self.archive = self.archive or _Archive(self.folder / self._name("thumbnails", "zip"))
                self.archive.members.writestr(zipfile.ZipInfo(thumbnail_name(row)), thumbnail)
        self.tables.append(table)
        self.count += table.num_rows

    def close(self, schema: pa.Schema | None) -> Shard:
        if self.vectors is not None:
            self.vectors.seek(0)
            _write_header(self.vectors, self.count, self.dim)
            flush_to_disk(self.vectors)
            self.vectors.close()
        if self.archive is not None:
            self.archive.close()
        rows = self._name("rows", "parquet")
        with (self.folder / rows).open("wb") as stream:
            write_table(joined(self.tables, schema), stream)
            flush_to_disk(stream)
        return Shard(
            vectors=self._name("vectors", "npy") if self.vectors else None,
            rows=rows,
            thumbnails=self._name("thumbnails", "zip") if self.archive else None,
            count=self.count,
        )

    def abandon(self) -> None:
        for file in (self.vectors, self.archive):
            if file is not None:
                with suppress(OSError, ValueError):
                    file.close()

    def _name(self, kind: str, ending: str) -> str:
        return f"{kind}-{self.number:05d}.{ending}"


class _Archive:
    """A ZIP file whose members are stored as they are."""

    def __init__(self, path: Path) -> None:
        self.stream = path.open("wb")
        self.members = zipfile.ZipFile(self.stream, "w", zipfile.ZIP_STORED)

    def close(self) -> None:
        with self.stream:
            self.members.close()
            flush_to_disk(self.stream)


def write_table(table: pa.Table, stream: IO[bytes]) -> None:
    """Write a table as the Parquet file of a gallery."""
    import pyarrow.parquet as pq

    pq.write_table(table, stream, compression="zstd", row_group_size=GROUP_ROWS)


def joined(tables: list[pa.Table], schema: pa.Schema | None = None) -> pa.Table:
    """Tables one under the other with the columns of `schema` (by default all there are); what one lacks is null."""
    import pyarrow as pa

    columns = schema or unified([table.schema for table in tables])
    return pa.concat_tables([conformed(table, columns) for table in tables])


def unified(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """The columns of all schemas: id, lat, lon, then the others by name, as text where their types do not go together.

    Columns whose names begin with "_" are the builder's own and are left out.
    """
    import pyarrow as pa

    kinds: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            if not field.name.startswith("_"):
                kinds[field.name] = _common(kinds.get(field.name, pa.null()), field.type)
    kinds |= {"id": pa.string(), "lat": pa.float64(), "lon": pa.float64()}
    return pa.schema([(name, kinds[name]) for name in (*RESERVED, *sorted(set(kinds) - set(RESERVED)))])


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema` of a table, cast, null where the table has none.

    Raises:
        GeolocError: a column cannot become what the others are.
    """
    import pyarrow as pa

    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        try:
            columns.append(table[field.name].cast(field.type))
        except pa.ArrowException as error:
            raise GeolocError(
                f"The column {field.name!r} is {table[field.name].type} here and something else there ({error}). "
                "Leave it out, or make it text everywhere."
            ) from None
    return pa.table(columns, schema=schema)


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    try:
        fields = [pa.schema([("x", one)]), pa.schema([("x", other)])]
        return pa.unify_schemas(fields, promote_options="permissive").field("x").type
    except pa.ArrowException:
        return pa.string()


def _write_header(stream: IO[bytes], count: int, dim: int) -> None:
    """NumPy leaves room in it for a longer count, so the header keeps its length when it is written again."""
    header = {"descr": "<f2", "fortran_order": False, "shape": (count, dim)}
    np.lib.format.write_array_header_1_0(stream, header)


def flush_to_disk(stream: IO[bytes]) -> None:
    """Return when the disk holds what was written."""
    stream.flush()
    os.fsync(stream.fileno())
