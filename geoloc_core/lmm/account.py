"""What was put to a model and what came of it, kept with the prediction so that a person can check every word."""

from __future__ import annotations

from dataclasses import dataclass

from geoloc_core.lmm.base import Ask, Said
from geoloc_core.lmm.reading import Reading


@dataclass(frozen=True)
class Exchange:
    """One question with its replies; `readings` holds what each of `said.replies` was understood to say."""

    ask: Ask
    said: Said
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Account:
    """All exchanges behind a prediction.

    Attributes:
        destination: where the photo went, or "this machine".
        exchanges: one; a second if the model was asked to choose among candidates.
        cost: US dollars, None where the price is not known.
    """

    destination: str
    exchanges: tuple[Exchange, ...]
    cost: float | None
