"""Nearest rows by an approximate FAISS index. It has no farthest: such an index finds the far end badly, or by luck."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Embeddings
from geoloc_core.errors import EncoderMismatch, GalleryDamaged, GalleryError
from geoloc_core.gallery.manifest import Manifest, NearIndex, describe_file
from geoloc_core.gallery.search import Hits, Rows

REMEDY = "Build it with: python -m index_builder near"
_KEY = re.compile(r"(HNSW)\d{1,3}(?:_SQfp16|_SQ8)?|(IVF)\d{1,6}(?:_HNSW32)?,(?:Flat|SQfp16|SQ8)|(SQ)(?:fp16|8)")
_FETCH = 2  # candidates for each row asked for: coarse codes put some of the best rows a little too low
_BATCH = 64


def family(key: str) -> str:
    """HNSW, IVF or SQ: what a FAISS factory key makes, of the keys that are supported.

    Raises:
        GalleryError: it is none of them.
    """
    if not (match := _KEY.fullmatch(key)):
        raise GalleryError(f"{key!r} is no index we know. Use one like HNSW32_SQfp16, IVF4096,SQfp16 or IVF4096,SQ8.")
    return next(name for name in match.groups() if name)


class Vectors:
    """The (n, d) float16 vectors of a gallery's shards, memory-mapped: reading some rows reads those only."""

    def __init__(self, shards: list[NDArray[np.float16]]) -> None:
        self.shards = shards
        self._starts = np.cumsum([0, *(len(shard) for shard in shards)])

    @classmethod
    def open(cls, gallery: Path, manifest: Manifest) -> Vectors:
        """Map the shards of a gallery.

        Raises:
            EncoderMismatch: the gallery holds bare locations.
            GalleryDamaged: a shard is not what the manifest says.
        """
        _ = manifest.made_with
        return cls([_map(gallery / str(shard.vectors), (shard.count, manifest.dim)) for shard in manifest.shards])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def take(self, rows: Rows) -> Embeddings:
        """The (m, d) float32 vectors of (m,) rows, in their order."""
        found = np.empty((len(rows), self.shards[0].shape[1]), np.float32)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for shard in np.unique(owner):
            mine = owner == shard
            found[mine] = self.shards[shard][rows[mine] - self._starts[shard]]
        return found

    def blocks(self, size: int) -> Iterator[tuple[int, Embeddings]]:
        """All rows in order as float32 blocks of at most `size`, each with its first row."""
        for start, shard in zip(self._starts, self.shards, strict=False):
            for at in range(0, len(shard), size):
                yield int(start) + at, shard[at : at + size].astype(np.float32)


