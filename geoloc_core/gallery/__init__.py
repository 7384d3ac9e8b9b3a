"""The gallery: geotagged photos with one embedding each, searched exactly at both ends; or bare locations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoloc_core.errors import EncoderMismatch, GalleryDamaged
from geoloc_core.gallery.backends import open_backend
from geoloc_core.gallery.manifest import Manifest, check_files, read_manifest
from geoloc_core.gallery.near import Near
from geoloc_core.gallery.rows import Rows, read_thumbnail
from geoloc_core.gallery.search import Hits, Mask, Search, TwoEnded
from geoloc_core.gallery.vectors import Vectors
from geoloc_core.status import Choice

__all__ = ["Gallery", "Hits", "Manifest", "Neighbour", "TwoEnded"]

_CHECKSUM_LIMIT = 256_000_000  # bytes of gallery up to which opening verifies every checksum (about 0.2 s)


@dataclass(frozen=True)
class Neighbour:
    """A photo of the gallery beside a query: rank from 1, row, place, similarity (cosine) and the source's columns.

    `stands_for` counts the near-duplicates collapsed into it, itself included.
    """

    rank: int
    row: int
    id: str
    lat: float
    lon: float
    similarity: float
    columns: Mapping[str, Any] = field(default_factory=dict)
    stands_for: int = 1


class Gallery:
    """An opened gallery. Use `Gallery.open`; safe to share between threads."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._starts = np.cumsum([0, *(shard.count for shard in manifest.shards)])
        self._rows = Rows(path, manifest.shards)
        self._vectors = open_backend(path, manifest, self._files)
        self.coordinates = self._rows.coordinates
        self.kept: dict[Any, Any] = {}  # what filters found out about the rows, for the next search

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
        try:
            check_files(path, manifest, checksums=total <= _CHECKSUM_LIMIT if verify is None else verify)
            return cls(path, manifest)
        except GalleryDamaged:
            if read_manifest(path) == manifest:
                raise
        return cls.open(path, verify=verify)  # rows were added meanwhile: what the old manifest names may be gone

    def __len__(self) -> int:
        return self.manifest.count

    def check_encoder(self, encoder_id: str) -> None:
        """Refuse embeddings that cannot be compared with this gallery's.

        Raises:
            EncoderMismatch: `encoder_id` is not the one the gallery was made with.
        """
        made_with = self.manifest.made_with
        if encoder_id != made_with.id:
            raise EncoderMismatch(
                f"The gallery {self.path.name} was made with {made_with.id}, the encoder at hand is {encoder_id}. "
                f"Use the encoder {made_with.name}, or build the gallery again with yours."
            )

    @property
    def search_choice(self) -> Choice:
        """How the vectors are searched now, and why so."""
        return self._vectors.choice

    def two_ended(self, query: ArrayLike, k: int, allowed: Mask | None = None) -> TwoEnded:
        """The `k` nearest and the `k` farthest rows of a (d,) query, exact at both ends, in one pass.

        Args:
            query: (d,) finite numbers, taken as float32.
            k: at most this many rows at each end.
            allowed: (n,) whether a row may be found; None allows all.

        Raises:
            EncoderMismatch: the query has another dimension, or the gallery holds bare locations.
            GalleryDamaged: a vector is not finite.
            ValueError: `k` is below 1, the query is not finite, or `allowed` is no (n,) array of booleans.
        """
        return self.two_ended_batch(np.asarray(query)[None], k, allowed)[0]

    def two_ended_batch(self, queries: ArrayLike, k: int, allowed: Mask | None = None) -> list[TwoEnded]:
        """As `two_ended` for each of (m, d) queries; hundreds at once cost far less than one by one."""
        vectors = np.ascontiguousarray(queries, dtype=np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self.manifest.dim:
            raise EncoderMismatch(
                f"A query has shape {vectors.shape[1:]}, this gallery's vectors {self.manifest.dim} numbers. "
                f"Encode with {self.manifest.made_with.name}."
            )
        _ = self.manifest.made_with
        if k < 1 or not np.isfinite(vectors).all():
            raise ValueError("Ask for k >= 1 neighbours of a finite vector.")
        if allowed is not None and (allowed.shape != (len(self),) or allowed.dtype != bool):
            raise ValueError(f"Give one boolean for each of the {len(self)} rows that may be found.")
        return self._vectors.search([Search(vector, k, allowed) for vector in vectors])

    def nearest(self, query: ArrayLike, k: int, allowed: Mask | None = None, *, approximate: bool = False) -> Hits:
        """The `k` most similar rows, best first; see `two_ended`.

        Args:
            approximate: ask the gallery's near index, which misses some (`manifest.near.recall_near` says how many).
                Without an index, or with `allowed`, the answer is exact all the same.
        """
        if approximate and allowed is None and self._near is not None:
            return self._near.search(np.asarray(query, np.float32), k)
        return self.two_ended(query, k, allowed).nearest

    @cached_property
    def _near(self) -> Near | None:
        return Near.open(self.path, self.manifest) if self.manifest.near else None

    def farthest(self, query: ArrayLike, k: int, allowed: Mask | None = None) -> Hits:
        """The `k` least similar rows, least first; see `two_ended`."""
        return self.two_ended(query, k, allowed).farthest

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

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """The (m, d) vectors of (m,) rows as stored, in their order."""
        return self._vectors.take(rows)

    def row(self, index: int) -> dict[str, Any]:
        """All columns of one row but lat and lon."""
        return self._rows(*self._locate(index))

    def thumbnail(self, index: int) -> bytes | None:
        """The bytes of a row's thumbnail as stored, or None. They are the gallery's word: decode them as hostile.

        Raises:
            GalleryDamaged: the archive of thumbnails cannot be read.
        """
        shard, at = self._locate(index)
        archive = self.manifest.shards[shard].thumbnails
        return read_thumbnail(self.path / archive, thumbnail_name(at)) if archive else None

    def _locate(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"Row {index} is not in a gallery of {len(self)} rows.")
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return shard, index - int(self._starts[shard])

    def _files(self, coded: bool) -> Vectors:
        shards = [self._map(shard.vectors, shard.count) for shard in self.manifest.shards if shard.vectors]
        return Vectors(shards, coded=coded)

    def _map(self, name: str, count: int) -> NDArray[np.float16]:
        path = self.path / name
        try:
            vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise GalleryDamaged(f"{path} is not an array ({error}). Build or copy the gallery again.") from None
        expected = (count, self.manifest.dim)
        if vectors.dtype != np.float16 or vectors.shape != expected:
            raise GalleryDamaged(
                f"{path} holds {vectors.dtype} {vectors.shape}, the manifest says float16 {expected}. "
                "Build or copy the gallery again."
            )
        return vectors


def thumbnail_name(row: int) -> str:
    """Name of a row's thumbnail inside its shard's archive."""
    return f"{row:07d}.jpg"
