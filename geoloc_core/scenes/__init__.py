"""Scenes: what kind of place a photo shows, in Places365's 365 categories, their 16 groups, or 3.

Source: Zhou et al., "Places: A 10 million image database for scene recognition" (2017); the groups are those of its
published hierarchy. Importing this needs no torch.

    classifier = open_classifier("zero-shot:clip-l14")
    scene = query.scene(classifier)                 # 365 probabilities, through the embedding that retrieval uses
    places365.summed(scene.probabilities, 16)       # of the groups
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from geoloc_core.errors import ModelError
from geoloc_core.geo import Floats
from geoloc_core.settings import settings
from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    from PIL.Image import Image

    from geoloc_core.encoders.base import Embeddings, Encoder

_READERS = ("clip-l14", "mobileclip2")  # presets with a text tower that CLIP's vocabulary fits


@dataclass(frozen=True, eq=False)
class Scene:
    """Probabilities of scenes.

    Attributes:
        probabilities: (n,) adding up to 1, n being 3, 16 or 365, in the order of `places365.names(n)`.
        by: the model that says so.
    """

    probabilities: Floats
    by: str

    def __post_init__(self) -> None:
        values = np.asarray(self.probabilities, np.float64)
        if values.shape not in ((3,), (16,), (365,)) or not np.isfinite(values).all() or (values < 0).any():
            raise ValueError("A scene has 3, 16 or 365 probabilities.")
        object.__setattr__(self, "probabilities", values / (values.sum() or 1.0))

    def top(self, count: int = 3) -> list[tuple[str, float]]:
        """The likeliest scenes by name, with their probabilities."""
        from geoloc_core.scenes.places365 import names

        said = names(len(self.probabilities))
        return [(said[i], float(self.probabilities[i])) for i in np.argsort(-self.probabilities, kind="stable")[:count]]


class SceneClassifier(Protocol):
    """A model that tells the 365 scenes apart. Unavailable is a state with a remedy, not an exception."""

    name: str

    @property
    def encoder(self) -> Encoder | None:
        """Whose embeddings `scenes` takes; None if it looks at photos itself.

        Raises:
            EncoderError: there is no such encoder.
        """
        ...

    @property
    def id(self) -> str:
        """Equal ids tell the same photo's scene alike: weights, preprocessing, words.

        Raises:
            GeolocError: the weights are not on this machine.
        """
        ...

    def availability(self) -> Availability:
        """Whether it can be asked now, without loading anything."""
        ...

    def load(self) -> None:
        """Bring it into memory; further calls do nothing.

        Raises:
            GeolocError: it cannot be used.
        """
        ...

    def scenes(self, images: Sequence[Image], embeddings: Embeddings | None = None) -> Floats:
        """(n, 365) probabilities of n >= 1 photos.

        Args:
            images: of any size and mode; not looked at where the embeddings are enough.
            embeddings: (n, d) of the same photos by `encoder`, to save making them.

        Raises:
            GeolocError: it cannot be used.
        """
        ...


_made: dict[str, SceneClassifier] = {}
_making = threading.Lock()


def open_classifier(name: str) -> SceneClassifier:
    """The classifier of that name; the same object every time, so that a process loads it once.

    Args:
        name: `places365:resnet50`, `places365:resnet18`, `places365:FILE`, or `zero-shot:ENCODER`.

    Raises:
        ModelError: it is none of these.
        EncoderError: there is no such encoder.
    """
    from geoloc_core import encoders
    from geoloc_core.scenes.checkpoint import Places365
    from geoloc_core.scenes.zero_shot import ZeroShot

    kind, _, which = name.partition(":")
    with _making:
        if name not in _made:
            if not which or kind not in ("places365", "zero-shot"):
                raise ModelError(
                    f"There is no scene classifier {name!r}. "
                    "Choose places365:resnet50, places365:resnet18, places365:FILE or zero-shot:ENCODER."
                )
            _made[name] = Places365(which) if kind == "places365" else ZeroShot(encoders.create(which))
        return _made[name]


def known() -> tuple[str, ...]:
    """The classifiers that have a name of their own, the best first."""
    from geoloc_core.scenes.checkpoint import PUBLISHED

    return (*(f"places365:{which}" for which in PUBLISHED), *(f"zero-shot:{name}" for name in _READERS))


def best_classifier(encoder: str = "") -> Choice | None:
    """The name of the classifier to take, and why: the settings', else the best on this machine; None without any.

    Args:
        encoder: the name of an encoder whose embeddings are there anyway.
    """
    from geoloc_core.scenes.checkpoint import PUBLISHED

    if (asked := settings().scenes) != "auto":
        return Choice(asked, "set by GEOLOC_SCENES or geoloc.toml")
    for which in PUBLISHED:
        if open_classifier(f"places365:{which}").availability():
            return Choice(f"places365:{which}", "the best network trained on Places365 that is on this machine")
    for name in filter(None, dict.fromkeys((encoder, *_READERS))):
        if open_classifier(f"zero-shot:{name}").availability():
            return Choice(f"zero-shot:{name}", f"{name} can read, and no network trained on Places365 is here")
    return None
