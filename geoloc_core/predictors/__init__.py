"""Predictors: one file each, with exactly one class that has a `name`. The folder is the registry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from geoloc_core.registry import class_in, names_in

if TYPE_CHECKING:
    from geoloc_core.encoders.base import Encoder
    from geoloc_core.gallery import Gallery
    from geoloc_core.gallery.manifest import Voting
    from geoloc_core.prediction import Predictor


def names() -> tuple[str, ...]:
    """The predictors there are."""
    return names_in(sys.modules[__name__])


def load(name: str) -> type[Any]:
    """The predictor class in the file `name`.py.

    Raises:
        GeolocError: there is no such predictor.
    """
    return class_in(sys.modules[__name__], name, "predictor")


def for_gallery(gallery: Gallery, encoder: Encoder, *, shown: int = 16, voting: Voting | None = None) -> Predictor:
    """The predictor a gallery calls for: photos vote by `knn`, locations are compared by `geoclip`."""
    if gallery.manifest.of_locations:
        from geoloc_core.predictors.geoclip import GeoClipPredictor

        return GeoClipPredictor(gallery, encoder, shown=shown)
    from geoloc_core.predictors.knn import Knn

    return Knn(gallery, encoder, shown=shown, voting=voting)
