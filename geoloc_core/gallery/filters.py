"""Limits on which of a gallery's photos may be found. Search stays exact over the rows that are left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import FilterError, GalleryDamaged, NothingAllowed
from geoloc_core.geo import EARTH_RADIUS_KM, Floats, check_coordinates, distance_km

if TYPE_CHECKING:
    import pyarrow as pa

    from geoloc_core.gallery import Gallery

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Where:
    """Which photos may be found: those that meet every condition given. `str()` says so in words.

    Attributes:
        country: ISO 3166 alpha-2 code or English name; a photo's country is as `places` says.
        centre: (lat, lon) in degrees; photos within `radius_km` of it along a great circle.
        radius_km: goes with `centre`.
        box: (south, west, north, east) in degrees, edges included; it crosses the antimeridian if west > east.
        without_authors: photos by these authors are left out.
        without_ids: photos of these ids are left out.
        without_content: the first 32 hex digits of a photo's SHA-256; its copies are left out.

    Raises:
        FilterError: a condition that makes no sense.
    """

    country: str | None = None
    centre: tuple[float, float] | None = None
    radius_km: float | None = None
    box: tuple[float, float, float, float] | None = None
    without_authors: frozenset[str] = frozenset()
    without_ids: frozenset[str] = frozenset()
    without_content: str | None = None

    def __post_init__(self) -> None:
        if (self.centre is None) != (self.radius_km is None):
            raise FilterError("A point and a radius go together. Give both, or neither.")
        if self.centre is not None:
            check_coordinates(self.centre)
        if self.radius_km is not None and not 0 <= self.radius_km < np.inf:
            raise FilterError("The radius must be a number of km, 0 or more. Give for example 50.")
        if self.box is not None:
            _check_box(self.box)

    def __bool__(self) -> bool:
        return self != Where()

    def __str__(self) -> str:
        return ", ".join(_words(self)) or "everywhere"

    def allowed(self, gallery: Gallery) -> Mask | None:
        """(n,) whether each row may be found; None if all may.

        Raises:
            FilterError: there is no such country, or the gallery does not record what a condition is about.
            NothingAllowed: no row is left.
            GalleryDamaged: a table cannot be read.
        """
        if not self:
            return None
        mask = np.ones(len(gallery), bool)
        for part in _conditions(self, gallery):
            mask &= part
        if not mask.any():
            raise NothingAllowed(
                f"No photo of the gallery {gallery.path.name} is left by the search's limits ({self}). Widen them."
            )
        return None if mask.all() else mask


def column(gallery: Gallery, name: str) -> Iterator[pa.ChunkedArray]:
    """One column as strings, a shard at a time, in the rows' order.

    Raises:
        FilterError: a part of the gallery does not record it.
        GalleryDamaged: a table cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for shard in gallery.manifest.shards:
        path = gallery.path / shard.rows
        try:
            file = pq.ParquetFile(path, memory_map=True)
            values = file.read([name])[name].cast(pa.string()) if name in file.schema_arrow.names else None
        except (OSError, pa.ArrowException) as error:
            raise GalleryDamaged(f"{path} cannot be read ({error}). Build or copy the gallery again.") from None
        if values is None:
            raise FilterError(
                f"The gallery {gallery.path.name} does not record each photo's {name}. "
                f"Search without that condition, or build the gallery from a source that gives it."
            )
        yield values


def _conditions(where: Where, gallery: Gallery) -> Iterator[Mask]:
    points = gallery.coordinates
    if where.box is not None:
        yield _in_box(points, where.box)
    if where.centre is not None and where.radius_km is not None:
        yield _within(points, where.centre, where.radius_km)
    if where.country is not None:
        yield _in_country(gallery, where.country)
    content = frozenset({where.without_content} if where.without_content else ())
    for name, values in (
        ("author", where.without_authors),
        ("id", where.without_ids),
        ("content_hash", content),
    ):
        if values:
            yield ~_is_in(gallery, name, values)


def _in_box(points: Floats, box: tuple[float, float, float, float]) -> Mask:
    south, west, north, east = box
    lat, lon = points.T
    inside: Mask = (lat >= south) & (lat <= north)
    if east - west >= 360:
        return inside
    west, east = (-180.0 if edge == 180 else edge for edge in (west, east))  # as the coordinates have it
    return inside & (((lon >= west) & (lon <= east)) if west <= east else ((lon >= west) | (lon <= east)))


def _within(points: Floats, centre: tuple[float, float], km: float) -> Mask:
    band = np.degrees(km / EARTH_RADIUS_KM) + 1e-6  # no place is nearer than its latitude
    inside: Mask = np.abs(points[:, 0] - centre[0]) <= band
    rows = np.flatnonzero(inside)
    inside[rows] = distance_km(centre, points[rows]) <= km
    return inside


def _in_country(gallery: Gallery, text: str) -> Mask:
    from geoloc_core.gallery.borders import country_code, rows_in_country

    code = country_code(text)
    if ("country", code) not in gallery.kept:
        gallery.kept["country", code] = rows_in_country(gallery.coordinates, code)
    mask = np.zeros(len(gallery), bool)
    mask[gallery.kept["country", code]] = True
    return mask


def _is_in(gallery: Gallery, name: str, values: frozenset[str]) -> Mask:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(sorted(values), pa.string())
    return np.concatenate([pc.is_in(part, wanted).to_numpy() for part in column(gallery, name)]).astype(bool)


def _check_box(box: tuple[float, float, float, float]) -> None:
    south, west, north, east = box
    if not (np.isfinite(box).all() and -90 <= south <= north <= 90 and max(abs(west), abs(east)) <= 180):
        raise FilterError(
            "A box is south, west, north, east in degrees with south <= north and longitudes of -180 to 180. "
            "Give for example 36,-10,44,4."
        )


def _words(where: Where) -> Iterator[str]:
    if where.country is not None:
        from geoloc_core.gallery.borders import countries, country_code

        yield f"in {countries()[country_code(where.country)]}"
    if where.centre is not None:
        yield f"within {where.radius_km:,g} km of {where.centre[0]:g}, {where.centre[1]:g}"
    if where.box is not None:
        yield "in the box {:g} to {:g} south to north, {:g} to {:g} west to east".format(
            *(where.box[i] for i in (0, 2, 1, 3))
        )
    for name, values in (("author", where.without_authors), ("id", where.without_ids)):
        if values:
            yield f"without the {name} " + _some(sorted(values))
    if where.without_content:
        yield "without the photo itself"


def _some(values: list[Any]) -> str:
    shown = ", ".join(str(value)[:80] for value in values[:2])
    return shown + (f" and {len(values) - 2:,} more" if len(values) > 2 else "")
