"""How people build in a place: colours of walls and roofs, pitch, storeys, windows."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from index_builder.atlas.colour import Colour, blend4, mix, times
from index_builder.atlas.terrain import soil
from index_builder.atlas.world import Place

WALLS = (
    ((250.0, 246.0, 236.0), (238.0, 184.0, 104.0), (178.0, 82.0, 62.0), (196.0, 204.0, 210.0)),
    ((236.0, 240.0, 244.0), (226.0, 132.0, 110.0), (214.0, 170.0, 122.0), (122.0, 160.0, 196.0)),
    ((226.0, 210.0, 176.0), (246.0, 212.0, 92.0), (146.0, 92.0, 74.0), (150.0, 188.0, 160.0)),
)

ROOFS = ((190.0, 88.0, 60.0), (112.0, 76.0, 64.0), (92.0, 104.0, 118.0), (150.0, 156.0, 150.0))

_TRIMS = ((66.0, 96.0, 118.0), (122.0, 78.0, 52.0), (60.0, 104.0, 84.0), (236.0, 236.0, 230.0))


@dataclass(frozen=True)
class Style:
    """How people build here."""

    pitch: float
    roof: Colour
    trim: Colour
    window_w: float
    window_h: float
    floors: int
    shutters: bool
    balcony: bool
    timber: bool


def style_of(place: Place) -> Style:
    """The building style of a place: flat roofs where it is dry, steep ones where it snows."""
    wet = min(1.0, max(0.0, (place.moisture - 0.22) * 4.0))
    cold = min(1.0, max(0.0, (14.0 - place.warmth) / 14.0))
    pitch = wet * (0.25 + 0.45 * place["pitch"]) + 0.45 * cold * wet
    return Style(
        pitch if pitch > 0.16 else 0.0,
        blend4(ROOFS, place["roof_u"], place["roof_v"]),
        blend4(_TRIMS, place["trim"], place["window"]),
        0.8 + 0.7 * place["window"],
        1.2 + 0.8 * place["wealth"],
        2 + int(place["storeys"] * 4.4),
        place["trim"] > 0.55,
        place["wealth"] < 0.42,
        place["window"] < 0.28 and cold > 0.15,
    )


def wall_colour(place: Place, rng: Random) -> Colour:
    """One of the wall colours of this place."""
    base = blend4(WALLS[rng.randrange(3)], place["wall_u"], place["wall_v"])
    if place.moisture < 0.2:
        base = mix(base, soil(place), 0.45)
    return times(mix(base, blend4(WALLS[0], place["wall_u"], place["wall_v"]), 0.2), 0.93 + 0.12 * rng.random())
