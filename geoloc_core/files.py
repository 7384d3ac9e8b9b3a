"""Files that appear whole or not at all: written beside their name, flushed, and renamed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_MARK = ".partial"


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose bytes become `path` when the block ends, and nothing if it fails.

    Raises:
        OSError: the disk is full, read-only or gone; `path` is as it was.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_MARK}")
    try:
        with partial.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_partial(folder: Path) -> None:
    """Delete what writers that died left in `folder`. Only for whoever alone may write there."""
    for partial in folder.glob(f".*{_MARK}"):
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)
