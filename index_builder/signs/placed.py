"""Fills the coordinates in tables of assets/signs whose rows name a town: districts of plates, roads, chains.

People write the tables by hand, with towns instead of coordinates; the gazetteer of assets/places knows where they are.

    python -m index_builder.signs.placed assets/signs/chains.csv assets/signs/districts.csv assets/signs/roads.csv

A table has the columns `town`, `lat`, `lon` and a country (`country`, or the first of `countries`). A town is looked up
by its name as the gazetteer spells it or in `SPELLINGS`; a row whose town is not found is reported and left without,
and one that has coordinates keeps them.
"""

from __future__ import annotations

import csv
import io
import logging
import sys
from functools import cache
from pathlib import Path

from geoloc_core.files import replacing
from geoloc_core.places import fold, gazetteer
from index_builder.signs.spellings import SPELLINGS

log = logging.getLogger(__name__)


def place(path: Path) -> list[str]:
    """Fills `lat` and `lon` of one table in place; returns the towns that are not found."""
    with path.open(encoding="utf-8", newline="") as table:
        reader = csv.DictReader(table)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    missing = []
    for row in rows:
        if not row["town"] or row["lat"]:
            continue
        country = row.get("country") or row["countries"][:2]
        point = where(row["town"], country)
        row["lat"], row["lon"] = (f"{point[0]:.4f}", f"{point[1]:.4f}") if point else ("", "")
        if not point:
            missing.append(f"{row['town']}, {country}")
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(path) as stream:
        stream.write(text.getvalue().encode())
    return missing


def where(town: str, country: str) -> tuple[float, float] | None:
    """(lat, lon) in degrees of the largest town of that very name in a country; None if there is none."""
    return _towns().get((country, fold(SPELLINGS.get(f"{town}, {country}", town))))


@cache
def _towns() -> dict[tuple[str, str], tuple[float, float]]:
    towns = gazetteer().towns
    names, countries = towns.names.to_pylist(), towns.countries.to_pylist()
    rows = towns.population.argsort(kind="stable")
    return {(countries[i], fold(names[i])): (float(towns.points[i, 0]), float(towns.points[i, 1])) for i in rows}


def main() -> None:
    """Fills the tables named on the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name in sys.argv[1:]:
        missing = place(Path(name))
        log.info("%s: %d towns not found%s", name, len(missing), "".join(f"\n  {town}" for town in missing))


if __name__ == "__main__":
    main()
