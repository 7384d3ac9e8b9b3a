"""Trouble with a disk, told as a message."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geoloc_core.errors import GeolocError


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
