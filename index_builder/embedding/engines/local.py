"""The local engine: processes on this machine, one for each GPU, or one. A process that dies is replaced."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from index_builder.embedding.embed import Job, ShardReport
from index_builder.embedding.engines import LANES, Backlog, Event, Lost, Ready, Setup, Ticked, WorkersLost

_EARLY_DEATHS = 3  # workers that die before they are ready until the run is given up
_GPUS = "CUDA_VISIBLE_DEVICES"
_numbers = itertools.count(1)


@dataclass
class _Worker:
    name: str
    process: SpawnProcess
    pipe: Connection
    ready: bool = False


class LocalEngine:
    """Processes of this machine.

    Args:
        processes: how many; 0 takes one for each GPU, and one where there is none.
    """

    name = "local"

    def __init__(self, processes: int = 0) -> None:
        self.processes = processes

    def run(self, jobs: Sequence[Job], setup: Setup) -> Generator[Event, None, None]:
        """See `Engine.run`."""
        backlog = Backlog(jobs)
        workers: dict[int, _Worker] = {}
        early_deaths, wanted, gpus = 0, 1, 0  # the first worker finds out how many GPUs there are
        try:
            while backlog.left:
                for slot in range(min(wanted, backlog.left)):
                    if slot not in workers:
                        workers[slot] = _spawn(setup, slot % gpus if gpus > 1 else None)
                for slot, message in _messages(workers):
                    match message:
                        case Exception():
                            raise message
                        case ShardReport():
                            backlog.done(workers[slot].name, message.shard)
                        case Ready():
                            workers[slot].ready = True
                            gpus = max(gpus, int(message.choices.pop(_GPUS)))
                            wanted = self.processes or max(1, gpus)
                        case Lost():
                            early_deaths += not workers[slot].ready
                            worker = workers.pop(slot)
                            backlog.lost(worker.name, message.why)
                            _end(worker)
                            if early_deaths >= _EARLY_DEATHS:
                                raise WorkersLost(
                                    f"Workers die while they load the encoder (last: {message.why}). Is the memory "
                                    "enough? Close other programs or choose a smaller encoder, then run it again."
                                )
                    yield message
                _hand_out(backlog, workers)
        finally:
            for worker in workers.values():
                _end(worker)


def _messages(workers: dict[int, _Worker]) -> list[tuple[int, Event | Exception]]:
    """What workers have said, waiting up to a second for it; a broken pipe is a death."""
    by_pipe = {worker.pipe: slot for slot, worker in workers.items()}
    said: list[tuple[int, Event | Exception]] = []
    for pipe in connection.wait(list(by_pipe), timeout=1.0):
        slot = by_pipe[pipe]  # type: ignore[index]
        try:
            said.append((slot, workers[slot].pipe.recv()))
        except (EOFError, OSError):
            process = workers[slot].process
            process.join(5)
            said.append((slot, Lost(workers[slot].name, _cause(process.exitcode))))
    return said


def _hand_out(backlog: Backlog, workers: dict[int, _Worker]) -> None:
    for worker in workers.values():
        while worker.ready and (job := backlog.take(worker.name)):
            with contextlib.suppress(OSError):  # it died; the pipe will say so
                worker.pipe.send(job)


def _spawn(setup: Setup, gpu: int | None) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    name = f"worker {next(_numbers)}"
    process = context.Process(target=_work, args=(theirs, setup, name, gpu), name=name, daemon=True)
    process.start()
    theirs.close()
    return _Worker(name, process, ours)


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()  # files appear whole or not at all, so there is nothing to wait for
    worker.process.join()


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"{name}: killed, perhaps for memory" if name == "SIGKILL" else name
    return f"exit status {exitcode}"


def _work(pipe: Connection, setup: Setup, name: str, gpu: int | None) -> None:
    """A worker process: says Ready, then embeds the jobs that come until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if gpu is not None:
        visible = os.environ.get(_GPUS)
        os.environ[_GPUS] = visible.split(",")[gpu] if visible else str(gpu)
    say = _Saying(pipe)
    try:
        from index_builder.embedding.engines.worker import start

        embedder, ready = start(setup, name)
    except Exception as error:
        say(error)
        return
    ready.choices[_GPUS] = str(_gpus_here())
    say(ready)

    def embed(job: Job) -> None:
        try:
            say(embedder.embed_shard(job, lambda rows, photos: say(Ticked(rows, photos))))
        except Exception as error:
            say(error)

    with ThreadPoolExecutor(LANES, thread_name_prefix="lane") as lanes, contextlib.suppress(EOFError, OSError):
        while True:
            lanes.submit(embed, pipe.recv())


class _Saying:
    """Sends messages to the parent, one at a time."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe, self.lock = pipe, threading.Lock()

    def __call__(self, message: object) -> None:
        with self.lock:
            self.pipe.send(message)


def _gpus_here() -> int:
    """GPUs that torch sees, if the encoder needed torch at all."""
    torch = sys.modules.get("torch")
    return torch.cuda.device_count() if torch else 0


def _die_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)
