"""One photo of the Atlas: place, moment and layout in, picture and segmentation out."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from index_builder.atlas.canvas import Canvas
from index_builder.atlas.light import make_light
from index_builder.atlas.noise import hashed
from index_builder.atlas.scenes import URBAN, choose_scene, compose
from index_builder.atlas.world import Place, place_at


@dataclass(frozen=True)
class AtlasPhoto:
    """A drawn photo and everything true about it."""

    image: Image.Image
    """RGB."""
    labels: NDArray[np.uint8]
    """(h, w) class of each pixel: ADE20K's 150, counted from 0."""
    lat: float
    lon: float
    scene: str
    """One of `scenes.SCENES`: street, coast, forest, ..."""
    country: str
    """ISO 3166 alpha-2."""
    hour: float
    """Local solar time, 0 to 24."""
    weather: str
    climate: str
    seed: int
    index: int

    @property
    def setting(self) -> str:
        """The coarse scene: 'urban' or 'natural'. The Atlas has no indoor photos."""
        return "urban" if self.scene in URBAN else "natural"


def photo_random(place: Place, seed: int, index: int) -> Random:
    """The random stream of one photo; another place gives another moment and layout, even at the same index."""
    at = (round(place.lat * 1e4), round(place.lon * 1e4))
    low, high = (int(hashed(seed, 2 * index + k, *at) * 2**32) for k in (0, 1))
    return Random(high << 32 | low)


def draw(
    lat: float, lon: float, *, seed: int, index: int, size: tuple[int, int] = (384, 288), scene: str | None = None
) -> AtlasPhoto:
    """Draw photo number `index` of the world `seed` at a point on land.

    The same arguments give the same pixels. `size` is (width, height); in another size
    details fall differently, so it is another photo of the same moment.
    `scene` forces a kind of scene. Raises ValueError at sea.
    """
    place = place_at(float(lat), float(lon))
    rng = photo_random(place, seed, index)
    light = make_light(place, rng)
    chosen = choose_scene(place, rng)
    canvas = Canvas(size)
    compose(canvas, place, light, scene or chosen, Random(rng.getrandbits(60)))
    picture, labels = canvas.finish()
    return AtlasPhoto(
        Image.fromarray(picture),
        labels,
        place.lat,
        place.lon,
        scene or chosen,
        place.country.iso2,
        round(light.hour, 3),
        light.weather,
        place.climate,
        seed,
        index,
    )
