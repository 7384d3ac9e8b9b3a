"""Coordinates to "3 km from Girona, Catalonia, Spain" and back, offline.

Towns are GeoNames' (CC BY 4.0), outlines of countries Natural Earth's (public domain); `assets/places/NOTICE` credits
both and `index_builder.geodata.places` makes them. The country is the one whose outline holds the point, or lies within
`SHORE_KM` of it; the town is the nearest of that country, so that nobody beside a border is told of a town across it.
"""

from __future__ import annotations

import re
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoloc_core.errors import GeolocError
from geoloc_core.geo import EARTH_RADIUS_KM, Floats, check_coordinates, distance_km, unit_vectors
from geoloc_core.paths import ASSETS
from geoloc_core.place import Place, Towns, fold

if TYPE_CHECKING:
    import pyarrow as pa

SHORE_KM = 5.0  # outlines are generalised: piers and islets this far off the drawn coast belong to it
REACH_KM = 150.0  # on land, a town farther than this says nothing about a place
MAX_TEXT = 100
_BLOCK = 2_000_000  # products held at once when many points meet many towns
_COORDINATES = re.compile(r"""(?=.*\d)[-+−\d\s.,;:/()°º'′’"″”NSEW]+""", re.IGNORECASE)
_DECIMAL_COMMAS = re.compile(r"^\s*([-+−]?\d+),(\d+)[\s;]+([-+−]?\d+),(\d+)\s*$")


