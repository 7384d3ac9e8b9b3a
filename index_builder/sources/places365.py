"""Finding the `*_places365.csv` of MP-16 and of the benchmarks, which share one layout: the table says which it is."""

from __future__ import annotations

from pathlib import Path

from geoloc_core.errors import SourceError

BENCHMARKS = {
    "im2gps3k": ("im2gps3k",),
    "yfcc26k": ("yfcc26k", "yfcc25600"),
    "yfcc4k": ("yfcc4k",),
    "im2gps": ("im2gps",),
}


def benchmark_of(table: Path) -> str:
    """The benchmark that a table belongs to by its name; "" for any other."""
    name = table.name.lower()
    return next((key for key, marks in BENCHMARKS.items() if any(mark in name for mark in marks)), "")


def tables_of(path: Path, ending: str = "_places365.csv") -> list[Path]:
    """`path` itself if it is such a table, else those in the folder and its folder `metadata`, by name."""
    if path.is_file():
        return [path] if path.name.lower().endswith(ending) else []
    files = [file for folder in (path, path / "metadata") if folder.is_dir() for file in folder.iterdir()]
    return sorted((file for file in files if file.name.lower().endswith(ending)), key=lambda file: file.name)


def the_one(tables: list[Path], path: Path, remedy: str) -> Path:
    """The only table there is.

    Raises:
        SourceError: there is none, or more than one.
    """
    if len(tables) == 1:
        return tables[0]
    found = ", ".join(table.name for table in tables) or "none"
    raise SourceError(f"{path} should have one table *_places365.csv for this; there is {found}. {remedy}")
