"""The pictures sent with a prompt: JPEGs made anew from pixels, so that no metadata and no file name goes along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geoloc_core.errors import GalleryDamaged, PhotoError
from geoloc_core.photo import Photo, PhotoLimits, read_photo

if TYPE_CHECKING:
    from geoloc_core.gallery import Gallery, Neighbour

QUALITY = 85
THUMBNAIL_SIDE = 256  # pixels
_THUMBNAIL = PhotoLimits(max_bytes=500_000, max_pixels=1_000_000, min_side=1)


def photo_jpeg(photo: Photo, side: int) -> bytes:
    """The photo as it is sent: no side longer than `side` pixels."""
    return photo.to_jpeg(max_side=side, quality=QUALITY)


def thumbnails(gallery: Gallery, neighbours: Sequence[Neighbour], most: int) -> tuple[tuple[int, bytes], ...]:
    """Thumbnails of the first `most` neighbours that have a usable one: (position from 1, JPEG).

    A gallery's files are as hostile as any: they are decoded within bounds and encoded anew.
    """
    found: list[tuple[int, bytes]] = []
    for position, neighbour in enumerate(neighbours, start=1):
        if len(found) >= most:
            break
        try:
            stored = gallery.thumbnail(neighbour.row)
            if stored:
                picture = read_photo(stored, _THUMBNAIL)
                found.append((position, photo_jpeg(picture, THUMBNAIL_SIDE)))
        except (GalleryDamaged, PhotoError):
            continue
    return tuple(found)
