"""The `embed` stage: a shard of rows -> its vectors, thumbnails and outcomes. The same function under every engine."""

from __future__ import annotations

import io
import json
import math
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geoloc_core.encoders.base import Embeddings, Encoder
from geoloc_core.errors import EncoderError
from geoloc_core.files import replacing
from geoloc_core.gallery import thumbnail_name
from geoloc_core.gallery.manifest import EncoderRef
from index_builder.embedding.manifest import FAILED, OK
from index_builder.embedding.reading import Outcome, Reading, read_ahead

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST_BATCH = 32
_BATCHES_ON_GPU = 4  # in one call, so that the host stacks the next while the card works
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """A shard to embed: its rows, where the result goes (without suffix), whether only failed rows are tried again."""

    shard: int
    rows: Path
    out: Path
    encoder: EncoderRef
    reading: Reading
    retry_failed: bool = False


@dataclass(frozen=True)
class ShardReport:
    """What became of a shard: rows by outcome, reasons, and seconds.

    `reasons` counts rows that were not used, `examples` has an id for each; `seconds` has `read` (waiting for photos),
    `infer` (the device at work) and `write`.
    """

    shard: int
    outcomes: dict[str, int]
    reasons: dict[str, int]
    examples: dict[str, str]
    seconds: dict[str, float] = field(default_factory=dict)
    thumbnail_bytes: int = 0


class Embedder:
    """One encoder with threads that read ahead of it. Shards may be embedded from several threads at once."""

    def __init__(self, encoder: Encoder, threads: int) -> None:
        self.encoder = encoder
        on_gpu = "device" in encoder.choices and encoder.choices["device"].value == "cuda"
        self.batch = encoder.batch * (_BATCHES_ON_GPU if on_gpu else math.ceil(_LEAST_BATCH / encoder.batch))
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="read")
        self.threads = threads
        self.device = threading.Lock()

    def embed_shard(self, job: Job, tick: Tick = lambda rows, photos: None) -> ShardReport:
        """Embed the rows of a shard and write `out`.npy, `out`.zip and, last, `out`.parquet.

        Args:
            job: the shard.
            tick: told (rows, photos embedded) after each batch.

        Raises:
            EncoderError: the encoder failed on photos that are fine by themselves.
            OSError: the result cannot be written, or the rows cannot be read.
        """
        import pyarrow.parquet as pq

        clock = Clock()
        table = pq.read_table(job.rows)
        kept = _kept(job) if job.retry_failed else {}
        todo = [row for number, row in enumerate(table.to_pylist()) if number not in kept]
        fresh = self._outcomes(todo, job.reading, clock, tick)
        outcomes = [kept[number] if number in kept else next(fresh) for number in range(table.num_rows)]
        with clock.on("write"):
            facts = {"dim": self.encoder.dim, "seconds": clock.seconds, "choices": self._choices()}
            _write(job, table, outcomes, facts)
        return _report(job.shard, table["id"].to_pylist(), outcomes, clock.seconds)

    def _outcomes(
        self, rows: Sequence[dict[str, Any]], reading: Reading, clock: Clock, tick: Tick
    ) -> Iterator[Outcome]:
        """Outcomes in order, those that are usable with their vectors."""
        ahead = read_ahead(rows, reading, self.encoder, self.pool, self.batch + 2 * self.threads)
        while True:
            with clock.on("read"):
                chunk = list(islice(ahead, self.batch))
            if not chunk:
                return
            usable = [outcome for outcome in chunk if outcome.status == OK]
            with self.device, clock.on("infer"):
                answers = iter(self._embed(usable))
            tick(len(chunk), len(usable))
            yield from (next(answers) if outcome.status == OK else outcome for outcome in chunk)

    def _embed(self, usable: Sequence[Outcome]) -> list[Outcome]:
        """The same outcomes with vectors; a photo that the encoder answers with no number fails alone."""
        if not usable:
            return []
        try:
            vectors: Embeddings = self.encoder.embed([outcome.prepared for outcome in usable])
        except EncoderError:
            if len(usable) == 1:
                raise
            done = [self._alone(outcome) for outcome in usable]
            if all(outcome.status == FAILED for outcome in done):
                raise
            return done
        halves = vectors.astype(np.float16)
        return [replace(one, prepared=None, vector=row) for one, row in zip(usable, halves, strict=True)]

    def _alone(self, outcome: Outcome) -> Outcome:
        try:
            return self._embed([outcome])[0]
        except EncoderError:
            return replace(
                outcome, status=FAILED, reason="the encoder answered with no number", prepared=None, thumbnail=None
            )

    def _choices(self) -> dict[str, str]:
        return {name: choice.value for name, choice in self.encoder.choices.items()}


