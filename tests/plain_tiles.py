"""Map encoders of a few lines of numpy, for tests that are not about networks: a picture is its own 4 x 4 colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from geoloc_core.encoders.base import Embeddings
from geoloc_core.status import Availability
from geoloc_core.tiles.encoders.family import TileEncoders


class PlainEncoder:
    """(48,) of unit length: the colours less their mean."""

    name, id, dim, batch, side, choices = "plain", "plain/1", 48, 8, 4, {}

    @property
    def root(self) -> PlainEncoder:
        return self

    def availability(self) -> Availability:
        return Availability(True, "here")

    def load(self) -> None:
        pass

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image.convert("RGB").resize((4, 4), Image.Resampling.BOX), dtype=np.float32).ravel()

    def features(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack(prepared)

    def finish(self, features: np.ndarray) -> Embeddings:
        centred = features - features.mean(axis=-1, keepdims=True)
        return centred / np.linalg.norm(centred, axis=-1, keepdims=True)

    def embed(self, prepared: Sequence[np.ndarray]) -> Embeddings:
        return self.finish(self.features(prepared))


class PlainTiles(TileEncoders):
    """A zoom's encoder reads the colours beginning at another place."""

    name, title, base, id, zooms, synthetic = "plain", "Plain", PlainEncoder(), "tiles/plain", (4, 5, 6, 8), True

    def availability(self) -> Availability:
        return Availability(True, "here")

    def load(self) -> None:
        pass

    def _pass(self, zooms: tuple[int, ...], prepared: Sequence[np.ndarray]) -> Embeddings:
        rows = self.base.embed(prepared)
        return np.stack([np.roll(rows, 3 * zoom, axis=1) for zoom in zooms], axis=1)
