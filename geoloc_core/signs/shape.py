"""What script a line of text is written in by the look of it, also where no reader can read it.

A small convolutional network (assets/signs/scripts.onnx) looks at the line in grey, 32 pixels high. It is trained by
`index_builder.signs.script` on lines drawn in free fonts; assets/signs/scripts.json is its card: classes, fonts, what
it scores on fonts it never saw, and below which probability it says nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc_core.paths import ASSETS

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from PIL.Image import Image

MODEL, CARD = ASSETS / "signs" / "scripts.onnx", ASSETS / "signs" / "scripts.json"
NONE = "none"
HIGH = 32
WIDTHS = (32, 64, 96, 128, 192, 256)
WINDOWS = 3  # pieces looked at of a line longer than the widest
BATCH = 32
LEAST = 6  # pixels: a line lower or narrower than that shows no letters
SMALLEST = 0.01  # probabilities below this are left out


@dataclass(frozen=True)
class Classifier:
    """The network and what its card says.

    Attributes:
        session: onnxruntime's.
        classes: scripts, and `NONE`, in the order of its outputs.
        temperature: its logits are divided by this.
        threshold: a line whose likeliest script stays below this is left without an answer.
    """

    session: InferenceSession
    classes: tuple[str, ...]
    temperature: float
    threshold: float

    @classmethod
    def load(cls, model: Path = MODEL, card: Path = CARD) -> Classifier:
        """Read the network and its card."""
        from geoloc_core.onnx import session

        said = json.loads(card.read_text("utf-8"))
        return cls(session(model), tuple(said["classes"]), float(said["temperature"]), float(said["threshold"]))

    def probabilities(self, images: Sequence[Image]) -> NDArray[np.float64]:
        """(n, classes) probabilities of lines of text, the mean of their windows."""
        owners: dict[int, list[int]] = {width: [] for width in WIDTHS}
        pixels: dict[int, list[NDArray[np.float32]]] = {width: [] for width in WIDTHS}
        for number, image in enumerate(images):
            for window in windows(image):
                owners[window.shape[1]].append(number)
                pixels[window.shape[1]].append(window)
        total = np.zeros((len(images), len(self.classes)))
        for width, found in pixels.items():
            for start in range(0, len(found), BATCH):
                batch = np.stack(found[start : start + BATCH])[:, None]
                np.add.at(total, owners[width][start : start + BATCH], self._softmax(batch))
        return total / np.maximum(total.sum(axis=1, keepdims=True), 1e-9)

    def _softmax(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        (logits,) = self.session.run(None, {"lines": batch})
        scaled = np.asarray(logits, np.float64) / self.temperature
        odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float64)


def scripts_by_shape(images: Sequence[Image]) -> list[dict[str, float]]:
    """What script each line is written in.

    Args:
        images: upright lines, cut out of a photo, of any size.

    Returns:
        For each line: script -> probability, likeliest first, with "none" for no letters at all. Empty where the
        network is not sure enough to say anything.
    """
    classifier = _classifier()
    found = []
    for image, row in zip(images, classifier.probabilities(images), strict=True):
        sure = min(image.size) >= LEAST and row.max() >= classifier.threshold
        order = np.argsort(-row, kind="stable") if sure else ()
        found.append({classifier.classes[i]: float(row[i]) for i in order if row[i] >= SMALLEST})
    return found


def windows(image: Image) -> Iterator[NDArray[np.float32]]:
    """The line as the network sees it: (32, one of `WIDTHS`) grey of mean 0 and deviation 1; a long line in pieces."""
    from PIL.Image import Resampling

    grey = image.convert("L")
    wide = grey.width * HIGH / grey.height
    if wide <= 1.25 * WIDTHS[-1]:
        width = min(WIDTHS, key=lambda w: abs(math.log(w / wide)))
        boxes = [(0.0, 0.0, float(grey.width), float(grey.height))]
    else:
        width, count = WIDTHS[-1], min(WINDOWS, math.ceil(wide / WIDTHS[-1]))
        piece = width * grey.height / HIGH
        starts = np.linspace(0, grey.width - piece, count)
        boxes = [(float(x), 0.0, min(float(x) + piece, grey.width), float(grey.height)) for x in starts]
    for box in boxes:
        pixels = np.asarray(grey.resize((width, HIGH), Resampling.BILINEAR, box), np.float32)
        yield (pixels - pixels.mean()) / (pixels.std() + 4)


@cache
def _classifier() -> Classifier:
    return Classifier.load()
