"""Back ends that ask models: one file each, with exactly one class that has a `name`. The folder is the registry."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from typing import Any

from geoloc_core.errors import LmmError


def names() -> tuple[str, ...]:
    """The back ends there are."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> type[Any]:
    """The back end's class, which satisfies `lmm.base.Lmm`, in the file `name`.py.

    Raises:
        LmmError: there is no such back end.
    """
    if name not in names():
        raise LmmError(f"There is no back end {name!r} for models. Choose one of {', '.join(names())}.")
    module = import_module(f"{__name__}.{name}")
    found = [
        c
        for _, c in inspect.getmembers(module, inspect.isclass)
        if c.__module__ == module.__name__ and hasattr(c, "name")
    ]
    if len(found) != 1:
        raise LmmError(f"{module.__file__} must define exactly one class with a name; it defines {len(found)}.")
    return found[0]
