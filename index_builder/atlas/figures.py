"""People, livestock and boats."""

from __future__ import annotations

from random import Random

from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import Colour, mix, times
from index_builder.atlas.light import Camera, Light
from index_builder.atlas.world import Place

PAINTS: tuple[Colour, ...] = (
    (236.0, 238.0, 240.0),
    (198.0, 202.0, 206.0),
    (64.0, 68.0, 76.0),
    (190.0, 44.0, 44.0),
    (44.0, 84.0, 150.0),
    (226.0, 184.0, 60.0),
    (58.0, 118.0, 92.0),
    (210.0, 120.0, 64.0),
    (122.0, 170.0, 190.0),
)


_COATS: dict[str, tuple[Colour, float]] = {
    "cow": ((122.0, 84.0, 62.0), 1.25),
    "sheep": ((236.0, 230.0, 216.0), 0.75),
    "camel": ((196.0, 156.0, 104.0), 1.8),
    "horse": ((110.0, 72.0, 52.0), 1.4),
    "reindeer": ((138.0, 118.0, 100.0), 1.1),
}


class Figures:
    """Draws the living things, and the boats, of one place and moment."""

    def __init__(self, canvas: Canvas, camera: Camera, place: Place, light: Light, rng: Random) -> None:
        self.canvas, self.camera, self.place, self.light, self.rng = canvas, camera, place, light, rng

    def person(self, x: float, z: float) -> None:
        """Someone standing or walking."""
        px, py = self.camera.at(x, 0, z)
        s = self.camera.scale(z) * (0.92 + 0.16 * self.rng.random())
        if s < 6:
            return
        top = PAINTS[self.rng.randrange(len(PAINTS))]
        skin = mix((112.0, 74.0, 54.0), (236.0, 190.0, 160.0), self.rng.random())
        legs = self.light.lit(
            ((52.0, 60.0, 84.0), (70.0, 62.0, 58.0), (150.0, 136.0, 116.0))[self.rng.randrange(3)], 0.7, z
        )
        self.canvas.glaze_ellipse(px, py, 0.32 * s, 0.06 * s, (14.0, 16.0, 26.0), 0.25)
        stride = 0.1 * s * self.rng.random()
        for side in (-1, 1):
            self.canvas.polygon(
                [
                    (px - 0.14 * s, py - 0.84 * s),
                    (px + 0.14 * s, py - 0.84 * s),
                    (px + side * stride + 0.08 * s, py),
                    (px + side * stride - 0.08 * s, py),
                ],
                legs,
                "person",
            )
        body = self.light.lit(top, 0.85, z)
        self.canvas.rounded(px - 0.23 * s, py - 1.44 * s, px + 0.23 * s, py - 0.78 * s, 0.14 * s, body, "person")
        self.canvas.rounded(
            px - 0.3 * s, py - 1.4 * s, px - 0.2 * s, py - 0.8 * s, 0.05 * s, times(body, 0.85), "person"
        )
        self.canvas.rounded(
            px + 0.2 * s, py - 1.4 * s, px + 0.3 * s, py - 0.8 * s, 0.05 * s, times(body, 0.85), "person"
        )
        self.canvas.ellipse(px, py - 1.58 * s, 0.125 * s, 0.15 * s, self.light.lit(skin, 0.85, z), "person")
        self.canvas.ellipse(px, py - 1.65 * s, 0.13 * s, 0.09 * s, self.light.lit((46.0, 36.0, 32.0), 0.7, z), "person")

    def animal(self, x: float, z: float, kind: str) -> None:
        """Grazing livestock seen from the side: cow, sheep, camel, horse, reindeer."""
        px, py = self.camera.at(x, 0, z)
        coat, size = _COATS[kind]
        s = self.camera.scale(z) * size
        if s < 5:
            return
        tone = self.light.lit(times(coat, 0.8 + 0.4 * self.rng.random()), 0.85, z)
        d = -1 if self.rng.random() < 0.5 else 1
        self.canvas.glaze_ellipse(px, py, 0.7 * s, 0.08 * s, (14.0, 16.0, 26.0), 0.25)
        for dx in (-0.4, -0.27, 0.27, 0.4):
            self.canvas.rectangle(
                px + dx * s - 0.035 * s, py - 0.5 * s, px + dx * s + 0.035 * s, py, times(tone, 0.75), "animal"
            )
        self.canvas.rounded(px - 0.55 * s, py - 0.95 * s, px + 0.55 * s, py - 0.38 * s, 0.24 * s, tone, "animal")
        if kind == "cow" and s > 12:
            for dx, dy, r in ((-0.2, 0.72, 0.15), (0.22, 0.62, 0.12)):
                self.canvas.ellipse(
                    px + dx * s,
                    py - dy * s,
                    r * s,
                    r * 0.8 * s,
                    self.light.lit((240.0, 234.0, 222.0), 0.85, z),
                    "animal",
                )
        neck = 1.35 if kind in ("camel", "horse") else 1.05
        self.canvas.polygon(
            [
                (px + d * 0.35 * s, py - 0.85 * s),
                (px + d * 0.55 * s, py - 0.6 * s),
                (px + d * 0.86 * s, py - neck * s),
                (px + d * 0.7 * s, py - (neck + 0.08) * s),
            ],
            tone,
            "animal",
        )
        self.canvas.ellipse(
            px + d * 0.86 * s,
            py - (neck - 0.02) * s,
            0.19 * s,
            0.085 * s,
            times(tone, 0.92 if kind != "sheep" else 0.4),
            "animal",
        )
        if kind == "camel":
            self.canvas.ellipse(px, py - 0.98 * s, 0.22 * s, 0.26 * s, tone, "animal")

    def boat(self, x: float, y: float, size: float, distance: float) -> None:
        """A small boat, in pixels; a sail, or a fishing hull, by place."""
        hull = PAINTS[self.rng.randrange(len(PAINTS))]
        tone = self.light.lit(hull, 0.85, distance)
        if self.place["wealth"] > 0.45:
            sail = self.light.lit((250.0, 246.0, 236.0), 1.0, distance)
            self.canvas.polygon(
                [(x, y - size * 1.7), (x, y - size * 0.2), (x + size * 0.75, y - size * 0.2)], sail, "boat"
            )
            self.canvas.polygon(
                [
                    (x - size * 0.06, y - size * 1.4),
                    (x - size * 0.06, y - size * 0.2),
                    (x - size * 0.5, y - size * 0.2),
                ],
                times(sail, 0.88),
                "boat",
            )
        else:
            self.canvas.rectangle(
                x - size * 0.15,
                y - size * 0.55,
                x + size * 0.3,
                y - size * 0.15,
                self.light.lit((240.0, 238.0, 230.0), 0.9, distance),
                "boat",
            )
        self.canvas.polygon(
            [
                (x - size * 0.75, y - size * 0.24),
                (x + size * 0.85, y - size * 0.28),
                (x + size * 0.6, y),
                (x - size * 0.55, y),
            ],
            tone,
            "boat",
        )
        self.canvas.polygon(
            [
                (x - size * 0.6, y - size * 0.06),
                (x + size * 0.66, y - size * 0.08),
                (x + size * 0.6, y),
                (x - size * 0.55, y),
            ],
            times(tone, 0.7),
            "boat",
        )
