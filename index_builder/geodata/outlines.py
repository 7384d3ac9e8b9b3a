"""Natural Earth's countries from TopoJSON (npm world-atlas) to polygons in (lon, lat) degrees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry

GRID = (
    1024  # vertices lie on 1/1024 degree (109 m): exact in binary, so they compress well; the source has 190 to 400 m
)
MAX_VERTICES = 256  # larger polygons are cut, so that a lookup touches little


@dataclass(frozen=True)
class Piece:
    """One polygon of a country: ISO 3166 alpha-2 code (None: none covers it), English name, outline in (lon, lat)."""

    iso2: str | None
    name: str
    outline: Polygon


def read_pieces(topology: dict[str, Any], countries: dict[str, Any]) -> Iterator[Piece]:
    """Every polygon of a world-atlas topology, cut at the date line and closed around the pole."""
    by_number = {f"{row['isonumeric']:03d}": code for code, row in countries.items()}
    arcs = _arcs(topology)
    for country in topology["objects"]["countries"]["geometries"]:
        shapes = country["arcs"] if country["type"] == "MultiPolygon" else [country["arcs"]]
        code = by_number.get(country.get("id", ""))
        for rings in shapes:
            for outline in cut_at_date_line([_ring(arcs, ring) for ring in rings]):
                yield Piece(code, country["properties"]["name"], outline)


def _arcs(topology: dict[str, Any]) -> list[NDArray[np.float64]]:
    """The delta-encoded arcs (TopoJSON specification, section 2.1.3) to (n, 2) degrees (lon, lat) on the grid."""
    scale, offset = (np.asarray(topology["transform"][key]) for key in ("scale", "translate"))
    return [np.round((np.cumsum(arc, axis=0) * scale + offset) * GRID) / GRID for arc in topology["arcs"]]


def _ring(arcs: list[NDArray[np.float64]], indices: list[int]) -> NDArray[np.float64]:
    """Join arcs to a closed ring; ~i is arc i backwards, and each arc starts where the one before it ends."""
    parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in indices]
    return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])


def cut_at_date_line(rings: list[NDArray[np.float64]]) -> list[Polygon]:
    """Polygons within [-180, 180] from rings (outer first) that may jump over the date line or circle a pole."""
    from shapely import union_all

    outer, *holes = (_cut_ring(ring) for ring in rings)
    return polygons(outer.difference(union_all(holes)) if holes else outer)


def _cut_ring(ring: NDArray[np.float64]) -> BaseGeometry:
    """The area within a ring, which is empty for one that the source's own grid has collapsed."""
    from shapely import Polygon, box, make_valid, union_all
    from shapely.affinity import translate

    if len(ring) < 4:
        return Polygon()
    ring = np.column_stack([np.unwrap(ring[:, 0], period=360), ring[:, 1]])
    if abs(ring[-1, 0] - ring[0, 0]) > 180:
        pole = np.copysign(90, ring[:, 1].mean())
        ring = np.concatenate([ring, [[ring[-1, 0], pole], [ring[0, 0], pole], ring[0]]])
    area = make_valid(Polygon(ring))
    west, _, east, _ = area.bounds
    if west < -180 or east > 180:
        world = box(-180, -90, 180, 90)
        area = union_all([translate(area, xoff=turn).intersection(world) for turn in (-360, 0, 360)])
    return area


def polygons(geometry: BaseGeometry) -> list[Polygon]:
    """The polygons of a geometry, without what has no area."""
    from shapely import get_parts

    flat = get_parts(get_parts(geometry))  # a collection may hold multi-polygons
    return [part for part in flat if part.geom_type == "Polygon" and part.area > 0]


def divide(outline: Polygon) -> Iterator[Polygon]:
    """The polygon in pieces of at most `MAX_VERTICES` vertices: halved across its longer side on the grid."""
    from shapely import box, get_num_coordinates

    if get_num_coordinates(outline) <= MAX_VERTICES:
        yield outline
        return
    west, south, east, north = outline.bounds
    if east - west > north - south:
        middle = round((west + east) / 2 * GRID) / GRID
        halves = box(west, south, middle, north), box(middle, south, east, north)
    else:
        middle = round((south + north) / 2 * GRID) / GRID
        halves = box(west, south, east, middle), box(west, middle, east, north)
    for half in halves:
        for part in polygons(outline.intersection(half)):
            yield from divide(part)
