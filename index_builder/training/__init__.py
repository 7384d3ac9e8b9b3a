"""Training by gradient descent, the same for every network: `run(task, recipe, folder)`. Imports torch.

A `Task` knows its network, its data and its loss; a `Recipe` says what is to be learned how fast; `Running` says how
this machine goes about it. The engine brings mixed precision, several GPUs and gradient accumulation (through
`accelerate`), warm-up and cosine, checkpoints that outlive a crash, and curves.

What a run folder holds:

    recipe.json             what was asked for, and what the task says of its data and network
    metrics.jsonl           a row every few steps and one an epoch: losses, learning rate, photos/s (see `read_metrics`)
    tensorboard/            the same, if that package is installed
    state/state-*.safetensors   the last two states to go on from
    best/                   the model as published by the task, of the best epoch so far

Nothing random is drawn from a generator whose state would have to be kept: the order of the photos depends on seed and
epoch, what is done to a photo on seed, epoch and row, and dropout on seed and step. So a run that was killed goes on as
if nothing had happened.
"""

from __future__ import annotations

from index_builder.training.engine import Result, run
from index_builder.training.events import Event, Said, Stepped, Validated
from index_builder.training.journal import read_metrics
from index_builder.training.order import shuffled
from index_builder.training.recipe import Recipe, Running
from index_builder.training.task import Batch, Losses, Step, Task

__all__ = [
    "Batch",
    "Event",
    "Losses",
    "Recipe",
    "Result",
    "Running",
    "Said",
    "Step",
    "Stepped",
    "Task",
    "Validated",
    "read_metrics",
    "run",
    "shuffled",
]
