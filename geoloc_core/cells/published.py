"""Geo-cells as others published them: one CSV a level, a row a class.

    class_label,hex_id,imgs_per_cell,latitude_mean,longitude_mean
    0,8747c,827,38.67121908948,-109.497426318017

That is the layout of GeoEstimation (Mueller-Budack et al. 2018) and of what was made with it. There are copies that a
spreadsheet has saved: it takes 47e63 for a number, writes 4.7E+64, and drops leading zeros. Such a file still
reads without an error, but its cells lie elsewhere, and so does what a classifier learns from them. So a level whose
cells do not all hold their own mean place is refused.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np

from geoloc_core.cells import s2
from geoloc_core.cells.level import Level, misplaced
from geoloc_core.cells.partition import NAMES, About, Partition
from geoloc_core.cells.storage import MOST_CELLS
from geoloc_core.errors import CellsError
from geoloc_core.geo import check_coordinates

COLUMNS = ("class_label", "hex_id", "imgs_per_cell", "latitude_mean", "longitude_mean")
_LINES_BEFORE = 5  # of notes that some copies have before the header


def read_published(files: Sequence[Path], names: Sequence[str] | None = None, about: About | None = None) -> Partition:
    """The partition of CSV files, one a level, the coarsest first.

    Args:
        files: the CSVs.
        names: the levels' names; without, the last ones of coarse, middle, fine.
        about: what to say of it.

    Raises:
        CellsError: a file cannot be read, its cells do not hold their own means, or the levels do not fit together.
    """
    names = tuple(names or NAMES[-len(files) :])
    if len(names) != len(files):
        raise CellsError(f"There are {len(files)} files for the levels {', '.join(names)}. Give one file a level.")
    return Partition([_read(path, name) for path, name in zip(files, names, strict=True)], about)


def _read(path: Path, name: str) -> Level:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = _rows(stream, path)
        labels, counts = (np.array([int(row[i]) for row in rows], np.int64) for i in (0, 2))
        points = check_coordinates([(float(row[3]), float(row[4])) for row in rows])
    except (OSError, ValueError, IndexError, OverflowError, csv.Error) as error:
        raise CellsError(f"{path} cannot be read as geo-cells ({error}). Check the file.") from None
    order = np.argsort(labels)
    if (labels[order] != np.arange(len(labels))).any():
        raise CellsError(f"The class labels in {path} do not count from 0. Use the file as it was published.")
    tokens = [rows[i][1].strip() for i in order]
    ids = s2.from_tokens(tokens)
    outside = misplaced(ids, points[order])
    if outside.any():
        raise CellsError(_damaged(path, outside.nonzero()[0].tolist(), tokens))
    try:
        return Level(name, ids, points[order], counts[order])
    except CellsError as error:
        raise CellsError(f"{path}: {error}") from None


def _rows(stream: TextIO, path: Path) -> list[list[str]]:
    """The rows below the header, their columns in the order of `COLUMNS`."""
    reader = csv.reader(stream)
    for header in islice(reader, _LINES_BEFORE + 1):
        names = [name.strip().lower() for name in header]
        if set(COLUMNS) <= set(names):
            at = [names.index(name) for name in COLUMNS]
            rows = [[row[i] for i in at] for row in islice(reader, MOST_CELLS + 1) if row]
            if not 0 < len(rows) <= MOST_CELLS:
                raise ValueError(f"it has {len(rows):,} rows")
            return rows
    raise CellsError(f"{path} has no header with {', '.join(COLUMNS)}. Give a table with these columns.")


def _damaged(path: Path, outside: list[int], tokens: Sequence[str]) -> str:
    shown = ", ".join(f"{tokens[i][:20]!r} (class {i})" for i in outside[:3])
    return (
        f"{path} is damaged: {len(outside):,} of {len(tokens):,} cells do not hold the mean place of their own photos, "
        f"such as {shown}. A spreadsheet turns tokens into numbers, 47e63 into 4.7E+64, and drops leading zeros. Get "
        "the file as it was published, or build cells from the photos' places with `python -m index_builder cells`."
    )
