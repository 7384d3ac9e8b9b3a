"""What pushing and pulling ask of a place that holds a gallery."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from geoloc_core.errors import GeolocError, SharingError, SharingInterrupted
from geoloc_core.gallery.manifest import Manifest
from geoloc_core.gallery.remote.urls import redacted, redacted_error

Progress = Callable[[int, int], None]
CHUNK = 1 << 20
_LASTING = (PermissionError, ImportError, NotImplementedError, ValueError, TypeError)


@dataclass(frozen=True)
class Plan:
    """A push: the manifest to publish, where its files lie, and the manifest that is there now.

    `overwrite` replaces files of unknown origin; `public` lets a hub's repository be seen by everyone.
    """

    manifest: Manifest
    paths: Mapping[str, Path]
    old: Manifest | None
    overwrite: bool = False
    public: bool = False

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.manifest.files.values())


@dataclass(frozen=True)
class Published:
    """What a push sent, and the revision that the store gave it, if it gives any."""

    sent: tuple[str, ...]
    revision: str = ""


class Store(Protocol):
    """A place that holds at most one gallery. Its errors are `SharingError`s without secrets.

    `shown` is its address without secrets, `place` the same whatever the revision.
    """

    shown: str
    place: str

    @property
    def revision(self) -> str:
        """What pins the content that is read: a commit of the hub; empty elsewhere."""

    def read(self, name: str, limit: int) -> bytes | None:
        """Up to `limit` + 1 bytes of a small file; None if it is not there."""

    def stream(self, name: str, offset: int) -> Generator[bytes]:
        """The bytes of a file from `offset` on."""

    def publish(self, plan: Plan, on_progress: Progress) -> Published:
        """Send what is not there yet; the manifest appears last, or all in one commit."""


@contextmanager
def plain_errors(url: str, doing: str) -> Iterator[None]:
    """Turns whatever a store's package raises into one sentence: a lasting error, or an interruption."""
    try:
        yield
    except GeolocError:
        raise
    except _LASTING as error:
        raise SharingError(
            f"{redacted(url)} cannot be {doing}: {redacted_error(error, url)}. Check the address and your rights there."
        ) from None
    except Exception as error:
        raise SharingInterrupted(
            f"{redacted(url)} could not be {doing}: {redacted_error(error, url)}. Check address and connection, then "
            "run the command again: it goes on where it stopped."
        ) from None
