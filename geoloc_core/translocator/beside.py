"""What a model is told of a photo beside its pixels: by which segmenter, by which scene classifier, and why those."""

from __future__ import annotations

from contextlib import suppress

from geoloc_core.errors import GeolocError, ModelError
from geoloc_core.scenes import SceneClassifier, best_classifier, open_classifier
from geoloc_core.segmentation import Segmenter, best_segmenter, open_segmenter
from geoloc_core.segmentation.names import STARTER
from geoloc_core.status import Choice
from geoloc_core.translocator.card import Card


def segmenter_for(card: Card, asked: Segmenter | None = None) -> tuple[Segmenter, Choice]:
    """The segmenter asked for, else the one that labelled the model's training photos, else the nearest to it.

    Raises:
        ModelError: there is none.
    """
    trained = card.inputs.segmentation
    if asked is not None:
        return asked, Choice(asked.name, f"asked for{_unlike(asked.name, trained)}")
    if trained:
        with suppress(GeolocError):
            same = open_segmenter(trained)
            if same.availability():
                return same, Choice(same.name, "it labelled the photos that the model was trained on")
    if card.synthetic:
        return open_segmenter(STARTER), Choice(STARTER, f"it learned to label drawn photos{_unlike(STARTER, trained)}")
    best = best_segmenter()
    return open_segmenter(best.value), Choice(best.value, f"{best.reason}{_unlike(best.value, trained)}")


def scenes_for(asked: SceneClassifier | None = None) -> tuple[SceneClassifier, Choice]:
    """The scene classifier asked for, else the best on this machine.

    Raises:
        ModelError: there is none.
    """
    if asked is not None:
        return asked, Choice(asked.name, "asked for")
    best = best_classifier()
    if best is None:
        raise ModelError(
            "Nothing on this machine tells scenes apart. Get the weights of an encoder that reads, such as with "
            "`python -m geoloc_core fetch mobileclip2`, or a network trained on Places365."
        )
    return open_classifier(best.value), best


def _unlike(name: str, trained: str) -> str:
    return f"; the training photos were labelled by {trained}" if trained and trained != name else ""
