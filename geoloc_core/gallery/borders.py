"""Which of a million points lie in a country or on land: as `places` answers for one, boxes first, outlines second."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import FilterError, GeolocError
from geoloc_core.geo import EARTH_RADIUS_KM, Floats
from geoloc_core.paths import ASSETS
from geoloc_core.places import SHORE_KM, Gazetteer, fold, gazetteer

if TYPE_CHECKING:
    from shapely import STRtree

_MARGIN = float(np.degrees(1.2 * SHORE_KM / EARTH_RADIUS_KM))  # degrees of latitude, wider than any shore
_BLOCK = 200_000


@cache
def countries() -> dict[str, str]:
    """ISO 3166 alpha-2 code to English name, by name; the outlines are not read for it.

    Raises:
        GeolocError: the table is missing or damaged.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import read_table

    path = ASSETS / "places" / "countries.parquet"
    try:
        table = read_table(path, columns=["iso2", "name"])
    except (OSError, ArrowException) as error:
        raise GeolocError(f"The countries in {path} cannot be read ({error}). Restore assets/places.") from error
    pairs = zip(table["iso2"].to_pylist(), table["name"].to_pylist(), strict=True)
    return dict(sorted({code: name for code, name in pairs if code}.items(), key=lambda pair: fold(pair[1])))


def country_code(text: str) -> str:
    """The ISO 3166 alpha-2 code of a country given by code or English name, whatever the case and diacritics.

    Raises:
        FilterError: there is no such country.
    """
    wanted, known = fold(text), countries()
    for code, name in known.items():
        if wanted in (code.casefold(), fold(name)):
            return code
    begun = [code for code, name in known.items() if wanted and fold(name).startswith(wanted)]
    if len(begun) == 1:
        return begun[0]
    likely = ", ".join(f"{code} ({known[code]})" for code in begun[:5])
    raise FilterError(
        f"{text[:60]!r} is no country we know. Give "
        + (f"one of {likely}." if likely else "its code of two letters, such as FR, or its English name.")
    )


def rows_in_country(points: Floats, code: str) -> NDArray[np.int64]:
    """The rows of (n, 2) degrees (lat, lon) that lie in a country, as `Gazetteer.country` says; rising."""
    from shapely import points as shapely_points

    atlas = gazetteer()
    boxes, extent = _boxes(code)
    lat, lon = points.T
    south, west, north, east = extent
    rows = np.flatnonzero((lat >= south) & (lat <= north) & (lon >= west) & (lon <= east))
    found = []
    for at in range(0, len(rows), _BLOCK):
        some = rows[at : at + _BLOCK]
        close = np.unique(boxes.query(shapely_points(points[some][:, ::-1]))[0])
        found.append(some[close][_inside(atlas, points[some[close]], code)])
    return np.concatenate(found) if found else np.empty(0, np.int64)


def on_land(points: Floats) -> NDArray[np.bool_]:
    """Whether each of (n, 2) degrees (lat, lon) lies on land as `places` draws it; shores and islets at sea do not."""
    from shapely import points as shapely_points

    found = np.zeros(len(points), bool)
    for at in range(0, len(points), _BLOCK):
        rows = gazetteer()._tree.query(shapely_points(points[at : at + _BLOCK, ::-1]), predicate="intersects")[0]
        found[at + rows] = True
    return found


def _inside(atlas: Gazetteer, points: Floats, code: str) -> NDArray[np.bool_]:
    """Whether each point is the country's: on its land, or at sea and it is the nearest shore or islet."""
    from shapely import points as shapely_points

    ours = np.array([land[0] == code for land in atlas._lands])
    first = np.full(len(points), -1)
    pairs = atlas._tree.query(shapely_points(points[:, ::-1]), predicate="intersects")
    first[pairs[0][::-1]] = pairs[1][::-1]  # on a border, the outline that `places` prefers
    inside = (first >= 0) & ours[first]
    for row in np.flatnonzero(first < 0):
        land = atlas._shore(points[row]) or atlas._islet(points[row])
        inside[row] = land is not None and land[0] == code
    return inside


@lru_cache(maxsize=32)
def _boxes(code: str) -> tuple[STRtree, tuple[float, float, float, float]]:
    """A tree of the boxes that hold all of a country with its shores, and their (south, west, north, east)."""
    import shapely

    atlas: Any = gazetteer()
    outlines = atlas._outlines[[land[0] == code for land in atlas._lands]]
    towns = atlas._points[atlas._slices.get(code, slice(0, 0))][:, ::-1]
    dry = np.unique(atlas._tree.query(shapely.points(towns), predicate="intersects")[0])
    islets = np.delete(towns, dry, axis=0)  # towns that no outline holds reach as far as a shore does
    west, south, east, north = np.concatenate([shapely.bounds(outlines), np.tile(islets, 2)]).T
    south, north = south - _MARGIN, north + _MARGIN
    reach = _MARGIN / np.maximum(np.cos(np.radians(np.clip(np.maximum(abs(south), abs(north)), 0, 90))), 1e-3)
    west, east = west - reach, east + reach
    plain = shapely.box(west, south, east, north)
    over = (west < -180) | (east > 180)  # these go on at the other side of the antimeridian
    shift = np.where(west[over] < -180, 360, -360)
    beyond = shapely.box(west[over] + shift, south[over], east[over] + shift, north[over])
    limits = (-180.0, 180.0) if over.any() else (float(west.min()), float(east.max()))
    return shapely.STRtree(np.concatenate([plain, beyond])), (
        float(south.min()), limits[0], float(north.max()), limits[1],
    )  # fmt: skip
