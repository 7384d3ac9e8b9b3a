"""Predictors: one file each, with exactly one class that has a `name`. The folder is the registry."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

from geoloc_core.errors import GeolocError

if TYPE_CHECKING:
    from geoloc_core.encoders.base import Encoder
    from geoloc_core.gallery import Gallery
    from geoloc_core.gallery.manifest import Voting
    from geoloc_core.prediction import Predictor


def names() -> tuple[str, ...]:
    """The predictors there are."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> type[Any]:
    """The predictor class in the file `name`.py.

    Raises:
        GeolocError: there is no such predictor.
    """
    if name not in names():
        raise GeolocError(f"There is no predictor {name!r}. Choose one of {', '.join(names())}.")
    module = import_module(f"{__name__}.{name}")
    found = [
        c
        for _, c in inspect.getmembers(module, inspect.isclass)
        if c.__module__ == module.__name__ and hasattr(c, "name")
    ]
    if len(found) != 1:
        raise GeolocError(f"{module.__file__} must define exactly one class with a name; it defines {len(found)}.")
    return found[0]


def for_gallery(gallery: Gallery, encoder: Encoder, *, shown: int = 16, voting: Voting | None = None) -> Predictor:
    """The predictor a gallery calls for: photos vote by `knn`, locations are compared by `geoclip`."""
    if gallery.manifest.of_locations:
        from geoloc_core.predictors.geoclip import GeoClipPredictor

        return GeoClipPredictor(gallery, encoder, shown=shown)
    from geoloc_core.predictors.knn import Knn

    return Knn(gallery, encoder, shown=shown, voting=voting)
