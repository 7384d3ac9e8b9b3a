"""The seam between encoders and everything that uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    from PIL.Image import Image

Embeddings = NDArray[np.float32]


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
    def choices(self) -> Mapping[str, Choice]:
        """Automatic choices made so far, such as `device` and `dtype`, with their reasons."""
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

    def encode(self, images: Sequence[Image]) -> Embeddings:
        """(n, d) float32 with unit rows, from n >= 1 images of any size and mode.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        ...
