"""What a point is called, and the table of towns that names come from."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc_core.geo import Floats

if TYPE_CHECKING:
    import pyarrow as pa

_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"})


def fold(text: str) -> str:
    """Text for comparing names: no case, no diacritics, single spaces ("Zürich" and "ZURICH" fold alike)."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(c for c in letters if not unicodedata.combining(c)).translate(_PLAIN)
    return " ".join(plain.split())


@dataclass(frozen=True, eq=False)
class Towns:
    """All towns, row by row, sorted by country. Read only.

    Attributes:
        names: as GeoNames gives them.
        regions: first-level regions; None where a town has none.
        countries: ISO 3166 alpha-2.
        points: (n, 2) degrees (lat, lon).
        population: (n,), 0 where unknown.
        of_country: ISO 3166 alpha-2 -> its rows.
    """

    names: pa.ChunkedArray
    regions: pa.ChunkedArray
    countries: pa.ChunkedArray
    of_country: dict[str | None, slice]
    points: Floats
    population: NDArray[np.int32]


@dataclass(frozen=True)
class Place:
    """What a point is called. `str()` gives the sentence, `short` the form for tables.

    Attributes:
        name: nearest town, of the country the point lies in if it is on land; None with no town within `REACH_KM`.
        region: the town's first-level region, if it has one.
        country: English name of the country the point lies in; at sea, that of the nearest town.
        country_code: ISO 3166 alpha-2 of the country the point lies in; None at sea and where no code covers the land.
        distance_km: great-circle distance to the town's centre.
        at_sea: more than `SHORE_KM` from any land.
        in_town: close enough to the centre to be in a town of that population.
    """

    name: str | None
    region: str | None
    country: str | None
    country_code: str | None
    distance_km: float | None
    at_sea: bool = False
    in_town: bool = False

    @property
    def text(self) -> str:
        """For example "Girona, Catalonia, Spain", "3 km from ...", "Greenland", "open sea, 340 km from ..."."""
        if self.name is None or self.distance_km is None:
            return self._where
        if self.in_town and not self.at_sea:
            return self._where
        away = f"{self.distance_km:,.0f} km from {self._where}"
        return f"open sea, {away}" if self.at_sea else away

    @property
    def short(self) -> str:
        """For example "Girona, Spain", "Greenland" or "open sea"."""
        return "open sea" if self.at_sea else ", ".join(self._distinct(self.name, self.country))

    @property
    def _where(self) -> str:
        return ", ".join(self._distinct(self.name, None if self.at_sea else self._telling_region, self.country))

    @property
    def _telling_region(self) -> str | None:
        """The region, unless it only repeats the town or the country ("Municipality of Monaco")."""
        region, name, country = (f" {fold(part or '')} " for part in (self.region, self.name, self.country))
        return None if name in region or region in country or region.endswith(f" of{country}") else self.region

    @staticmethod
    def _distinct(*parts: str | None) -> Iterator[str]:
        seen = set()
        for part in filter(None, parts):
            if fold(part) not in seen:
                yield part
            seen.add(fold(part))

    def __str__(self) -> str:
        return self.text
