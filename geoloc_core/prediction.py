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
    from geoloc_core.encoders.base import Embeddings, Encoder, Features
    from geoloc_core.gallery import Gallery, Neighbour, TwoEnded
    from geoloc_core.gallery.scope import Scope, Scoped
    from geoloc_core.geoclip.refine import Refined
    from geoloc_core.lmm.account import Account
    from geoloc_core.photo import Photo
    from geoloc_core.scenes import Scene, SceneClassifier
    from geoloc_core.segmentation.base import Labels, Segmenter
    from geoloc_core.signs.found import Signs
    from geoloc_core.signs.writing import Writing
    from geoloc_core.tiles.walked import Walk
    from geoloc_core.translocator.said import Classified


@dataclass(frozen=True)
class Evidence:
    """What a prediction rests on: photos or locations of the gallery, most and least similar first.

    `refined` are places that were searched for beyond the gallery's, the likeliest first; empty if nothing was.
    """

    nearest: tuple[Neighbour, ...] = ()
    farthest: tuple[Neighbour, ...] = ()
    refined: tuple[Refined, ...] = ()


@dataclass(frozen=True)
class Searched:
    """What part of the gallery was searched, and how its photos are shown. `str()` says so in a sentence, if need be.

    Attributes:
        limit: the limits in words, empty without any.
        photos: how many photos they left.
        total: how many the gallery has.
        distinct: whether near-duplicates among the neighbours shown were collapsed.
        antihubs: how many photos that are farthest from everybody were kept from the farthest.
        what: what the gallery's rows are.
    """

    limit: str
    photos: int
    total: int
    distinct: bool
    antihubs: int
    what: str = "photos"

    def __str__(self) -> str:
        said = []
        if self.limit:
            said.append(f"The search was limited: {self.limit} ({self.photos:,} of {self.total:,} {self.what}).")
        if self.antihubs:
            said.append(f"Kept from the least similar: {self.antihubs:,} that are so for most {self.what}.")
        return " ".join(said)


