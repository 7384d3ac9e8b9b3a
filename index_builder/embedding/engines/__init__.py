"""Where shards are embedded: `local` processes or a `ray` cluster. Both run `Embedder.embed_shard`, shard by shard.

An engine hands each shard to one worker at a time. When a worker dies, its shards go to another; files appear whole or
not at all, and a shard gives the same bytes whoever embeds it, so whatever dies, each shard has exactly one output.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from geoloc_core.errors import GeolocError
from geoloc_core.gallery.manifest import EncoderRef
from index_builder.embedding.embed import Job, ShardReport

ATTEMPTS = 5  # deaths of workers that had a shard in hand before the shard is given up
LANES = 2  # shards a worker has in hand: one is read and written while the other has the device


class WorkersLost(GeolocError):
    """Workers died again and again; what is done is kept."""


@dataclass(frozen=True)
class Setup:
    """What a worker needs to start: the encoder, whose id must be this on its machine too, and threads that read."""

    encoder: EncoderRef
    threads: int = 0


@dataclass(frozen=True)
class Ready:
    """A worker has loaded the encoder: (d,) of its vectors, and the automatic choices with their reasons, as text."""

    worker: str
    dim: int
    dtype: str
    choices: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ticked:
    """Rows gone through since the last tick, and photos embedded among them."""

    rows: int
    photos: int


@dataclass(frozen=True)
class Lost:
    """A worker died; its shards will be done by another."""

    worker: str
    why: str


Event = Ready | Ticked | ShardReport | Lost


class Engine(Protocol):
    """Embeds shards somewhere."""

    name: str

    def run(self, jobs: Sequence[Job], setup: Setup) -> Generator[Event, None, None]:
        """Embed every job's shard; yields what happens, a `ShardReport` for each shard that is done.

        Closing the iterator stops all workers.

        Raises:
            GeolocError: the encoder cannot be used, or workers die again and again.
            OSError: a result cannot be written.
        """
        ...


class Backlog:
    """Shards still to do and those in workers' hands."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.waiting = deque(jobs)
        self.taken: dict[str, dict[int, Job]] = {}
        self.deaths: Counter[int] = Counter()
        self.left = len(jobs)

    def take(self, worker: str) -> Job | None:
        """The next shard for a worker whose hands are not full."""
        mine = self.taken.setdefault(worker, {})
        if not self.waiting or len(mine) >= LANES:
            return None
        job = self.waiting.popleft()
        mine[job.shard] = job
        return job

    def done(self, worker: str, shard: int) -> None:
        """A shard is finished."""
        del self.taken[worker][shard]
        self.left -= 1

    def lost(self, worker: str, why: str) -> None:
        """Give a dead worker's shards back.

        Raises:
            WorkersLost: a shard has been in dying hands too often.
        """
        for job in self.taken.pop(worker, {}).values():
            self.deaths[job.shard] += 1
            if self.deaths[job.shard] >= ATTEMPTS:
                raise WorkersLost(
                    f"Workers died {ATTEMPTS} times with shard {job.shard} in hand (last: {why}), so one of its photos "
                    f"or the memory is too much for them. Its rows are in {job.rows.name} of the work folder. "
                    "Lower --threads or --processes, or take the photo out; then run the same command again."
                )
            self.waiting.append(job)  # last, so that a photo that kills its reader holds nothing up
