"""Sources of tiles: one file a kind. A source is written as a preset's name, a path, or a URL template.

`gibs-bluemarble`, `world.mbtiles`, `region.pmtiles`, `tiles/` (a folder z/x/y), `https://host/{z}/{x}/{y}.png?k={key}`;
`A|B` takes a tile from A if A has it, else from B.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core.errors import TileSourceError
from geoloc_core.registry import names_in
from geoloc_core.tiles.sources.base import About, Got, TileSource

if TYPE_CHECKING:
    from pydantic import SecretStr

    from geoloc_core.tiles.cache import TileCache

__all__ = ["About", "Got", "TileSource", "names", "open_source"]

_NOT_KINDS = {"base", "manners", "presets", "settled"}


def names() -> tuple[str, ...]:
    """The kinds of sources there are."""
    return tuple(name for name in names_in(sys.modules[__name__]) if name not in _NOT_KINDS)


def open_source(spec: str, *, key: SecretStr | None = None, cache: TileCache | None = None) -> TileSource:
    """The source that `spec` names.

    Args:
        spec: a preset's name, a path, or a URL template.
        key: for a server that wants one.
        cache: where a server's tiles are kept.

    Raises:
        TileSourceError: there is no such source, or it cannot be used.
    """
    from geoloc_core.tiles.sources.presets import PRESETS

    if "|" in spec:
        from geoloc_core.tiles.sources.layers import Layers

        return Layers([open_source(part.strip(), key=key, cache=cache) for part in spec.split("|")])
    if spec in PRESETS:
        return PRESETS[spec].source(cache)
    if "://" in spec:
        from geoloc_core.tiles.sources.xyz import Xyz

        return Xyz(spec, key=key if "{key}" in spec else None, cache=cache)
    path = Path(spec).expanduser()
    if path.is_dir():
        from geoloc_core.tiles.sources.folder import Folder

        return Folder(path)
    if path.suffix.lower() == ".mbtiles":
        from geoloc_core.tiles.sources.mbtiles import MBTiles

        return MBTiles(path)
    if path.suffix.lower() == ".pmtiles":
        from geoloc_core.tiles.sources.pmtiles import PMTiles

        return PMTiles(path)
    raise TileSourceError(
        f"{spec!r} is no source of tiles. Give an .mbtiles or .pmtiles file, a folder z/x/y, a URL with "
        f"{{z}}/{{x}}/{{y}}, or one of {', '.join(PRESETS)}."
    )
