"""The seam between encoders and everything that uses them.

Encoding has two halves, so that a builder can work ahead of the device: `prepare`, for any number of reader threads,
and `embed`, for whoever holds the device. `encode` is one after the other. `embed` in turn is `features`, the forward
pass, and `finish`, what follows it; encoders with the same `root` can share the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    from PIL.Image import Image

READ_MARGIN = 3  # a photo read at this many times `Encoder.side` is embedded as the whole photo is: cosine >= 0.999
Embeddings = NDArray[np.float32]
Features = NDArray[np.float32]  # what a forward pass gives, before it is brought to unit length
Prepared = NDArray[Any]  # one photo as `embed` of the same encoder takes it: small, and free to go between processes


class Encoder(Protocol):
    """Turns images into embeddings. Making one is cheap: weights load at the first `load` or `encode`."""

    name: str

    @property
    def id(self) -> str:
        """Pins model, weights and preprocessing: equal ids give equal embeddings.

        Raises:
            WeightsMissing: the weights that would be pinned are not on this machine.
        """
        ...

    @property
    def root(self) -> Encoder:
        """The encoder whose forward pass this one begins with: itself, unless it builds on another.

        Raises:
            EncoderError: there is no such encoder.
        """
        ...

    @property
    def choices(self) -> Mapping[str, Choice]:
        """Automatic choices made so far, such as `device` and `dtype`, with their reasons."""
        ...

    @property
    def side(self) -> int:
        """Pixels of the photo's shorter side that the model looks at; a photo read smaller loses detail.

        Raises:
            EncoderError: the checkpoint's description cannot be read.
        """
        ...

    @property
    def dim(self) -> int:
        """Numbers a row. May import open_clip, never loads weights.

        Raises:
            EncoderError: the checkpoint's description cannot be read.
        """
        ...

    @property
    def batch(self) -> int:
        """Photos that `embed` sends to the device at a time; give it a multiple. Loads the weights if they are not."""
        ...

    def availability(self) -> Availability:
        """Whether the encoder can run on what is on this machine. Never touches the network."""
        ...

    def load(self) -> None:
        """Load the weights from disk; later calls do nothing.

        Raises:
            WeightsMissing: they are not on this machine.
            EncoderError: they cannot be used.
        """
        ...

    def prepare(self, image: Image) -> Prepared:
        """A photo of any size and mode, as `embed` takes it. Thread-safe; needs neither the device nor the weights.

        Raises:
            EncoderError: the checkpoint's description cannot be read.
        """
        ...

    def features(self, prepared: Sequence[Prepared]) -> Features:
        """(n, f) float32 of the `root`'s forward pass, from n >= 1 prepared photos, in batches that fit the device.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        ...

    def finish(self, features: Features) -> Embeddings:
        """(n, f) features of the `root` to (n, d) float32 with unit rows.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used, or the features are no numbers.
        """
        ...

    def embed(self, prepared: Sequence[Prepared]) -> Embeddings:
        """`finish` of `features`: (n, d) float32 with unit rows, from n >= 1 prepared photos.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        ...

    def encode(self, images: Sequence[Image]) -> Embeddings:
        """`embed` of every image, prepared: (n, d) float32 with unit rows, from n >= 1 images of any size and mode.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        ...
