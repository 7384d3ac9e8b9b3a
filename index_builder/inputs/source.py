"""`inputs`: a training set from any source of geotagged photos. Running it again goes on where it stopped.

Listing, reading and outcomes are those of a gallery's build; instead of embeddings, photos, maps and scenes are kept.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from geoloc_core.errors import InputsError
from geoloc_core.files import replacing
from geoloc_core.photo import PhotoLimits
from geoloc_core.settings import settings
from index_builder import estimate
from index_builder.build import throw_away, work_folder
from index_builder.console import interval
from index_builder.embedding.done import OUTCOME_COLUMNS, done_shards, tally
from index_builder.embedding.embed import with_outcomes
from index_builder.embedding.listing import SourceAsked, list_source
from index_builder.embedding.manifest import FAILED, OK
from index_builder.embedding.reading import Outcome, Reading, read_ahead
from index_builder.embedding.running import Totals, judge
from index_builder.embedding.work import Plan, Work, open_work, remove_work
from index_builder.inputs.labelling import MODEL_SIDE, Labeller, Seen
from index_builder.inputs.manifest import Manifest, read_manifest
from index_builder.inputs.parts import Row, fitted, to_jpeg
from index_builder.inputs.writing import About, SetWriter, open_set

if TYPE_CHECKING:
    import pyarrow as pa

_AHEAD = 32  # photos read ahead of the models
_SPARE_DISK = 200_000_000
_BYTES_A_PIXEL = 0.5  # of JPEG and PNG together, from photos of 128 to 256 pixels; until measured


@dataclass(frozen=True)
class InputsOptions:
    """What `inputs` was asked for.

    `max_failed` is the share of photos that may fail; `redo_changed` agrees to read photos again that changed since.
    """

    source: SourceAsked
    out: Path
    side: int = 256
    labeller: Labeller = field(default_factory=lambda: Labeller(None, None))
    licence: str = ""
    origin: str = ""
    command: str = ""
    threads: int = 0
    restart: bool = False
    retry_failed: bool = False
    redo_changed: bool = False
    max_failed: float = 0.5
    checks: bool = True


@dataclass(frozen=True)
class _Kept:
    """What is kept of a photo that was read."""

    jpeg: bytes
    size: tuple[int, int]
    image: Image.Image | None


class _Fitting:
    """What photos are read for: `read_row` asks it as it asks an encoder."""

    def __init__(self, side: int, *, looked_at: bool) -> None:
        self.kept_side, self.looked_at = side, looked_at
        self.side = max(side, MODEL_SIDE // 2) if looked_at else side  # photos are read at three times this

    def prepare(self, image: Image.Image) -> _Kept:
        shown = fitted(image, min(MODEL_SIDE, *image.size)) if self.looked_at else None
        return _Kept(to_jpeg(fitted(image, self.kept_side)), image.size, shown)


def make_inputs(options: InputsOptions) -> Manifest:
    """Make a training set of a source, saying on stderr what happens.

    Raises:
        GeolocError: the source, a model or the output cannot be used, settings or photos changed, or most photos fail;
            what is done is kept.
    """
    if not 16 <= options.side <= 2048:
        raise InputsError("Choose a --side of 16 to 2048 pixels.")
    path = work_folder(options.out)
    if options.restart:
        throw_away(path)
    with open_work(path) as work:
        plan = list_source(work, options.source)
        with open_set(options.out, _settings(plan, options), restart=options.restart) as writer:
            totals = _make(work, plan, writer, options)
            manifest = read_manifest(options.out)
        work.write(plan.model_copy(update={"published": True}))
    _summarise(totals, manifest)
    if totals.outcomes[FAILED]:
        print(f"{path} is kept: `--retry-failed` tries failed photos again.", file=sys.stderr)
    else:
        remove_work(path)
    return manifest


def _settings(plan: Plan, options: InputsOptions) -> dict[str, str]:
    config, segmentation = settings(), options.labeller.segmentation
    return {
        "source": f"{plan.listing.source}, {plan.listing.count:,} entries ({plan.digest()[:16]})",
        "side": str(options.side),
        "segmentation": f"{segmentation.name} ({segmentation.id})" if segmentation.name else "none",
        "scenes": options.labeller.scenes or "none",
        "most bytes a photo": str(config.max_photo_bytes),
        "most pixels a photo": str(config.max_photo_pixels),
    }


def _make(work: Work, plan: Plan, writer: SetWriter, options: InputsOptions) -> Totals:
    """Make what is not done yet, and publish; returns what became of all rows."""
    done, changed = done_shards(work, plan, _whole(writer))
    totals = Totals()
    failed = [shard for shard, state in done.items() if state.outcomes[FAILED] and options.retry_failed]
    if writer.published and not failed and not changed:
        print(f"{options.out} is made already, from just this.", file=sys.stderr)
        for state in done.values():
            totals.remember(state)
        return totals
    if changed and not options.redo_changed:
        raise InputsError(
            f"{len(changed):,} photos changed since they were read (such as {changed[0][1]!r}). Read their shards "
            "again with --redo-changed, or start over with --restart."
        )
    again = sorted({*failed, *(shard for shard, _ in changed)})
    writer.reopen(again)
    for shard in done.keys() - set(again):
        totals.remember(done[shard])
    todo = [shard for shard in range(len(plan.listing.shards)) if shard not in done or shard in again]
    if len(todo) < len(plan.listing.shards):
        print(f"going on: {len(plan.listing.shards) - len(todo):,} shards are done", file=sys.stderr)
    _Stage(work, plan, writer, options, totals).run(todo)
    writer.publish(len(plan.listing.shards), _about(plan, options), _unused(work, plan))
    return totals


class _Stage:
    """The shards that are still to do, one after the other; photos are read ahead by threads."""

    def __init__(self, work: Work, plan: Plan, writer: SetWriter, options: InputsOptions, totals: Totals) -> None:
        self.work, self.plan, self.writer, self.options, self.totals = work, plan, writer, options, totals
        config = settings()
        limits = PhotoLimits(config.max_photo_bytes, config.max_photo_pixels)
        self.reading = Reading(Path(plan.listing.root), limits, thumbnail_side=0)
        self.fitting = _Fitting(options.side, looked_at=options.labeller.looks)

    def run(self, shards: Sequence[int]) -> None:
        """Make the parts of these shards."""
        if not shards:
            return
        self.options.labeller.load()
        rows = {shard: self.plan.listing.shards[shard] for shard in shards}
        left = sum(shard.ready for shard in rows.values())
        self._check_room(left, _BYTES_A_PIXEL * self.options.side**2 * 4 / 3)
        threads = self.options.threads or os.cpu_count() or 1
        total = sum(shard.count for shard in rows.values())
        bar = tqdm(total=total, unit=" photos", desc="Reading and labelling", smoothing=0.05, mininterval=interval())
        with ThreadPoolExecutor(threads, thread_name_prefix="read") as pool, bar:
            for shard in shards:
                written, used = self._shard(shard, pool, bar.update)
                left -= rows[shard].ready
                judge(self.totals, self.options.max_failed)
                if used:
                    self._check_room(left, written / used)

    def _shard(self, shard: int, pool: ThreadPoolExecutor, tick: Callable[[], object]) -> tuple[int, int]:
        """Make one part; returns its bytes and photos."""
        import pyarrow.parquet as pq

        table = pq.read_table(self.work.rows_file(shard))
        listed = table.to_pylist()
        outcomes: list[Outcome] = []
        ahead = read_ahead(listed, self.reading, self.fitting, pool, _AHEAD)
        seen = _seen(listed, ahead, outcomes, tick)
        rows = list(self.options.labeller.label(seen, self.options.side))
        with replacing(self.work.done_file(shard)) as stream:
            pq.write_table(with_outcomes(table, outcomes, {}), stream, compression="zstd")
        written = self.writer.write(shard, rows, self.plan.listing.shards[shard].sha256)
        ids = (row["id"] for row in listed)
        told = tally((name, one.status, one.reason) for name, one in zip(ids, outcomes, strict=True))
        self.totals.remember(told)
        return written, len(rows)

    def _check_room(self, photos: int, each: float) -> None:
        free = shutil.disk_usage(self.writer.path).free
        if self.options.checks and photos * each + _SPARE_DISK > free:
            raise InputsError(
                f"About {estimate.size(photos * each)} of disk are needed in {self.writer.path}, and "
                f"{estimate.size(free)} are free. Make room, choose another disk, or a smaller --side."
            )


def _seen(
    listed: Sequence[dict[str, Any]], ahead: Iterator[Outcome], outcomes: list[Outcome], tick: Callable[[], object]
) -> Iterator[Seen]:
    """The photos that can be used, for a labeller; each outcome is noted, without its pixels."""
    for row, outcome in zip(listed, ahead, strict=True):
        kept = outcome.prepared
        outcomes.append(replace(outcome, prepared=None))
        tick()
        if outcome.status != OK or not isinstance(kept, _Kept):
            continue
        assert outcome.lat is not None and outcome.lon is not None
        columns = {name: str(value) for name, value in row.items() if name[0] != "_" and value is not None}
        columns |= {"taken_at": outcome.taken_at} if outcome.taken_at else {}
        yield Seen(Row(row["id"], outcome.lat, outcome.lon, kept.jpeg, columns=columns), kept.size, kept.image)


def _whole(writer: SetWriter) -> Callable[[Work, Plan, int], pa.Table | None]:
    """What says of a shard's outcomes that its part is there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def whole(work: Work, plan: Plan, shard: int) -> pa.Table | None:
        if not writer.done(shard, plan.listing.shards[shard].sha256):
            return None
        try:
            table = pq.read_table(work.done_file(shard), columns=list(OUTCOME_COLUMNS))
        except (OSError, ValueError, KeyError, pa.ArrowException):
            return None
        return table if table.num_rows == plan.listing.shards[shard].count else None

    return whole


