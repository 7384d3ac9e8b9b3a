"""Runs the `embed` stage: which shards are still to do, an engine that does them, and what is said meanwhile."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from geoloc_core.errors import GeolocError
from geoloc_core.photo import PhotoLimits
from index_builder import estimate
from index_builder.console import interval
from index_builder.embedding.done import Done, done_shards, facts_of
from index_builder.embedding.embed import Job, ShardReport
from index_builder.embedding.engines import Engine, Lost, Ready, Setup, Ticked
from index_builder.embedding.manifest import FAILED, OK
from index_builder.embedding.reading import NOT_FOUND, Reading
from index_builder.embedding.work import Making, Plan, Work, differences

_JUDGED_FROM = 100  # photos tried, until mostly failures end the run
_SPEED_AFTER_S = 20.0  # of embedding, until the speed is told


@dataclass(frozen=True)
class Options:
    """How to run.

    `max_failed` is the share of photos that may fail; `checks` refuses too small a disk (there or at `out`) or memory.
    """

    threads: int = 0
    processes: int = 0
    retry_failed: bool = False
    redo_changed: bool = False
    max_failed: float = 0.5
    checks: bool = True
    out: Path | None = None


@dataclass
class Totals:
    """What became of all rows so far, and the seconds of this run."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    seconds: Counter[str] = field(default_factory=Counter)
    shards: int = 0
    thumbnail_bytes: int = 0
    wall: float = 0.0
    embedded_now: int = 0
    workers: int = 0
    lost: int = 0

    def add(self, report: ShardReport) -> None:
        """Count a shard."""
        self.outcomes.update(report.outcomes)
        self.reasons.update(report.reasons)
        self.examples = report.examples | self.examples
        self.seconds.update(report.seconds)
        self.thumbnail_bytes += report.thumbnail_bytes
        self.embedded_now += report.outcomes.get(OK, 0)
        self.shards += 1

    def remember(self, done: Done) -> None:
        """Count a shard of an earlier run."""
        self.outcomes.update(done.outcomes)
        self.reasons.update(done.reasons)
        self.examples = done.examples | self.examples


def embed_all(work: Work, making: Making, engine: Engine, options: Options) -> Totals:
    """Embed every shard of the plan that is not done.

    Raises:
        GeolocError: the settings are not those the work was begun with, a photo changed, most photos fail, the disk
            or memory is too small, or workers die again and again. What is done is kept.
    """
    plan = _planned(work, making)
    if making.encoder is None:
        raise GeolocError("Bare locations have nothing to embed. Run `index` on the work folder.")
    done, changed = done_shards(work, plan)
    if changed:
        _redo(work, done, changed, agreed=options.redo_changed)
    dtype = _dtype(work, done)
    retried = {
        shard
        for shard, state in done.items()
        if state.outcomes[FAILED] and (options.retry_failed or not state.outcomes[OK])  # all bad: a wrong path, perhaps
    }
    totals = Totals()
    for shard in done.keys() - retried:
        totals.remember(done[shard])
    if done:
        print(f"going on: {len(done):,} of {len(plan.listing.shards):,} shards are done", file=sys.stderr)
    jobs = _jobs(
        work, plan, making, [s for s in range(len(plan.listing.shards)) if s not in done or s in retried], retried
    )
    return _Run(work, plan, making, options, totals, dtype).run(jobs, engine) if jobs else totals


def _redo(work: Work, done: dict[int, Done], changed: Sequence[tuple[int, str]], *, agreed: bool) -> None:
    """Count the shards of changed photos as not done, if that was agreed to."""
    if not agreed:
        raise GeolocError(
            f"{len(changed):,} photos changed since they were embedded (such as {changed[0][1]!r}). Embed their shards "
            "again with --redo-changed, or start over with --restart."
        )
    for shard in {shard for shard, _ in changed}:
        work.done_file(shard).unlink()
        done.pop(shard, None)


def _jobs(work: Work, plan: Plan, making: Making, shards: Sequence[int], retried: Set[int]) -> list[Job]:
    assert making.encoder is not None
    reading = Reading(
        Path(plan.listing.root),
        PhotoLimits(making.max_photo_bytes, making.max_photo_pixels),
        making.thumbnail_side,
        making.thumbnail_quality,
    )
    return [
        Job(shard, work.rows_file(shard), work.embeddings / f"{shard:05d}", making.encoder, reading, shard in retried)
        for shard in shards
    ]


def _dtype(work: Work, done: Iterable[int]) -> str | None:
    """The number type of a shard that is done, None if there is none."""
    for shard in done:
        return str(facts_of(work.done_file(shard))["choices"].get("dtype", "float32"))
    return None


