"""GeoCLIP's image side as an encoder: another encoder's forward pass, then a small network into the space of places.

There is no second CLIP: the features are those of the base encoder, before it brings them to unit length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from geoloc_core.encoders.base import Embeddings, Encoder, Features, Prepared
from geoloc_core.errors import EncoderError, GeolocError
from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    from PIL.Image import Image

    from geoloc_core.geoclip import GeoClip


class GeoClipEncoder:
    """Photos to where GeoCLIP's places are.

    Args:
        name: what the user calls it.
        model: the GeoCLIP.
        base: the encoder below it; by default the one that the model's description names, from the registry.
    """

    def __init__(self, name: str, model: GeoClip, base: Encoder | None = None) -> None:
        self.name, self.model, self._base = name, model, base

    @property
    def id(self) -> str:
        """The model's. The base is pinned by its name in the model's description: places need no image encoder.

        Raises:
            WeightsMissing: the model's own weights are not on this machine.
            EncoderError: its description cannot be used.
        """
        return self.model.id

    @property
    def root(self) -> Encoder:
        """The base encoder.

        Raises:
            WeightsMissing: the model is not on this machine.
            EncoderError: its description cannot be used, or names no encoder.
        """
        if self._base is None:
            from geoloc_core.encoders import create

            base = create(self.model.base)
            if base.root is not base:
                raise EncoderError(f"{self.name} builds on {base.name}, which builds on another. Save the model again.")
            self._base = base
        return self._base

    @property
    def choices(self) -> Mapping[str, Choice]:
        """The base's, once loaded."""
        return self.root.choices

    @property
    def side(self) -> int:
        """Pixels of the base's input."""
        return self.root.side

    @property
    def dim(self) -> int:
        """Numbers a row.

        Raises:
            WeightsMissing: the model is not on this machine.
            EncoderError: its description cannot be used.
        """
        return self.model.dim

    @property
    def batch(self) -> int:
        """As the base's."""
        return self.root.batch

    def availability(self) -> Availability:
        """Whether the model's weights and the base's are on this machine. Imports no torch and asks no network."""
        if not (own := self.model.availability()):
            return own
        try:
            ready = self.root.availability()
        except GeolocError as error:
            return Availability(False, f"{self.name} needs an image encoder.", str(error))
        if ready:
            return Availability(True, f"{own.reason}, and {ready.reason}")
        return Availability(False, f"{self.name} needs the encoder {self.root.name}. {ready.reason}", ready.remedy)

    def load(self) -> None:
        """Load the base's weights and the model's.

        Raises:
            WeightsMissing: some are not on this machine.
            EncoderError: they cannot be used, or the base is not the one the model was trained with.
        """
        pinned = self.model.config.base_id
        if pinned and self.root.id != pinned:
            raise EncoderError(
                f"{self.name} was trained over {pinned}, and {self.root.name} here is {self.root.id}. "
                "Take the two from one release, or train it again."
            )
        self.root.load()
        self.model.load()

    def prepare(self, image: Image) -> Prepared:
        """As the base does."""
        return self.root.prepare(image)

    def features(self, prepared: Sequence[Prepared]) -> Features:
        """(n, f) float32 of the base's forward pass."""
        return self.root.features(prepared)

    def finish(self, features: Features) -> Embeddings:
        """(n, d) float32 with unit rows, comparable with the model's places.

        Raises:
            EncoderError: the features have another size or are no numbers, or the model is not available.
        """
        return self.model.project(features)

    def embed(self, prepared: Sequence[Prepared]) -> Embeddings:
        """(n, d) float32 with unit rows, from n >= 1 prepared photos.

        Raises:
            WeightsMissing: some weights are not on this machine.
            EncoderError: they cannot be used.
        """
        self.load()
        return self.finish(self.features(prepared))

    def encode(self, images: Sequence[Image]) -> Embeddings:
        """(n, d) float32 with unit rows, from n >= 1 images of any size and mode.

        Raises:
            WeightsMissing: some weights are not on this machine.
            EncoderError: they cannot be used.
        """
        return self.embed([self.prepare(image) for image in images])
