"""Which kinds of scene a place has, and their drawing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from geoloc_core.scenes import places365
from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import WHITE, mix
from index_builder.atlas.countryside import desert, field, forest, ice, mountain
from index_builder.atlas.light import Light, make_camera
from index_builder.atlas.stage import Stage
from index_builder.atlas.urban import highway, skyline, street, village
from index_builder.atlas.waterside import coast, lake
from index_builder.atlas.world import Place

URBAN = frozenset({"street", "village", "skyline", "highway"})
_SCENES: dict[str, tuple[Callable[[Stage], None], tuple[float, float], tuple[float, float]]] = {
    "street": (street, (1.6, 2.4), (0.44, 0.56)),
    "highway": (highway, (1.5, 2.8), (0.42, 0.55)),
    "village": (village, (2.0, 5.0), (0.38, 0.5)),
    "coast": (coast, (2.0, 4.0), (0.4, 0.54)),
    "mountain": (mountain, (1.8, 4.0), (0.52, 0.64)),
    "field": (field, (2.0, 4.5), (0.4, 0.54)),
    "forest": (forest, (1.6, 2.4), (0.46, 0.56)),
    "desert": (desert, (1.8, 4.0), (0.42, 0.56)),
    "lake": (lake, (2.0, 4.0), (0.44, 0.54)),
    "skyline": (skyline, (8.0, 14.0), (0.4, 0.5)),
    "ice": (ice, (1.8, 4.0), (0.42, 0.55)),
}
SCENES = tuple(_SCENES)
_PLACES365 = {
    "street": "street",
    "highway": "field_road",  # `highway` itself also counts as nature
    "village": "residential_neighborhood",
    "coast": "coast",
    "mountain": "mountain",
    "field": "field/cultivated",
    "forest": "forest/broadleaf",
    "desert": "desert/sand",
    "lake": "lake/natural",
    "skyline": "downtown",
    "ice": "snowfield",
}


def places365_of(scene: str) -> int:
    """The number of the category of Places365 that a scene of the Atlas is nearest to.

    Raises:
        KeyError: unknown scene; the known ones are `SCENES`.
    """
    return places365.number(_PLACES365[scene])


def choose_scene(place: Place, rng: Random) -> str:
    """A scene that this place has; the odds follow climate, sea and height."""
    wet, cold = place.moisture, place.climate in ("ice", "tundra")
    if place.country.iso2 == "AQ":
        return "ice"
    chances = {
        "street": 0.3 if cold else 1.7,
        "highway": 0.5 if cold else 1.5,
        "village": 0.7 if cold else 1.1,
        "coast": 1.3 if place.sea_km < 60 else 0.0,
        "mountain": 0.2 + min(1.4, place.elevation_m / 1400.0),
        "field": 0.9 if wet > 0.34 and place.warmth > 3 else 0.0,
        "forest": 0.8 if wet > 0.42 and not cold else 0.0,
        "desert": 2.2 if wet < 0.24 else 0.0,
        "lake": 0.5 if wet > 0.3 else 0.05,
        "skyline": 0.1 if cold else 0.7,
        "ice": 3.0 if place.climate == "ice" else 0.4 if cold else 0.0,
    }
    return rng.choices(list(chances), list(chances.values()))[0]


def compose(canvas: Canvas, place: Place, light: Light, scene: str, rng: Random) -> None:
    """Draw a scene.

    Raises:
        KeyError: unknown scene; the known ones are `SCENES`.
    """
    draw, heights, horizon = _SCENES[scene]
    camera = make_camera(canvas, rng, heights, horizon)
    draw(Stage(canvas, place, light, camera, rng))
    if light.weather in ("rain", "snow"):
        _precipitation(canvas, light, rng)


def _precipitation(canvas: Canvas, light: Light, rng: Random) -> None:
    """Streaks of rain or flakes of snow in front of everything."""
    tone = mix(light.horizon, WHITE, 0.4)
    if light.weather == "rain":
        lean = (rng.random() - 0.5) * 0.5
        for _ in range(110):
            x, y, long = (rng.random() * canvas.w, rng.random() * canvas.h, canvas.unit * (14 + 22 * rng.random()))
            w = canvas.unit * 0.8
            canvas.glaze([(x, y), (x + w, y), (x + w + lean * long, y + long), (x + lean * long, y + long)], tone, 0.42)
        return
    for _ in range(170):
        r = canvas.unit * (1.0 + 2.6 * rng.random() * rng.random())
        canvas.glaze_ellipse(rng.random() * canvas.w, rng.random() * canvas.h, r, r, WHITE, 0.85)
