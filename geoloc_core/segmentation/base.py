"""What a segmenter is, and what its maps are made of. Free of torch."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoloc_core.status import Availability, Choice

Labels = NDArray[np.uint8]
NO_CLASS = 255  # of a pixel that belongs to none of the classes
MAP_SIDE = 512  # longest side of a map of labels


class Segmenter(Protocol):
    """A model that labels pixels. Unavailable is a state with a remedy, not an exception."""

    name: str
    choices: dict[str, Choice]
    """Device and number type, with reasons; empty before `load`."""

    @property
    def id(self) -> str:
        """Equal ids label a photo alike: the weights' digest and the preprocessing."""
        ...

    def availability(self) -> Availability:
        """Whether `segment` would work now, without loading anything."""
        ...

    def load(self) -> None:
        """Bring the weights into memory; further calls do nothing.

        Raises:
            ModelError: they cannot be used.
        """
        ...

    def segment(self, images: list[Image.Image]) -> list[Labels]:
        """For each RGB image (h, w) classes from 0 in the image's shape, its longer side at most `MAP_SIDE` pixels."""
        ...
