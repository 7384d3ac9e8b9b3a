"""Galleries elsewhere: `push` one to an fsspec URL or a data set of the model hub, `pull` it, open it from its URL."""

from __future__ import annotations

from geoloc_core.gallery.remote.pull import Pulled, fetched, open_url, pull
from geoloc_core.gallery.remote.push import Pushed, push
from geoloc_core.gallery.remote.urls import is_url, redacted

__all__ = ["Pulled", "Pushed", "fetched", "is_url", "open_url", "pull", "push", "redacted"]
