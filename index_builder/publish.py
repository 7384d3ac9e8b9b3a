"""Embeddings -> gallery, atomically: written beside its final name, flushed, and renamed when whole."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from geoloc_core import __version__
from geoloc_core.encoders.base import Embeddings
from geoloc_core.errors import GeolocError
from geoloc_core.gallery import thumbnail_name
from geoloc_core.gallery.manifest import NAME, EncoderRef, File, Manifest, Shard, Voting, describe_file

SHARD_ROWS = 65_536
RESERVED = ("id", "lat", "lon")


@dataclass(frozen=True)
class Provenance:
    """What a gallery says about where it came from."""

    title: str
    source: str = ""
    licence: str = ""
    command: str = ""
    synthetic: bool = False
    created: datetime | None = None
    voting: Voting | None = None


class GalleryWriter:
    """Collects rows and publishes them as a gallery; as a context manager it leaves nothing behind when it fails.

    Args:
        out: the gallery's folder. It appears when `publish` returns, whole.
        encoder: id and name of the encoder that makes the vectors.
        provenance: what the manifest says of the photos.
        overwrite: replace a gallery that is already there.

    Raises:
        GeolocError: `out` exists and `overwrite` is not given, or is something else than a gallery.
    """

    def __init__(self, out: Path, encoder: EncoderRef, provenance: Provenance, *, overwrite: bool = False) -> None:
        self.out, self.encoder, self.provenance = out.absolute(), encoder, provenance
        if self.out.exists():
            if not overwrite:
                raise GeolocError(f"{out} exists. Choose another --out, or replace it with --overwrite.")
            if not (self.out / NAME).is_file():
                raise GeolocError(f"{out} exists and is no gallery, so it is left alone. Choose another --out.")
        self.partial = self.out.with_name(f".{self.out.name}.building-{os.getpid()}")
        self.shards: list[Shard] = []
        self.files: dict[str, File] = {}
        self._vectors: list[Embeddings] = []
        self._rows: list[dict[str, Any]] = []
        self._thumbnails: list[bytes | None] = []

    def __enter__(self) -> GalleryWriter:
        self.partial.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.partial, ignore_errors=True)

    @property
    def count(self) -> int:
        """Rows taken so far."""
        return sum(shard.count for shard in self.shards) + len(self._rows)

    def add(self, vectors: Embeddings, rows: Sequence[Mapping[str, Any]], thumbnails: Sequence[bytes | None]) -> None:
        """Append n rows: (n, d) unit vectors, their columns with id, lat and lon, and JPEG thumbnails or None."""
        self._vectors.append(vectors)
        self._rows.extend(dict(row) for row in rows)
        self._thumbnails.extend(thumbnails)
        if len(self._rows) >= SHARD_ROWS:
            self._flush()

    def publish(self) -> Path:
        """Write what is left, then the manifest, and give the folder its name.

        Raises:
            GeolocError: no row was added.
        """
        if self._rows:
            self._flush()
        if not self.shards:
            raise GeolocError("No photo could be used, so there is no gallery. See the reasons above.")
        first = np.load(self.partial / self.shards[0].vectors, mmap_mode="r", allow_pickle=False)
        about = self.provenance
        manifest = Manifest(
            title=about.title,
            encoder=self.encoder,
            dim=first.shape[1],
            count=self.count,
            shards=tuple(self.shards),
            files=self.files,
            source=about.source,
            licence=about.licence,
            synthetic=about.synthetic,
            voting=about.voting,
            created=about.created or datetime.now(UTC).replace(microsecond=0),
            command=about.command,
            software=f"geoloc {__version__}",
        )
        del first
        with (self.partial / NAME).open("w", encoding="utf-8") as stream:
            stream.write(manifest.to_json())
            _flush_to_disk(stream.fileno())
        _sync_folder(self.partial)
        self._take_the_name()
        return self.out

    def _take_the_name(self) -> None:
        old = self.out.with_name(f".{self.out.name}.replaced-{os.getpid()}")
        if self.out.exists():
            self.out.rename(old)
        try:
            self.partial.rename(self.out)
        except OSError:
            if old.exists():
                old.rename(self.out)
            raise
        _sync_folder(self.out.parent)
        shutil.rmtree(old, ignore_errors=True)

    def _flush(self) -> None:
        number = len(self.shards)
        vectors = np.concatenate(self._vectors).astype(np.float16)
        names = f"vectors-{number:05d}.npy", f"rows-{number:05d}.parquet"
        with (self.partial / names[0]).open("wb") as stream:
            np.save(stream, vectors, allow_pickle=False)
            _flush_to_disk(stream.fileno())
        self._write_rows(self.partial / names[1])
        thumbnails = None
        if any(self._thumbnails):
            thumbnails = f"thumbnails-{number:05d}.zip"
            self._write_thumbnails(self.partial / thumbnails)
        for name in (*names, thumbnails):
            if name:
                self.files[name] = describe_file(self.partial / name)
        self.shards.append(Shard(vectors=names[0], rows=names[1], thumbnails=thumbnails, count=len(vectors)))
        self._vectors, self._rows, self._thumbnails = [], [], []

    def _write_rows(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        extra = sorted({key for row in self._rows for key in row} - set(RESERVED))
        table = pa.table({name: [row.get(name) for row in self._rows] for name in (*RESERVED, *extra)})
        with path.open("wb") as stream:
            pq.write_table(table, stream, compression="zstd")
            _flush_to_disk(stream.fileno())

    def _write_thumbnails(self, path: Path) -> None:
        with path.open("wb") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
                for row, thumbnail in enumerate(self._thumbnails):
                    if thumbnail:
                        archive.writestr(zipfile.ZipInfo(thumbnail_name(row)), thumbnail)
            _flush_to_disk(stream.fileno())


def _flush_to_disk(descriptor: int) -> None:
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
