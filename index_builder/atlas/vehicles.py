"""Vehicles seen from behind or ahead, on the side of the road that the country drives on."""

from __future__ import annotations

from random import Random

from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import WHITE, Colour, mix, times
from index_builder.atlas.figures import PAINTS
from index_builder.atlas.light import Camera, Light
from index_builder.atlas.world import Place

_PLATES: dict[str, Colour] = {
    "white": (246.0, 246.0, 244.0),
    "yellow": (246.0, 202.0, 48.0),
    "black": (34.0, 34.0, 36.0),
    "blue": (44.0, 92.0, 186.0),
    "red": (190.0, 50.0, 46.0),
    "eu": (246.0, 246.0, 244.0),
}


class Driver:
    """Draws the vehicles of one place and moment."""

    def __init__(self, canvas: Canvas, camera: Camera, place: Place, light: Light, rng: Random) -> None:
        self.canvas, self.camera, self.place, self.light, self.rng = canvas, camera, place, light, rng

    def vehicle(self, x: float, z: float, coming: bool) -> None:
        """A vehicle at (x, z): its front if it comes towards us, its back otherwise."""
        roll = self.rng.random()
        if z < 11:
            roll = 1.0
        if self.place.country.rickshaws and roll < 0.3:
            self._rickshaw(x, z, coming)
        elif roll < 0.12:
            self._box(x, z, coming, 2.4, 3.3, "truck")
        elif roll < 0.19:
            self._box(x, z, coming, 2.5, 3.0, "bus")
        else:
            self._car(x, z, coming)

    def _shadow(self, px: float, py: float, w: float, s: float) -> None:
        reach = -1.0 if self.light.sun_side > 0 else 1.0
        self.canvas.glaze_ellipse(
            px + reach * 0.3 * s * (self.light.shadow > 0.1),
            py,
            w * 0.6,
            0.16 * s,
            (14.0, 16.0, 26.0),
            0.3 + self.light.shadow * 0.6,
        )

    def _lamps(self, px: float, y: float, dx: float, s: float, coming: bool, label: str) -> None:
        tone: Colour = (250.0, 246.0, 224.0) if coming else (196.0, 36.0, 40.0)
        for side in (-1, 1):
            x = px + side * dx
            self.canvas.rounded(x - 0.17 * s, y - 0.1 * s, x + 0.17 * s, y + 0.1 * s, 0.06 * s, tone, label)
            if self.light.dark > 0.2 or self.light.weather in ("fog", "rain"):
                self.canvas.light(
                    x, y, (1.0 if coming else 0.6) * s, (120.0, 112.0, 84.0) if coming else (110.0, 14.0, 14.0)
                )

    def _plate(self, px: float, y: float, s: float, coming: bool, label: str) -> None:
        country = self.place.country
        colour = (
            "white"
            if country.plate_colour == "yellow" and coming and country.iso2 in ("GB", "KE", "UG", "HK", "LK")
            else country.plate_colour
        )
        half, tall = (0.26, 0.08) if country.plate_shape == "long" else (0.17, 0.09)
        self.canvas.rectangle(
            px - half * s, y - tall * s, px + half * s, y + tall * s, self.light.lit(_PLATES[colour], 1.0), label
        )
        if colour == "eu":
            self.canvas.rectangle(
                px - half * s,
                y - tall * s,
                px - half * 0.76 * s,
                y + tall * s,
                self.light.lit((40.0, 72.0, 170.0), 1.0),
                label,
            )

    def _car(self, x: float, z: float, coming: bool) -> None:
        px, py = self.camera.at(x, 0, z)
        s = self.camera.scale(z)
        if s * 1.8 < 4:
            return
        size = 0.92 + 0.2 * self.place["vehicles"]
        tall = (1.38 + 0.45 * self.rng.random() * self.place["wealth"]) * size
        w = 0.88 * s * size
        paint = PAINTS[self.rng.randrange(len(PAINTS))]
        body = self.light.lit(paint, 0.8, z)
        dark = self.light.lit(times(paint, 0.72), 0.6, z)
        self._shadow(px, py, 1.9 * w, s)
        for side in (-1, 1):
            self.canvas.rounded(
                px + side * w * 0.78 - 0.14 * s,
                py - 0.5 * s,
                px + side * w * 0.78 + 0.14 * s,
                py,
                0.06 * s,
                (26.0, 27.0, 30.0),
                "car",
            )
        belt, top = py - 0.88 * s * size, py - tall * s
        self._cabin(px, w, belt, top, s, self.light.lit(paint, 1.0, z), z)
        self.canvas.rounded(px - w, belt, px + w, py - 0.2 * s, 0.16 * s, body, "car")
        self.canvas.rounded(px - w * 0.97, py - 0.42 * s, px + w * 0.97, py - 0.17 * s, 0.08 * s, dark, "car")
        if coming:
            self.canvas.rounded(
                px - w * 0.42, py - 0.66 * s, px + w * 0.42, py - 0.5 * s, 0.05 * s, (38.0, 40.0, 44.0), "car"
            )
        self._lamps(px, py - 0.66 * s, w * 0.76, s, coming, "car")
        self._plate(px, py - (0.34 if coming else 0.54) * s, s, coming, "car")

    def _cabin(self, px: float, w: float, belt: float, top: float, s: float, roof: Colour, z: float) -> None:
        """The upper half of a car with its window."""
        self.canvas.polygon(
            [(px - w * 0.9, belt + 2), (px - w * 0.7, top), (px + w * 0.7, top), (px + w * 0.9, belt + 2)], roof, "car"
        )
        pane = self.light.lit(mix((58.0, 72.0, 88.0), self.light.zenith, 0.3), 0.8, z)
        self.canvas.polygon(
            [
                (px - w * 0.78, belt),
                (px - w * 0.62, top + 0.1 * s),
                (px + w * 0.62, top + 0.1 * s),
                (px + w * 0.78, belt),
            ],
            pane,
            "car",
        )
        self.canvas.polygon(
            [
                (px - w * 0.2, belt),
                (px - w * 0.02, top + 0.1 * s),
                (px + w * 0.2, top + 0.1 * s),
                (px + w * 0.02, belt),
            ],
            mix(pane, WHITE, 0.18),
            "car",
        )

    def _box(self, x: float, z: float, coming: bool, width: float, height: float, label: str) -> None:
        px, py = self.camera.at(x, 0, z)
        s = self.camera.scale(z)
        if s < 3:
            return
        w = width / 2 * s
        paint = PAINTS[self.rng.randrange(len(PAINTS))]
        body = self.light.lit(paint, 0.85, z)
        self._shadow(px, py, 2 * w, s)
        for side in (-1, 1):
            self.canvas.rectangle(
                px + side * w * 0.76 - 0.2 * s,
                py - 0.6 * s,
                px + side * w * 0.76 + 0.2 * s,
                py,
                (26.0, 27.0, 30.0),
                label,
            )
        self.canvas.rounded(px - w, py - height * s, px + w, py - 0.4 * s, 0.12 * s, body, label)
        self.canvas.rectangle(px - w, py - 0.75 * s, px + w, py - 0.4 * s, times(body, 0.7), label)
        pane = self.light.lit(mix((58.0, 72.0, 88.0), self.light.zenith, 0.3), 0.8, z)
        if coming or label == "bus":
            low = 1.35 if coming else 1.7
            self.canvas.rounded(
                px - w * 0.88, py - (height - 0.45) * s, px + w * 0.88, py - low * s, 0.1 * s, pane, label
            )
        else:
            self.canvas.line([(px, py - height * s), (px, py - 0.75 * s)], max(1, 0.05 * s), times(body, 0.75), label)
        self._lamps(px, py - 0.9 * s, w * 0.8, s, coming, label)
        self._plate(px, py - 0.58 * s, s, coming, label)

    def _rickshaw(self, x: float, z: float, coming: bool) -> None:
        px, py = self.camera.at(x, 0, z)
        s = self.camera.scale(z)
        if s < 4:
            return
        hue = ((38.0, 122.0, 84.0), (236.0, 190.0, 52.0), (60.0, 96.0, 160.0))[int(self.place["vehicles"] * 2.99)]
        w = 0.68 * s
        self._shadow(px, py, 1.8 * w, s)
        for dx in (-0.8, 0.8) if not coming else (0.0,):
            self.canvas.rounded(
                px + dx * w - 0.09 * s, py - 0.42 * s, px + dx * w + 0.09 * s, py, 0.05 * s, (26.0, 27.0, 30.0), "car"
            )
        self.canvas.rounded(px - w, py - 1.0 * s, px + w, py - 0.2 * s, 0.14 * s, self.light.lit(hue, 0.85, z), "car")
        self.canvas.rectangle(px - w * 0.86, py - 1.5 * s, px + w * 0.86, py - 1.0 * s, (46.0, 50.0, 56.0), "car")
        self.canvas.rounded(
            px - w, py - 1.8 * s, px + w, py - 1.42 * s, 0.16 * s, self.light.lit((246.0, 200.0, 60.0), 0.95, z), "car"
        )
        self._lamps(px, py - 0.75 * s, w * 0.7, s, coming, "car")
