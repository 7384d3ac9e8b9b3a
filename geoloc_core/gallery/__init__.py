"""The searchable gallery: geotagged photos with one embedding each, in a folder, searched exactly at both ends."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoloc_core.errors import EncoderMismatch, GalleryDamaged
from geoloc_core.gallery.manifest import Manifest, Shard, check_files, read_manifest
from geoloc_core.gallery.search import Hits, TwoEnded, two_ended
from geoloc_core.geo import check_coordinates

if TYPE_CHECKING:
    import pyarrow

    from geoloc_core.encoders.base import Embeddings

__all__ = ["Gallery", "Hits", "Manifest", "Neighbour", "TwoEnded"]

_CHECKSUM_LIMIT = 256_000_000  # bytes of gallery up to which opening verifies every checksum (about 0.2 s)
_RESIDENT_LIMIT = 4_000_000_000  # bytes of float32 vectors up to which they are kept in memory
_BLOCK_ROWS = 65_536
_MAX_THUMBNAIL = 500_000


@dataclass(frozen=True)
class Neighbour:
    """A photo of the gallery beside a query: rank from 1, row, place, similarity (cosine) and the source's columns."""

    rank: int
    row: int
    id: str
    lat: float
    lon: float
    similarity: float
    columns: Mapping[str, Any] = field(default_factory=dict)


