"""The `index` stage: embeddings, or bare coordinates, to a gallery. Every entry becomes a row or a reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import GalleryError, GeolocError
from geoloc_core.gallery.manifest import EncoderRef, Excluded, read_manifest
from geoloc_core.geo import wrap_longitude
from index_builder.gallery.embeddings import Pair, find_pairs, find_tables
from index_builder.gallery.publish import GalleryWriter, Provenance
from index_builder.gallery.shards import ShardWriter
from index_builder.gallery.survey import (
    BAD_VECTOR,
    KNOWN,
    REASONS,
    SAME_PHOTO,
    UNUSED,
    USE,
    Progress,
    Survey,
    ids_of,
    real_numbers,
)
from index_builder.gallery.survey import survey as survey_rows
from index_builder.gallery.unused import UnusedWriter

if TYPE_CHECKING:
    import pyarrow as pa

_UNIT_TOLERANCE = 1e-3  # float16 rows of length 1 are within it


@dataclass(frozen=True)
class IndexReport:
    """What became of the entries.

    `duplicates` are rows whose photo, by its content hash, another row has too, whether they were dropped or not.
    `unchanged`: the gallery was already there, and nothing was done.
    """

    gallery: Path
    read: int = 0
    rows: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    seconds: float = 0.0
    unchanged: bool = False

    def __str__(self) -> str:
        if self.unchanged:
            return f"{self.gallery} already holds exactly this: nothing to do"
        lines = [f"{self.gallery}: {self.rows:,} of {self.read:,} entries, in {self.seconds:,.1f} s"]
        lines += [f"  {count:,} not used: {reason}" for reason, count in self.reasons.items()]
        if self.duplicates:
            lines.append(f"  {self.duplicates:,} rows show a photo that another row has too (by its content)")
        return "\n".join(lines)


def index(
    embeddings: Path,
    out: Path,
    about: Provenance,
    *,
    encoder: EncoderRef | None = None,
    drop_duplicates: bool = False,
    overwrite: bool = False,
    recipe: str = "",
    excluded: Iterable[Excluded] = (),
    on_progress: Progress | None = None,
) -> IndexReport:
    """Make a gallery of embeddings. Memory holds one block of them, and some 250 bytes an entry.

    Args:
        embeddings: our work folder, or a folder as `embeddings` describes. Tables without any array, whose work
            folder is one of bare locations, give a gallery of bare locations.
        out: the gallery's folder, which appears whole at the end.
        about: what its manifest says of the photos.
        encoder: what made the embeddings, if their tables do not say.
        drop_duplicates: use only the first of the rows whose photos have the same content.
        overwrite: replace the gallery that is there.
        recipe: SHA-256 of all that determines the content; a gallery of the same recipe is left as it is.
        excluded: tables of photos that were kept out of `embeddings`.
        on_progress: called with the entries done and all entries.

    Raises:
        EncoderMismatch: the embeddings are not all of one encoder.
        GeolocError: they cannot be read, nothing in them can be used, or `out` cannot be written.
    """
    if recipe and not overwrite and _recipe_of(out) == recipe:
        return IndexReport(out, unchanged=True)
    pairs = find_pairs(embeddings)
    return _publish(pairs, out, about, encoder, drop_duplicates, overwrite, recipe, excluded, on_progress)


def locations(
    tables: Path,
    out: Path,
    about: Provenance,
    *,
    overwrite: bool = False,
    recipe: str = "",
    on_progress: Progress | None = None,
) -> IndexReport:
    """Make a gallery of bare locations, as location encoders such as GeoCLIP's search.

    Args:
        tables: a CSV or Parquet file, or a folder of them, with lat, lon and any more columns; without a column id
            the rows are numbered. The other arguments are those of `index`.

    Raises:
        GeolocError: they cannot be read, nothing in them can be used, or `out` cannot be written.
    """
    if recipe and _recipe_of(out) == recipe:
        return IndexReport(out, unchanged=True)
    return _publish(find_tables(tables), out, about, None, False, overwrite, recipe, (), on_progress)


def _publish(
    pairs: Sequence[Pair],
    out: Path,
    about: Provenance,
    encoder: EncoderRef | None,
    drop_duplicates: bool,
    overwrite: bool,
    recipe: str,
    excluded: Iterable[Excluded],
    on_progress: Progress | None,
) -> IndexReport:
    started = time.monotonic()
    judged = survey_rows(pairs, encoder, drop_duplicates=drop_duplicates)
    with GalleryWriter(out, judged.encoder, about, overwrite=overwrite, schema=judged.schema) as writer:
        with UnusedWriter(writer.partial / "unused.parquet") as unused:
            write_rows(judged, writer.rows, unused, on_progress or _silent)
        if not writer.count:
            raise GeolocError(f"No entry can be used ({unused.told()}), so there is no gallery. Mend the source.")
        writer.publish(reasons=unused.reasons, unused=unused.name, excluded=excluded, recipe=recipe)
    return IndexReport(
        gallery=out,
        read=judged.count,
        rows=writer.count,
        reasons=unused.reasons,
        duplicates=judged.duplicates,
        seconds=time.monotonic() - started,
    )


def write_rows(judged: Survey, writer: ShardWriter, unused: UnusedWriter, on_progress: Progress) -> None:
    """Give every row to the writer or to the list of the unused ones."""
    start = 0
    for pair, count in zip(judged.pairs, judged.counts, strict=True):
        done = start
        for table, vectors, photos in _blocks(pair, judged, start):
            verdicts = judged.verdicts[done : done + table.num_rows]
            ids = ids_of(table, done, judged.id_prefix)
            keep = verdicts == USE
            if keep.any():
                writer.add(vectors, _clean(table, ids).filter(keep), photos)
            _note(unused, table, ids, judged, done, ~keep & (verdicts != KNOWN))
            done += table.num_rows
            on_progress(done, judged.count)
        start += count


def unit_rows(vectors: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """(n, d) rows made unit, those that are already being left alone, and (n,) which of them could be."""
    numbers = vectors.astype(np.float64 if vectors.dtype.itemsize > 4 else np.float32, copy=False)
    with np.errstate(all="ignore"):
        norms = np.sqrt(np.vecdot(numbers, numbers))
        good = np.isfinite(norms) & (norms > 0)
        if good.all() and (np.abs(norms - 1) < _UNIT_TOLERANCE).all():
            return vectors, good
        return numbers / np.where(good, norms, 1)[:, None], good


def _blocks(
    pair: Pair, judged: Survey, start: int
) -> Iterator[tuple[pa.Table, NDArray[np.floating] | None, Iterable[bytes | None]]]:
    """Blocks of a pair's rows, with the vectors and thumbnails of those that are used; unfit vectors are judged."""
    thumbnail = pair.thumbnail_reader()
    first = 0
    with pair.open_vectors() as read_vectors:
        for table in pair.blocks():
            verdicts = judged.verdicts[start : start + table.num_rows]
            start += table.num_rows
            embedded = np.flatnonzero(verdicts != UNUSED)
            if judged.encoder is None or not len(embedded):
                yield table, None, ()
                continue
            vectors, good = unit_rows(read_vectors(len(embedded)))
            wanting = embedded[~good]
            verdicts[wanting[verdicts[wanting] == USE]] = BAD_VECTOR
            chosen = np.flatnonzero(verdicts[embedded] == USE)
            photos = _thumbnails(thumbnail, first + chosen) if pair.thumbnails else ()
            yield table, vectors if len(chosen) == len(vectors) else vectors[chosen], photos
            first += len(embedded)


