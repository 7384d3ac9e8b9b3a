"""A folder of photos, searched with its sub-folders; each photo's EXIF says where it was taken."""

from __future__ import annotations

import os
from pathlib import Path

from index_builder.sources import Item, Skipped

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .avif .tif .tiff .bmp .gif .heic .heif .hif .mpo".split()  # noqa: SIM905
)


def read_folder(folder: Path) -> list[Item | Skipped]:
    """Every file below `folder`, in the order of its path; links to folders and hidden ones are not followed."""
    entries: list[Item | Skipped] = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            file = Path(root) / name
            identity = file.relative_to(folder).as_posix().encode("utf-8", "replace").decode()
            if name.startswith("."):
                continue
            if file.suffix.lower() in SUFFIXES:
                entries.append(Item(file, identity))
            else:
                entries.append(Skipped(identity, "not a photo by its name"))
    return entries
