"""Scenes by CLIP without training: which category's name lies nearest to the photo (Radford et al. 2021, section 3.1).

The photo's half is the embedding that retrieval searches with, so where the two share an encoder a scene costs a
product of matrices. The names' half is made once for an encoder and kept, in memory and in the user's cache.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from platformdirs import user_cache_path

from geoloc_core.encoders.base import Embeddings, Encoder
from geoloc_core.encoders.text import TextTower
from geoloc_core.errors import EncoderError
from geoloc_core.files import replacing
from geoloc_core.geo import Floats
from geoloc_core.scenes.places365 import names
from geoloc_core.status import Availability

if TYPE_CHECKING:
    from PIL.Image import Image

PROMPTS = ("a photo of a {}.", "a photo of the {}.")  # what CLIP's authors ask of SUN397, whose categories are alike
REMEDY = "Choose an encoder that can: `python -m geoloc_core fetch clip-l14` gets one."
_ROOM = 24  # tokens; the longest prompt has fewer

_said: dict[str, Floats] = {}
_saying = threading.Lock()


class ZeroShot:
    """A `SceneClassifier` through an encoder that has learned to read; safe to share between threads.

    Args:
        encoder: an encoder of open_clip with its text tower, or one that builds on it, whose root is then asked.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._asked = encoder
        self.name = f"zero-shot:{encoder.name}"

    @property
    def encoder(self) -> Encoder:
        """Whose embeddings `scenes` takes.

        Raises:
            EncoderError: the encoder builds on one that is not there.
        """
        return self._asked.root

    @property
    def id(self) -> str:
        """Equal ids tell the same photo's scene alike.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: the checkpoint's description cannot be read.
        """
        return f"zero-shot/{self.encoder.id}/{_digest()[:8]}"

    def availability(self) -> Availability:
        """Whether the encoder and its text tower are on this machine. Imports no torch."""
        return self._tower().availability()

    def load(self) -> None:
        """Bring the names' embeddings into memory; further calls do nothing.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used, or the encoder never learned to read.
        """
        self._names()

    def of_embedding(self, vectors: ArrayLike) -> Floats:
        """(..., d) unit rows of `encoder` to (..., 365) probabilities.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used, or the vectors are not this encoder's.
        """
        rows, said = np.asarray(vectors, np.float64), self._names()
        if rows.shape[-1] != said.shape[1]:
            raise EncoderError(
                f"{rows.shape[-1]} numbers a photo are not {said.shape[1]}. Give embeddings of {self.encoder.name}."
            )
        scores = rows @ said.T
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def scenes(self, images: Sequence[Image], embeddings: Embeddings | None = None) -> Floats:
        """(n, 365) probabilities; the photos are encoded unless their embeddings are given.

        Raises:
            As `of_embedding`.
        """
        return self.of_embedding(self.encoder.encode(images) if embeddings is None else embeddings)

    def _tower(self) -> TextTower:
        return TextTower(self._asked, REMEDY, _ROOM)

    def _names(self) -> Floats:
        """(365, d) float64 of the names, each as long as the checkpoint scales similarities."""
        key = self.id
        with _saying:
            if key not in _said:
                file = user_cache_path("geoloc") / "scenes" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
                said = _kept(file)
                if said is None:
                    said = _embedded(self._tower())
                    _keep(file, said)
                _said[key] = said
            return _said[key]


def _digest() -> str:
    return hashlib.sha256(json.dumps([PROMPTS, names(365)]).encode()).hexdigest()


def _embedded(tower: TextTower) -> Floats:
    """Each name in every prompt, averaged at unit length and scaled."""
    texts = [prompt.format(_spoken(name)) for name in names(365) for prompt in PROMPTS]
    rows = np.asarray(tower.features(texts), np.float64)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    mean = rows.reshape(365, len(PROMPTS), -1).mean(axis=1)
    said = tower.scale * mean / np.linalg.norm(mean, axis=1, keepdims=True)
    if not np.isfinite(said).all():
        raise EncoderError("The text tower answers with values that are no numbers. Fetch the encoder again.")
    return np.asarray(said)


def _spoken(name: str) -> str:
    """`church (outdoor)` as one would say it: outdoor church."""
    head, _, view = name.partition(" (")
    return f"{view.rstrip(')')} {head}".strip()


def _kept(file: Path) -> Floats | None:
    with suppress(OSError, ValueError, EOFError):
        said = np.load(file, allow_pickle=False)
        if said.dtype == np.float64 and said.ndim == 2 and len(said) == 365 and np.isfinite(said).all():
            return np.asarray(said)
    return None


def _keep(file: Path, said: Floats) -> None:
    with suppress(OSError):  # a cache that cannot be written only costs time
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stream:
            np.save(stream, said, allow_pickle=False)
