"""Drawn photos with the class of each pixel, as the small segmenter learns from them and is measured on them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoloc_core.files import replacing
from index_builder.atlas import draw, sample_places
from index_builder.starter import SIZE

WIDTH, HEIGHT = 192, 144  # half of what is drawn, in the same shape
_FIRST = {"train": 41_000_000, "test": 43_000_000}  # moments of their own, not those of the starter's photos
Job = tuple[float, float, int, int]
Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Lessons:
    """Photos (n, HEIGHT, WIDTH, 3) and their labels (n, HEIGHT, WIDTH), ADE20K's classes from 0."""

    photos: Pictures
    labels: Pictures

    def __len__(self) -> int:
        return len(self.photos)


def lessons(
    split: str,
    count: int,
    seed: int = 1,
    kept: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Lessons:
    """`count` photos of places of a split, drawn by all cores.

    Args:
        split: "train" or "test", which share no place.
        count, seed: which photos; see `atlas.sample_places`.
        kept: folder with photos drawn before, which is also where these go. Changed code that draws needs a new one.
        on_progress: called with (photos drawn, photos in all).

    Raises:
        OSError: what was drawn cannot be kept there.
    """
    file = kept / f"segmenter-{split}-{count}-{seed}.npz" if kept else None
    if file and file.is_file():
        with np.load(file, allow_pickle=False) as arrays:
            return Lessons(arrays["photos"], arrays["labels"])
    made = Lessons(np.empty((count, HEIGHT, WIDTH, 3), np.uint8), np.empty((count, HEIGHT, WIDTH), np.uint8))
    places = sample_places(count, seed, split)
    jobs = [(float(lat), float(lon), seed, _FIRST[split] + number) for number, (lat, lon) in enumerate(places)]
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        for number, (photo, labels) in enumerate(pool.imap(_draw, jobs, chunksize=16)):
            made.photos[number], made.labels[number] = photo, labels
            on_progress(number + 1, count)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stream:
            np.savez(stream, photos=made.photos, labels=made.labels)
    return made


def _draw(job: Job) -> tuple[Pictures, Pictures]:
    """A photo averaged to half its size, and the labels of every other pixel: an average of classes is none."""
    lat, lon, seed, index = job
    drawn = draw(lat, lon, seed=seed, index=index, size=SIZE)
    return np.asarray(drawn.image.reduce(2)), drawn.labels[::2, ::2]