class Near:
    """An opened index over a gallery's rows. Use `Near.open`; safe to share between threads."""

    def __init__(self, index: Any, vectors: Vectors) -> None:
        self.index, self.vectors = index, vectors

    @classmethod
    def open(cls, gallery: Path, manifest: Manifest) -> Near:
        """Open the near index that the gallery's manifest names; its file is memory-mapped.

        FAISS trusts the bytes it reads: a file made on purpose can crash the process or take it over. Therefore no byte
        of it reaches FAISS before its SHA-256 is the manifest's. That shows it is the file the gallery's maker
        published, and no more: for a gallery from somebody you don't trust, build your own index instead.

        Raises:
            GalleryError: there is none, or it does not cover all rows.
            GalleryDamaged: its file is missing, changed, or an index of something else.
        """
        facts = manifest.near
        if facts is None:
            raise GalleryError(f"The gallery {manifest.title!r} has no near index. {REMEDY} {gallery}")
        if facts.rows != manifest.count:
            raise GalleryError(
                f"The near index of {manifest.title!r} covers {facts.rows:,} of {manifest.count:,} rows, since rows "
                f"were added. {REMEDY} {gallery}"
            )
        _check_file(gallery, manifest, facts)
        near = cls(_read(gallery / facts.file), Vectors.open(gallery, manifest))
        near._check_kind(manifest, facts)
        near.set_effort(facts.search)
        return near

    def set_effort(self, effort: int) -> None:
        """How far a search looks: nprobe or efSearch; 0 where the index has neither. Not while others search."""
        if hasattr(self.index, "nprobe"):
            self.index.nprobe = max(effort, 1)
        elif hasattr(self.index, "hnsw"):
            self.index.hnsw.efSearch = max(effort, 1)

    def search(self, query: Embeddings, k: int) -> Hits:
        """The `k` nearest rows of a (d,) float32 query, as far as the index finds them, with their exact similarity.

        Raises:
            EncoderMismatch: the query has another dimension.
            ValueError: `k` is below 1 or the query is not finite.
        """
        if query.shape != (self.index.d,):
            raise EncoderMismatch(
                f"The query has shape {query.shape}, the near index {self.index.d} numbers a vector. Encode the photo "
                "with the gallery's encoder."
            )
        if k < 1 or not np.isfinite(query).all():
            raise ValueError("Ask for k >= 1 neighbours of a finite vector.")
        rows, similarity = self.search_many(query[None], k)
        found = rows[0] >= 0
        return Hits(rows[0][found], similarity[0][found])

    def search_many(self, queries: Embeddings, k: int) -> tuple[Rows, NDArray[np.float32]]:
        """The (q, k) rows and exact similarities of (q, d) queries, best first; row -1, similarity -inf where none."""
        k = min(k, len(self.vectors))
        answers = [self._search(queries[at : at + _BATCH], k) for at in range(0, len(queries), _BATCH)]
        return np.concatenate([rows for rows, _ in answers]), np.concatenate([scores for _, scores in answers])

    def _search(self, queries: Embeddings, k: int) -> tuple[Rows, NDArray[np.float32]]:
        queries = np.ascontiguousarray(queries, np.float32)
        rows = self.index.search(queries, min(_FETCH * k, len(self.vectors)))[1]
        if rows.max(initial=-1) >= len(self.vectors):
            raise GalleryDamaged(f"The near index names rows that the gallery does not have. {REMEDY} GALLERY")
        distinct, place = np.unique(np.maximum(rows, 0), return_inverse=True)
        vectors = self.vectors.take(distinct)[place.reshape(rows.shape)]
        scores = np.where(rows >= 0, np.einsum("qd,qkd->qk", queries, vectors), -np.inf).astype(np.float32)
        order = np.lexsort((rows, -scores), axis=-1)[:, :k]
        return np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)

    def _check_kind(self, manifest: Manifest, facts: NearIndex) -> None:
        import faiss

        kinds: dict[str, Any] = {"HNSW": faiss.IndexHNSW, "IVF": faiss.IndexIVF, "SQ": faiss.IndexScalarQuantizer}
        right = (
            isinstance(self.index, kinds[family(facts.key)])
            and (self.index.ntotal, self.index.d) == (manifest.count, manifest.dim)
            and self.index.metric_type == faiss.METRIC_INNER_PRODUCT
        )
        if not right:
            raise GalleryDamaged(
                f"{facts.file} of {manifest.title!r} is no {facts.key} index of {manifest.count:,} rows by inner "
                f"product, though its manifest says so. Rebuild it: python -m index_builder near --index {facts.key}"
            )


def _check_file(gallery: Path, manifest: Manifest, facts: NearIndex) -> None:
    path = gallery / facts.file
    try:
        whole = describe_file(path) == manifest.files[facts.file]
    except OSError as error:
        raise GalleryDamaged(f"{path} cannot be read ({error.strerror}). {REMEDY} {gallery}") from None
    if not whole:
        raise GalleryDamaged(f"{path} is not the file the manifest names. {REMEDY} {gallery}")


def _read(path: Path) -> Any:
    import faiss

    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:
        raise GalleryDamaged(f"{path} is no FAISS index. {REMEDY} {path.parent}") from None


def _map(path: Path, shape: tuple[int, int]) -> NDArray[np.float16]:
    try:
        vectors: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise GalleryDamaged(f"{path} is not an array ({error}). Build or copy the gallery again.") from None
    if vectors.dtype != np.float16 or vectors.shape != shape:
        raise GalleryDamaged(
            f"{path} holds {vectors.dtype} {vectors.shape}, the manifest says float16 {shape}. Copy the gallery again."
        )
    return vectors
