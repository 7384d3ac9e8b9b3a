"""What searches a gallery's vectors: its own files, or an engine that goes past one machine. One setting chooses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoloc_core.gallery.manifest import Manifest
from geoloc_core.gallery.search import Search, TwoEnded
from geoloc_core.gallery.vectors import Vectors
from geoloc_core.settings import Settings, settings
from geoloc_core.status import Choice


class Backend(Protocol):
    """Searches (n, d) vectors at both ends, exactly: `search.two_ended` is what each must equal, ties included."""

    choice: Choice

    def search(self, searches: list[Search]) -> list[TwoEnded]:
        """Both ends of each query; safe to call from several threads.

        Raises:
            GalleryError: the vectors cannot be read, or are not what the gallery's manifest says.
        """
        ...

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """The (m, d) vectors of (m,) rows, with the values as stored, in their order."""
        ...


def open_backend(
    path: Path, manifest: Manifest, files: Callable[[bool], Vectors], chosen: Settings | None = None
) -> Backend:
    """The back end that the settings name.

    Args:
        path: the gallery's folder.
        manifest: the gallery's.
        files: opens the vectors in the gallery's own files, to be searched through 8-bit codes or not.
        chosen: None takes the settings of this process.

    Raises:
        SettingsError: the back end's package is not installed.
        GalleryMissing: the gallery was not exported to it.
        GalleryDamaged: what was exported is not of this gallery as it is now.
    """
    chosen = chosen or settings()
    if chosen.search_backend == "lance" and manifest.encoder is not None:
        from geoloc_core.gallery.lance import LanceVectors, table_of

        return LanceVectors.open(table_of(path, chosen.lance_uri), manifest)
    return files(chosen.search_backend == "codes")
