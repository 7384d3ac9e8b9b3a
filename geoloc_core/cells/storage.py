"""A partition in one Parquet file, which GIS software reads too: a row a cell, level by level in the order of classes.

    level, class, token, photos       level's name, class from 0, S2 token, training photos
    lat, lon                          mean place of its training photos, degrees
    south, west, north, east          the cell's box, degrees; east is above 180 where it crosses the antimeridian

The schema's metadata hold what the partition says of itself, as JSON under the key `geoloc-cells`. Read as hostile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from pydantic import ValidationError

from geoloc_core.cells import s2
from geoloc_core.cells.about import About
from geoloc_core.cells.level import Level
from geoloc_core.errors import CellsError, CoordinateError
from geoloc_core.files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

Made = TypeVar("Made")
FORMAT, VERSION = b"geoloc-cells", 1
MOST_CELLS = 1_000_000
_MOST_BYTES = 200_000_000
_COLUMNS = ("level", "class", "token", "photos", "lat", "lon")
_AGAIN = "Copy it again, or build it again with `python -m index_builder cells`."


def save(parts: Sequence[Level], about: About, path: Path) -> Path:
    """Write a partition's levels; the same ones give the same bytes.

    Raises:
        OSError: the disk is full or may not be written; what was there is whole.
    """
    import pyarrow.parquet as pq

    with replacing(path) as stream:
        pq.write_table(_table(parts, about), stream, compression="zstd", use_dictionary=["level"])
    return path


def _table(parts: Sequence[Level], about: About) -> pa.Table:
    import pyarrow as pa

    boxes = np.array([part.bounds(cell) for part in parts for cell in range(len(part))])
    points = np.concatenate([part.points for part in parts])
    columns = {
        "level": [part.name for part in parts for _ in range(len(part))],
        "class": np.concatenate([np.arange(len(part), dtype=np.int32) for part in parts]),
        "token": [token for part in parts for token in part.tokens],
        "photos": np.concatenate([part.counts for part in parts]),
        "lat": points[:, 0],
        "lon": points[:, 1],
        **dict(zip(("south", "west", "north", "east"), boxes.T.copy(), strict=True)),
    }
    said = {"version": VERSION, "about": about.model_dump(mode="json", exclude_defaults=True)}
    return pa.table(columns).replace_schema_metadata({FORMAT: json.dumps(said)})


def read(path: Path, make: Callable[[tuple[Level, ...], About], Made]) -> Made:
    """What `make` makes of the levels that `save` wrote. Boxes are not read: tokens say where cells lie.

    Raises:
        CellsError: there is no such file, or it is no partition, or damaged.
    """
    import pyarrow as pa

    if not path.is_file():
        raise CellsError(f"There is no file {path}. Check the path, or build one with `python -m index_builder cells`.")
    try:
        table, about = _load(path)
        return make(tuple(_levels(table)), about)
    except (OSError, KeyError, TypeError, ValueError, CoordinateError, ValidationError, pa.ArrowException) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(". ")
        raise CellsError(f"{path} cannot be used as geo-cells ({first}). {_AGAIN}") from None
    except CellsError as error:
        raise CellsError(f"{path}: {error}") from None


def _load(path: Path) -> tuple[pa.Table, About]:
    import pyarrow.parquet as pq

    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("it is too large")
    with path.open("rb") as stream:
        file = pq.ParquetFile(stream)
        said = json.loads((file.schema_arrow.metadata or {}).get(FORMAT, b"null"))
        if not isinstance(said, dict) or said.get("version") != VERSION:
            raise ValueError("it does not say that it holds geo-cells of a version known here")
        if not 0 < file.metadata.num_rows <= MOST_CELLS:
            raise ValueError(f"it has {file.metadata.num_rows:,} rows")
        return file.read(list(_COLUMNS)), About.model_validate(said.get("about", {}))


def _levels(table: pa.Table) -> list[Level]:
    import pyarrow as pa

    names = table["level"].cast(pa.string()).to_pylist()
    starts = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
    levels = []
    for start, end in zip(starts, [*starts[1:], len(names)], strict=True):
        rows = table.slice(start, end - start)
        if rows["class"].to_pylist() != list(range(end - start)):
            raise ValueError(f"the {names[start]} cells' classes do not count from 0")
        points = np.column_stack([rows[name].cast(pa.float64()).to_numpy() for name in ("lat", "lon")])
        ids = s2.from_tokens(str(token) for token in rows["token"].to_pylist())
        levels.append(Level(str(names[start]), ids, points, rows["photos"].cast(pa.int64()).to_numpy()))
    return levels
