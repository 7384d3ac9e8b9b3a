"""Ten views of a photo instead of one: centre and corners, and their mirror images, averaged.

Source: Krizhevsky, Sutskever and Hinton (2012), section 4.1; GeoCLIP's published figures are for it. It costs ten
forward passes in one batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from geoloc_core.encoders.base import Embeddings, Encoder, Features, Prepared
from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    from PIL.Image import Image

CROPS = 10
_SHARE = 224 / 256  # a crop's side of the photo's shorter one


def crops(image: Image) -> list[Image]:
    """Ten squares: the four corners, the centre, and all five mirrored."""
    from PIL import ImageOps

    (w, h), side = image.size, max(1, round(_SHARE * min(image.size)))
    right, low = w - side, h - side
    corners = [(0, 0), (right, 0), (0, low), (right, low), (right // 2, low // 2)]
    cut = [image.crop((left, top, left + side, top + side)) for left, top in corners]
    return [*cut, *(ImageOps.mirror(piece) for piece in cut)]


class TenCrop:
    """An encoder that looks ten times.

    Its rows are means of ten unit rows, so that an inner product with one is the mean similarity of the ten; they are
    comparable with the encoder's own and therefore have its id.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.name = f"{encoder.name}, ten crops"

    @property
    def id(self) -> str:
        """The encoder's."""
        return self.encoder.id

    @property
    def root(self) -> TenCrop:
        """Itself: its forward pass is of other pixels."""
        return self

    @property
    def choices(self) -> Mapping[str, Choice]:
        """The encoder's."""
        return self.encoder.choices

    @property
    def side(self) -> int:
        """The encoder's."""
        return self.encoder.side

    @property
    def dim(self) -> int:
        """The encoder's."""
        return self.encoder.dim

    @property
    def batch(self) -> int:
        """A tenth of the encoder's, at least 1."""
        return max(1, self.encoder.batch // CROPS)

    def availability(self) -> Availability:
        """The encoder's."""
        return self.encoder.availability()

    def load(self) -> None:
        """Load the encoder."""
        self.encoder.load()

    def prepare(self, image: Image) -> Prepared:
        """The ten crops as the encoder takes them, stacked."""
        return np.stack([self.encoder.prepare(crop) for crop in crops(image)])

    def features(self, prepared: Sequence[Prepared]) -> Features:
        """(n, 10, f) float32 of n photos."""
        rows = self.encoder.features([crop for photo in prepared for crop in photo])
        return rows.reshape(len(prepared), CROPS, -1)

    def finish(self, features: Features) -> Embeddings:
        """(n, 10, f) features to (n, d) float32 means of unit rows."""
        rows = self.encoder.finish(features.reshape(-1, features.shape[-1]))
        return rows.reshape(len(features), CROPS, -1).mean(axis=1)

    def embed(self, prepared: Sequence[Prepared]) -> Embeddings:
        """(n, d) float32 means of unit rows."""
        self.load()
        return self.finish(self.features(prepared))

    def encode(self, images: Sequence[Image]) -> Embeddings:
        """(n, d) float32 means of unit rows, from n >= 1 images of any size and mode."""
        return self.embed([self.prepare(image) for image in images])