class Clock:
    """Seconds by kind of work."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("read", "infer", "write"), 0.0)

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the block's time as `what`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[what] += time.perf_counter() - start


def _report(shard: int, ids: Sequence[str], outcomes: Sequence[Outcome], seconds: dict[str, float]) -> ShardReport:
    unused = [(outcome.reason, name) for name, outcome in zip(ids, outcomes, strict=True) if outcome.status != OK]
    return ShardReport(
        shard=shard,
        outcomes=dict(Counter(outcome.status for outcome in outcomes)),
        reasons=dict(Counter(reason for reason, _ in unused)),
        examples=dict(reversed(unused)),
        seconds={name: round(value, 3) for name, value in seconds.items()},
        thumbnail_bytes=sum(len(outcome.thumbnail or b"") for outcome in outcomes),
    )


def _kept(job: Job) -> dict[int, Outcome]:
    """Outcomes of an earlier run that are not tried again, by row."""
    import pyarrow.parquet as pq

    rows = pq.read_table(job.out.with_suffix(".parquet")).to_pylist()
    vectors = iter(np.load(job.out.with_suffix(".npy"), allow_pickle=False))
    thumbnails = _thumbnails(job.out.with_suffix(".zip"))
    kept, at = {}, 0
    for number, row in enumerate(rows):
        known = {name: row.get(name) for name in ("lat", "lon", "content_hash", "taken_at")}
        outcome = Outcome(row["_status"], row["_reason"], size=row["_bytes"], modified=row["_modified"], **known)
        if outcome.status == OK:
            kept[number] = replace(outcome, vector=next(vectors), thumbnail=thumbnails.get(thumbnail_name(at)))
            at += 1
        elif outcome.status != FAILED:
            kept[number] = outcome
    return kept


def _thumbnails(archive: Path) -> dict[str, bytes]:
    if not archive.is_file():
        return {}
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def _write(job: Job, table: pa.Table, outcomes: Sequence[Outcome], facts: dict[str, Any]) -> None:
    import pyarrow.parquet as pq

    done = job.out.with_suffix(".parquet")
    done.unlink(missing_ok=True)  # while the other files change, the shard is not done
    usable = [outcome for outcome in outcomes if outcome.status == OK]
    vectors = np.stack([outcome.vector for outcome in usable]) if usable else np.empty((0, facts["dim"]), np.float16)
    array = io.BytesIO()  # numpy's own writing to files does not say that a disk is full
    np.save(array, vectors, allow_pickle=False)
    with replacing(job.out.with_suffix(".npy")) as stream:
        stream.write(array.getbuffer())
    if any(outcome.thumbnail for outcome in usable):
        with replacing(job.out.with_suffix(".zip")) as stream:
            stream.write(_archive(usable))
    about = {**facts, "encoder": job.encoder.model_dump()}
    with replacing(done) as stream:
        pq.write_table(with_outcomes(table, outcomes, about), stream, compression="zstd")


def _archive(usable: Sequence[Outcome]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number, outcome in enumerate(usable):
            if outcome.thumbnail:
                archive.writestr(zipfile.ZipInfo(thumbnail_name(number)), outcome.thumbnail)
    return buffer.getvalue()


def with_outcomes(table: pa.Table, outcomes: Sequence[Outcome], about: dict[str, Any]) -> pa.Table:
    """The shard's rows, their places and outcomes filled in; `about` goes into the table's metadata."""
    import pyarrow as pa

    text, real, whole = pa.string(), pa.float64(), pa.int64()
    filled = {"lat": ("lat", real), "lon": ("lon", real), "content_hash": ("content_hash", text)}
    if "taken_at" not in table.column_names:
        filled["taken_at"] = ("taken_at", text)
    filled |= {"_status": ("status", text), "_reason": ("reason", text)}
    filled |= {"_bytes": ("size", whole), "_modified": ("modified", whole)}
    columns = {name: table[name] for name in table.column_names if name not in ("_offset", "_length", "_codec")}
    for name, (attribute, kind) in filled.items():
        columns[name] = pa.array([getattr(outcome, attribute) for outcome in outcomes], kind)
    return pa.table(columns).replace_schema_metadata({"geoloc": json.dumps(about)})