def _unused(work: Work, plan: Plan) -> pa.Table | None:
    """id, status and reason of every entry that gave no photo; None if all did."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [work.done_file(shard) for shard in range(len(plan.listing.shards))]
    table = pa.concat_tables([pq.read_table(file, columns=["id", "_status", "_reason"]) for file in files])
    table = table.rename_columns(["id", "status", "reason"]).replace_schema_metadata(None)
    unused = table.filter(np.array(table["status"].to_pylist()) != OK)
    return unused if unused.num_rows else None


def _about(plan: Plan, options: InputsOptions) -> About:
    return About(
        side=options.side,
        source=options.origin or plan.listing.source,
        licence=options.licence,
        command=options.command,
        segmentation=options.labeller.segmentation,
        scenes=options.labeller.scenes,
    )


def _summarise(totals: Totals, manifest: Manifest) -> None:
    counts = totals.outcomes
    if counts.total():
        print(f"read {counts.total():,}, kept {counts[OK]:,}", file=sys.stderr)
    for reason, count in totals.reasons.most_common():
        print(f"  not used {count:,}: {reason} (such as {totals.examples[reason]!r})", file=sys.stderr)
    size = sum(part.bytes for part in manifest.parts)
    print(f"{manifest.count:,} photos, {estimate.size(size)}, {manifest.id}", file=sys.stderr)
