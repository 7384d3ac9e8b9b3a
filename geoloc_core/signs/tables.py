"""The tables of assets/signs. Hand-written ones are CSV: a row a thing, mostly with the countries it is met in.

A column of countries reads "DE AT:0.8 CH:0.2": ISO 3166 alpha-2 codes, each with its fit, 1 where none is given.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core.errors import GeolocError
from geoloc_core.paths import ASSETS
from geoloc_core.signs.clue import Spot

if TYPE_CHECKING:
    import pyarrow as pa


def rows(name: str) -> list[dict[str, str]]:
    """The rows of assets/signs/`name`.csv.

    Raises:
        GeolocError: the table is missing or damaged.
    """
    path = ASSETS / "signs" / f"{name}.csv"
    try:
        with path.open(encoding="utf-8", newline="") as table:
            return list(csv.DictReader(table, strict=True))
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise GeolocError(f"The table {path} cannot be read ({error}). Restore assets/signs.") from error


def columns(path: Path, *names: str) -> pa.Table:
    """Columns of a table that the builder made, in Parquet, each in one piece; all if none is named.

    Raises:
        GeolocError: the table is missing or damaged.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(path).read().combine_chunks()
        return table.select(names) if names else table
    except (OSError, KeyError, ArrowException) as error:
        raise GeolocError(f"The table {path} cannot be read ({error}). Restore assets/signs.") from error


def fits(text: str) -> dict[str, float]:
    """Countries with their fits, of a column such as "DE AT:0.8"."""
    pairs = (part.partition(":") for part in text.split())
    return {code: float(fit or 1) for code, _, fit in pairs}


def spots(row: Mapping[str, str], country: str) -> tuple[Spot, ...]:
    """The place in the columns `town`, `lat`, `lon` and `km`, if the row has one."""
    if not row["lat"]:
        return ()
    return (Spot(float(row["lat"]), float(row["lon"]), float(row["km"]), 1.0, row["town"], country),)
