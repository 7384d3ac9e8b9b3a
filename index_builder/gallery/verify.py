"""`verify`: reads every byte of a gallery and says all that is wrong with it, and what to do about each."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoloc_core.errors import GalleryError, PhotoError
from geoloc_core.gallery import thumbnail_name
from geoloc_core.gallery.manifest import NAME, Manifest, Shard, describe_file, read_manifest
from geoloc_core.gallery.remote.pull import ORIGIN
from geoloc_core.photo import PhotoLimits, read_photo
from index_builder.gallery.survey import first_seen

if TYPE_CHECKING:
    import pyarrow as pa

THUMBNAIL_LIMITS = PhotoLimits(max_bytes=500_000, max_pixels=4_000_000, min_side=1)
UNIT_TOLERANCE = 5e-3
_BLOCK_ROWS = 16_384
_AT_ONCE = 512  # thumbnails
_REMEDY = "Copy the gallery again, or build it again."
Say = Callable[[str], None]


@dataclass
class VerifyReport:
    """What was looked at, what is wrong (with what to do), and what is merely worth knowing."""

    gallery: Path
    rows: int = 0
    thumbnails: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        looked_at = f"{self.rows:,} rows, {self.thumbnails:,} thumbnails, {self.bytes / 1e6:,.0f} MB"
        found = "nothing is wrong" if self.ok else f"{len(self.problems)} problems"
        lines = [f"{self.gallery}: {found} ({looked_at}, in {self.seconds:,.1f} s)"]
        return "\n".join([*lines, *(f"  {text}" for text in (*self.problems, *self.remarks))])


def verify(gallery: Path, *, say: Say = lambda _: None) -> VerifyReport:
    """Check checksums, rows, vectors, thumbnails and that they agree.

    Args:
        gallery: its folder.
        say: called with each step, as it begins.
    """
    started = time.monotonic()
    report = VerifyReport(gallery)
    try:
        manifest = read_manifest(gallery)
    except GalleryError as error:
        report.problems.append(str(error))
        return report
    report.rows = manifest.count
    _check_files(gallery, manifest, report, say)
    ids: list[pa.ChunkedArray] = []
    for number, shard in enumerate(manifest.shards, start=1):
        say(f"shard {number} of {len(manifest.shards)}")
        report.problems += _vector_problems(gallery, manifest, shard)
        found, problems = _row_problems(gallery, shard)
        ids += found
        report.problems += problems
        report.problems += _thumbnail_problems(gallery, shard, report)
    report.problems += _id_problems(ids)
    report.problems += _unused_problems(gallery, manifest)
    report.seconds = time.monotonic() - started
    return report


def _check_files(gallery: Path, manifest: Manifest, report: VerifyReport, say: Say) -> None:
    for name, expected in manifest.files.items():
        say(f"checksum of {name}")
        try:
            found = describe_file(gallery / name)
        except OSError as error:
            report.problems.append(f"{name} cannot be read ({error.strerror}). {_REMEDY}")
            continue
        report.bytes += found.bytes
        if found.bytes != expected.bytes:
            report.problems.append(f"{name} has {found.bytes:,} bytes, the manifest says {expected.bytes:,}. {_REMEDY}")
        elif found != expected:
            report.problems.append(f"{name} was changed: its SHA-256 is not the manifest's. {_REMEDY}")
    for file in sorted(gallery.iterdir()):
        if file.name not in (*manifest.files, NAME, ORIGIN) and file.suffix != ".lance":
            report.remarks.append(f"{file.name} is no part of the gallery. Delete it, or leave it: nothing reads it.")


def _vector_problems(gallery: Path, manifest: Manifest, shard: Shard) -> Iterator[str]:
    if shard.vectors is None:
        return
    try:
        vectors = np.load(gallery / shard.vectors, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        yield f"{shard.vectors} is not an array ({error}). {_REMEDY}"
        return
    if vectors.dtype != np.float16 or vectors.shape != (shard.count, manifest.dim):
        said = (shard.count, manifest.dim)
        yield f"{shard.vectors} holds {vectors.dtype} {vectors.shape}, the manifest says float16 {said}. {_REMEDY}"
        return
    bad: list[int] = []
    for start in range(0, shard.count, _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS].astype(np.float32)
        with np.errstate(all="ignore"):
            norms = np.sqrt(np.einsum("ij,ij->i", block, block))
            bad += (start + np.flatnonzero(~(np.abs(norms - 1) < UNIT_TOLERANCE))).tolist()
    if bad:
        yield f"{shard.vectors} has {_rows(bad)} whose length is not 1. Build the gallery again."


def _row_problems(gallery: Path, shard: Shard) -> tuple[list[pa.ChunkedArray], list[str]]:
    """The ids of a shard, and what is wrong with its table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(gallery / shard.rows).read()
    except (OSError, pa.ArrowException) as error:
        return [], [f"{shard.rows} cannot be read ({error}). {_REMEDY}"]
    if missing := {"id", "lat", "lon"} - set(table.column_names):
        return [], [f"{shard.rows} lacks the columns {', '.join(sorted(missing))}. Build the gallery again."]
    problems = []
    if table.num_rows != shard.count:
        problems.append(f"{shard.rows} has {table.num_rows:,} rows, the manifest says {shard.count:,}. {_REMEDY}")
    try:
        lat, lon = (table[name].cast(pa.float64()).to_numpy() for name in ("lat", "lon"))
        ids = table["id"].cast(pa.string())
    except pa.ArrowException as error:
        return [], [*problems, f"{shard.rows} has ids or coordinates of another kind ({error}). Build it again."]
    with np.errstate(invalid="ignore"):
        nowhere = np.flatnonzero(~((np.abs(lat) <= 90) & np.isfinite(lon)))
    if len(nowhere):
        problems.append(f"{shard.rows} has {_rows(nowhere.tolist())} without usable coordinates. Build it again.")
    if ids.null_count:
        problems.append(f"{shard.rows} has {ids.null_count:,} rows without an id. Build it again.")
    return [ids], problems


