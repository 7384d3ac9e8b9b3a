"""`train-signs`: how far each kind of clue is believed, learned on drawn photos of signs and on typed texts.

The temperature of each kind (see `geoloc_core.signs.combine`) is moved down the mean of

    - log P(country) - 1/2 log P(within 25 km)

over the training data by coordinate descent over a grid, with a pull towards the cautious default that weighs as much
as some photos do, so that a kind seldom met keeps it. Five folds say what the same procedure gains on data it has not
seen. The test's towns and texts are never looked at. The misled share stays at its default: how often signs mislead in
drawn photos and typed texts was our own choice, so it cannot be learned from them.
"""

from __future__ import annotations

import datetime
import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import GeolocError
from geoloc_core.files import replacing
from geoloc_core.geo import EARTH_RADIUS_KM, Floats, unit_vectors
from geoloc_core.signs import clues as kinds
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.combine import WEIGHTS, Weight, relative_fit
from geoloc_core.signs.ground import ground
from geoloc_core.signs.lookalike import undisguised_writing
from geoloc_core.signs.writing import Writing
from index_builder.signs.readings import Progress, readings

TEXTS = Path(__file__).parent / "data" / "texts.toml"
SEED, FOLDS, ROUNDS = 1, 5, 6
TEMPERATURES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # above 1 a clue would count for more than it says
UNTAUGHT = ("vocabulary",)  # written with the typed texts at hand, and drawn signs know no national wording: neither
# can say how good it is, so it keeps the default
_PULL = 6.0
_NEAR_KM, _NEAR_WORTH = 25.0, 0.5
_STEP = 0.05  # logarithms of fits this close are taken as one


@dataclass(frozen=True, eq=False)
class Lesson:
    """Clues of one photo over the places that they tell apart.

    Attributes:
        kinds: of the clues.
        trust: (c,) of the clues.
        ratio: (c, g) fit over its mean under the prior, for g groups of places.
        mass: (3, g) prior of each group: everywhere, in the true country, near the true place.
    """

    kinds: tuple[str, ...]
    trust: Floats
    ratio: Floats
    mass: Floats

    def loss(self, weights: Mapping[str, Weight]) -> float:
        """- log P(country) - 1/2 log P(near)."""
        logs = np.zeros(self.mass.shape[1])
        for kind, trust, ratio in zip(self.kinds, self.trust, self.ratio, strict=True):
            weight = weights.get(kind, Weight())
            misled = 1 - trust * (1 - weight.misled)
            logs += weight.temperature * np.log(np.maximum(misled + (1 - misled) * ratio, 1e-12))
        everywhere, country, near = np.log(np.maximum(self.mass @ np.exp(logs - logs.max()), 1e-30))
        return float(everywhere - country + _NEAR_WORTH * (everywhere - near))


@dataclass(frozen=True, eq=False)
class Lessons:
    """Training data, indexed by kind of clue."""

    all: tuple[Lesson, ...]

    @cached_property
    def having(self) -> dict[str, NDArray[np.intp]]:
        """Kind -> indices of the lessons that have such a clue."""
        found = sorted({kind for lesson in self.all for kind in lesson.kinds})
        return {kind: np.array([i for i, x in enumerate(self.all) if kind in x.kinds]) for kind in found}

    def loss(self, weights: Mapping[str, Weight]) -> float:
        """The mean loss."""
        return float(np.mean([lesson.loss(weights) for lesson in self.all]))


def lesson(clues: Sequence[Clue], country: str, lat: float, lon: float) -> Lesson:
    """The clues of a photo taken at (lat, lon) over the places of the ground, places alike gathered."""
    on = ground().with_spots(clues)
    ratio = np.array([relative_fit(on, clue) for clue in clues]).reshape(len(clues), -1)
    own = on.country == (on.codes.index(country) if country in on.codes else -1)
    angle = np.arccos(np.clip(on.vectors @ unit_vectors((lat, lon))[0], -1, 1))
    near = angle * EARTH_RADIUS_KM <= _NEAR_KM
    near[np.argmin(angle)] = True
    coarse = np.round(np.log(ratio + 1e-4) / _STEP).astype(np.int64)
    odd = np.random.default_rng(0).integers(1, 2**62, (len(clues), 1)) * 2 + 1
    alike = np.unique((coarse * odd).sum(0), return_inverse=True)[1]  # sums of unlike rows hardly ever meet in 64 bits
    groups = int(alike.max()) + 1
    mass = np.array([np.bincount(alike, on.prior * part, groups) for part in (np.ones(len(own)), own, near)])
    means = [np.bincount(alike, on.prior * row, groups) / mass[0] for row in ratio]
    return Lesson(
        tuple(clue.kind for clue in clues),
        np.array([clue.trust for clue in clues]),
        np.array(means).reshape(len(clues), groups),
        mass,
    )


