"""A finished training set, read at random by any number of threads and processes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from geoloc_core.errors import InputsError
from geoloc_core.segmentation import Labels
from index_builder.inputs.manifest import OUTCOMES, File, Manifest, part_name, read_manifest
from index_builder.inputs.parts import KINDS, as_labels, damaged, decoded, map_part

if TYPE_CHECKING:
    import pyarrow as pa


class TrainingSet:
    """Photos with places, segmentation maps and scenes; `open` one.

    Opening reads the manifest; each file is mapped when its first row is asked for. A copy that is sent to another
    process opens the files there anew.
    """

    def __init__(self, path: Path, manifest: Manifest, rows: NDArray[np.int64] | None = None) -> None:
        self.path, self.manifest = path, manifest
        self._rows = np.arange(manifest.count) if rows is None else rows
        self._ends = np.cumsum([part.rows for part in manifest.parts])
        self._tables: dict[int, pa.Table] = {}

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """The training set in a folder.

        Raises:
            InputsError: there is none, or it is not finished.
        """
        path = Path(folder).absolute()
        return cls(path, read_manifest(path))

    def subset(self, rows: ArrayLike) -> TrainingSet:
        """The same set with these of its rows only, in this order.

        Raises:
            IndexError: a row that is not there.
        """
        other = TrainingSet(self.path, self.manifest, self._rows[np.asarray(rows, np.int64)])
        other._tables = self._tables
        return other

    def __len__(self) -> int:
        return len(self._rows)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "manifest": self.manifest, "rows": self._rows}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"], state["manifest"], state["rows"])  # type: ignore[misc]

    @cached_property
    def places(self) -> NDArray[np.float64]:
        """(n, 2) latitude and longitude in degrees."""
        return np.column_stack([self._numbers("lat", np.float64), self._numbers("lon", np.float64)])

    @cached_property
    def ids(self) -> list[str]:
        """The photos' ids."""
        return self.column("id")

    def column(self, name: str) -> list[str]:
        """What the source says of each photo under `name`, such as author, country or walk; "" where it says nothing.

        Raises:
            InputsError: it says nothing of any.
        """
        parts = [self._table(number) for number in range(len(self.manifest.parts))]
        if not any(name in part.schema.names for part in parts):
            known = sorted({other for part in parts for other in part.schema.names})
            raise InputsError(f"{self.path} has no column {name!r}. Choose one of {', '.join(known)}.")
        values: list[str] = []
        for part in parts:
            told = part[name].to_pylist() if name in part.schema.names else [None] * part.num_rows
            values += ["" if value is None else str(value) for value in told]
        return [values[row] for row in self._rows]

    def scenes(self, n: Literal[3, 16, 365]) -> NDArray[np.int64]:
        """(n_rows,) the photos' scenes among 3, 16 or 365 of Places365; -1 where unknown.

        Raises:
            InputsError: there is no such division, or a class that it does not have.
        """
        if n not in KINDS:
            raise InputsError(f"Scenes are not divided into {n}. Choose 3, 16 or 365.")
        values = self._numbers(f"scene_{n}", np.int64)
        if len(values) and not (values.min() >= -1 and values.max() < n):
            raise InputsError(f"{self.path} has scenes that are none of the {n}. Make the set again with --restart.")
        return values

    def photo(self, row: int) -> Image.Image:
        """A photo, RGB.

        Raises:
            InputsError: it is damaged.
        """
        part, at = self._where(row)
        return decoded(self._table(part)["photo"][at].as_buffer(), "JPEG", self._file(part))

    def labels(self, row: int) -> Labels:
        """(h, w) its segmentation map, of the photo's height and width.

        Raises:
            InputsError: it has none, or a damaged one.
        """
        part, at = self._where(row)
        value = self._table(part)["labels"][at]
        if not value.is_valid:
            raise InputsError(
                f"{self.path} has no segmentation maps. Make it again with --segmenter, or train a network of one "
                "branch."
            )
        return as_labels(decoded(value.as_buffer(), "PNG", self._file(part)))

    def verify(self) -> None:
        """Read every file and compare it with the manifest.

        Raises:
            InputsError: a file is missing or changed.
        """
        files: list[tuple[str, File]] = [(part_name(i), part) for i, part in enumerate(self.manifest.parts)]
        if self.manifest.outcomes:
            files.append((OUTCOMES, self.manifest.outcomes))
        for name, about in files:
            if checksum(self.path / name) != about.sha256:
                raise damaged(self.path / name, "its content changed")

    def _where(self, row: int) -> tuple[int, int]:
        """The part that a row lies in, and its number there."""
        at = int(self._rows[row])
        part = int(np.searchsorted(self._ends, at, side="right"))
        return part, at - int(self._ends[part]) + self.manifest.parts[part].rows

    def _file(self, part: int) -> Path:
        return self.path / part_name(part)

    def _table(self, part: int) -> pa.Table:
        if part not in self._tables:
            path, about = self._file(part), self.manifest.parts[part]
            table = map_part(path)
            if table.num_rows != about.rows or path.stat().st_size != about.bytes:
                raise damaged(path, "not what the manifest says")
            self._tables[part] = table
        return self._tables[part]

    def _numbers(self, name: str, kind: type[Any]) -> NDArray[Any]:
        parts = range(len(self.manifest.parts))
        values = np.concatenate([self._table(part)[name].to_numpy().astype(kind) for part in parts])
        return values[self._rows]


def checksum(path: Path) -> str:
    """SHA-256 of a file; "" if there is none."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def split(dataset: TrainingSet, column: str, held_out: Sequence[str]) -> tuple[TrainingSet, TrainingSet]:
    """The rows whose `column` is none of the values, and those where it is one: whole walks or authors, say."""
    inside = np.isin(dataset.column(column), list(held_out))
    return dataset.subset(np.flatnonzero(~inside)), dataset.subset(np.flatnonzero(inside))
