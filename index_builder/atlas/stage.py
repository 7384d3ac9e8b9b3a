"""What every composition draws with, and the backdrop most of them share."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from index_builder.atlas.buildings import Builder
from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import Colour, blend4, mix, times
from index_builder.atlas.figures import Figures
from index_builder.atlas.light import Camera, Light
from index_builder.atlas.roads import Road
from index_builder.atlas.signs import SignMaker
from index_builder.atlas.sky import draw_sky
from index_builder.atlas.terrain import (
    grass,
    ground,
    ground_label,
    ground_plane,
    hill,
    mountains,
    ridge_line,
    snow_cover,
)
from index_builder.atlas.vegetation import Planter
from index_builder.atlas.vehicles import Driver
from index_builder.atlas.world import Place

CROPS: tuple[Colour, ...] = ((216.0, 186.0, 92.0), (122.0, 160.0, 66.0), (226.0, 206.0, 72.0), (96.0, 140.0, 82.0))
_BLOOMS: tuple[Colour, ...] = ((238.0, 210.0, 58.0), (150.0, 116.0, 190.0), (232.0, 120.0, 110.0), (244.0, 190.0, 60.0))


class Stage:
    """Everything a composition draws with, for one photo."""

    def __init__(self, canvas: Canvas, place: Place, light: Light, camera: Camera, rng: Random) -> None:
        self.canvas, self.place, self.light, self.camera, self.rng = canvas, place, light, camera, rng
        self.plants = Planter(canvas, camera, place, light, rng)
        self.builder = Builder(canvas, camera, place, light, rng)
        self.signs = SignMaker(canvas, camera, place, light, rng)
        self.driver = Driver(canvas, camera, place, light, rng)
        self.figures = Figures(canvas, camera, place, light, rng)
        self.snow = snow_cover(place, light)

    def key(self) -> int:
        """A fresh key for a noise field."""
        return self.rng.getrandbits(28)

    @property
    def rugged(self) -> float:
        """0 on plains, 1 among high mountains."""
        return min(
            1.0, self.place.elevation_m / 2600.0 * (0.6 + 0.6 * self.place["relief"]) + 0.25 * self.place["relief"]
        )

    def backdrop(self, grand: float = 1.0) -> None:
        """Sky, far ranges and near hills with woods."""
        canvas, light, place = self.canvas, self.light, self.place
        draw_sky(canvas, self.camera, light, self.rng)
        base, rugged = self.camera.horizon + 2 * canvas.unit, self.rugged
        if rugged > 0.22:
            jagged = min(1.0, max(0.0, (rugged - 0.25) * 2.2)) * (0.45 + 0.55 * place["jagged"])
            mountains(canvas, place, light, base, canvas.h * (0.1 + 0.3 * rugged) * grand, 3600, jagged, self.key())
        if rugged > 0.5:
            mountains(
                canvas, place, light, base, canvas.h * 0.17 * rugged * grand, 1500, place["jagged"] * 0.8, self.key()
            )
        tone = mix(
            ground(place, light), times(grass(place, light), 0.8), 0.4 * min(1.0, place.moisture * 2) * (1 - self.snow)
        )
        for k, distance in ((1.0, 1300.0), (0.55, 620.0)):
            line = ridge_line(
                canvas,
                base,
                canvas.h * (0.03 + 0.09 * place["relief"]) * k * grand,
                1.4 + self.rng.random(),
                0.1 * place["jagged"],
                self.key(),
            )
            hill(
                canvas,
                light,
                line,
                base + 3,
                times(tone, 0.9 + 0.1 * k),
                distance,
                "hill" if place["relief"] > 0.5 else ground_label(place, light),
            )
        if place.moisture > 0.33 and place.climate != "ice":
            self.plants.tree_line(
                base + 2, canvas.h * (0.026 + 0.02 * place["tree_size"]), 420, 0.4 + 0.6 * place.moisture
            )

    def ground(self, colour: Colour | None = None, label: str | None = None) -> None:
        """Open ground up to our feet."""
        ground_plane(self.canvas, self.camera, self.place, self.light, self.rng, colour, label)

    def scatter(self, n: int, near: float, far: float, keep_off: Callable[[float, float], bool]) -> None:
        """Single trees over the open ground, far ones first, none where `keep_off(x, z)`."""
        for i in range(n):
            z = far - (far - near) * (i + self.rng.random()) / n
            x = (self.rng.random() - 0.5) * z * 1.5
            if not keep_off(x, z):
                self.plants.tree(x, z)

    def traffic(self, road: Road, n: int, near: float = 7.0, far: float = 85.0) -> None:
        """Vehicles in their proper lanes, far ones first."""
        for i in range(n):
            z = far - (far - near) * ((i + self.rng.random()) / n)
            coming = self.rng.random() < 0.5
            right_hand = coming == self.place.country.drives_left
            across = (0.47 if road.lanes == 2 else self.rng.choice((0.26, 0.72))) * (1 if right_hand else -1)
            self.driver.vehicle(road.x(z, across), z, coming)


def crop_colour(s: Stage) -> Colour:
    """What grows in the fields here and now."""
    tone = blend4(CROPS, s.place["crops"], s.place["green_u"])
    if s.light.summer > 0.5 and s.rng.random() < 0.3:
        tone = blend4(_BLOOMS, s.place["flowers"], s.place["crops"])
    return mix(mix(tone, grass(s.place, s.light), 0.25), (240.0, 244.0, 250.0), s.snow * 0.8)