def _thumbnails(read: Callable[[int], bytes | None], rows: NDArray[np.int64]) -> Iterator[bytes | None]:
    return (read(row) for row in rows.tolist())


def _clean(table: pa.Table, ids: pa.ChunkedArray) -> pa.Table:
    """The table with ids as text and coordinates as numbers, longitudes within [-180, 180]."""
    import pyarrow as pa

    lat, lon = real_numbers(table["lat"]), real_numbers(table["lon"])
    with np.errstate(invalid="ignore"):
        lon = np.where(np.abs(lon) > 180, wrap_longitude(lon), lon)
    for name, column in (("id", ids), ("lat", pa.array(lat)), ("lon", pa.array(lon))):
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            table = table.append_column(name, column)
    return table


def _note(
    unused: UnusedWriter, table: pa.Table, ids: pa.ChunkedArray, judged: Survey, start: int, those: NDArray[np.bool_]
) -> None:
    """Write down the entries that give no row, with the source's reason or ours."""
    rows = np.flatnonzero(those)
    if not len(rows):
        return
    told = table.select([name for name in ("_status", "_reason") if name in table.column_names]).take(rows).to_pylist()
    status, reasons, counted = [], [], []
    for row, said in zip(rows.tolist(), told or [{}] * len(rows), strict=True):
        verdict = int(judged.verdicts[start + row])
        state, reason = REASONS.get(verdict) or (
            said.get("_status") or "failed",
            said.get("_reason") or "no reason given",
        )
        status.append(state)
        counted.append(reason)
        reasons.append(f"same photo as {judged.same_as[start + row]}" if verdict == SAME_PHOTO else reason)
    unused.add([name or "" for name in ids.take(rows).to_pylist()], status, reasons, counted)


def _recipe_of(out: Path) -> str:
    try:
        return read_manifest(out).recipe
    except GalleryError:
        return ""


def _silent(_done: int, _all: int) -> None:
    return