class Gallery:
    """An opened gallery. Use `Gallery.open`; safe to share between threads."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._starts = np.cumsum([0, *(shard.count for shard in manifest.shards)])
        self._table = lru_cache(maxsize=8)(self._read_table)
        self._vectors = [self._map(shard) for shard in manifest.shards]
        self.coordinates = self._read_coordinates()

    @classmethod
    def open(cls, path: Path | str, *, verify: bool | None = None) -> Gallery:
        """Open the gallery in a folder and check that it is what its manifest says.

        Args:
            path: the folder.
            verify: check every file's SHA-256; None does so for galleries up to 256 MB. Sizes, shapes and
                coordinates are always checked.

        Raises:
            GalleryMissing: there is none.
            GalleryDamaged: a file is missing, changed, or not what the manifest says.
        """
        path = Path(path)
        manifest = read_manifest(path)
        total = sum(file.bytes for file in manifest.files.values())
        check_files(path, manifest, checksums=total <= _CHECKSUM_LIMIT if verify is None else verify)
        return cls(path, manifest)

    def __len__(self) -> int:
        return self.manifest.count

    def check_encoder(self, encoder_id: str) -> None:
        """Refuse embeddings that cannot be compared with this gallery's.

        Raises:
            EncoderMismatch: `encoder_id` is not the one the gallery was made with.
        """
        made_with = self.manifest.encoder
        if encoder_id != made_with.id:
            raise EncoderMismatch(
                f"The gallery {self.path.name} was made with {made_with.id}, the encoder at hand is {encoder_id}. "
                f"Use the encoder {made_with.name}, or build the gallery again with yours."
            )

    def two_ended(self, query: ArrayLike, k: int) -> TwoEnded:
        """The `k` nearest and the `k` farthest rows of a (d,) query, exact at both ends, in one pass.

        Raises:
            EncoderMismatch: the query has another dimension.
            ValueError: `k` is below 1 or the query is not finite.
        """
        vector = np.ascontiguousarray(query, dtype=np.float32)
        if vector.shape != (self.manifest.dim,):
            raise EncoderMismatch(
                f"The query has shape {vector.shape}, this gallery's vectors {self.manifest.dim} numbers. "
                f"Encode with {self.manifest.encoder.name}."
            )
        if k < 1 or not np.isfinite(vector).all():
            raise ValueError("Ask for k >= 1 neighbours of a finite vector.")
        return two_ended(self._blocks(), vector, k)

    def nearest(self, query: ArrayLike, k: int) -> Hits:
        """The `k` most similar rows, best first; see `two_ended`."""
        return self.two_ended(query, k).nearest

    def farthest(self, query: ArrayLike, k: int) -> Hits:
        """The `k` least similar rows, least first; see `two_ended`."""
        return self.two_ended(query, k).farthest

    def neighbours(self, hits: Hits) -> tuple[Neighbour, ...]:
        """The rows of `hits` with their places and columns."""
        found = []
        for rank, (row, score) in enumerate(zip(hits.rows, hits.similarity, strict=True), start=1):
            columns = self.row(int(row))
            lat, lon = self.coordinates[row]
            found.append(
                Neighbour(rank, int(row), str(columns.pop("id")), float(lat), float(lon), float(score), columns)
            )
        return tuple(found)

    def row(self, index: int) -> dict[str, Any]:
        """All columns of one row but lat and lon."""
        shard, at = self._locate(index)
        record: dict[str, Any] = self._table(shard).slice(at, 1).to_pylist()[0]
        return {name: value for name, value in record.items() if name not in ("lat", "lon")}

    def thumbnail(self, index: int) -> bytes | None:
        """The bytes of a row's thumbnail as stored, or None. They are the gallery's word: decode them as hostile.

        Raises:
            GalleryDamaged: the archive of thumbnails cannot be read.
        """
        shard, at = self._locate(index)
        archive = self.manifest.shards[shard].thumbnails
        if archive is None:
            return None
        try:
            with zipfile.ZipFile(self.path / archive) as thumbnails:
                entry = thumbnails.getinfo(thumbnail_name(at))
                if entry.file_size > _MAX_THUMBNAIL:
                    return None
                return thumbnails.read(entry)
        except KeyError:
            return None
        except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
            raise GalleryDamaged(
                f"{archive} in {self.path} cannot be read ({error}). Copy the gallery again."
            ) from None

    def _locate(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"Row {index} is not in a gallery of {len(self)} rows.")
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return shard, index - int(self._starts[shard])

    def _blocks(self) -> Iterator[Embeddings]:
        if self.manifest.count * self.manifest.dim * 4 <= _RESIDENT_LIMIT:
            yield from self._resident
            return
        for vectors in self._vectors:
            for start in range(0, len(vectors), _BLOCK_ROWS):
                yield vectors[start : start + _BLOCK_ROWS].astype(np.float32)

    @cached_property
    def _resident(self) -> list[Embeddings]:
        """The shards in float32: converting at every query would cost ten times the search itself."""
        return [vectors.astype(np.float32) for vectors in self._vectors]

    def _map(self, shard: Shard) -> NDArray[np.float16]:
        path = self.path / shard.vectors
        try:
            vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise GalleryDamaged(f"{path} is not an array ({error}). Build or copy the gallery again.") from None
        expected = (shard.count, self.manifest.dim)
        if vectors.dtype != np.float16 or vectors.shape != expected:
            raise GalleryDamaged(
                f"{path} holds {vectors.dtype} {vectors.shape}, the manifest says float16 {expected}. "
                "Build or copy the gallery again."
            )
        return vectors

    def _read_table(self, index: int) -> pyarrow.Table:
        return self._read_parquet(self.manifest.shards[index])

    def _read_parquet(self, shard: Shard, columns: list[str] | None = None) -> pyarrow.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path / shard.rows
        try:
            table = pq.ParquetFile(path, memory_map=True).read(columns)
        except (OSError, pa.ArrowException) as error:
            raise GalleryDamaged(f"{path} cannot be read ({error}). Build or copy the gallery again.") from None
        missing = set(columns or ("id", "lat", "lon")) - set(table.column_names)
        if missing or table.num_rows != shard.count:
            problem = f"lacks the columns {sorted(missing)}" if missing else f"has {table.num_rows} rows"
            raise GalleryDamaged(f"{path} {problem}; the manifest says otherwise. Build or copy the gallery again.")
        return table

    def _read_coordinates(self) -> NDArray[np.float64]:
        parts = [self._read_parquet(shard, ["lat", "lon"]) for shard in self.manifest.shards]
        try:
            pairs = [np.column_stack([part["lat"].to_numpy(), part["lon"].to_numpy()]) for part in parts]
            return check_coordinates(np.concatenate(pairs))
        except (ValueError, TypeError) as error:
            raise GalleryDamaged(
                f"{self.path} holds a row whose coordinates are none ({error}). Build it again without that row."
            ) from None


def thumbnail_name(row: int) -> str:
    """Name of a row's thumbnail inside its shard's archive."""
    return f"{row:07d}.jpg"