class Gazetteer:
    """The towns and countries of the world; reading them takes a moment, so share the one of `gazetteer()`.

    Args:
        folder: where `places.parquet` and `countries.parquet` lie.

    Raises:
        GeolocError: the tables are missing or damaged.
    """

    def __init__(self, folder: Path = ASSETS / "places") -> None:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
        from shapely import STRtree, from_wkb
        from shapely.errors import ShapelyError

        try:
            towns = ParquetFile(folder / "places.parquet").read().combine_chunks()
            shapes = ParquetFile(folder / "countries.parquet").read().combine_chunks()
            outlines = from_wkb(shapes["wkb"].to_numpy())
        except (OSError, ArrowException, ShapelyError) as error:
            raise GeolocError(
                f"The place tables in {folder} cannot be read ({error}). Restore assets/places."
            ) from error
        self._names, self._regions, self._population = towns["name"], towns["admin1"], towns["population"].to_numpy()
        self._codes = towns["country"]
        self._points = np.column_stack([towns["lat"].to_numpy(), towns["lon"].to_numpy()]).astype(np.float64)
        self._vectors = unit_vectors(self._points)
        self._slices = _runs(towns["country"])
        self._outlines, self._tree = outlines, STRtree(outlines)
        self._lands = list(zip(shapes["iso2"].to_pylist(), shapes["name"].to_pylist(), strict=True))
        self._country_names = {code: name for code, name in self._lands if code}

    @property
    def towns(self) -> Towns:
        """The towns of the world with 1,000 inhabitants or more."""
        return Towns(self._names, self._regions, self._codes, self._slices, self._points, self._population)

    @property
    def countries(self) -> dict[str, str]:
        """ISO 3166 alpha-2 code -> English name."""
        return dict(self._country_names)

    def describe(self, lat: float, lon: float) -> Place:
        """The place at (lat, lon) degrees; longitudes wrap.

        Raises:
            CoordinateError: not finite, or a latitude beyond a pole.
        """
        return self.describe_many([(lat, lon)])[0]

    def describe_many(self, coordinates: ArrayLike) -> list[Place]:
        """The places at (n, 2) degrees (lat, lon); longitudes wrap.

        Raises:
            CoordinateError: wrong shape, not finite, or a latitude beyond a pole.
        """
        points = _checked(coordinates)
        lands = self._lands_at(points)
        towns = self._towns_at(points, lands)
        away = distance_km(points, self._points[towns])
        return [self._place(land, int(t), float(km)) for land, t, km in zip(lands, towns, away, strict=True)]

    def nearest_towns(self, coordinates: ArrayLike) -> NDArray[np.intp]:
        """(n,) rows of the town nearest to each of (n, 2) degrees, of the point's country; -1 if that has none.

        Raises:
            CoordinateError: wrong shape, not finite, or a latitude beyond a pole.
        """
        points = _checked(coordinates)
        return self._towns_at(points, self._lands_at(points))

    def _towns_at(self, points: Floats, lands: list[tuple[str | None, str] | None]) -> NDArray[np.intp]:
        towns = np.full(len(points), -1, dtype=np.intp)
        for land in set(lands):
            rows = np.flatnonzero([other == land for other in lands])
            span = slice(0, len(self._points)) if land is None else self._slices.get(land[0], slice(0, 0))
            if span.start < span.stop:
                towns[rows] = span.start + self._nearest(points[rows], self._vectors[span])
        return towns

    def country(self, lat: float, lon: float) -> str | None:
        """ISO 3166 alpha-2 code of the country at (lat, lon) degrees; None at sea.

        Raises:
            CoordinateError: not finite, or a latitude beyond a pole.
        """
        return self.describe(lat, lon).country_code

    def find(self, text: str, limit: int = 5) -> list[tuple[Place, float, float]]:
        """Where a text such as "41.98, 2.82", "41°58'N 2°49'E" or "girona, spain" may point: (place, lat, lon).

        Towns match by whole name, else by its beginning, whatever the case and diacritics, the most populous first;
        what follows a comma must begin the region's or country's name, or be the country's code.
        """
        if len(text) > MAX_TEXT or limit < 1:
            return []
        if point := _parse_coordinates(text):
            return [(self.describe(*point), *point)]
        name, *hints = (fold(part) for part in text.split(","))
        rows = self._named(name) if name else np.empty(0, dtype=np.intp)
        hits = (row for row in rows if all(self._fits(row, hint) for hint in hints if hint))
        return [self._town(row) for row, _ in zip(hits, range(limit), strict=False)]

    @cached_property
    def areas(self) -> frozenset[tuple[str, str]]:
        """Folded names of the countries and their regions, each with the country's ISO 3166 alpha-2 code."""
        pairs = set(zip(self._regions.to_pylist(), self._codes.to_pylist(), strict=True))
        pairs |= {(name, code) for code, name in self._country_names.items()}
        return frozenset((fold(name), code) for name, code in pairs if name)

    def _lands_at(self, points: Floats) -> list[tuple[str | None, str] | None]:
        """(code, name) of the country at each (n, 2) point; None at sea."""
        from shapely import points as shapely_points

        lands: list[tuple[str | None, str] | None] = [None] * len(points)
        for point, outline in self._tree.query(shapely_points(points[:, ::-1]), predicate="intersects").T[::-1]:
            lands[point] = self._lands[outline]
        for i in (i for i, land in enumerate(lands) if land is None):
            lands[i] = self._shore(points[i]) or self._islet(points[i])
        return lands

    def _shore(self, point: Floats) -> tuple[str | None, str] | None:
        """The nearest country within `SHORE_KM`, measured on the plane that touches the sphere at the point."""
        from shapely import Point, box, distance, transform

        lat, lon = point
        reach = np.degrees(SHORE_KM / EARTH_RADIUS_KM)
        squeeze = max(np.cos(np.radians(lat)), 1e-3)
        best, found = reach, None
        for x in (lon, lon + 360, lon - 360) if abs(lon) > 180 - reach / squeeze else (lon,):
            window = box(x - reach / squeeze, lat - reach, x + reach / squeeze, lat + reach)
            for i in self._tree.query(window):
                gap = distance(transform(self._outlines[i], lambda xy: xy * (squeeze, 1)), Point(x * squeeze, lat))
                if gap <= best:
                    best, found = gap, self._lands[i]
        return found

    def _islet(self, point: Floats) -> tuple[str | None, str] | None:
        """The country of a town within `SHORE_KM`: atolls that the outlines leave out."""
        town = int(self._nearest(point[None], self._vectors)[0])
        code = self._codes[town].as_py()
        return (code, self._country_names[code]) if distance_km(point, self._points[town]) <= SHORE_KM else None

    @staticmethod
    def _nearest(points: Floats, towns: Floats) -> NDArray[np.intp]:
        """(n,) rows of the nearest of (m, 3) towns to (n, 2) points; float64, as cosines of small angles are alike."""
        step = max(1, _BLOCK // len(towns))
        blocks = [points[start : start + step] for start in range(0, len(points), step)]
        return np.concatenate([np.argmax(unit_vectors(block) @ towns.T, axis=1) for block in blocks])

    def _place(self, land: tuple[str | None, str] | None, town: int, km: float) -> Place:
        if land is not None and (town < 0 or km > REACH_KM):
            return Place(None, None, land[1], land[0], None)
        name, region, code = (column[town].as_py() for column in (self._names, self._regions, self._codes))
        country = self._country_names[code]
        inside = km <= town_radius_km(int(self._population[town]))
        return Place(name, region, country, land and land[0], km, at_sea=land is None, in_town=inside)

    def _town(self, row: int) -> tuple[Place, float, float]:
        lat, lon = (round(float(value), 5) for value in self._points[row])
        name, region, code = (column[row].as_py() for column in (self._names, self._regions, self._codes))
        return Place(name, region, self._country_names[code], code, 0.0, in_town=True), lat, lon

    @cached_property
    def _folded(self) -> pa.Array:
        import pyarrow as pa

        return pa.array([fold(name) for name in self._names.to_pylist()])

    def _named(self, name: str) -> NDArray[np.intp]:
        """Rows of the towns called `name` (folded), or failing that beginning with it, the most populous first."""
        import pyarrow.compute as pc

        rows = np.flatnonzero(pc.equal(self._folded, name))
        if not len(rows):
            rows = np.flatnonzero(pc.starts_with(self._folded, pattern=name))
        return rows[np.argsort(-self._population[rows], kind="stable")]

    def _fits(self, row: int, hint: str) -> bool:
        code = self._codes[row].as_py()
        names = (self._regions[row].as_py() or "", self._country_names[code])
        return hint == code.casefold() or any(fold(name).startswith(hint) for name in names)


def town_radius_km(population: int) -> float:
    """How far from its centre a town of that population reaches: 3,000 people a square km, within 2 to 20 km."""
    return float(np.clip(np.sqrt(population / 3000 / np.pi), 2, 20))


@cache
def gazetteer() -> Gazetteer:
    """The gazetteer that ships with Geoloc, read once a process; it never changes, so threads may share it."""
    return Gazetteer()


def _checked(coordinates: ArrayLike) -> Floats:
    points = np.asarray(coordinates, dtype=np.float64)
    return check_coordinates(points) if points.size else points.reshape(0, 2)


def _runs(column: pa.ChunkedArray) -> dict[str | None, slice]:
    """Where each value of a sorted column starts and stops."""
    codes = column.combine_chunks()
    values, starts = np.unique(codes.indices.to_numpy(), return_index=True)  # the dictionary is in order of appearance
    names = codes.dictionary.take(values).to_pylist()
    return {name: slice(int(a), int(b)) for name, (a, b) in zip(names, pairwise([*starts, len(codes)]), strict=True)}


def _parse_coordinates(text: str) -> tuple[float, float] | None:
    """(lat, lon) of a text in one of the forms that geopy reads, or None."""
    from geopy.point import Point

    if not _COORDINATES.fullmatch(text):
        return None
    try:
        point = Point.from_string(_DECIMAL_COMMAS.sub(r"\1.\2 \3.\4", text))
    except ValueError:
        return None
    return float(point.latitude), float(point.longitude)
