"""Where a run happens: one device or several processes, in which numbers, through `accelerate`. Imports torch."""

from __future__ import annotations

import importlib.util
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

import torch
from torch import nn

from geoloc_core.errors import ModelError
from index_builder.training.precision import choose
from index_builder.training.task import Batch

_PATIENCE = timedelta(hours=2)  # that processes wait for the one that validates
MISSING = "Training needs the package accelerate. Install it: pip install -r requirements-train.txt"


def is_main() -> bool:
    """Whether this process is the one that writes."""
    return not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0


class Devices:
    """The processes of a run, and this one's device.

    Attributes:
        rank, world: this process's number, of how many; several are started by torchrun or `accelerate launch`.
        main: whether it is the one that writes.
        about: a sentence on device and precision, with the reason.
    """

    def __init__(self, precision: str, device: str, *, partial: bool) -> None:
        if importlib.util.find_spec("accelerate") is None:
            raise ModelError(MISSING)
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
        from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

        AcceleratorState._reset_state(reset_partial_state=True)  # or a second run would get the first one's settings
        cpu = device == "cpu" or not (torch.cuda.is_available() or torch.backends.mps.is_available())
        kind = "cpu" if cpu else "cuda" if torch.cuda.is_available() else "mps"
        choice = choose(precision, kind)
        self._handlers = [
            DistributedDataParallelKwargs(find_unused_parameters=partial),
            InitProcessGroupKwargs(timeout=_PATIENCE),
        ]
        self.engine: Any = Accelerator(mixed_precision=choice.value, cpu=cpu, kwargs_handlers=self._handlers)
        self.rank, self.world = int(self.engine.process_index), int(self.engine.num_processes)
        self.main = self.rank == 0
        self.device = self.engine.device
        several = f" in {self.world} processes" if self.world > 1 else ""
        numbers = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}[choice.value]
        self.about = f"On {self.device.type}{several}, in {numbers}: {choice.reason}."

    def prepare(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """The network to train through, on the device and with gradients shared, and the optimiser over it."""
        network.to(self.device)
        return self.engine.prepare(network, optimiser)

    def place(self, batch: Batch) -> Batch:
        """A batch on the device."""
        return {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}

    def quiet(self, model: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
        """Keeps gradients to this process but for the last micro-batch of a step."""
        return nullcontext() if last else self.engine.no_sync(model)

    def backward(self, loss: torch.Tensor) -> None:
        """Gradients of this process's part of the step's loss; processes' are averaged, where a sum is meant."""
        self.engine.backward(loss * self.world)

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """Over all processes."""
        return self.engine.reduce(values, "sum") if self.world > 1 else values

    def anyone(self, asked: bool) -> bool:
        """Whether any process says so."""
        if self.world == 1:
            return asked
        return bool(self.summed(torch.tensor(float(asked), device=self.device)).item())

    def wait(self) -> None:
        """For all processes."""
        self.engine.wait_for_everyone()

    def release(self, model: nn.Module) -> None:
        """Give the network back as it was, but for its numbers."""
        self.engine.unwrap_model(model, keep_fp32_wrapper=False)

    @property
    def scale(self) -> dict[str, Any] | None:
        """What float16's scaling of the loss has come to."""
        scaler = self.engine.scaler
        return dict(scaler.state_dict()) if scaler is not None else None

    @scale.setter
    def scale(self, value: dict[str, Any] | None) -> None:
        if value and self.engine.scaler is not None:
            self.engine.scaler.load_state_dict(value)