class _Run:
    """One run of an engine over the jobs, with its progress bar and its judgements."""

    def __init__(
        self, work: Work, plan: Plan, making: Making, options: Options, totals: Totals, dtype_before: str | None
    ) -> None:
        self.work, self.plan, self.making, self.options, self.totals = work, plan, making, options, totals
        self.dtype_before = dtype_before
        self.dim = self.photos_left = 0
        self.told_speed = False
        self.began = time.monotonic()
        self.photos = 0

    def run(self, jobs: Sequence[Job], engine: Engine) -> Totals:
        """Run the jobs; returns the totals of all shards, those of earlier runs with them."""
        assert self.making.encoder is not None
        sizes = {job.shard: self.plan.listing.shards[job.shard].count for job in jobs}
        setup = Setup(self.making.encoder, self.options.threads)
        total = sum(sizes.values())
        finished = unconfirmed = shown = 0
        with (
            tqdm(total=total, unit="photo", desc="Embedding", smoothing=0.05, mininterval=interval()) as bar,
            closing(engine.run(jobs, setup)) as events,
        ):
            for event in events:
                match event:
                    case Ready():
                        self._ready(event, jobs)
                    case Ticked():
                        unconfirmed += event.rows
                        self.photos += event.photos
                    case ShardReport():
                        finished += sizes[event.shard]
                        unconfirmed = max(0, unconfirmed - sizes[event.shard])
                        self.totals.add(event)
                        judge(self.totals, self.options.max_failed)
                        self._check_again(event)
                    case Lost():
                        unconfirmed = 0
                        self.totals.lost += 1
                        tqdm.write(f"{event.worker} died ({event.why}); its shards go to another", file=sys.stderr)
                bar.update(min(finished + unconfirmed, total) - shown)
                shown = min(finished + unconfirmed, total)
                self._tell_speed(total - shown)
        self.totals.wall = time.monotonic() - self.began
        return self.totals

    def _ready(self, ready: Ready, jobs: Sequence[Job]) -> None:
        self.totals.workers += 1
        if self.totals.workers > 1:
            return
        self.dim, self.began = ready.dim, time.monotonic()
        for name, choice in ready.choices.items():
            tqdm.write(f"{name}: {choice}", file=sys.stderr)
        self._refuse_another_dtype(ready.dtype)
        self.photos_left = sum(self.plan.listing.shards[job.shard].ready for job in jobs)
        guess = estimate.thumbnail_bytes(self.making.thumbnail_side)
        tqdm.write(f"needed: {self._check_room(self.photos_left, guess)}", file=sys.stderr)

    def _check_room(self, left: int, thumbnail: float) -> str:
        needed = estimate.need(self.plan.listing.ready, left, self.dim, thumbnail, self.options.processes)
        if self.options.checks:
            estimate.check(needed, self.work.path, self.options.out or self.work.path)
        return str(needed)

    def _check_again(self, report: ShardReport) -> None:
        """When the first thumbnails are there, their size is known."""
        self.photos_left -= sum(report.outcomes.values())
        if embedded := report.outcomes.get(OK, 0):
            self._check_room(max(self.photos_left, 0), report.thumbnail_bytes / embedded)

    def _refuse_another_dtype(self, dtype: str) -> None:
        if self.dtype_before not in (None, dtype):
            raise GeolocError(
                f"The shards that are done were embedded in {self.dtype_before}, this run would use {dtype}, and a "
                f"gallery must not mix them. Set GEOLOC_DTYPE={self.dtype_before}, or start over with --restart."
            )

    def _tell_speed(self, rows_left: int) -> None:
        seconds = time.monotonic() - self.began
        if not self.told_speed and self.dim and seconds > _SPEED_AFTER_S and self.photos:
            self.told_speed = True
            speed = self.photos / seconds
            tqdm.write(f"speed: {speed:,.1f} photos/s, {estimate.in_words(rows_left / speed)} left", file=sys.stderr)


def judge(totals: Totals, max_failed: float) -> None:
    """Refuse to go on when most photos fail.

    Raises:
        GeolocError: they do; says why and what to do.
    """
    failed = totals.outcomes[FAILED]
    tried = failed + totals.outcomes[OK]
    if tried >= _JUDGED_FROM and failed > max_failed * tried:
        worst, count = max(((reason, n) for reason, n in totals.reasons.items() if reason), key=lambda pair: pair[1])
        hint = "Say where the photos are with --images" if worst == NOT_FOUND else "Mend that"
        raise GeolocError(
            f"{failed:,} of {tried:,} photos failed, most of them for: {worst} ({count:,}). {hint}, and run it "
            "again with --retry-failed; or accept it with --max-failed 1."
        )


def _planned(work: Work, making: Making) -> Plan:
    plan = work.plan
    if plan is None:
        raise GeolocError(f"{work.path} lists no source yet. Run `manifest` first.")
    if plan.making is None:
        plan = plan.model_copy(update={"making": making})
        work.write(plan)
    elif plan.making != making:
        names = {"encoder": "encoder", "thumbnail_side": "thumbnails' side", "thumbnail_quality": "their quality"}
        names |= {"max_photo_bytes": "most bytes a photo", "max_photo_pixels": "most pixels a photo"}
        told = "; ".join(differences(plan.making, making, names))
        raise GeolocError(
            f"{work.path} was begun with other settings: {told}. Use the same again, or start over with --restart."
        )
    return plan
