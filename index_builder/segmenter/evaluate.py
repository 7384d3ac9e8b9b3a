"""How good a segmenter is on drawn photos, beside the guess that every pixel is of the commonest class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoloc_core.segmentation import Segmenter
from geoloc_core.segmentation.ade20k import CLASSES, names
from index_builder.segmenter.lessons import Lessons

_TOGETHER = 16
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Quality:
    """Of all pixels of some photos.

    Attributes:
        photos: how many.
        accuracy: part of the pixels whose class is right.
        iou: for each class that is there, intersection over union of its true and its predicted pixels.
        constant: accuracy of the commonest class as a guess.
        constant_iou: mean IoU of that guess.
    """

    photos: int
    accuracy: float
    iou: dict[str, float]
    constant: float
    constant_iou: float

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes that are there."""
        return float(np.mean(list(self.iou.values())))

    def __str__(self) -> str:
        return (
            f"{self.photos} unseen drawn photos: {self.accuracy:.1%} of the pixels right, mean IoU {self.mean_iou:.1%} "
            f"over {len(self.iou)} classes; the commonest class everywhere: {self.constant:.1%}, mean IoU "
            f"{self.constant_iou:.1%}"
        )


def evaluate(segmenter: Segmenter, lessons: Lessons) -> Quality:
    """Label drawn photos and compare.

    Raises:
        ModelError: the segmenter is not available or failed.
    """
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for start in range(0, len(lessons), _TOGETHER):
        photos = [Image.fromarray(photo) for photo in lessons.photos[start : start + _TOGETHER]]
        counts += confusion(lessons.labels[start : start + _TOGETHER], segmenter.segment(photos))
    return quality(counts, len(lessons))


def confusion(truth: Iterable[NDArray[np.uint8]], said: Iterable[NDArray[np.uint8]]) -> Counts:
    """(CLASSES, CLASSES) pixels by true and predicted class; pixels without a true class are left out."""
    counts = np.zeros(CLASSES * CLASSES, np.int64)
    for true, predicted in zip(truth, said, strict=True):
        known = true < CLASSES
        pairs = true[known].astype(np.int64) * CLASSES + predicted[known]
        counts += np.bincount(pairs, minlength=CLASSES * CLASSES)
    return counts.reshape(CLASSES, CLASSES)


def quality(counts: Counts, photos: int) -> Quality:
    """The figures of a confusion matrix."""
    true, said, right = counts.sum(1), counts.sum(0), np.diag(counts)
    there = np.flatnonzero(true)
    share = float(true.max() / true.sum())
    return Quality(
        photos=photos,
        accuracy=float(right.sum() / true.sum()),
        iou={names()[i]: float(right[i] / (true[i] + said[i] - right[i])) for i in there},
        constant=share,
        constant_iou=share / len(there),
    )
