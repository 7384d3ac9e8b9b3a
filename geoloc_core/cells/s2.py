"""Cells of the S2 quadtree as numbers: the leaves that hold points, their ancestors, names and outlines.

An id of 64 bits is 3 bits for the face of the cube, 2 bits for each step down a Hilbert curve, a 1, and zeros. The
leaves of a cell, and so all cells inside it, are one run of numbers; what follows from that is arithmetic here. The ids
of points and tokens come from `s2cell`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import s2cell
from numpy.typing import ArrayLike, NDArray

from geoloc_core.geo import Floats, check_coordinates, from_unit_vectors

Ids = NDArray[np.uint64]
Classes = NDArray[np.int64]

LEAF = 30  # the deepest level, whose cells are about a centimetre wide
_ONE = np.uint64(1)
_BLOCK = 65_536


def leaf_ids(points: ArrayLike, on_progress: Callable[[int, int], None] | None = None) -> Ids:
    """(n,) ids of the leaf cells that hold (n, 2) degrees; some ten microseconds a point.

    Args:
        points: (lat, lon); n may be 0.
        on_progress: called with the points done and all points.

    Raises:
        CoordinateError: a point that is no place.
    """
    if not np.size(points):
        return np.empty(0, np.uint64)
    places = check_coordinates(points)
    leaves = np.empty(len(places), np.uint64)
    for start in range(0, len(places), _BLOCK):
        block = places[start : start + _BLOCK].tolist()
        leaves[start : start + _BLOCK] = [s2cell.lat_lon_to_cell_id(lat, lon) for lat, lon in block]
        if on_progress:
            on_progress(min(start + _BLOCK, len(places)), len(places))
    return leaves


def valid(ids: Ids) -> NDArray[np.bool_]:
    """Which of (n,) numbers are ids of cells."""
    return np.fromiter(map(s2cell.cell_id_is_valid, ids.tolist()), np.bool_, len(ids))


def ancestors(ids: Ids, level: int) -> Ids:
    """The cells of `level` (0 to 30) that hold cells of that level or a deeper one."""
    lowest = _ONE << np.uint64(2 * (LEAF - level))
    return (ids & (~lowest + _ONE)) | lowest


def depths(ids: Ids) -> Classes:
    """The level of each cell: 0 for a face of the cube, 30 for a leaf."""
    return LEAF - np.bitwise_count(_lowest(ids) - _ONE).astype(np.int64) // 2


def firsts(ids: Ids) -> Ids:
    """Each cell's first leaf along the curve."""
    return ids - (_lowest(ids) - _ONE)


def lasts(ids: Ids) -> Ids:
    """Each cell's last leaf along the curve."""
    return ids + (_lowest(ids) - _ONE)


def _lowest(ids: Ids) -> Ids:
    return ids & (~ids + _ONE)


def tokens(ids: Ids) -> tuple[str, ...]:
    """The cells' short names: hexadecimal without trailing zeros."""
    return tuple(map(s2cell.cell_id_to_token, ids.tolist()))


def from_tokens(names: Iterable[str]) -> Ids:
    """Ids of tokens; 0, which is no cell, for a text that is none."""
    return np.array([s2cell.token_to_cell_id(name) if s2cell.token_is_valid(name) else 0 for name in names], np.uint64)


def outline(cell: int) -> Floats:
    """(m, 2) degrees: a cell's border, not closed, for maps that join vertices by straight lines.

    Its edges are great circles, drawn in sixteen pieces where the cell is large, in one where it is below some 40 km.
    Longitudes run on past 180 where the cell does, and what touches or holds a pole is closed along it.
    """
    face, i, j = s2cell.s2_cell_id_to_face_ij(cell)
    depth = s2cell.cell_id_to_level(cell)
    pieces = 1 << min(max(8 - depth, 0), 4)
    size = 1 << (LEAF - depth)
    along, still = np.arange(pieces) / pieces, np.zeros(pieces)
    s = np.concatenate([along, still + 1, 1 - along, still]) * size + (i & -size)
    t = np.concatenate([still, along, still + 1, 1 - along]) * size + (j & -size)
    vectors = _from_face(face, _projected(s / 2**LEAF), _projected(t / 2**LEAF))
    return _around_poles(from_unit_vectors(vectors), np.hypot(vectors[:, 0], vectors[:, 1]) == 0)


def box(line: Floats) -> tuple[float, float, float, float]:
    """South, west, north and east of an outline; its east is above 180 where it crosses the antimeridian."""
    (south, west), (north, east) = line.min(axis=0), line.max(axis=0)
    turn = 360 * np.floor((west + 180 + 1e-9) / 360)  # rounding may put a border at -180 a little beyond
    return float(south), float(west - turn), float(north), float(east - turn)


def _projected(st: Floats) -> Floats:
    """S2's quadratic projection: a face's coordinate in 0..1, by which cells are cut, to -1..1 on the cube."""
    return np.where(st >= 0.5, 4 * st * st - 1, 1 - 4 * (1 - st) ** 2) / 3


def _from_face(face: int, u: Floats, v: Floats) -> Floats:
    """(n, 3) vectors to points on one of the cube's six faces."""
    one = np.ones_like(u)
    sides = ((one, u, v), (-u, one, v), (-u, -v, one), (-one, -v, -u), (v, -one, -u), (v, u, -one))
    return np.column_stack(sides[face])


def _around_poles(line: Floats, at_pole: NDArray[np.bool_]) -> Floats:
    """The border with longitudes that run on, and a pole, which has none, as the stretch between its neighbours'."""
    if at_pole.any():
        k = int(np.argmax(at_pole))
        line = np.roll(line, -k, axis=0)
        pole = line[0, 0]
        line = np.vstack([[pole, line[1, 1]], line[1:], [pole, line[-1, 1]]])
        return np.column_stack([line[:, 0], np.unwrap(line[:, 1], period=360)])
    closed = np.vstack([line, line[:1]])
    lon = np.unwrap(closed[:, 1], period=360)
    if abs(lon[-1] - lon[0]) < 180:
        return np.column_stack([line[:, 0], lon[:-1]])
    pole = np.copysign(90.0, line[0, 0])  # once round the world
    return np.vstack([np.column_stack([closed[:, 0], lon]), [pole, lon[-1]], [pole, lon[0]]])
