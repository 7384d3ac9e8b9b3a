"""A row of a shard -> a photo ready for the encoder, or the reason why not. Runs in threads ahead of the device."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from geoloc_core.encoders.base import READ_MARGIN
from geoloc_core.errors import GeolocError, PhotoEmpty, PhotoError, PhotoTooLarge, PhotoTooSmall, PieceMissing
from geoloc_core.photo import WORKING_SIDE, Photo, PhotoLimits, read_photo
from index_builder.embedding.manifest import FAILED, OK, READY, SKIPPED
from index_builder.sources import Piece
from index_builder.sources.pieces import read_piece

HASH_DIGITS = 32
NOT_FOUND = "file not found"


@dataclass(frozen=True)
class Reading:
    """How photos are read: where their files start, the limits, and the thumbnails' longest side (0: none)."""

    root: Path
    limits: PhotoLimits
    thumbnail_side: int = 160
    thumbnail_quality: int = 75


@dataclass(frozen=True)
class Outcome:
    """What became of a row. `size` (bytes) and `modified` (ns) are of the file it was read from, to notice changes.

    `prepared` is what the photo was read for, such as the encoder's input; `vector` (d,) float16 the encoder's answer;
    `thumbnail` a JPEG.
    """

    status: str
    reason: str = ""
    lat: float | None = None
    lon: float | None = None
    content_hash: str | None = None
    taken_at: str | None = None
    size: int | None = None
    modified: int | None = None
    prepared: Any = None
    vector: Any = None
    thumbnail: bytes | None = None


class Preparing(Protocol):
    """What a photo is read for, such as an encoder."""

    @property
    def side(self) -> int:
        """Pixels of the photo's shorter side that it looks at."""
        ...

    def prepare(self, image: Image.Image) -> Any:
        """What is kept of an RGB photo. It is called by many threads."""
        ...


def read_ahead(
    rows: Iterable[dict[str, Any]], reading: Reading, use: Preparing, pool: Executor, most: int
) -> Iterator[Outcome]:
    """Outcomes in the rows' order, with at most so many photos read or being read ahead."""
    source = iter(rows)
    queue: deque[Future[Outcome]] = deque()
    while True:
        for row in islice(source, most - len(queue)):
            queue.append(pool.submit(read_row, row, reading, use))
        if not queue:
            return
        yield queue.popleft().result()


def read_row(row: dict[str, Any], reading: Reading, use: Preparing) -> Outcome:
    """Read, decode and prepare the photo of a row of the manifest. Never raises: a bad photo is an outcome."""
    if row["_status"] != READY:
        return Outcome(row["_status"], row["_reason"], row["lat"], row["lon"])
    piece = Piece(row["_path"], row["_offset"], row["_length"], row["_codec"])
    before = Outcome(FAILED, lat=row["lat"], lon=row["lon"])
    try:
        size, modified = file_state(reading.root / piece.path)
        before = replace(before, size=size, modified=modified)
        data = read_piece(reading.root, piece, reading.limits.max_bytes)
        enough = max(READ_MARGIN * use.side, reading.thumbnail_side)
        photo = read_photo(data, reading.limits, WORKING_SIDE, enough_side=enough)
        return _usable(photo, before, reading, use)
    except MemoryError:
        return replace(before, reason="not enough memory to decode it")
    except Exception as error:
        return replace(before, reason=_reason(error))


def _usable(photo: Photo, before: Outcome, reading: Reading, use: Preparing) -> Outcome:
    found = replace(
        before,
        content_hash=photo.sha256[:HASH_DIGITS],
        taken_at=photo.exif.taken_at.isoformat() if photo.exif.taken_at else None,
    )
    location = (before.lat, before.lon) if before.lat is not None else photo.exif.location
    if location is None:
        reason = "unusable GPS position" if photo.exif.gps_problem else "no GPS position"
        return replace(found, status=SKIPPED, reason=reason)
    side = reading.thumbnail_side
    return replace(
        found,
        status=OK,
        lat=location[0],
        lon=location[1],
        prepared=use.prepare(photo.image),
        thumbnail=photo.to_jpeg(side, reading.thumbnail_quality) if side else None,
    )


def file_state(file: Path) -> tuple[int | None, int | None]:
    """Size in bytes and time of change in ns of a file; None for one that is not there."""
    try:
        state = os.stat(file)  # noqa: PTH116 - a Path would cost as much again
    except (OSError, ValueError):
        return None, None
    return state.st_size, state.st_mtime_ns


def _reason(error: Exception) -> str:
    match error:
        case PieceMissing() | FileNotFoundError():
            return NOT_FOUND
        case PhotoEmpty():
            return "empty file"
        case PhotoTooLarge():
            return "over the limits on bytes or pixels"
        case PhotoTooSmall():
            return "too small"
        case PhotoError():
            return "unreadable or damaged photo"
        case OSError() | GeolocError():
            return "file could not be read"
        case _:
            return f"unexpected {type(error).__name__}; please report it"
