"""Map encoders: a tile's picture -> an embedding comparable with a photo's, one encoder a zoom over one shared trunk.

A family is written by the name of a published one, as the folder of one, or `untuned:ENCODER`: that photo encoder as
it is, for every zoom.
"""

from __future__ import annotations

import threading

from geoloc_core.shelf import Shelf
from geoloc_core.tiles.encoders.card import Card, read_card
from geoloc_core.tiles.encoders.family import TileEncoders
from geoloc_core.tiles.encoders.tuned import Tuned
from geoloc_core.tiles.encoders.untuned import Untuned

__all__ = ["SHELF", "STARTER", "Card", "TileEncoders", "open_tiles"]

STARTER = "tiles-starter"
SHELF = Shelf(read_card, STARTER, "family of map encoders")
_UNTUNED = "untuned:"

_opened: dict[str, TileEncoders] = {}
_opening = threading.Lock()


def open_tiles(name: str) -> TileEncoders:
    """The family of that name; the same object every time. Cheap: nothing is read yet.

    Args:
        name: one of `SHELF.names()`, the folder of a published family, or `untuned:ENCODER`.
    """
    if name.startswith(_UNTUNED):
        with _opening:
            return _opened.setdefault(name, Untuned(name.removeprefix(_UNTUNED)))
    folder = SHELF.folder(name)
    with _opening:
        return _opened.setdefault(str(folder), Tuned(folder))
