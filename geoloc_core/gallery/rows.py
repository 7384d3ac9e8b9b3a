"""A gallery's rows and thumbnails, read a little at a time: what an answer shows are a few rows of millions."""

from __future__ import annotations

import mmap
import struct
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import GalleryDamaged
from geoloc_core.gallery.manifest import Shard
from geoloc_core.geo import check_coordinates

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

MAX_THUMBNAIL = 500_000
_GROUPS_KEPT = 64  # groups of up to 4,096 rows
_DIRECTORY_BYTES = 8_000_000  # at the end of an archive: more than the entries of a whole shard take
_ENTRY = struct.Struct("<4s6H3I5H2I")  # an entry of a ZIP's directory, followed by its name
_LOCAL = struct.Struct("<4s5H3I2H")  # what stands before a member, followed by its name and extra fields


class Rows:
    """The tables of a gallery's shards. Safe to share between threads.

    Raises:
        GalleryDamaged: a table is not what the manifest says.
    """

    def __init__(self, folder: Path, shards: tuple[Shard, ...]) -> None:
        self.folder, self.shards = folder, shards
        self._group = lru_cache(maxsize=_GROUPS_KEPT)(self._read_group)
        self._groups: list[NDArray[np.int64]] = []  # of each shard, the rows its groups begin with, and its end
        self.coordinates = self._read_coordinates()

    def __call__(self, shard: int, row: int) -> dict[str, Any]:
        """All columns of a row of a shard but lat and lon."""
        starts = self._groups[shard]
        group = int(np.searchsorted(starts, row, side="right")) - 1
        record: dict[str, Any] = self._group(shard, group).slice(row - int(starts[group]), 1).to_pylist()[0]
        return {name: value for name, value in record.items() if name not in ("lat", "lon")}

    def _read_group(self, shard: int, group: int) -> pyarrow.Table:
        import pyarrow as pa

        try:
            return self._open(self.shards[shard]).read_row_group(group)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(self.shards[shard], f"cannot be read ({error})") from None

    def _open(self, shard: Shard) -> pyarrow.parquet.ParquetFile:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self.folder / shard.rows, memory_map=True)

    def _read_coordinates(self) -> NDArray[np.float64]:
        parts = [self._read_places(shard) for shard in self.shards]
        try:
            return check_coordinates(np.concatenate(parts))
        except (ValueError, TypeError) as error:
            raise GalleryDamaged(
                f"{self.folder} holds a row whose coordinates are none ({error}). Build it again without that row."
            ) from None

    def _read_places(self, shard: Shard) -> NDArray[np.float64]:
        import pyarrow as pa

        try:
            file = self._open(shard)
            if missing := {"id", "lat", "lon"} - set(file.schema_arrow.names):
                raise self._damaged(shard, f"lacks the columns {sorted(missing)}; the manifest says otherwise")
            facts = file.metadata
            counts = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
            table = file.read(["lat", "lon"])
            pairs = np.column_stack([table[name].cast(pa.float64()).to_numpy() for name in ("lat", "lon")])
        except (OSError, ValueError, pa.ArrowException) as error:
            raise self._damaged(shard, f"cannot be read ({error})") from None
        if len(pairs) != shard.count or sum(counts) != shard.count:
            raise self._damaged(shard, f"has {len(pairs):,} rows; the manifest says otherwise")
        self._groups.append(np.cumsum([0, *counts]))
        return pairs

    def _damaged(self, shard: Shard, problem: str) -> GalleryDamaged:
        return GalleryDamaged(f"{self.folder / shard.rows} {problem}. Build or copy the gallery again.")


def read_thumbnail(archive: Path, name: str) -> bytes | None:
    """The bytes of a stored member of a ZIP file, None if there is none, or one too large.

    `zipfile` reads the whole directory first, 0.4 s for the 65,536 members of a shard; here the one entry is looked up.

    Raises:
        GalleryDamaged: the archive cannot be read.
    """
    try:
        with archive.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if (plain := _stored_member(data, name.encode())) is not None:
                return plain
        with zipfile.ZipFile(archive) as whole:
            entry = whole.getinfo(name)
            return whole.read(entry) if entry.file_size <= MAX_THUMBNAIL else None
    except KeyError:
        return None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise GalleryDamaged(f"{archive} cannot be read ({error}). Copy the gallery again.") from None


def _stored_member(data: mmap.mmap, name: bytes) -> bytes | None:
    """A member found the short way; None if it is absent or anything about it is out of the ordinary."""
    at = data.rfind(name, max(0, len(data) - _DIRECTORY_BYTES)) - _ENTRY.size
    if at < 0:
        return None
    signature, *fields = _ENTRY.unpack_from(data, at)
    flags, method, checksum, stored, size, length, extra = (fields[i] for i in (2, 3, 6, 7, 8, 9, 10))
    start = fields[-1]
    if (signature, flags, method, extra) != (b"PK\1\2", 0, zipfile.ZIP_STORED, 0) or length != len(name):
        return None
    if stored != size or size > MAX_THUMBNAIL or start + _LOCAL.size > at:
        return None
    head, *local = _LOCAL.unpack_from(data, start)
    first = start + _LOCAL.size + local[-2] + local[-1]
    found = data[first : first + size]
    return found if head == b"PK\3\4" and len(found) == size and zlib.crc32(found) == checksum else None
