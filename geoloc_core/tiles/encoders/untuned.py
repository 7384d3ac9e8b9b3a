"""A photo encoder as it is, for tiles of every zoom: what trained map encoders have to be better than."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geoloc_core.encoders.base import Embeddings, Encoder, Prepared
from geoloc_core.errors import GeolocError
from geoloc_core.status import Availability
from geoloc_core.tiles.encoders.family import TileEncoders
from geoloc_core.tiles.tile import MOST_ZOOM, ZOOMS


class Untuned(TileEncoders):
    """A photo encoder, of any kind, for tiles."""

    def __init__(self, encoder: str) -> None:
        self.name, self._encoder = f"untuned:{encoder}", encoder

    @property
    def title(self) -> str:
        """For a person."""
        return f"{self._encoder}, untuned"

    @property
    def base(self) -> Encoder:
        """The encoder."""
        from geoloc_core.encoders import create

        return create(self._encoder)

    @property
    def id(self) -> str:
        """The encoder's, marked."""
        return f"tiles/untuned/{self.base.id}"

    @property
    def zooms(self) -> tuple[int, ...]:
        """The paper's; it takes any other as well."""
        return ZOOMS

    @property
    def synthetic(self) -> bool:
        """Whether it is the starter's encoder."""
        return self.base.root.name == "starter"

    def has(self, zoom: int) -> bool:
        """Whether there is such a zoom."""
        return 0 <= zoom <= MOST_ZOOM

    def availability(self) -> Availability:
        """The encoder's."""
        try:
            return self.base.availability()
        except GeolocError as error:
            return Availability.lacking(error)

    def load(self) -> None:
        """Load the encoder."""
        self.base.load()

    def _pass(self, zooms: tuple[int, ...], prepared: Sequence[Prepared]) -> Embeddings:
        return np.repeat(self.base.embed(prepared)[:, None], len(zooms), axis=1)
