"""The loop over epochs and steps that every network here is trained by. Imports torch."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch

from geoloc_core.errors import Diverged, ModelError
from index_builder.files import telling
from index_builder.training import folder, order, state
from index_builder.training.checkpointing import checkpoint_blocks
from index_builder.training.devices import Devices
from index_builder.training.events import Event, OnEvent, Said, Stepped, Validated
from index_builder.training.journal import Journal
from index_builder.training.loading import ahead, default_workers
from index_builder.training.progress import Progress, Result
from index_builder.training.recipe import Recipe, Running
from index_builder.training.schedule import optimiser, rate, set_rate
from index_builder.training.stopping import Stopping
from index_builder.training.tally import Tally
from index_builder.training.task import Batch, Losses, Rows, Step, Task


def run(
    task: Task,
    recipe: Recipe,
    out: Path,
    *,
    running: Running | None = None,
    resume: bool = True,
    on_event: OnEvent | None = None,
) -> Result:
    """Train, or go on training; a run that is complete is told again without a step.

    Args:
        task: what is to be learned; its network is changed in place and ends as after the last step. Every process of
            a distributed run calls this with an equal one.
        recipe: how.
        out: the run's folder, see the package; processes on several machines need it in common.
        running: how this machine goes about it.
        resume: go on from the last state in `out`, if there is one; else what is there is dropped.
        on_event: told of what happens, in the main process.

    Raises:
        Diverged: the loss or a weight is no number any more; the last state saved is from before.
        ModelError: `out` holds a run of another recipe, task or data, or what was asked for cannot be done.
        CheckpointMisfit: all states in `out` are damaged.
        GeolocError: no room on the disk, or it may not be written.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the state has been saved.
    """
    with ExitStack() as stack:
        running = running or Running()
        devices = Devices(recipe.precision, running.device, partial=task.partial)
        if devices.main:
            stack.enter_context(telling(out))
            stack.enter_context(folder.alone(out))
            folder.prepare(out, recipe, task.facts(), resume=resume)
        devices.wait()
        return _Run(task, recipe, running, out, devices, on_event if devices.main else None).go()


class _Run:
    """One start of a run: from its last state to its end, or to where it is stopped."""

    def __init__(
        self, task: Task, recipe: Recipe, running: Running, out: Path, devices: Devices, on_event: OnEvent | None
    ) -> None:
        self.task, self.recipe, self.running, self.out, self.devices = task, recipe, running, out, devices
        self._on_event = on_event
        self.network = task.network.to(devices.device)
        if running.checkpointing:
            checkpoint_blocks(self.network)
        own = optimiser(self.network, recipe)
        self.progress, self.tally = Progress(), Tally()
        self._restore(own)
        self.model, self.optimiser = devices.prepare(self.network, own)
        self.learned = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.steps = len(task.batches(0))  # of an epoch
        self._micro = running.micro_batch if task.divisible else 0
        self._gradient: torch.Tensor | None = None
        self._rows, self._since = 0, 0.0

    def go(self) -> Result:
        """Train until the last epoch, an early stop, or somebody's wish."""
        progress = self.progress
        with ExitStack() as stack:
            self._stopping = stack.enter_context(Stopping())
            self._journal = self._open_journal(stack)
            self._say(self.devices.about)
            stack.callback(self.devices.release, self.model)
            while not progress.ended and progress.step < self.recipe.epochs * self.steps:
                self._epoch(progress.step // self.steps)
        return progress.result(self.out, self.recipe, self.steps)

    def _epoch(self, epoch: int) -> None:
        batches = self.task.batches(epoch)
        order.check_epoch(batches, self.steps)
        self.model.train()
        self._since, self._rows = time.perf_counter(), 0
        for step, count, made in self._loaded(epoch, batches):
            self._step(step, count, made)
            self._after(step)
        self._read_losses()
        self._end_epoch(epoch)

    def _loaded(self, epoch: int, batches: Sequence[Rows]) -> Iterator[tuple[Step, int, Iterator[Batch]]]:
        """The epoch's steps that are left, how many micro-batches each has here, and where they come from."""
        first = self.progress.step - epoch * self.steps
        asked: list[tuple[Rows, Step]] = []
        counts: list[tuple[Step, int]] = []
        for number, rows in enumerate(batches[first:], self.progress.step):
            step = Step(number, epoch, rows)
            own = order.shares(rows, self.devices.world, self._micro)[self.devices.rank]
            counts.append((step, len(own)))
            asked.extend((part, step) for part in own)
        workers = self.running.workers
        workers = default_workers(self.devices.world) if workers is None else workers
        made = ahead(asked, self.task.batch, workers, pin=self.devices.device.type == "cuda")
        for step, count in counts:
            yield step, count, made

    def _step(self, step: Step, count: int, made: Iterator[Batch]) -> None:
        torch.manual_seed(order.seed_of(self.recipe.seed, step.number, self.devices.rank))
        set_rate(self.optimiser, rate(self.recipe, step.number, self.steps))
        losses: list[Losses] = []
        for last in (number == count - 1 for number in range(count)):
            batch = self.devices.place(next(made))
            with self.devices.quiet(self.model, last=last):
                micro = self.task.loss(self.model, batch)
                self.devices.backward(micro.total)
            losses.append(micro.detached())
        if self.recipe.clip:
            self._gradient = self.devices.engine.clip_grad_norm_(self.learned, self.recipe.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.tally.add(losses)
        self.progress.step += 1
        self._rows += len(step.rows)

    def _after(self, step: Step) -> None:
        """Tell, save and stop where it is time to."""
        done = self.progress.step
        told = done % max(1, self.running.log_every) == 0
        if told:
            self._tell(step)
        if done % self.steps == 0:
            return  # the epoch's end has its own
        if self.running.save_every and done % self.running.save_every == 0:
            self._save()
        if (told or self.devices.world == 1) and self.devices.anyone(self._stopping.asked):
            self._save()
            self._say(f"Saved after step {done:,} of {self.recipe.epochs * self.steps:,}.")
            raise KeyboardInterrupt

    def _tell(self, step: Step) -> None:
        self._read_losses()
        since, rows = self._count_seconds()
        loss, parts = self.tally.window.taken()
        left = self.recipe.epochs * self.steps - self.progress.step
        event = Stepped(
            epoch=step.epoch + 1,
            step=self.progress.step,
            steps=self.recipe.epochs * self.steps,
            loss=loss,
            parts=parts,
            learning_rate=rate(self.recipe, step.number, self.steps),
            gradient=None if self._gradient is None else _number(self._gradient.item()),
            photos_per_s=rows / max(since, 1e-9),
            seconds=self.progress.seconds,
            left_s=left * self.progress.seconds / self.progress.step,
        )
        if self._journal:
            self._journal.stepped(event)
        self._tell_of(event)

    def _end_epoch(self, epoch: int) -> None:
        """Validate in the main process, publish if it is the best, save."""
        self._count_seconds()
        progress = self.progress
        if self.devices.main:
            metrics = self._validated()
            better = progress.note(epoch + 1, metrics, self.recipe)
            loss, parts = self.tally.epoch.taken()
            event = Validated(epoch + 1, progress.step, loss, parts, metrics, better, progress.seconds)
            if better:
                self.task.publish(self.network, self.out / folder.BEST, metrics)
            if self._journal:
                self._journal.validated(event)
            self._tell_of(event)
        progress.ended = self.devices.anyone(progress.ended)
        self._save()
        if self.devices.anyone(self._stopping.asked) and progress.step < self.recipe.epochs * self.steps:
            raise KeyboardInterrupt

    def _validated(self) -> dict[str, float]:
        self.network.eval()
        with torch.inference_mode():
            metrics = {name: float(value) for name, value in self.task.validate(self.network).items()}
        if self.recipe.best in metrics:
            return metrics
        raise ModelError(f"Validation gives no figure {self.recipe.best!r}. Choose one of {', '.join(metrics)}.")

    def _read_losses(self) -> None:
        if self.tally.read(self.devices.summed):
            return
        raise Diverged(
            f"The loss is no number any more at about step {self.progress.step:,}, with the learning rate "
            f"{rate(self.recipe, self.progress.step - 1, self.steps):.2g}. Begin anew with --restart and a lower "
            "--learning-rate, a longer --warmup, or --precision no."
        )

    def _count_seconds(self) -> tuple[float, int]:
        """Seconds and rows since it was last asked."""
        now = time.perf_counter()
        since, rows = now - self._since, self._rows
        self.progress.seconds += since
        self._since, self._rows = now, 0
        return since, rows

    def _save(self) -> None:
        self._read_losses()
        if self.devices.main:
            bad = [name for name, value in self.network.named_parameters() if not value.isfinite().all()]
            if bad:
                raise Diverged(
                    f"Weights such as {bad[0]} are no numbers any more after step {self.progress.step:,}. Begin anew "
                    "with --restart and a lower --learning-rate."
                )
            facts = {"progress": vars(self.progress), "tally": self.tally.facts(), "scale": self.devices.scale}
            state.save(self.out / folder.STATE, self.progress.step, self.network, self.optimiser, facts)
        self.devices.wait()

    def _restore(self, own: torch.optim.Optimizer) -> None:
        damaged = "{} is damaged; going on from the one before."
        found = state.latest(self.out / folder.STATE, lambda file: self._say(damaged.format(file.name)))
        self._scale: dict[str, Any] | None = None
        if found is None:
            return
        found.restore(self.network, own)
        self.progress = Progress(**found.facts["progress"])
        self.tally.restore(found.facts["tally"])
        self._scale = found.facts["scale"]
        self._say(f"Going on after step {self.progress.step:,}.")

    def _open_journal(self, stack: ExitStack) -> Journal | None:
        self.devices.scale = self._scale
        if not self.devices.main:
            return None
        journal = Journal(self.out, self.progress.step, tensorboard=self.running.tensorboard, say=self._say)
        return stack.enter_context(closing(journal))

    def _say(self, text: str) -> None:
        self._tell_of(Said(text))

    def _tell_of(self, event: Event) -> None:
        if self._on_event:
            self._on_event(event)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
