"""The coordinates of a location gallery: the package's 100,000, a table's, or a grid over land."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoloc_core.errors import GeolocError, SourceError
from geoloc_core.gallery.borders import on_land
from geoloc_core.geo import EARTH_RADIUS_KM, Floats, from_unit_vectors, wrap_longitude
from geoloc_core.geoclip.weights import Package
from index_builder.sources import Entry, Item, Skipped, SourceOptions
from index_builder.sources.table import read

PACKAGED = "100k"
SPACING_KM = (5.0, 2_000.0)
SAME_PLACE, REPEATED_ID = "same place as another", "repeated id"
_DECIMALS = 6  # of a degree: 0.1 m, closer than any encoder can tell apart
_TURN = np.pi * (3 - np.sqrt(5))  # the golden angle


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Places to encode, each once.

    Attributes:
        points: (n, 2) degrees (lat, lon), no two alike.
        ids: (n,) names, no two alike.
        unused: the entries that gave no point, with the reason.
        title, source, licence: what to say of them.
    """

    points: Floats
    ids: tuple[str, ...]
    unused: tuple[Skipped, ...]
    title: str
    source: str
    licence: str = ""


def packaged() -> Coordinates:
    """The 100,000 coordinates that come with the package `geoclip`.

    Raises:
        WeightsMissing: the package is not installed.
        SourceError: its table cannot be read.
    """
    path = Package().coordinates
    return _distinct(
        read(path, SourceOptions(locations_only=True)),
        title="Locations of GeoCLIP",
        source=f"{path.name} of the package geoclip, by GeoCLIP's authors",
        licence="MIT",
    )


def from_table(path: Path) -> Coordinates:
    """The places of a CSV, TSV or Parquet table with columns for lat and lon, and perhaps id.

    Raises:
        SourceError: it cannot be read, or holds no usable place.
    """
    entries = read(path, SourceOptions(locations_only=True))
    return _distinct(entries, title=f"Locations of {path.stem}", source=path.name)


def grid(km: float) -> Coordinates:
    """Points over all land, each standing for `km` x `km`: a Fibonacci lattice, which has the same density everywhere.

    Source: Gonzalez, "Measurement of areas on a sphere using Fibonacci and latitude-longitude lattices" (2010), eq. 1.

    Raises:
        GeolocError: a spacing that is too fine or too coarse.
    """
    least, most = SPACING_KM
    if not least <= km <= most:
        raise GeolocError(f"A grid of {km:g} km cannot be made. Choose from {least:g} to {most:,.0f} km.")
    count = round(4 * np.pi * (EARTH_RADIUS_KM / km) ** 2)
    number = np.arange(count)
    z, turn = 1 - (2 * number + 1) / count, number * _TURN
    flat = np.sqrt(1 - z * z)
    points = from_unit_vectors(np.column_stack([flat * np.cos(turn), flat * np.sin(turn), z])).round(_DECIMALS)
    kept = np.flatnonzero(on_land(points))
    return Coordinates(
        points=points[kept],
        ids=tuple(f"{i:08d}" for i in kept.tolist()),
        unused=(),
        title=f"Locations {km:g} km apart",
        source=f"A grid over land with one point for each {km:g} km x {km:g} km, within Natural Earth's outlines",
        licence="public domain",
    )


def _distinct(entries: Iterable[Entry], *, title: str, source: str, licence: str = "") -> Coordinates:
    """Each place once, under the first of its ids; the others are listed as unused."""
    places: dict[tuple[float, float], str] = {}
    taken: set[str] = set()
    unused: list[Skipped] = []
    for entry in entries:
        if isinstance(entry, Item) and entry.location is not None:
            lat, lon = (round(number, _DECIMALS) for number in entry.location)
            place = (lat, float(wrap_longitude(lon)) if abs(lon) >= 180 else lon)
            if place in places:
                entry = Skipped(entry.id, SAME_PLACE)
            elif entry.id in taken:
                entry = Skipped(entry.id, REPEATED_ID, "failed")
            else:
                places[place] = entry.id
                taken.add(entry.id)
                continue
        if isinstance(entry, Skipped):
            unused.append(entry)
    if not places:
        reason = f" ({unused[0].reason})" if unused else ""
        raise SourceError(f"{source} holds no usable place{reason}. Give a table with latitudes and longitudes in it.")
    return Coordinates(np.array(list(places)), tuple(places.values()), tuple(unused), title, source, licence)
