"""Clues into one answer: their likelihoods multiplied over the ground, each as far as its kind has earned.

For a clue of kind k with trust t and fit f, a place x gains the lift

    l(x) = m + (1 - m) f(x) / mean(f),    m = 1 - t (1 - misled_k),

where the mean is over the prior: what the sign is worth if it speaks for its own place (1 - m), and nothing if it does
not (a poster of Paris in Tokyo). The answer is prior(x) * product of l(x) ** temperature_k, summing to 1. A temperature
below 1 accounts for clues of a kind that repeat one another. `index_builder.signs.weights` learns the temperatures, and
`assets/signs/weights.json` says on what.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from geoloc_core.errors import GeolocError
from geoloc_core.geo import Floats
from geoloc_core.paths import ASSETS
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.ground import Ground, ground

WEIGHTS = ASSETS / "signs" / "weights.json"


@dataclass(frozen=True)
class Weight:
    """How far a kind of clue is believed: the exponent of its lift, and how often it misleads."""

    temperature: float = 0.8
    misled: float = 0.15


@dataclass(frozen=True)
class Weights:
    """The weight of each kind of clue, and what they were learned on."""

    kinds: Mapping[str, Weight] = field(default_factory=dict)
    learned_on: str = ""

    def of(self, kind: str) -> Weight:
        """A kind's weight; that of a kind nobody has learned yet is a cautious one."""
        return self.kinds.get(kind, Weight())


@dataclass(frozen=True)
class Weighed:
    """A clue and what it came to.

    Attributes:
        clue: the clue.
        bits: how much it alone narrows the world down: the Kullback-Leibler divergence from the prior, as weighed.
        lift: factor by which it raises (or lowers, below 1) the place that is named in the end.
        struck: left out because somebody does not believe it; `lift` says what it would do.
    """

    clue: Clue
    bits: float
    lift: float
    struck: bool = False


@dataclass(frozen=True, eq=False)
class Belief:
    """What all clues together say: a probability for each place of the ground."""

    ground: Ground
    mass: Floats

    def countries(self) -> list[tuple[str, float]]:
        """ISO 3166 alpha-2 codes with their probabilities, the likeliest first."""
        return self.ground.shares(self.mass)


def combine(clues: Sequence[Clue], weights: Weights | None = None) -> Belief:
    """The clues multiplied; without any, the prior.

    Args:
        clues: any number.
        weights: how far each kind is believed; by default as learned.
    """
    return _multiply(ground().with_spots(clues), clues, weights or learned())


def _multiply(on: Ground, clues: Sequence[Clue], weights: Weights) -> Belief:
    logs = np.log(on.prior)
    for clue in clues:
        logs += log_lift(on, clue, weights.of(clue.kind))
    mass = np.exp(logs - logs.max())
    return Belief(on, mass / mass.sum())


def log_lift(on: Ground, clue: Clue, weight: Weight) -> Floats:
    """(n,) natural logarithm of a clue's lift at every place of the ground, times its temperature."""
    ratio = relative_fit(on, clue)
    misled = 1 - clue.trust * (1 - weight.misled)
    return weight.temperature * np.log(np.maximum(misled + (1 - misled) * ratio, 1e-12))


def relative_fit(on: Ground, clue: Clue) -> Floats:
    """(n,) fit of a clue over its mean under the prior; 1 everywhere for a clue that fits nowhere."""
    fit = on.fit(clue)
    mean = float(on.prior @ fit)
    return fit / mean if mean > 0 else np.ones_like(fit)


def weigh(
    clues: Sequence[Clue],
    belief: Belief,
    at: tuple[float, float],
    struck: Collection[tuple[str, str]] = (),
    weights: Weights | None = None,
) -> tuple[Weighed, ...]:
    """Each clue with what it came to, those that speak most for `at` (lat, lon) first, the struck ones last."""
    on, weights = belief.ground, weights or learned()
    row, _ = on.nearest(*at)
    found = []
    for clue in clues:
        logs = log_lift(on, clue, weights.of(clue.kind))
        alone = on.prior * np.exp(logs)
        alone /= alone.sum()
        bits = float(np.sum(alone * (np.log2(np.maximum(alone, 1e-300)) - np.log2(on.prior))))
        found.append(Weighed(clue, max(bits, 0.0), float(np.exp(logs[row])), clue.key in struck))
    return tuple(sorted(found, key=lambda w: (w.struck, -w.lift)))


@cache
def learned(path: Path = WEIGHTS) -> Weights:
    """The weights that ship with Geoloc.

    Raises:
        GeolocError: the file is missing or damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        kinds = {
            str(kind): Weight(float(row["temperature"]), float(row["misled"])) for kind, row in data["kinds"].items()
        }
        if any(not (0 <= w.temperature <= 2 and 0 <= w.misled < 1) for w in kinds.values()):
            raise ValueError("a weight out of range")
        return Weights(kinds, str(data["learned_on"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GeolocError(f"The weights of clues in {path} cannot be read ({error}). Restore assets/signs.") from error
