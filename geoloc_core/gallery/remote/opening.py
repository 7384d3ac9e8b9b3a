"""Which kind of place a URL names."""

from __future__ import annotations

from pathlib import Path

from geoloc_core.errors import SharingError
from geoloc_core.gallery.remote.folder_store import FolderStore
from geoloc_core.gallery.remote.hub_store import HubStore
from geoloc_core.gallery.remote.stores import Store
from geoloc_core.gallery.remote.urls import is_url, redacted


def open_store(url: str, revision: str | None = None) -> Store:
    """The store that `url` names, read at `revision` where there are revisions.

    Raises:
        SharingError: the URL is none, or a package that it needs is not installed.
    """
    if url.startswith("hf://"):
        return HubStore(url, revision)
    if revision:
        raise SharingError(f"{redacted(url)} has no revisions: only hf://datasets/... does. Leave out --revision.")
    if not is_url(url):
        url = Path(url).expanduser().absolute().as_uri()
    return FolderStore(url)
