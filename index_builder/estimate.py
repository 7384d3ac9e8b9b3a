"""What a build will need, before it starts and again when its speed is known: photos, disk, memory and hours."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from geoloc_core.errors import GeolocError
from geoloc_core.machine import available_memory

_ROW_BYTES = 220  # id, place, columns and hash, in both folders
_THUMBNAIL_BYTES = 5_500  # of 160 pixels at quality 75, until measured; grows with the area
_PROCESS_BYTES = 1_300_000_000  # Python and torch with a model of some hundred MB
_SHARD_BUFFER_ROWS = 65_536  # rows that the index stage holds
_KNOWN_BYTES = 250  # a row: what the index stage keeps of it, id and content hash
_SPARE_DISK = 200_000_000


@dataclass(frozen=True)
class Need:
    """What is still to come: photos, bytes of disk in the work folder and for the gallery, and of memory."""

    photos: int
    work: int
    gallery: int
    memory: int

    def __str__(self) -> str:
        return f"{self.photos:,} photos: {size(self.work + self.gallery)} of disk, {size(self.memory)} of memory"


def need(photos: int, left: int, dim: int, thumbnail: float, processes: int) -> Need:
    """What a build of `photos` photos, `left` of which are not embedded yet, still needs.

    Vectors (dim numbers each) and thumbnails (bytes each) lie on the disk twice until the work folder goes.
    """
    row = dim * 2 + int(thumbnail) + _ROW_BYTES
    buffer = min(photos, _SHARD_BUFFER_ROWS) * (row + _ROW_BYTES)
    memory = max(processes, 1) * _PROCESS_BYTES + buffer + photos * _KNOWN_BYTES
    return Need(left, left * row, photos * row, memory)


def thumbnail_bytes(side: int) -> float:
    """Bytes of a thumbnail of so many pixels, until they are measured."""
    return _THUMBNAIL_BYTES * (side / 160) ** 2


def check(needed: Need, work: Path, gallery: Path) -> None:
    """Refuse what cannot end well.

    Raises:
        GeolocError: a disk or the memory of this machine is too small; says by how much, and what would help.
    """
    work, gallery = existing(work), existing(gallery)
    wanted = {work: needed.work, gallery: needed.gallery}
    if work.stat().st_dev == gallery.stat().st_dev:
        wanted = {work: needed.work + needed.gallery}
    for folder, coming in wanted.items():
        free = shutil.disk_usage(folder).free
        if coming + _SPARE_DISK > free:
            raise GeolocError(
                f"About {size(coming)} of disk are needed in {folder}, and {size(free)} are free. Make room, choose "
                "another disk with --out and --work, or make smaller thumbnails with --thumbnail-side (0 for none)."
            )
    memory = available_memory()
    if memory is not None and needed.memory > memory:
        raise GeolocError(
            f"About {size(needed.memory)} of memory are needed, and {size(memory)} are free. Close other programs, "
            "use fewer --processes or a smaller encoder, or force it with --no-checks."
        )


def existing(path: Path) -> Path:
    """The nearest folder above `path` that exists."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def size(count: float) -> str:
    """Bytes in words: 1.2 GB."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def in_words(seconds: float) -> str:
    """A duration: 40 s, 12 min, 3 h 20 min, 2 days 4 h."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"
