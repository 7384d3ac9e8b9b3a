"""A folder as a registry: one file a choice, with exactly one class that has a `name`."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

from geoloc_core.errors import GeolocError


def names_in(package: ModuleType) -> tuple[str, ...]:
    """The files of a package, without their ending."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))


def class_in(package: ModuleType, name: str, what: str, error: type[GeolocError] = GeolocError) -> type[Any]:
    """The class in the file `name`.py of a package.

    Args:
        package: the folder.
        name: the choice; it may come from a user.
        what: what is chosen, for the message.
        error: what is raised.

    Raises:
        error: there is no such file, or not exactly one class with a name in it.
    """
    names = names_in(package)
    if name not in names:
        raise error(f"There is no {what} {name!r}. Choose one of {', '.join(names)}.")
    module = import_module(f"{package.__name__}.{name}")
    own = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__]
    found = [c for c in own if hasattr(c, "name")]
    if len(found) != 1:
        raise error(f"{module.__file__} must define exactly one class with a name; it defines {len(found)}.")
    return found[0]