def lessons(photos: int, kept: Path, seed: int = SEED, on_progress: Progress = lambda done, of: None) -> Lessons:
    """Those of `photos` drawn photos and of the typed texts, without the ones in which no clue was found.

    Raises:
        ReaderError: there is no reader.
        GeolocError: the typed texts are damaged.
    """
    read = [(r.writing, r.country, r.lat, r.lon) for r in readings(photos, seed, "train", kept, on_progress)]
    found = []
    for writing, country, lat, lon in [*read, *typed_texts()]:
        if clues := kinds.find(undisguised_writing(writing)):
            found.append(lesson(clues, country, lat, lon))
    return Lessons(tuple(found))


def typed_texts(path: Path = TEXTS) -> list[tuple[Writing, str, float, float]]:
    """(writing, country, lat, lon) of the training texts; none if the file is not there.

    Raises:
        GeolocError: an entry has no lines, country or place.
    """
    if not path.exists():
        return []
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["text"]
        return [
            (Writing.typed("\n".join(e["lines"])), str(e["country"]), float(e["lat"]), float(e["lon"])) for e in entries
        ]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise GeolocError(
            f"{path} cannot be read ({error!r}). Each [[text]] needs lines, country, lat, lon."
        ) from error


def learn(data: Lessons, which: Iterable[int] | None = None) -> dict[str, Weight]:
    """The weights that fit the lessons `which` (by default all) best."""
    chosen = np.arange(len(data.all)) if which is None else np.array(sorted(which))
    weights = {kind: Weight() for kind in data.having}
    rows = {kind: np.intersect1d(having, chosen) for kind, having in data.having.items()}
    for _ in range(ROUNDS):
        before = dict(weights)
        for kind, own in rows.items():
            if not len(own) or kind in UNTAUGHT:
                continue
            mine = [data.all[i] for i in own]
            options = [replace(weights[kind], temperature=value) for value in TEMPERATURES]
            costs = [_cost(mine, {**weights, kind: option}, option) for option in options]
            weights[kind] = options[int(np.argmin(costs))]
        if weights == before:
            break
    return weights


def _cost(mine: Sequence[Lesson], weights: Mapping[str, Weight], own: Weight) -> float:
    """Sum of losses, and the pull of the defaults."""
    usual = Weight()
    pull = math.log(own.temperature / usual.temperature) ** 2
    return sum(x.loss(weights) for x in mine) + _PULL * pull


@dataclass(frozen=True)
class Learned:
    """Weights and what they gained: mean losses with the defaults, as learned, and of folds that were left out."""

    weights: dict[str, Weight]
    counts: dict[str, int]
    before: float
    after: float
    unseen: float

    def __str__(self) -> str:
        rows = ["| clue | temperature | misled | photos |", "|---|---:|---:|---:|"]
        rows += [f"| {k} | {w.temperature:g} | {w.misled:g} | {self.counts[k]:,} |" for k, w in self.weights.items()]
        losses = (
            f"{self.before:.4f} with the defaults, {self.after:.4f} as learned, {self.unseen:.4f} on left-out folds"
        )
        return "\n".join([*rows, "", f"Mean loss {losses}."])


def train(data: Lessons) -> Learned:
    """Learn on all, and on all but each fold."""
    weights = learn(data)
    unseen = 0.0
    for fold in range(FOLDS):
        out = [i for i in range(len(data.all)) if i % FOLDS == fold]
        without = learn(data, set(range(len(data.all))) - set(out))
        unseen += sum(data.all[i].loss(without) for i in out)
    counts = {kind: len(rows) for kind, rows in data.having.items()}
    return Learned(weights, counts, data.loss({}), data.loss(weights), unseen / len(data.all))


def write(learned: Learned, about: str, out: Path = WEIGHTS, seed: int = SEED) -> None:
    """Write the weights with where they come from; `combine.learned` reads them back."""
    record = {
        "learned_on": about,
        "seed": seed,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "version": 1,
        "loss": {
            "defaults": round(learned.before, 4),
            "learned": round(learned.after, 4),
            "folds": round(learned.unseen, 4),
        },
        "kinds": {
            kind: {"temperature": w.temperature, "misled": w.misled, "photos": learned.counts[kind]}
            for kind, w in learned.weights.items()
        },
    }
    with replacing(out) as file:
        file.write((json.dumps(record, indent=2) + "\n").encode())
