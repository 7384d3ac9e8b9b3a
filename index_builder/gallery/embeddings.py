"""Embeddings on the disk, ours or somebody else's: a folder of arrays, each beside a table of the same photos.

    NAME.npy + NAME.parquet                          row i of one is row i of the other
    img_emb/img_emb_N.npy + metadata/metadata_N.parquet   the same in the layout of clip-retrieval
    NAME.npy + NAME.parquet + NAME.zip               our work folder: the table also has the rows that gave no embedding
                                                     (`_status` is not "ok"), thumbnails are named by row of the array

For bare locations, tables alone, Parquet or CSV. Everything is read in blocks, so memory does not depend on n.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import GeolocError
from geoloc_core.gallery import thumbnail_name

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 4_096
OK = "ok"
NAMES = {  # a column of this role, by its usual names in lower case, the first that is there
    "id": ("id", "key", "image_id", "img_id", "photo_id", "image_path", "file", "filename", "path"),
    "lat": ("lat", "latitude", "gps_lat"),
    "lon": ("lon", "lng", "long", "longitude", "gps_lon"),
}
_MAX_THUMBNAIL = 500_000


@dataclass(frozen=True)
class Pair:
    """A table of rows and, unless they are bare locations, the array of their embeddings; thumbnails if there are."""

    rows: Path
    vectors: Path | None = None
    thumbnails: Path | None = None

    @cached_property
    def about(self) -> dict[str, Any]:
        """What our `embed` noted in the table: encoder, dtype, device; empty for others' tables."""
        try:
            found = json.loads((self.schema.metadata or {}).get(b"geoloc", b"{}"))
        except ValueError:
            found = {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def schema(self) -> pa.Schema:
        """The table's columns as they are stored."""
        return self._told(lambda: self._batches(None)[0])

    @cached_property
    def names(self) -> dict[str, str]:
        """The table's columns as they are stored, and what a gallery calls them; `id` may be missing.

        Raises:
            GeolocError: there is no latitude or longitude.
        """
        stored = self.schema.names
        by_name = {name.strip().lower(): name for name in reversed(stored)}
        found = {role: next((by_name[n] for n in names if n in by_name), "") for role, names in NAMES.items()}
        for role in ("lat", "lon"):
            if not found[role]:
                raise GeolocError(
                    f"{self.rows} has no column for {role}; it has {', '.join(by_name)[:300] or 'none'}. "
                    f"Name one of them {' or '.join(NAMES[role][:2])}."
                )
        roles = {name: role for role, name in found.items() if name}
        return {n: roles.get(n, n) for n in stored if n in roles or (n not in NAMES and stored.count(n) == 1)}

    @cached_property
    def renamed(self) -> pa.Schema:
        """The columns as `blocks` gives them."""
        import pyarrow as pa

        return pa.schema([self.schema.field(stored).with_name(name) for stored, name in self.names.items()])

    def blocks(self, columns: tuple[str, ...] | None = None) -> Iterator[pa.Table]:
        """The table in blocks of up to `BLOCK_ROWS` rows, its columns called as in a gallery.

        Args:
            columns: only these, as far as they are there.
        """
        import pyarrow as pa

        wanted = [stored for stored, name in self.names.items() if columns is None or name in columns]
        batches = self._told(lambda: self._batches(wanted)[1])
        while (batch := self._told(lambda: next(batches, None))) is not None:
            table = pa.Table.from_batches([batch])
            yield table.rename_columns([self.names[name] for name in table.column_names])

    @cached_property
    def shape(self) -> tuple[int, int]:
        """(n, d) of the array; (0, 0) without one.

        Raises:
            GeolocError: it is no array of real numbers in two dimensions.
        """
        if self.vectors is None:
            return 0, 0
        with self.vectors.open("rb") as stream:
            (count, dim), kind = self._header(stream)
            there, needed = self.vectors.stat().st_size - stream.tell(), count * dim * kind.itemsize
        if there != needed:
            raise GeolocError(f"{self.vectors} has {there:,} bytes of numbers, not {needed:,}. Copy or make it again.")
        return count, dim

    @contextmanager
    def open_vectors(self) -> Iterator[Callable[[int], NDArray[np.floating]]]:
        """A function that reads the next so many rows of the array."""
        with Path(self.vectors or os.devnull).open("rb") as stream:
            (_, dim), kind = self._header(stream) if self.vectors else ((0, 0), np.dtype(np.float16))
            yield lambda count: np.fromfile(stream, kind, count * dim).reshape(count, dim)

    def thumbnail_reader(self) -> Callable[[int], bytes | None]:
        """A function from a row of the array to its thumbnail, as it is stored."""
        if self.thumbnails is None:
            return lambda row: None
        archive = self._told(lambda: zipfile.ZipFile(self.thumbnails or ""))

        def read(row: int) -> bytes | None:
            try:
                entry = archive.getinfo(thumbnail_name(row))
                return archive.read(entry) if entry.file_size <= _MAX_THUMBNAIL else None
            except KeyError:
                return None
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise GeolocError(f"{self.thumbnails} is damaged ({error}). Embed its photos again.") from None

        return read

    def _batches(self, columns: list[str] | None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        import pyarrow.parquet as pq
        from pyarrow import csv

        if self.rows.suffix == ".parquet":
            file = pq.ParquetFile(self.rows)
            return file.schema_arrow, file.iter_batches(BLOCK_ROWS, columns=columns)
        names = csv.open_csv(self.rows).schema.names
        text = csv.ConvertOptions(column_types=dict.fromkeys(names, "string"), include_columns=columns)
        reader = csv.open_csv(self.rows, convert_options=text)
        return reader.schema, iter(reader)

    def _header(self, stream: IO[bytes]) -> tuple[tuple[int, int], np.dtype[Any]]:
        try:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, by_column, kind = read(stream)
        except ValueError as error:
            raise GeolocError(f"{self.vectors} is not a NumPy array ({error}). Save it with numpy.save.") from None
        if len(shape) != 2 or kind.kind != "f" or (by_column and shape[0] > 1):
            raise GeolocError(
                f"{self.vectors} holds {kind} {shape}{' by columns' if by_column else ''}, not (n, d) floating-point "
                "rows. Save one embedding a row, as numpy.ascontiguousarray."
            )
        return (shape[0], shape[1]), kind

    def _told(self, read: Callable[[], Any]) -> Any:
        import pyarrow as pa

        try:
            return read()
        except (pa.ArrowException, zipfile.BadZipFile, UnicodeDecodeError) as error:
            raise GeolocError(f"{self.rows} cannot be read ({error}). Make it again.") from None


def find_pairs(folder: Path) -> tuple[Pair, ...]:
    """The pairs in a folder of embeddings, or of a work folder, in the order of their names' numbers.

    Raises:
        GeolocError: there are none, or a file lacks its counterpart.
    """
    if (folder / "embeddings").is_dir():
        folder = folder / "embeddings"
    arrays, tables = _files(folder, "*.npy"), _files(folder, "*.parquet")
    if (folder / "img_emb").is_dir():
        arrays = {name.removeprefix("img_emb_"): file for name, file in _files(folder / "img_emb", "*.npy").items()}
        metadata = _files(folder / "metadata", "*.parquet")
        tables = {name.removeprefix("metadata_"): file for name, file in metadata.items()}
    if alone := sorted(arrays.keys() - tables.keys()):
        raise GeolocError(f"{arrays[alone[0]]} has no table beside it. Put the Parquet file of its rows there.")
    if not tables:
        raise GeolocError(f"{folder} holds no embeddings. Give a folder of NAME.npy beside NAME.parquet.")
    pairs = []
    for name, table in tables.items():
        zipped = table.with_suffix(".zip")
        pairs.append(Pair(table, arrays.get(name), zipped if zipped.is_file() else None))
    return tuple(pairs)


def find_tables(path: Path) -> tuple[Pair, ...]:
    """The tables of bare locations: a Parquet or CSV file, or all those in a folder.

    Raises:
        GeolocError: there are none.
    """
    if (path / "embeddings").is_dir():
        path = path / "embeddings"
    files = [path] if path.is_file() else [*_files(path, "*.parquet").values(), *_files(path, "*.csv").values()]
    tables = tuple(Pair(file) for file in files if file.suffix in (".parquet", ".csv"))
    if not tables:
        raise GeolocError(f"{path} is no table of places. Give a Parquet or CSV file with the columns lat and lon.")
    return tables


def _files(folder: Path, pattern: str) -> dict[str, Path]:
    """Files by their stem, those that end in numbers in their order."""
    found = (file for file in folder.glob(pattern) if not file.name.startswith("."))
    return {file.stem: file for file in sorted(found, key=_numerically)}


def _numerically(file: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", file.stem)]
