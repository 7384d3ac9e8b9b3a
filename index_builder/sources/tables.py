"""Tables of any size, row by row, every value as text: CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from geoloc_core.errors import SourceError

if TYPE_CHECKING:
    import pyarrow

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
MAX_LINE = 4_000_000  # characters
_BATCH = 4_096  # rows of a Parquet file at a time


@dataclass(frozen=True)
class BrokenRow:
    """A row that is none, and why."""

    reason: str


@dataclass(frozen=True)
class Table:
    """A table's header, and its rows on demand. Rows may be shorter or longer than the header."""

    path: Path
    header: tuple[str, ...]
    headless: bool = False

    def rows(self) -> Iterator[list[str] | BrokenRow]:
        """Every row in the file's order.

        Raises:
            SourceError: the file cannot be read as a table, or no longer can from here on.
        """
        return _parquet_rows(self.path) if self.path.suffix.lower() == ".parquet" else self._csv_rows()

    def _csv_rows(self) -> Iterator[list[str] | BrokenRow]:
        rows = _read_csv(self.path)
        if not self.headless:
            next(rows, None)
        return rows


def open_table(path: Path, names: Sequence[str] | None = None) -> Table:
    """A table's header; its rows are read later.

    Args:
        path: CSV (comma, semicolon or tab; UTF-8) or Parquet.
        names: the columns' names, for a CSV file without a header.

    Raises:
        SourceError: it cannot be read as a table.
    """
    if path.suffix.lower() == ".parquet":
        return Table(path, tuple(_parquet_schema(path).names))
    if names is not None:
        return Table(path, tuple(names), headless=True)
    first = next(_read_csv(path), [])
    if isinstance(first, BrokenRow):
        raise SourceError(f"The first line of {path} cannot be read ({first.reason}). Save it as CSV in UTF-8.")
    return Table(path, tuple(first))


def _read_csv(path: Path) -> Iterator[list[str] | BrokenRow]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            head = stream.readline(MAX_LINE)
            stream.seek(0)
            reader = csv.reader(_lines(stream, path), delimiter=max(",;\t", key=head.count))
            while True:
                try:
                    yield from (row for row in reader if row)
                    return
                except csv.Error as error:
                    yield BrokenRow(f"cannot be read as CSV ({error})")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} cannot be read as CSV ({error}). Save it as CSV in UTF-8.") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}). Check the path and its permissions.") from None


def _lines(stream: TextIO, path: Path) -> Iterator[str]:
    """Lines, none of them so long that a file without line ends fills the memory."""
    while line := stream.readline(MAX_LINE):
        if len(line) >= MAX_LINE:
            raise SourceError(f"{path} has a line of over {MAX_LINE:,} characters, so it is no table. Check the file.")
        yield line


def _parquet_schema(path: Path) -> pyarrow.Schema:
    import pyarrow
    import pyarrow.parquet

    try:
        schema = pyarrow.parquet.read_schema(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise SourceError(f"{path} cannot be read as Parquet ({error}). Copy or download it again.") from None
    kept = [field for field in schema if not _is_binary(field.type)]
    if len(set(schema.names)) < len(schema.names):
        raise SourceError(f"{path} has two columns of the same name. Rename one of them.")
    return pyarrow.schema(kept)


def _is_binary(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)


def _parquet_rows(path: Path) -> Iterator[list[str] | BrokenRow]:
    """Rows of all columns but binary ones; numbers as their shortest exact text, nested values as JSON."""
    import pyarrow
    import pyarrow.parquet

    names = _parquet_schema(path).names
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH, columns=names):
                columns = [_texts(column) for column in batch.select(names).columns]
                yield from (list(row) for row in zip(*columns, strict=True))
    except (OSError, pyarrow.ArrowException) as error:
        raise SourceError(f"{path} cannot be read as Parquet ({error}). Copy or download it again.") from None


def _texts(column: pyarrow.Array) -> list[str]:
    import pyarrow

    try:
        values = column.cast(pyarrow.string()).to_pylist()
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        values = [None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in column.to_pylist()]
    return ["" if value is None else value for value in values]
