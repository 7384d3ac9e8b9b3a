"""True facts of the world by country: who drives on which side, what is written on signs, and where each country lies.

The tables are plain CSV files in `data/`, meant to be read and corrected:
`countries.csv` (one row a country), `words.csv` (shop words by language and script; `drawn` is the
left-to-right order of glyphs where it differs from the written word) and two rasters made from Natural Earth
(public domain): `countries.png`, 0.1 degree, the pixel is the row's `code`; `sea_distance.png`, 0.5 degree,
the pixel is 5 * sqrt(kilometres to the sea).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Word:
    """A word on a sign: `text` as written, `drawn` in left-to-right glyph order."""

    text: str
    drawn: str
    script: str
    language: str


@dataclass(frozen=True)
class Country:
    """One row of `countries.csv`."""

    iso2: str
    name: str
    drives_left: bool
    languages: tuple[str, ...]
    centre_line: str
    edge_line: str
    warning_sign: str
    guide_sign: str
    plate_colour: str
    plate_shape: str
    landmark: str
    """What stands tallest in a village: church, dome (Orthodox), mosque, pagoda, stupa or temple."""
    rickshaws: bool

    @property
    def words(self) -> tuple[Word, ...]:
        """The words its signs may carry, first language first."""
        return tuple(word for language in self.languages for word in words()[language])

    @property
    def scripts(self) -> tuple[str, ...]:
        """Scripts on its signs, most usual first."""
        return tuple(dict.fromkeys(word.script for word in self.words))


@lru_cache(maxsize=1)
def words() -> dict[str, tuple[Word, ...]]:
    """Language code to its words."""
    table: dict[str, list[Word]] = {}
    with (DATA / "words.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            word = Word(row["word"], row["drawn"] or row["word"], row["script"], row["language"])
            table.setdefault(word.language, []).append(word)
    return {language: tuple(entries) for language, entries in table.items()}


@lru_cache(maxsize=1)
def _by_code() -> dict[int, Country]:
    with (DATA / "countries.csv").open(encoding="utf-8", newline="") as file:
        return {
            int(row["code"]): Country(
                row["iso2"],
                row["name"],
                row["drives"] == "left",
                tuple(filter(None, row["languages"].split(";"))),
                row["centre_line"],
                row["edge_line"],
                row["warning_sign"],
                row["guide_sign"],
                row["plate_colour"],
                row["plate_shape"],
                row["landmark"],
                row["rickshaws"] == "yes",
            )
            for row in csv.DictReader(file)
        }


def countries() -> dict[str, Country]:
    """ISO 3166 alpha-2 code to country."""
    return {country.iso2: country for country in _by_code().values()}


@lru_cache(maxsize=2)
def _raster(name: str) -> NDArray[np.uint8]:
    with Image.open(DATA / name) as image:
        return np.asarray(image)


def country_codes(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Codes (n,) of the countries at these points; 0 is sea or a lake as large as the Caspian."""
    raster = _raster("countries.png")
    row = np.clip(np.floor((90.0 - np.asarray(lat)) * 10.0).astype(int), 0, raster.shape[0] - 1)
    column = np.floor((np.asarray(lon) + 180.0) * 10.0).astype(int) % raster.shape[1]
    return raster[row, column]


def land_mask() -> NDArray[np.bool_]:
    """Whether each cell of 0.1 degree is land, (1800, 3600) from 90 north and 180 west on."""
    return np.asarray(_raster("countries.png") > 0)


def sea_distances() -> NDArray[np.float64]:
    """`sea_km` of every cell of 0.5 degree, (360, 720) from 90 north and 180 west on."""
    return np.asarray(_raster("sea_distance.png").astype(np.float64) ** 2 / 25.0)


def yellow_centres() -> list[int]:
    """Codes of the countries whose roads have a yellow line in the middle."""
    return [code for code, country in _by_code().items() if country.centre_line == "yellow"]


def country_at(lat: float, lon: float) -> Country | None:
    """The country at a point, to about 10 km; None at sea."""
    return _by_code().get(int(country_codes(np.array([lat]), np.array([lon]))[0]))


def sea_km(lat: float, lon: float) -> float:
    """Distance to the nearest sea in km, to about 50 km; 0 at sea."""
    raster = _raster("sea_distance.png")
    row = min(int((90.0 - lat) * 2.0), raster.shape[0] - 1)
    code = float(raster[row, int((lon + 180.0) * 2.0) % raster.shape[1]])
    return code * code / 25.0
