"""The Ray engine: actors on a cluster, each with one encoder, that take shards from a shared folder.

Every node needs the same checkout and environment, and sees the work folder and the photos under the same paths.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from geoloc_core.errors import GeolocError
from geoloc_core.paths import ROOT
from index_builder.embedding.embed import Job, ShardReport
from index_builder.embedding.engines import LANES, Backlog, Event, Lost, Ready, Setup, Ticked, WorkersLost

_EARLY_DEATHS = 10
_PATIENCE_S = 30.0  # without any worker ready, until that is said
_SENT_ALONG = (
    *(f"GEOLOC_{name}" for name in ("CONFIG", "CHECKPOINTS", "DEVICE", "DTYPE", "BATCH_SIZE")),
    *("HF_HOME", "HF_HUB_CACHE"),
)


class RayEngine:
    """Actors of a Ray cluster.

    Args:
        address: of a running cluster, such as `auto` or `ray://host:10001`; None starts one on this machine.
        processes: actors; 0 takes one for each GPU of the cluster, or for each node where there is none.
    """

    name = "ray"

    def __init__(self, address: str | None = None, processes: int = 0) -> None:
        self.address, self.processes = address, processes

    def run(self, jobs: Sequence[Job], setup: Setup) -> Generator[Event, None, None]:
        """See `Engine.run`.

        Raises:
            GeolocError: Ray is not installed, or the cluster does not answer.
        """
        with _connected(self.address) as ray:
            crew = _Crew(ray, setup, self.processes)
            yield from crew.work(Backlog(jobs))


class _Crew:
    """The actors of one run, and what each has in hand."""

    def __init__(self, ray: Any, setup: Setup, processes: int) -> None:
        self.ray, self.setup = ray, setup
        gpus = int(ray.cluster_resources().get("GPU", 0))
        nodes = sum(node["Alive"] for node in ray.nodes())
        self.wanted = processes or gpus or nodes
        self.options = {"num_cpus": 1, "num_gpus": int(gpus > 0), "max_concurrency": LANES + 1}
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        self.counter = ray.remote(_Counter).options(num_cpus=0, scheduling_strategy=here).remote()
        self.actors: dict[str, Any] = {}
        self.ready: set[str] = set()
        self.answers: dict[Any, str] = {}
        self.hired = self.early_deaths = 0
        self.heard = time.monotonic()

    def work(self, backlog: Backlog) -> Generator[Event, None, None]:
        while backlog.left:
            while len(self.actors) < min(self.wanted, backlog.left):
                self._hire()
            done, _ = self.ray.wait(list(self.answers), timeout=1.0)
            for answer in done:
                if answer in self.answers:
                    yield self._receive(answer, backlog)
            for worker in self.ready:
                while job := backlog.take(worker):
                    self.answers[self.actors[worker].embed.remote(job)] = worker
            if ticked := self._ticked():
                yield ticked
            self._complain()

    def _hire(self) -> None:
        self.hired += 1
        worker = f"actor {self.hired}"
        actor = self.ray.remote(_Actor).options(scheduling_strategy="SPREAD", **self.options)
        self.actors[worker] = actor.remote(self.setup, worker, self.counter)
        self.answers[self.actors[worker].ready.remote()] = worker

    def _receive(self, answer: Any, backlog: Backlog) -> Event:
        worker = self.answers.pop(answer)
        try:
            event: Event = self.ray.get(answer)
        except self.ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self.ray.exceptions.RayError as error:  # the actor, its process or its node is gone
            return self._bury(worker, type(error).__name__, backlog)
        self.heard = time.monotonic()
        if isinstance(event, Ready):
            self.ready.add(worker)
        elif isinstance(event, ShardReport):
            backlog.done(worker, event.shard)
        return event

    def _bury(self, worker: str, why: str, backlog: Backlog) -> Lost:
        self.early_deaths += worker not in self.ready
        if self.early_deaths >= _EARLY_DEATHS:
            raise WorkersLost(f"Actors die while they load the encoder ({why}). See Ray's logs; then run it again.")
        self.ready.discard(worker)
        self.ray.kill(self.actors.pop(worker))  # so that one that was merely cut off does not go on
        self.answers = {answer: owner for answer, owner in self.answers.items() if owner != worker}
        backlog.lost(worker, why)
        return Lost(worker, why)

    def _ticked(self) -> Ticked | None:
        try:
            rows, photos = self.ray.get(self.counter.take.remote(), timeout=5.0)
        except self.ray.exceptions.RayError:
            return None  # the bar stands still; the shards' reports still count
        return Ticked(rows, photos) if rows else None

    def _complain(self) -> None:
        if not self.ready and time.monotonic() - self.heard > _PATIENCE_S:
            self.heard = time.monotonic()
            asked = ", ".join(f"{value} {name}" for name, value in self.options.items() if name.startswith("num"))
            print(f"Ray has started no worker yet (each asks for {asked}). Are the nodes free?", file=sys.stderr)


class _Actor:
    """One encoder on some node of the cluster."""

    def __init__(self, setup: Setup, worker: str, counter: Any) -> None:
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray sets it to 1
        self.setup, self.worker, self.counter = setup, worker, counter

    def ready(self) -> Ready:
        from index_builder.embedding.engines.worker import start

        self.embedder, ready = start(self.setup, self.worker)
        return ready

    def embed(self, job: Job) -> ShardReport:
        return self.embedder.embed_shard(job, lambda rows, photos: self.counter.add.remote(rows, photos))


class _Counter:
    """Progress of all actors since it was last asked."""

    def __init__(self) -> None:
        self.rows = self.photos = 0

    def add(self, rows: int, photos: int) -> None:
        self.rows, self.photos = self.rows + rows, self.photos + photos

    def take(self) -> tuple[int, int]:
        taken = self.rows, self.photos
        self.rows = self.photos = 0
        return taken


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Ray, connected to the cluster for the time of the block."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:  # Ray listens on every interface: let nobody in who does not know this run's token
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    try:
        import ray
    except ImportError:
        raise GeolocError("The engine ray needs Ray. Install it: pip install -r requirements-ray.txt") from None
    sent = {name: os.environ[name] for name in _SENT_ALONG if name in os.environ}
    options: dict[str, Any] = {"runtime_env": {"env_vars": {**sent, "PYTHONPATH": str(ROOT)}}}
    if address is None:
        options |= {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise GeolocError(
            f"No Ray cluster answers at {address or 'this machine'} ({str(error)[:200]}). Start one with "
            "`ray start --head`, or leave --ray-address out to start one here."
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()
