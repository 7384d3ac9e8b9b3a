"""What an epoch of training came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """Mean loss on the training photos, InfoNCE on unseen ones, and how long it took."""

    number: int
    loss: float
    validation_loss: float
    seconds: float
