"""What the classifier scores on lines in fonts that it never saw, and how sure it must be before it speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from geoloc_core.signs.shape import NONE, Classifier
from index_builder.signs.script.data import draw
from index_builder.signs.script.lines import Painter

HEIGHTS = (10, 14, 20, 32)
TEMPERATURES = tuple(np.round(np.arange(0.6, 2.01, 0.1), 1).tolist())
PRECISION = 0.95  # what an answer must be worth over all lines
FLOOR = 0.5


@dataclass(frozen=True)
class Exam:
    """Lines to be judged on.

    Attributes:
        images: the lines.
        truths: the script of most letters of each.
        heights: pixels each measured in its photo.
    """

    images: Sequence[Image]
    truths: NDArray[np.str_]
    heights: NDArray[np.int64]


def exam(painter: Painter, classes: Sequence[str], each: int, seed: int) -> Exam:
    """`each` lines of every class, with the painter's fonts, in turn of each of `HEIGHTS`."""
    rng = Random(seed)
    drawn = [draw(painter, name, rng, HEIGHTS[i % len(HEIGHTS)]) for name in classes for i in range(each)]
    truths = np.array([max(line.shares, key=lambda s: line.shares[s]) for line in drawn])
    return Exam([line.image for line in drawn], truths, np.array([line.height for line in drawn]))


def calibrated(classifier: Classifier, lines: Exam) -> Classifier:
    """With the temperature of the least log loss, and the lowest threshold above which answers reach `PRECISION`."""
    column = np.array([classifier.classes.index(truth) for truth in lines.truths])
    tried = []
    for temperature in TEMPERATURES:
        warmer = Classifier(classifier.session, classifier.classes, temperature, 0.0)
        rows = warmer.probabilities(lines.images)
        loss = -np.log(np.maximum(rows[np.arange(len(rows)), column], 1e-9)).mean()
        tried.append((loss, temperature, rows))
    _, temperature, rows = min(tried, key=lambda t: (t[0], t[1]))
    right, sure = rows.argmax(axis=1) == column, rows.max(axis=1)
    levels = np.arange(FLOOR, 0.995, 0.01)
    enough = [level for level in levels if right[sure >= level].mean() >= PRECISION]
    threshold = round(float(enough[0] if enough else levels[-1]), 2)
    return Classifier(classifier.session, classifier.classes, temperature, threshold)


def report(classifier: Classifier, lines: Exam) -> dict[str, Any]:
    """Figures for the card: of all lines, of those answered, by script, by height, and what is taken for what."""
    rows = classifier.probabilities(lines.images)
    names = np.array(classifier.classes)[rows.argmax(axis=1)]
    right, answered = names == lines.truths, rows.max(axis=1) >= classifier.threshold
    wrong = answered & ~right
    confused: dict[str, int] = {}
    for truth, name in zip(lines.truths[wrong], names[wrong], strict=True):
        confused[f"{truth} as {name}"] = confused.get(f"{truth} as {name}", 0) + 1
    nothing = lines.truths == NONE
    return {
        "lines": len(right),
        "right": _share(right),
        "answered": _share(answered),
        "right_of_answered": _share(right[answered]),
        "no_letters_taken_for_a_script": _share((answered & (names != NONE))[nothing]),
        "by_script": {name: _scores(right, answered, lines.truths == name) for name in classifier.classes},
        "by_height": {str(h): _scores(right, answered, (lines.heights == h) & ~nothing) for h in HEIGHTS},
        "confused": dict(sorted(confused.items(), key=lambda item: -item[1])),
    }


def _scores(right: NDArray[np.bool_], answered: NDArray[np.bool_], of: NDArray[np.bool_]) -> dict[str, float]:
    return {
        "right": _share(right[of]),
        "answered": _share(answered[of]),
        "right_of_answered": _share(right[of & answered]),
    }


def _share(true: NDArray[np.bool_]) -> float:
    return round(float(true.mean()), 3) if len(true) else 0.0