@dataclass(frozen=True)
class Prediction:
    """A predictor's answer: the distribution, its evidence, the seconds each step took, and what the model is.

    `evidence` is what is shown; the voters behind the distribution may be more. `searched` says among which photos, and
    is None if no gallery was searched.
    `account` is what was put to a large multimodal model and what it said, where one was asked; `signs` what was read
    in the photo, where that was looked for; `classified` what a classifier of geo-cells says; `walked` the way down the
    map's tiles. `synthetic` is a model that was trained on drawn photos, whatever the gallery's are.
    """

    distribution: LocationDistribution
    predictor: str
    model: str
    licence: str = ""
    evidence: Evidence = field(default_factory=Evidence)
    seconds: Mapping[str, float] = field(default_factory=dict)
    choices: Mapping[str, Choice] = field(default_factory=dict)
    searched: Searched | None = None
    account: Account | None = None
    signs: Signs | None = None
    classified: Classified | None = None
    walked: Walk | None = None
    synthetic: bool = False


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
        scope: which of a gallery's photos may be found, and how they are shown; by default all, without duplicates.
    """

    def __init__(self, photo: Photo, on_step: Callable[[str], None] | None = None, scope: Scope | None = None) -> None:
        from geoloc_core.gallery.scope import Scope

        self.photo = photo
        self.scope = scope or Scope()
        self.seconds: dict[str, float] = {}
        self._on_step = on_step or (lambda _: None)
        self._features: dict[str, Features] = {}
        self._embeddings: dict[str, Embeddings] = {}
        self._scoped: dict[str, Scoped] = {}
        self._ends: dict[tuple[str, str, int], TwoEnded] = {}
        self._neighbours: dict[tuple[str, str, int], Evidence] = {}
        self._shown: dict[tuple[str, str, int, int], Evidence] = {}
        self._writing: Writing | None = None
        self._labels: dict[str, Labels] = {}
        self._scenes: dict[str, Scene] = {}

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
        key = _key(encoder)
        if key not in self._embeddings:
            with self.step("load", f"Loading the encoder {encoder.name}"):
                encoder.load()
            with self.step("encode", "Encoding the photo"):
                self._embeddings[key] = encoder.finish(self._forward(encoder.root)[None])[0]
        return self._embeddings[key]

    def _forward(self, root: Encoder) -> Features:
        """The root's features of the photo: one forward pass, however many encoders build on it."""
        key = _key(root)
        if key not in self._features:
            self._features[key] = root.features([root.prepare(self.photo.image)])[0]
        return self._features[key]

    def writing(self) -> Writing:
        """What is written in the photo, read once by the readers that the settings name.

        Raises:
            ReaderError: the photo's text could not be looked for.
        """
        if self._writing is None:
            from geoloc_core.signs.reading import read

            with self.step("read", "Reading what is written"):
                self._writing = read(self.photo.image)
        return self._writing

    def scene(self, classifier: SceneClassifier) -> Scene:
        """What kind of place the photo shows, among 365, told once; by an embedding of the photo where one will do.

        Raises:
            GeolocError: the classifier is not available or failed.
        """
        from geoloc_core.scenes import Scene

        if classifier.name not in self._scenes:
            encoder = classifier.encoder
            embeddings = None if encoder is None else self.embedding(encoder)[None]
            with self.step("scene", "Telling what kind of place it is"):
                told = classifier.scenes([self.photo.image], embeddings)[0]
                self._scenes[classifier.name] = Scene(told, classifier.name)
        return self._scenes[classifier.name]

    def segmentation(self, segmenter: Segmenter) -> Labels:
        """(h, w) uint8: which of ADE20K's classes each pixel of the photo, made smaller, belongs to; computed once.

        Raises:
            ModelError: the segmenter is not available or failed.
        """
        key = f"{segmenter.name}\n{segmenter.id}"
        if key not in self._labels:
            with self.step("load", f"Loading the segmenter {segmenter.name}"):
                segmenter.load()
            with self.step("segment", "Segmenting the photo"):
                self._labels[key] = segmenter.segment([self.photo.image])[0]
        return self._labels[key]

    def neighbours(self, gallery: Gallery, encoder: Encoder, k: int) -> Evidence:
        """The `k` nearest and `k` farthest photos within the scope, searched once in a single pass.

        Raises:
            EncoderError: the encoder is not available or failed.
            FilterError: the scope's limits cannot be used with this gallery, or leave nothing.
            GalleryError: the gallery cannot be searched or was made by another encoder.
        """
        key = (str(gallery.path), _key(encoder), k)
        if key not in self._neighbours:
            ends = self.two_ended(gallery, encoder, k)
            self._neighbours[key] = Evidence(gallery.neighbours(ends.nearest), gallery.neighbours(ends.farthest))
        return self._neighbours[key]

    def shown(self, gallery: Gallery, encoder: Encoder, k: int, of: int) -> Evidence:
        """The `k` neighbours to show at each end, collapsed as the scope says, from `of` or more searched.

        Raises:
            As `neighbours`.
        """
        key = (str(gallery.path), _key(encoder), k, of)
        if key not in self._shown:
            ends = self.two_ended(gallery, encoder, max(k, of))
            with self.step("search", "Telling duplicates apart"):
                near, far = self._within(gallery).shown(self.embedding(encoder), ends, k)
            self._shown[key] = Evidence(near, far)
        return self._shown[key]

    def searched(self, gallery: Gallery) -> Searched:
        """What part of a gallery this query searches.

        Raises:
            FilterError: the scope's limits cannot be used with this gallery, or leave nothing.
        """
        within, scope = self._within(gallery), self.scope
        limit = str(scope.where) if scope.where else ""
        return Searched(limit, within.count, len(gallery), scope.distinct, len(within.hubs), _what(gallery))

    def _within(self, gallery: Gallery) -> Scoped:
        key = str(gallery.path)
        if key not in self._scoped:
            if self.scope.where or not self.scope.antihubs:
                with self.step("limit", "Finding which photos may be searched"):
                    self._scoped[key] = self.scope.open(gallery)
            else:
                self._scoped[key] = self.scope.open(gallery)
        return self._scoped[key]

    def two_ended(self, gallery: Gallery, encoder: Encoder, k: int) -> TwoEnded:
        """Rows and similarities of the `k` nearest and farthest within the scope, searched once in a single pass.

        Raises:
            As `neighbours`.
        """
        key = (str(gallery.path), _key(encoder), k)
        if key not in self._ends:
            gallery.check_encoder(encoder.id)
            within = self._within(gallery)
            vector = self.embedding(encoder)
            with self.step("search", f"Searching {within.count:,} {_what(gallery)} for the nearest and the farthest"):
                self._ends[key] = within.search(vector, k)
        return self._ends[key]


def _key(encoder: Encoder) -> str:
    return f"{encoder.name}\n{encoder.id}"  # equal ids can still be other views of the photo


def _what(gallery: Gallery) -> str:
    return "locations" if gallery.manifest.of_locations else "photos"
