"""Geoloc: where in the world was this photo taken?

Everything that answers the question, free of any user interface. Importing this package is cheap: names are resolved on
first use, and torch, faiss and the like are imported inside the functions that need them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Availability": "status",
    "Choice": "status",
    "Gallery": "gallery",
    "LocationDistribution": "geo",
    "Photo": "photo",
    "Prediction": "prediction",
    "Predictor": "prediction",
    "Query": "prediction",
    "read_photo": "photo",
    "settings": "settings",
}
__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'geoloc_core' has no attribute {name!r}")
    return getattr(import_module(f"geoloc_core.{_HOME[name]}"), name)
