"""Where geotagged photos come from. One file a source, each a generator from a path to entries.

The folder is the registry: a module with `NAME` is a source. It has

    NAME, DESCRIPTION                     what the user types and reads
    recognises(path) -> str               why `path` looks like one of these, "" if it does not
    root(path, options) -> Path           the folder that its pieces' relative paths start from
    read(path, options) -> Iterator[Entry]

An entry that cannot be used is yielded all the same, as a `Skipped` with its reason, so that nothing vanishes silently.
Entries come in an order that depends on the source's content only.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Literal

from geoloc_core.errors import SourceError
from geoloc_core.status import Choice

FALLBACK = "folder"  # what a folder is if it is nothing more special
Codec = Literal["", "deflate", "msgpack"]


@dataclass(frozen=True)
class Piece:
    """Where a photo's bytes lie: a whole file, or `length` bytes from `offset` of one.

    Args:
        path: the file, relative to the source's root (or absolute); "" for a bare location, which has no photo.
        offset, length: the range in bytes; None for the whole file. A range that runs over its file's end goes on in
            the next part of a split archive, whose name ends in the next number.
        codec: how the range is wrapped: not at all, as raw deflate (ZIP), or as a msgpack record with key `image`.
    """

    path: str
    offset: int | None = None
    length: int | None = None
    codec: Codec = ""


NO_PHOTO = Piece("")


@dataclass(frozen=True)
class Item:
    """A photo to embed: its id, bytes, place in degrees (None: ask its EXIF) and the source's other columns.

    `columns` never holds id, lat, lon, nor a name that begins with "_"; `author`, `licence` and `source` are canonical.
    """

    id: str
    piece: Piece
    location: tuple[float, float] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """An entry of the source that gives no row, and why.

    `failed` means that something is wrong that may be mended (a file that is missing), `skipped` that nothing is.
    """

    id: str
    reason: str
    status: Literal["skipped", "failed"] = "skipped"


Entry = Item | Skipped


@dataclass(frozen=True)
class SourceOptions:
    """What may be said about a source beside its path; a source ignores what does not concern it.

    Args:
        images: the folder (or archive) where the photos are; else the source's own folder.
        metadata: the table of places; else the one that lies in the source's folder.
        columns: role (id, file, lat, lon, author, licence, source) to the name of the table's column.
        split: the part to read of a data set that has several, such as train, test, im2gps3k.
        locations_only: read places without photos; the items' pieces are `NO_PHOTO`.
        limit: how many entries to read at most.
    """

    images: Path | None = None
    metadata: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    split: str | None = None
    locations_only: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class Source:
    """A source that was opened: `entries` may be asked for as often as needed and begins anew each time."""

    kind: Choice
    path: Path
    root: Path
    options: SourceOptions

    def entries(self) -> Iterator[Entry]:
        """What the source holds, lazily, in an order that depends on its content only.

        Raises:
            SourceError: it cannot be read; what was read before stays valid.
        """
        return islice(_modules()[self.kind.value].read(self.path, self.options), self.options.limit)


def names() -> list[str]:
    """The kinds of source."""
    return list(_modules())


def descriptions() -> dict[str, str]:
    """Each kind of source and what it is, in one line."""
    return {name: module.DESCRIPTION for name, module in _modules().items()}


def open_source(kind: str, path: Path, options: SourceOptions | None = None) -> Source:
    """A source of the given kind, or of the kind that `path` looks like if `kind` is "auto".

    Raises:
        SourceError: there is no such kind or path, or nothing recognises it.
    """
    options = options or SourceOptions()
    if not path.exists():
        raise SourceError(f"There is no {path}. Check the path.")
    modules = _modules()
    if kind == "auto":
        choice = _recognise(path)
    elif kind in modules:
        choice = Choice(kind, "asked for")
    else:
        close = get_close_matches(kind, modules, 1)
        hint = f"Did you mean {close[0]}?" if close else f"Choose auto, {', '.join(modules)}."
        raise SourceError(f"There is no kind of source {kind!r}. {hint}")
    return Source(choice, path, modules[choice.value].root(path, options), options)


def _recognise(path: Path) -> Choice:
    for name, module in _modules().items():
        if reason := module.recognises(path):
            return Choice(name, reason)
    raise SourceError(
        f"{path} is no source that is known. Give a folder, a table or a tar, or name the kind of source."
    )


def _modules() -> dict[str, ModuleType]:
    """The sources by name, in the alphabet's order but for the fallback, which comes last."""
    found = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    sources = [module for module in found if hasattr(module, "NAME")]
    return {module.NAME: module for module in sorted(sources, key=lambda one: (one.NAME == FALLBACK, one.NAME))}
