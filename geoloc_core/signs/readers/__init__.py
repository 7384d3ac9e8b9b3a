"""Readers of text (OCR): one file each, with exactly one class that has a `name`. The folder is the registry."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol

from geoloc_core.registry import class_in, names_in
from geoloc_core.signs.writing import Line
from geoloc_core.status import Availability

if TYPE_CHECKING:
    from PIL.Image import Image


class Reader(Protocol):
    """Finds and reads lines of text. Made once a process and shared by threads; its models load with the first photo.

    Attributes:
        name: the file's.
    """

    name: str

    def availability(self) -> Availability:
        """Whether it can read now."""
        ...

    def scripts(self) -> frozenset[str]:
        """Names of the scripts it can read, as `geoloc_core.signs.scripts` spells them."""
        ...

    def read(self, image: Image, seen: Sequence[Line] = ()) -> Sequence[Line]:
        """Lines of an upright RGB photo.

        Args:
            image: the photo.
            seen: lines found by earlier readers; those with an empty text could not be read by them.
        """
        ...


def names() -> tuple[str, ...]:
    """The readers there are."""
    return names_in(sys.modules[__name__])


@cache
def load(name: str) -> Reader:
    """The reader in the file `name`.py.

    Raises:
        GeolocError: there is no such reader.
    """
    return class_in(sys.modules[__name__], name, "reader of text")()
