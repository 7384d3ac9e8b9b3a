"""Text to where GeoCLIP's places are: CLIP's text tower, then the small network that photos go through.

CLIP trains both towers into one space, and GeoCLIP's network takes what either gives before it is brought to unit
length (Vivanco Cepeda et al. 2023, on queries in words). The tower lies in the checkpoint that the image side uses.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from geoloc_core.encoders.base import Embeddings, Encoder, Features
from geoloc_core.encoders.geoclip import GeoClipEncoder
from geoloc_core.encoders.text import TextTower
from geoloc_core.errors import EncoderError
from geoloc_core.status import Availability

PROMPTS = ("{}", "a photo of {}.")
NEUTRAL = "something"
_REMEDY = "Choose a gallery of locations made with GeoCLIP itself; `python -m geoloc_core fetch geoclip` gets its CLIP."

_opened: dict[GeoClipEncoder, TextSide] = {}
_opening = threading.Lock()


def text_side(encoder: Encoder) -> TextSide:
    """The text side of a GeoCLIP; the same object every time, so that a process loads one. Reads nothing yet.

    Raises:
        EncoderError: the encoder is no GeoCLIP.
    """
    if not isinstance(encoder, GeoClipEncoder):
        raise EncoderError(f"{encoder.name} is no GeoCLIP, so places cannot be compared with it. {_REMEDY}")
    with _opening:
        return _opened.setdefault(encoder, TextSide(encoder))


class TextSide:
    """Text into the space of one GeoCLIP; safe to share between threads. Use `text_side`."""

    def __init__(self, encoder: GeoClipEncoder) -> None:
        self._encoder = encoder
        self._tower = TextTower(encoder, _REMEDY)
        self._neutral: Embeddings | None = None

    def availability(self) -> Availability:
        """Whether GeoCLIP, its CLIP and a text tower that knows English are on this machine. Imports no torch."""
        return self._tower.availability()

    @property
    def id(self) -> str:
        """The GeoCLIP's."""
        return self._encoder.id

    def load(self) -> None:
        """Read the text tower and GeoCLIP's network; only the first call does.

        Raises:
            WeightsMissing: they are not on this machine.
            EncoderError: they cannot be used, or the checkpoint has no text tower.
        """
        self._tower.load()
        self._encoder.model.load()

    def features(self, texts: Sequence[str]) -> Features:
        """(n, f) float32 of any length, from n >= 1 texts; what CLIP's tower has no room for (75 tokens) is cut off.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        self.load()
        return self._tower.features(texts)

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """(n, d) float32 unit rows, from n >= 1 texts.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        return self._encoder.model.project(self.features(texts))

    def describe(self, text: str) -> Embeddings:
        """(d,) float32 of length 1: the mean of the text in each of `PROMPTS`, as CLIP's authors average prompts.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        mean = self.encode([prompt.replace("{}", text) for prompt in PROMPTS]).mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean))

    @property
    def neutral(self) -> Embeddings:
        """(d,) float32 of length 1: the same prompts with nothing said, for `heat` to compare with."""
        if self._neutral is None:
            self._neutral = self.describe(NEUTRAL)
        return self._neutral
