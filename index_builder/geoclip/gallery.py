"""`geoclip`: coordinates through a location encoder to a gallery of locations, once.

Published code encodes its gallery again for every photo; here it is an ordinary gallery, searched as any other. Nothing
is resumed, since nothing needs to be: a processor encodes thousands of places a second, and a build that is stopped
leaves no trace.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoloc_core.errors import GalleryError, GeolocError
from geoloc_core.gallery.manifest import EncoderRef, read_manifest
from index_builder.gallery.publish import GalleryWriter, Provenance
from index_builder.gallery.unused import UnusedWriter
from index_builder.geoclip.coordinates import Coordinates

_BLOCK = 8_192  # places encoded between two reports of progress


class LocationEncoder(Protocol):
    """What makes the vectors; `geoloc_core.geoclip.GeoClip` is one."""

    def encode_locations(self, coordinates: ArrayLike) -> NDArray[np.float32]:
        """(n, 2) degrees (lat, lon) to (n, d) with unit rows."""
        ...


@dataclass(frozen=True)
class BuiltLocations:
    """What a build gave: rows of the gallery, entries that gave none, and the seconds that encoding took."""

    gallery: Path
    rows: int
    unused: int
    seconds: float
    unchanged: bool = False

    def __str__(self) -> str:
        if self.unchanged:
            return f"{self.gallery} already holds exactly this: nothing to do"
        speed = f"{self.rows / max(self.seconds, 1e-9):,.0f} a second"
        left = f"; {self.unused:,} entries not used" if self.unused else ""
        return f"{self.gallery}: {self.rows:,} locations, encoded in {self.seconds:,.1f} s ({speed}){left}"


def build_locations(
    coordinates: Coordinates,
    encoder: LocationEncoder,
    reference: EncoderRef,
    out: Path,
    about: Provenance,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> BuiltLocations:
    """Encode the coordinates and publish them as a gallery of locations.

    Args:
        coordinates: the places.
        encoder: what encodes them.
        reference: the encoder that a photo must go through to be compared with them.
        out: the gallery's folder, which appears whole at the end.
        about: what its manifest says; title, source and licence are the coordinates' where it has none.
        overwrite: replace the gallery that is there.
        on_progress: called with places done and all places.

    Raises:
        GeolocError: `out` is something else than a gallery, or cannot be written.
    """
    about = replace(
        about,
        title=about.title or coordinates.title,
        source=about.source or coordinates.source,
        licence=about.licence or coordinates.licence,
        rows="locations",
    )
    recipe = _recipe(coordinates, reference, about)
    if not overwrite and _recipe_of(out) == recipe:
        return BuiltLocations(out, len(coordinates.points), len(coordinates.unused), 0.0, unchanged=True)
    seconds = 0.0
    with GalleryWriter(out, reference, about, overwrite=overwrite) as writer:
        with UnusedWriter(writer.partial / "unused.parquet") as unused:
            _note_unused(unused, coordinates)
        for start in range(0, len(coordinates.points), _BLOCK):
            seconds += _add(writer, coordinates, encoder, slice(start, start + _BLOCK))
            if on_progress:
                on_progress(writer.count, len(coordinates.points))
        writer.publish(reasons=unused.reasons, unused=unused.name, recipe=recipe)
        return BuiltLocations(out, writer.count, len(coordinates.unused), seconds)


def _add(writer: GalleryWriter, coordinates: Coordinates, encoder: LocationEncoder, span: slice) -> float:
    """Encode and write some of the places; returns the seconds that encoding took."""
    import pyarrow as pa

    points, ids = coordinates.points[span], coordinates.ids[span]
    started = time.perf_counter()
    vectors = encoder.encode_locations(points)
    seconds = time.perf_counter() - started
    if not np.isfinite(vectors).all():
        raise GeolocError("The location encoder answered with values that are no numbers. Fetch its weights again.")
    writer.add(vectors, pa.table({"id": list(ids), "lat": points[:, 0], "lon": points[:, 1]}))
    return seconds


def _note_unused(unused: UnusedWriter, coordinates: Coordinates) -> None:
    if entries := coordinates.unused:
        reasons = [entry.reason for entry in entries]
        unused.add([entry.id for entry in entries], [entry.status for entry in entries], reasons, reasons)


def _recipe(coordinates: Coordinates, reference: EncoderRef, about: Provenance) -> str:
    """SHA-256 of everything that determines the content."""
    digest = hashlib.sha256()
    for text in (reference.id, reference.name, about.title, about.source, about.licence, *coordinates.ids):
        digest.update(text.encode("utf-8", "replace") + b"\0")
    digest.update(np.ascontiguousarray(coordinates.points, "<f8").tobytes())
    return digest.hexdigest()


def _recipe_of(out: Path) -> str:
    try:
        return read_manifest(out).recipe
    except GalleryError:
        return ""
