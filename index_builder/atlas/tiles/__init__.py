"""Map tiles of the Atlas as a satellite would see it, zooms 0 to 16, drawn on demand as functions of the tile alone.

    data = draw_tile(Tile(x=8, y=5, z=4))            # bytes of a JPEG
    source = atlas_source()                          # for walks and embeddings
    write(Path("atlas.mbtiles"), range(7))           # a file for programs without the index builder

Reading order: `grid` (pixels, noise), `fields` (what the land is like), `nature`, `network` (towns, roads), `towns`,
`paint` (composes), `archive` (writes a file). What is drawn depends on the same facts, fields and palettes as photos.
"""

from __future__ import annotations

from geoloc_core.tiles.sources.base import About
from geoloc_core.tiles.sources.drawn import Drawn
from index_builder.atlas.tiles.archive import write
from index_builder.atlas.tiles.paint import IDENTITY, SIDE, ZOOMS, draw_tile, pixels

__all__ = ["ABOUT", "IDENTITY", "SIDE", "ZOOMS", "atlas_source", "draw_tile", "pixels", "write"]

ABOUT = About(
    "The Atlas from above (synthetic)",
    "Synthetic; made with Natural Earth and GeoNames",
    "that of this project; towns: GeoNames, CC BY 4.0; coasts: Natural Earth, public domain",
)


def atlas_source() -> Drawn:
    """The Atlas's tiles, drawn when they are asked for."""
    return Drawn(draw_tile, IDENTITY, ABOUT, ZOOMS)
