"""A family of map encoders: for each zoom from a tile's picture to an embedding, over one shared forward pass.

The photo's side is the base, an ordinary encoder that nobody tunes (section 3.1), so that a photo's embedding is the
one that all predictors share through the query.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Embeddings, Encoder, Prepared
from geoloc_core.errors import ModelError
from geoloc_core.status import Availability

if TYPE_CHECKING:
    from PIL.Image import Image


class TileEncoders(ABC):
    """Encoders of tiles by zoom; safe to share between threads. Use `open_tiles`.

    Attributes:
        name: what the user calls the family.
        title: for a person.
    """

    name: str

    @property
    @abstractmethod
    def title(self) -> str:
        """For a person. Raises as `base`."""

    @property
    @abstractmethod
    def base(self) -> Encoder:
        """The encoder of photos whose embeddings the tiles' are comparable with.

        Raises:
            GeolocError: the family or its base is not on this machine, or cannot be used.
        """

    @property
    @abstractmethod
    def id(self) -> str:
        """Pins weights and preprocessing of all zooms: equal ids give equal embeddings. Raises as `base`."""

    @property
    @abstractmethod
    def zooms(self) -> tuple[int, ...]:
        """Those it was made for, ascending. Raises as `base`."""

    @property
    @abstractmethod
    def synthetic(self) -> bool:
        """Whether it was trained on drawn photos. Raises as `base`."""

    @abstractmethod
    def availability(self) -> Availability:
        """Whether it can be used with what is on this machine. Imports no torch."""

    @abstractmethod
    def load(self) -> None:
        """Read the weights; only the first call does. Raises as `base`, or EncoderError."""

    @abstractmethod
    def _pass(self, zooms: tuple[int, ...], prepared: Sequence[Prepared]) -> Embeddings:
        """(n, z, d) unit rows of each picture for each of the zooms, which it has, by one pass through the trunk."""

    @property
    def dim(self) -> int:
        """Numbers an embedding, as many as a photo's. Raises as `base`."""
        return self.base.dim

    @property
    def batch(self) -> int:
        """Pictures that go to the device at a time; loads the weights."""
        self.load()
        return self.base.batch

    def has(self, zoom: int) -> bool:
        """Whether there is an encoder for a zoom."""
        return zoom in self.zooms

    def prepare(self, image: Image) -> Prepared:
        """A tile's picture as `embed` takes it. Thread-safe; needs neither the device nor the weights."""
        return self.base.prepare(image)

    def encode(self, zoom: int, pictures: Sequence[Image]) -> Embeddings:
        """(n, d) float32 unit rows, from n >= 1 tiles' pictures. Raises as `embed`."""
        return self.embed(zoom, [self.prepare(picture) for picture in pictures])

    def embed(self, zoom: int, prepared: Sequence[Prepared]) -> Embeddings:
        """(n, d) float32 unit rows, from n >= 1 prepared pictures, in batches that fit the device.

        Raises:
            ModelError: the family cannot be used, or has no encoder for the zoom.
            EncoderError: its base cannot, or its numbers are none.
        """
        self._check((zoom,))
        return self._pass((zoom,), prepared)[:, 0]

    def encode_many(self, pictures: Mapping[int, Sequence[Image]]) -> dict[int, Embeddings]:
        """`encode` for several zooms at once: a picture that several ask for goes through the trunk once.

        Args:
            pictures: by zoom.
        """
        self._check(tuple(pictures))
        keys: dict[int, list[bytes]] = {zoom: [] for zoom in pictures}
        different: dict[bytes, Prepared] = {}
        asked: dict[bytes, tuple[int, ...]] = {}
        for zoom, some in pictures.items():
            for picture in some:
                prepared = self.prepare(picture)
                key = hashlib.sha256(prepared.tobytes()).digest()
                keys[zoom].append(key)
                different[key] = prepared
                asked[key] = tuple(dict.fromkeys((*asked.get(key, ()), zoom)))
        rows: dict[tuple[int, bytes], NDArray[np.float32]] = {}
        for zooms in dict.fromkeys(asked.values()):
            same = [key for key, wanted in asked.items() if wanted == zooms]
            seen = self._pass(zooms, [different[key] for key in same])
            rows |= {(zoom, key): seen[i, j] for i, key in enumerate(same) for j, zoom in enumerate(zooms)}
        none = np.zeros((0, self.dim), np.float32)
        return {zoom: np.stack([rows[zoom, key] for key in some]) if some else none for zoom, some in keys.items()}

    def _check(self, zooms: tuple[int, ...]) -> None:
        if missing := [zoom for zoom in zooms if not self.has(zoom)]:
            there = ", ".join(str(zoom) for zoom in self.zooms)
            raise ModelError(f"{self.name} has no encoder for zoom {missing[0]}. Choose from {there}.")