def _id_problems(ids: list[pa.ChunkedArray]) -> Iterator[str]:
    import pyarrow as pa

    every = pa.chunked_array([chunk for column in ids for chunk in column.chunks], type=pa.string())
    again = np.flatnonzero(first_seen(every) < np.arange(len(every)))
    if len(again):
        name = every[int(again[0])].as_py()
        yield f"{len(again):,} rows repeat the id of another, such as {name!r}. Build the gallery again."


def _thumbnail_problems(gallery: Path, shard: Shard, report: VerifyReport) -> Iterator[str]:
    if shard.thumbnails is None:
        return
    try:
        with zipfile.ZipFile(gallery / shard.thumbnails) as archive, ThreadPoolExecutor() as pool:
            names = archive.namelist()
            proper = {thumbnail_name(row) for row in range(shard.count)}
            if strange := [name for name in names if name not in proper]:
                yield f"{shard.thumbnails} holds {len(strange):,} members of no row, such as {strange[0]!r}. {_REMEDY}"
            if len(names) > len(set(names)):
                yield f"{shard.thumbnails} holds a row's thumbnail twice. Build the gallery again."
            report.thumbnails += len(names)
            bad: list[str] = []
            for start in range(0, len(names), _AT_ONCE):
                some = names[start : start + _AT_ONCE]
                sound = pool.map(lambda name: _decodes(archive, name), some)
                bad += [name for name, fine in zip(some, sound, strict=True) if not fine]
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        yield f"{shard.thumbnails} cannot be read ({error}). {_REMEDY}"
        return
    if bad:
        yield f"{shard.thumbnails} has {len(bad):,} thumbnails that are no photos, such as {bad[0]}. {_REMEDY}"


def _decodes(archive: zipfile.ZipFile, name: str) -> bool:
    try:
        entry = archive.getinfo(name)
        if entry.file_size > THUMBNAIL_LIMITS.max_bytes:
            return False
        read_photo(archive.read(entry), THUMBNAIL_LIMITS)
    except (PhotoError, zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
        return False
    return True


def _unused_problems(gallery: Path, manifest: Manifest) -> Iterator[str]:
    """The list of unused entries must hold as many as the manifest counts by reason."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    counted, listed = sum(manifest.reasons.values()), 0
    if manifest.unused is not None:
        try:
            listed = pq.ParquetFile(gallery / manifest.unused).metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            yield f"{manifest.unused} cannot be read ({error}). {_REMEDY}"
            return
    if listed != counted:
        yield f"{listed:,} unused entries are listed, the manifest counts {counted:,}. Build the gallery again."


def _rows(rows: list[int]) -> str:
    return f"{len(rows):,} rows, such as row {rows[0]:,},"
