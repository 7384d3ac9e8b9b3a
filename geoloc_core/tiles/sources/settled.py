"""The source of tiles that the settings name, with their key and cache."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from geoloc_core.errors import TileSourceError
from geoloc_core.settings import Settings
from geoloc_core.tiles.cache import TileCache
from geoloc_core.tiles.sources import open_source
from geoloc_core.tiles.sources.base import TileSource
from geoloc_core.tiles.sources.presets import PRESETS

_NONE = (
    "No source of tiles is named. Give --tiles or set tile_source: an .mbtiles or .pmtiles file, a folder z/x/y, a URL "
    f"with {{z}}/{{x}}/{{y}}, or one of {', '.join(PRESETS)}."
)


def settled_source(spec: str | None, config: Settings) -> TileSource:
    """The source that `spec` names, else the settings; a server gets the settings' key and is cached as they say.

    Raises:
        TileSourceError: none is named, or it cannot be used.
        TileError: the cache cannot be.
    """
    if not (spec := spec or config.tile_source):
        raise TileSourceError(_NONE)
    served = any("://" in part or part.strip() in PRESETS for part in spec.split("|"))
    kept = _cache(config.tile_cache, config.tile_cache_bytes) if served else None
    return open_source(spec, key=config.tile_key or None, cache=kept)


@cache
def _cache(path: Path, most_bytes: int) -> TileCache:
    """One object for the whole process: its threads share it."""
    return TileCache(path, most_bytes)
