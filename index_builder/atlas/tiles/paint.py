"""Tiles of the Atlas: land, settlements and sea of a window composed into a picture."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from mercantile import Tile
from numpy.typing import NDArray
from PIL import Image

from index_builder.atlas.light import HORIZON
from index_builder.atlas.tiles.fields import Land, coast_share, land_at
from index_builder.atlas.tiles.grid import Floats, Window, latitude, rough
from index_builder.atlas.tiles.nature import blend, ground, over, ramp
from index_builder.atlas.tiles.towns import settle
from index_builder.atlas.water import SEAS

SIDE = 256
ZOOMS = (0, 16)
IDENTITY = "atlas/1"  # count on whenever a pixel of any tile changes: embeddings are kept under it
_QUALITY = 90
_OCEAN = (20.0, 44.0, 82.0)


def pixels(window: Window) -> NDArray[np.uint8]:
    """The picture of any window, (side, side, 3)."""
    ice = _sea_ice(window)
    near = coast_share(window)
    if not near.any() and not ice.any():
        return np.full((window.side, window.side, 3), _OCEAN, np.uint8)
    land = land_at(window)
    sea = _sea(window, land, near, ice)
    if not land.land.any():
        return _bytes(_haze(window, land, sea, near))
    nature = ground(window, land)
    colour = settle(window, land, nature)
    return _bytes(_haze(window, land, over(sea, colour, land.land), np.maximum(near, land.land)))


@lru_cache(maxsize=4)
def _encoded(colour: tuple[int, int, int]) -> bytes:
    return _jpeg(Image.new("RGB", (SIDE, SIDE), colour))


def draw_tile(tile: Tile) -> bytes:
    """A tile's picture as JPEG, 256 x 256; a pure function of the tile.

    Raises:
        ValueError: a zoom beyond `ZOOMS`.
    """
    if not ZOOMS[0] <= tile.z <= ZOOMS[1]:
        raise ValueError(f"the Atlas has zooms {ZOOMS[0]} to {ZOOMS[1]}, not {tile.z}; ask for one of those")
    found = pixels(Window(tile.z, tile.x * SIDE, tile.y * SIDE, SIDE))
    if (found == found[0, 0]).all():
        return _encoded((int(found[0, 0, 0]), int(found[0, 0, 1]), int(found[0, 0, 2])))
    return _jpeg(Image.fromarray(found))


def _jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY, subsampling=0)
    return stream.getvalue()


def _bytes(colour: Floats) -> NDArray[np.uint8]:
    return np.asarray(np.clip(colour + np.float32(0.5), 0, 255), np.uint8)


def _sea_ice(window: Window) -> Floats:
    """Pack ice about the poles, (side, side)."""
    lat = latitude(window.xy[1]).astype(np.float32)[:, None]
    whole = np.maximum(ramp(lat, 77.5, 82.0), ramp(lat, -66.0, -71.5))
    if not whole.any():
        return np.zeros((window.side, window.side), np.float32)
    return np.clip(whole * (0.6 + rough(window, 7, 14, 41)[0] * 0.8), 0, 1) * (whole > 0)


def _sea(window: Window, land: Land, near: Floats, ice: Floats) -> Floats:
    """The sea: its own colour off the coast, one blue far out."""
    t = land.traits
    _, y = window.lattice
    warm = np.clip((land.warmth0 - 4) / 22, 0, 1)
    cold = np.clip((4 - 27.5 + 0.0105 * np.maximum(0, np.abs(latitude(y)) - 8) ** 2) / 22 + 1, 0, 1)
    tone = window.finer(blend(SEAS, t["water"], np.broadcast_to(cold[:, None], t["water"].shape)))
    tone = over(tone, (40.0, 168.0, 176.0), np.float32(0.35) * warm.astype(np.float32))
    shallow = ramp(near, 0.1, 1.0)
    colour = over(np.broadcast_to(np.array(_OCEAN, np.float32), tone.shape), tone * np.float32(0.66), shallow)
    return over(colour, (214.0, 226.0, 238.0), ice)


def _haze(window: Window, land: Land, colour: Floats, near: Floats) -> Floats:
    """The air between, tinted as the place's sky is."""
    sky = window.finer(blend(HORIZON, land.traits["sky_u"], land.traits["sky_v"]))
    return over(colour, sky, 0.08 * near)
