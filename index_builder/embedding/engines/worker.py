"""What a worker does under every engine: load the encoder once, then embed shards, `LANES` at a time."""

from __future__ import annotations

import os

from geoloc_core.encoders import create
from geoloc_core.errors import EncoderMismatch
from index_builder.embedding.embed import Embedder
from index_builder.embedding.engines import Ready, Setup

_MOST_THREADS = 16


def start(setup: Setup, worker: str) -> tuple[Embedder, Ready]:
    """Load the encoder and say what was chosen.

    Raises:
        EncoderError: it cannot be used here, or is another one than the build began with.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else torch's idle threads spin and starve those that read
    name = setup.encoder.name
    encoder = create(name)
    encoder.load()
    if encoder.id != setup.encoder.id:
        raise EncoderMismatch(
            f"The encoder {name} is {encoder.id} here, but {setup.encoder.id} where the build began. "
            "Give every machine the same checkpoint."
        )
    embedder = Embedder(encoder, setup.threads or threads_here())
    choices = {name: str(choice) for name, choice in encoder.choices.items()}
    dtype = encoder.choices["dtype"].value if "dtype" in encoder.choices else "float32"
    return embedder, Ready(worker, encoder.dim, dtype, choices)


def threads_here() -> int:
    """Threads that read ahead: one for each core this process may use, up to 16."""
    return max(2, min(_MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4))
