"""A folder of photos, searched with its sub-folders; each photo's EXIF says where it was taken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from index_builder.sources import Entry, Item, Piece, Skipped, SourceOptions

NAME = "folder"
DESCRIPTION = "a folder of photos with their places in EXIF"
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .avif .tif .tiff .bmp .gif .heic .heif .hif .mpo".split()  # noqa: SIM905
)


def recognises(path: Path) -> str:
    """Any folder is one."""
    return "it is a folder" if path.is_dir() else ""


def root(path: Path, options: SourceOptions) -> Path:
    """The folder itself."""
    return path


def read(path: Path, options: SourceOptions) -> Iterator[Entry]:
    """Every file below `path`, in the order of its path."""
    for relative in files_below(path):
        identity = relative.encode("utf-8", "replace").decode()
        if not is_photo(relative):
            yield Skipped(identity, "not a photo by its name")
        elif identity != relative:
            yield Skipped(identity, "its name is not UTF-8", "failed")
        else:
            yield Item(identity, Piece(relative))


def files_below(folder: Path) -> Iterator[str]:
    """Paths relative to `folder`, with "/", sorted; no hidden ones, and links to folders are not followed."""
    start = len(os.fspath(folder)) + (not os.fspath(folder).endswith(os.sep))
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = parent[start:].replace(os.sep, "/")
        for name in sorted(files):
            if not name.startswith("."):
                yield f"{below}/{name}" if below else name


def is_photo(name: str) -> bool:
    """Whether the name ends like a photo's."""
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 - a path object costs ten times as much
