"""Items -> rows of a gallery: photos are read ahead in threads, embedded in batches, and handed to the writer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from geoloc_core.encoders.base import Encoder
from geoloc_core.errors import PhotoEmpty, PhotoError, PhotoTooLarge, PhotoTooSmall
from geoloc_core.photo import WORKING_SIDE, Photo, PhotoLimits, open_photo
from index_builder.publish import GalleryWriter
from index_builder.sources import Item, Skipped


@dataclass(frozen=True)
class Thumbnails:
    """How thumbnails are made: longest side in pixels (0: none) and JPEG quality."""

    side: int = 160
    quality: int = 75


@dataclass
class Report:
    """What became of a source's entries."""

    read: int = 0
    embedded: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def skip(self, skipped: Skipped) -> None:
        """Count an entry that gives no row; the first of each reason is kept as an example."""
        self.skipped[skipped.reason] += 1
        self.examples.setdefault(skipped.reason, skipped.id)


@dataclass(frozen=True)
class _Ready:
    photo: Photo
    row: dict[str, Any]
    thumbnail: bytes | None


def embed(
    entries: Iterable[Item | Skipped],
    encoder: Encoder,
    writer: GalleryWriter,
    *,
    limits: PhotoLimits,
    thumbnails: Thumbnails,
    batch_size: int = 32,
    threads: int = 4,
) -> Iterator[Report]:
    """Embed every usable entry into `writer`; yields the running report after each batch.

    Raises:
        EncoderError: the encoder is not available or failed.
    """
    report = Report()
    with ThreadPoolExecutor(threads, thread_name_prefix="read") as pool:
        outcomes = _read_ahead(entries, pool, limits, thumbnails, ahead=2 * batch_size)
        while batch := list(islice(outcomes, batch_size)):
            report.read += len(batch)
            ready = [outcome for outcome in batch if isinstance(outcome, _Ready)]
            for outcome in batch:
                if isinstance(outcome, Skipped):
                    report.skip(outcome)
            if ready:
                vectors = encoder.encode([one.photo.image for one in ready])
                writer.add(vectors, [one.row for one in ready], [one.thumbnail for one in ready])
                report.embedded += len(ready)
            yield report


def _read_ahead(
    entries: Iterable[Item | Skipped],
    pool: ThreadPoolExecutor,
    limits: PhotoLimits,
    thumbnails: Thumbnails,
    ahead: int,
) -> Iterator[_Ready | Skipped]:
    """Outcomes in the entries' order, with at most `ahead` photos decoded or being decoded."""
    source = iter(entries)
    queue: list[Future[_Ready | Skipped]] = []
    while True:
        for entry in islice(source, ahead - len(queue)):
            queue.append(pool.submit(_read, entry, limits, thumbnails))
        if not queue:
            return
        yield queue.pop(0).result()


def _read(entry: Item | Skipped, limits: PhotoLimits, thumbnails: Thumbnails) -> _Ready | Skipped:
    if isinstance(entry, Skipped):
        return entry
    if not entry.file.is_file():
        return Skipped(entry.id, "file not found")
    try:
        photo = open_photo(entry.file, limits, WORKING_SIDE)
    except (PhotoError, OSError) as error:
        return Skipped(entry.id, _reason(error))
    location = entry.location or photo.exif.location
    if location is None:
        return Skipped(entry.id, "unusable GPS position" if photo.exif.gps_problem else "no GPS position")
    row: dict[str, Any] = {**entry.columns, "id": entry.id, "lat": location[0], "lon": location[1]}
    if photo.exif.taken_at:
        row.setdefault("taken_at", photo.exif.taken_at.isoformat())
    side = thumbnails.side
    return _Ready(photo, row, photo.to_jpeg(side, thumbnails.quality) if side else None)


def _reason(error: Exception) -> str:
    match error:
        case PhotoEmpty():
            return "empty file"
        case PhotoTooLarge():
            return "over the limits on bytes or pixels"
        case PhotoTooSmall():
            return "too small"
        case PhotoError():
            return "unreadable or damaged photo"
        case _:
            return "file could not be opened"
