"""The `manifest` stage: a source's entries -> shards of rows, in the source's order.

Running it again on the same source gives the same shards; that is how a changed source is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoloc_core.errors import GeolocError
from geoloc_core.files import replacing
from index_builder.embedding.work import Listing, Rows, Work
from index_builder.sources import NO_PHOTO, Entry, Item

if TYPE_CHECKING:
    import pyarrow as pa

READY, OK, SKIPPED, FAILED = "ready", "ok", "skipped", "failed"
Progress = Callable[[int], object]


def write_rows(entries: Iterable[Entry], folder: Path, shard_rows: int, on_progress: Progress) -> tuple[Rows, ...]:
    """Write entries as `folder`/00000.parquet and on, `shard_rows` a file; says how many entries came in all.

    Raises:
        GeolocError: none of them is a photo or a place.
        OSError: the folder cannot be written.
    """
    import pyarrow.parquet as pq

    shards: list[Rows] = []
    taken = 0
    for table in _tables(entries, shard_rows):
        with replacing(folder / f"{len(shards):05d}.parquet") as stream:
            pq.write_table(table, stream, compression="zstd")
        ready = sum(status in (READY, OK) for status in table["_status"].to_pylist())
        shards.append(Rows(count=table.num_rows, ready=ready, sha256=_digest(table)))
        taken += table.num_rows
        on_progress(taken)
    if not any(rows.ready for rows in shards):
        raise GeolocError(
            "The source names no photo that can be used. Give a folder with photos, or a table with file, lat and lon."
        )
    return tuple(shards)


def what_changed(work: Work, old: Listing, folder: Path, new: Listing) -> str:
    """In words, how the listing in `folder` differs from the one in `work`."""
    before, after = _ids(work.manifest, old), _ids(folder, new)
    told = []
    for found, verb in ((after - before, "added"), (before - after, "removed")):
        if found:
            told.append(f"{len(found):,} entries were {verb} (such as {min(found)!r})")
    return " and ".join(told) or "entries changed their places, columns or order"


def _tables(entries: Iterable[Entry], shard_rows: int) -> Iterator[pa.Table]:
    source = iter(entries)
    while chunk := list(islice(source, shard_rows)):
        yield _table(chunk)


def _table(entries: list[Entry]) -> pa.Table:
    import pyarrow as pa

    rows = [_record(entry) for entry in entries]
    extra = sorted({key for entry in entries if isinstance(entry, Item) for key in entry.columns})
    text, real, whole = pa.string(), pa.float64(), pa.int64()
    kinds = {"id": text, "lat": real, "lon": real} | dict.fromkeys(extra, text)
    kinds |= {"_status": text, "_reason": text, "_path": text, "_offset": whole, "_length": whole, "_codec": text}
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()})


def _record(entry: Entry) -> dict[str, Any]:
    if not isinstance(entry, Item):
        return {"id": entry.id, "_status": entry.status, "_reason": entry.reason}
    lat, lon = entry.location or (None, None)
    piece = entry.piece
    return {
        **entry.columns,
        "id": entry.id,
        "lat": lat,
        "lon": lon,
        "_status": OK if piece == NO_PHOTO else READY,
        "_path": piece.path,
        "_offset": piece.offset,
        "_length": piece.length,
        "_codec": piece.codec,
    }


def _digest(table: pa.Table) -> str:
    """SHA-256 of the rows, whatever the version of the file format that holds them."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _ids(folder: Path, listing: Listing) -> set[str]:
    import pyarrow.parquet as pq

    files = (folder / f"{shard:05d}.parquet" for shard in range(len(listing.shards)))
    return {name for file in files for name in pq.read_table(file, columns=["id"])["id"].to_pylist()}
