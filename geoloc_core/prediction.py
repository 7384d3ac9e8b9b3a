"""The words every model speaks: Query, Prediction, Predictor.

A query is one photo being located. It computes what predictors share (embeddings, neighbours) once and keeps it, so one
forward pass of one encoder serves every predictor that needs that encoder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from geoloc_core.geo import LocationDistribution
from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    from geoloc_core.encoders.base import Embeddings, Encoder
    from geoloc_core.gallery import Gallery, Neighbour
    from geoloc_core.photo import Photo


@dataclass(frozen=True)
class Evidence:
    """What a prediction rests on: photos of the gallery, most and least similar first."""

    nearest: tuple[Neighbour, ...] = ()
    farthest: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """A predictor's answer: the distribution, its evidence, the seconds each step took, and what the model is."""

    distribution: LocationDistribution
    predictor: str
    model: str
    licence: str = ""
    evidence: Evidence = field(default_factory=Evidence)
    seconds: Mapping[str, float] = field(default_factory=dict)
    choices: Mapping[str, Choice] = field(default_factory=dict)


class Predictor(Protocol):
    """A way to locate a photo. Unavailable is a state with a remedy, not an exception."""

    name: str

    def availability(self) -> Availability:
        """Whether `predict` would work now."""
        ...

    def predict(self, query: Query) -> Prediction:
        """Locate the query's photo."""
        ...


class Query:
    """One photo being located, and what has been computed for it so far.

    Args:
        photo: the photo.
        on_step: called with a short text when a step that a person would wait for begins.
    """

    def __init__(self, photo: Photo, on_step: Callable[[str], None] | None = None) -> None:
        self.photo = photo
        self.seconds: dict[str, float] = {}
        self._on_step = on_step or (lambda _: None)
        self._embeddings: dict[str, Embeddings] = {}
        self._neighbours: dict[tuple[str, int], Evidence] = {}

    @contextmanager
    def step(self, key: str, text: str) -> Iterator[None]:
        """Announce `text`, run the block, and add its seconds to `seconds[key]`."""
        self._on_step(text)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[key] = self.seconds.get(key, 0.0) + time.perf_counter() - start

    def embedding(self, encoder: Encoder) -> Embeddings:
        """(d,) float32 of length 1: the photo through `encoder`, computed once.

        Raises:
            EncoderError: the encoder is not available or failed.
        """
        if encoder.id not in self._embeddings:
            with self.step("load", f"Loading the encoder {encoder.name}"):
                encoder.load()
            with self.step("encode", "Encoding the photo"):
                self._embeddings[encoder.id] = encoder.encode([self.photo.image])[0]
        return self._embeddings[encoder.id]

    def neighbours(self, gallery: Gallery, encoder: Encoder, k: int) -> Evidence:
        """The `k` nearest and `k` farthest photos of the gallery, searched once in a single pass.

        Raises:
            EncoderError: the encoder is not available or failed.
            GalleryError: the gallery cannot be searched or was made by another encoder.
        """
        key = (str(gallery.path), k)
        if key not in self._neighbours:
            gallery.check_encoder(encoder.id)
            vector = self.embedding(encoder)
            with self.step("search", f"Searching {len(gallery):,} photos for the nearest and the farthest"):
                ends = gallery.two_ended(vector, k)
                self._neighbours[key] = Evidence(gallery.neighbours(ends.nearest), gallery.neighbours(ends.farthest))
        return self._neighbours[key]
