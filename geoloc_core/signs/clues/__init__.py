"""Clues: one file each, with exactly one class that has a `name` and a method `find`. The folder is the registry."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Protocol

from geoloc_core.registry import class_in, names_in
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.writing import Writing


class Finder(Protocol):
    """Looks for one kind of clue. Made once a process and shared by threads, so it keeps no state of a photo.

    Attributes:
        name: the file's.
        about: what it looks for, a short phrase for a person ("telephone numbers").
    """

    name: str
    about: str

    def find(self, writing: Writing) -> Sequence[Clue]:
        """The clues of this kind, at most one for each thing recognised; their `kind` is `name`."""
        ...


def names() -> tuple[str, ...]:
    """The kinds of clues there are."""
    return names_in(sys.modules[__name__])


@cache
def load(name: str) -> Finder:
    """The finder in the file `name`.py.

    Raises:
        GeolocError: there is no such kind of clue.
    """
    return class_in(sys.modules[__name__], name, "kind of clue")()


def find(writing: Writing, kinds: Sequence[str] | None = None) -> tuple[Clue, ...]:
    """All clues in a writing, of `kinds` if they are given."""
    return tuple(clue for kind in (names() if kinds is None else kinds) for clue in load(kind).find(writing))
