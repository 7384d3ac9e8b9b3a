"""Back ends that ask models: one file each, with exactly one class that has a `name`. The folder is the registry."""

from __future__ import annotations

import sys
from typing import Any

from geoloc_core.errors import LmmError
from geoloc_core.registry import class_in, names_in


def names() -> tuple[str, ...]:
    """The back ends there are."""
    return names_in(sys.modules[__name__])


def load(name: str) -> type[Any]:
    """The back end's class, which satisfies `lmm.base.Lmm`, in the file `name`.py.

    Raises:
        LmmError: there is no such back end.
    """
    return class_in(sys.modules[__name__], name, "back end for models", LmmError)
