"""Files that appear whole or not at all: written beside their name, flushed, and renamed."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from geoloc_core.errors import GeolocError

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


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn trouble with the disk under `path` into a message.

    Raises:
        GeolocError: the disk is full, or `path` may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise GeolocError(
                f"There is no room left on the disk of {path}. Free some space and run the same command again, which "
                "goes on from what is done; or choose another disk with --out and --work."
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise GeolocError(
                f"{path} cannot be written ({error.strerror}). Check its permissions, or choose another place."
            ) from error
        raise
