"""Buildings: boxes in perspective with windows, roofs, shops, balconies."""

from __future__ import annotations

from random import Random

from index_builder.atlas.architecture import style_of
from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import WHITE, Colour, blend4, mix, times
from index_builder.atlas.light import Camera, Light
from index_builder.atlas.terrain import snow_cover
from index_builder.atlas.world import Place

GLASS: Colour = (74.0, 98.0, 122.0)
LAMP: Colour = (255.0, 214.0, 130.0)


class Builder:
    """Draws the buildings of one place and moment."""

    def __init__(self, canvas: Canvas, camera: Camera, place: Place, light: Light, rng: Random) -> None:
        self.canvas, self.camera, self.place, self.light, self.rng = canvas, camera, place, light, rng
        self.style = style_of(place)
        self.snow = snow_cover(place, light)
        self.roof = mix(self.style.roof, WHITE, 0.85 * self.snow)
        side = light.sun_side
        self.front_light = 0.5 + 0.4 * (1.0 if abs(light.bearing) > 90 else 0.0)
        self.right_light, self.left_light = 0.45 + 0.5 * max(0.0, side), 0.45 + 0.5 * max(0.0, -side)

    def quad(self, corners: list[tuple[float, float, float]], colour: Colour, label: str) -> None:
        """A flat face given by its corners (x, y, z)."""
        self.canvas.polygon([self.camera.at(*corner) for corner in corners], colour, label)

    def glass(self, z: float) -> tuple[Colour, bool]:
        """Colour of a window pane, and whether its lamp is on."""
        if self.light.dark > 0.2 and self.rng.random() < 0.6:
            return mix(LAMP, (255.0, 180.0, 90.0), self.rng.random()), True
        sky = mix(GLASS, self.light.zenith, 0.25 + 0.3 * self.rng.random())
        return self.light.lit(sky, 0.7, z), False

    def side_face(self, x: float, z0: float, z1: float, height: float, wall: Colour, shop: bool) -> None:
        """A street front seen along the road: the wall at `x` from z0 (near) to z1, with floors of windows."""
        facing = self.left_light if x > 0 else self.right_light
        z = (z0 + z1) / 2
        tone = self.light.lit(wall, facing, z)
        self.quad([(x, 0, z0), (x, height, z0), (x, height, z1), (x, 0, z1)], tone, "building")
        self.quad(
            [(x, height - 0.35, z0), (x, height, z0), (x, height, z1), (x, height - 0.35, z1)],
            self.light.lit(times(wall, 0.84), facing, z),
            "building",
        )
        if self.camera.scale(z0) * height < 26:
            return
        storey, ground = 3.1, 3.6 if shop else 0.5
        bays = max(1, int((z1 - z0) / 2.9))
        step = (z1 - z0) / bays
        floors = max(0, int((height - ground - 0.5) / storey))
        ww = self.style.window_w * 0.62
        for floor in range(floors + (1 if shop else 0)):
            y = ground + floor * storey
            if y < height - 1.5 and self.place["trim"] > 0.3:
                self.quad(
                    [(x, y, z0), (x, y + 0.16, z0), (x, y + 0.16, z1), (x, y, z1)],
                    self.light.lit(mix(wall, WHITE, 0.35), facing, z),
                    "building",
                )
        for floor in range(floors):
            y0 = ground + 0.85 + floor * storey
            for bay in range(bays - 1, -1, -1):
                zc = z0 + (bay + 0.5) * step
                if self.camera.scale(zc) * ww < 1.6:
                    continue
                self._side_window(x, y0, zc, facing, wall, floor > 0)
        if shop:
            self._shop_front(x, z0, z1, facing)

    def _side_window(self, x: float, y0: float, zc: float, facing: float, wall: Colour, upper: bool) -> None:
        """A window in a wall along the road, with what people here put about it."""
        ww, wh = self.style.window_w * 0.62, self.style.window_h
        trim = self.light.lit(mix(wall, WHITE, 0.5), facing, zc)
        shutter = self.light.lit(self.style.trim, facing, zc)
        pane, _ = self.glass(zc)
        self.quad(
            [
                (x, y0 - 0.12, zc - ww - 0.1),
                (x, y0 + wh + 0.1, zc - ww - 0.1),
                (x, y0 + wh + 0.1, zc + ww + 0.1),
                (x, y0 - 0.12, zc + ww + 0.1),
            ],
            trim,
            "building",
        )
        self.quad([(x, y0, zc - ww), (x, y0 + wh, zc - ww), (x, y0 + wh, zc + ww), (x, y0, zc + ww)], pane, "building")
        if self.camera.scale(zc) > 30:
            self._panes(x, y0, zc, ww, wh, trim, pane)
        if self.style.shutters:
            for a, b in ((zc - ww * 1.75, zc - ww), (zc + ww, zc + ww * 1.75)):
                self.quad([(x, y0, a), (x, y0 + wh, a), (x, y0 + wh, b), (x, y0, b)], shutter, "building")
        elif self.style.balcony and upper and self.camera.scale(zc) > 14:
            inner = x - 0.6 if x > 0 else x + 0.6
            self.quad(
                [
                    (inner, y0 - 0.3, zc - 1.1),
                    (inner, y0 + 0.6, zc - 1.1),
                    (inner, y0 + 0.6, zc + 1.1),
                    (inner, y0 - 0.3, zc + 1.1),
                ],
                self.light.lit(times(wall, 0.74), facing, zc),
                "building",
            )

    def _panes(self, x: float, y: float, z: float, half: float, tall: float, bar: Colour, pane: Colour) -> None:
        """A near window's glint, mullion and transom."""
        self.quad(
            [
                (x, y + tall * 0.2, z - half),
                (x, y + tall * 0.75, z - half),
                (x, y + tall, z),
                (x, y + tall, z + half * 0.5),
            ],
            mix(pane, WHITE, 0.14),
            "building",
        )
        self.quad(
            [(x, y, z - 0.05), (x, y + tall, z - 0.05), (x, y + tall, z + 0.05), (x, y, z + 0.05)], bar, "building"
        )
        self.quad(
            [
                (x, y + tall * 0.62, z - half),
                (x, y + tall * 0.66, z - half),
                (x, y + tall * 0.66, z + half),
                (x, y + tall * 0.62, z + half),
            ],
            bar,
            "building",
        )

    def _shop_front(self, x: float, z0: float, z1: float, facing: float) -> None:
        z = (z0 + z1) / 2
        pane, _ = self.glass(z)
        margin = 0.5
        self.quad(
            [(x, 0.25, z0 + margin), (x, 2.7, z0 + margin), (x, 2.7, z1 - margin), (x, 0.25, z1 - margin)],
            pane,
            "building",
        )
        door = z0 + margin + (z1 - z0 - 2 * margin) * self.rng.random() * 0.7
        self.quad(
            [(x, 0, door), (x, 2.4, door), (x, 2.4, door + 1.1), (x, 0, door + 1.1)],
            self.light.lit(times(self.style.trim, 0.8), facing, z),
            "door",
        )
        hue = blend4(
            ((196.0, 58.0, 52.0), (52.0, 118.0, 108.0), (226.0, 166.0, 60.0), (62.0, 96.0, 150.0)),
            self.rng.random(),
            self.rng.random(),
        )
        inner = x - 1.3 if x > 0 else x + 1.3
        if self.rng.random() < 0.65:
            stripes = max(2, int((z1 - z0) / 1.1))
            for i in range(stripes - 1, -1, -1):
                a, b = z0 + (z1 - z0) * i / stripes, z0 + (z1 - z0) * (i + 1) / stripes
                tone = self.light.lit(hue if i % 2 else mix(hue, WHITE, 0.82), min(1, facing + 0.2), z)
                self.quad([(x, 3.35, a), (inner, 2.65, a), (inner, 2.65, b), (x, 3.35, b)], tone, "awning")
        else:
            self.quad(
                [(x, 2.8, z0 + 0.2), (x, 3.45, z0 + 0.2), (x, 3.45, z1 - 0.2), (x, 2.8, z1 - 0.2)],
                self.light.lit(hue, facing, z),
                "signboard",
            )

    def block(
        self,
        x0: float,
        x1: float,
        z0: float,
        z1: float,
        height: float,
        wall: Colour,
        shop: bool = False,
        label: str = "building",
    ) -> None:
        """A whole building: the wall that faces us, the one along the road, and the roof."""
        z = z0
        inner, outer = (x0, x1) if abs(x0) < abs(x1) else (x1, x0)
        front = self.light.lit(wall, self.front_light, z)
        pitch = self.style.pitch if height < 17 else 0.0
        rise = min(abs(x1 - x0), 10.0) * 0.5 * pitch * 1.5
        mid = (inner + outer) / 2
        top = self.light.lit(self.roof, 0.75 + 0.25 * (self.left_light if inner > 0 else self.right_light), z)
        if rise:
            self.quad([(inner, height, z0), (mid, height + rise, z0), (outer, height, z0)], front, label)
        self.quad([(x0, 0, z0), (x0, height, z0), (x1, height, z0), (x1, 0, z0)], front, label)
        self.front_windows(min(x0, x1), max(x0, x1), z0, height, wall)
        if rise:
            over = 0.45 if inner < 0 else -0.45
            self.quad(
                [
                    (inner + over, height - 0.2, z0 - 0.3),
                    (mid, height + rise, z0 - 0.3),
                    (mid, height + rise, z1),
                    (inner + over, height - 0.2, z1),
                ],
                top,
                label,
            )
        elif self.camera.height < height:
            self.quad(
                [(x0, height, z0), (x0, height + 0.5, z0), (x1, height + 0.5, z0), (x1, height, z0)],
                self.light.lit(times(wall, 0.88), self.front_light, z),
                label,
            )
        self.side_face(inner, z0, z1, height, wall, shop)
        if not rise and self.camera.scale(z0) > 6 and height < 20:
            self._roof_things(min(x0, x1), max(x0, x1), z0, height)

    def front_windows(self, x0: float, x1: float, z: float, height: float, wall: Colour) -> None:
        """Windows of a wall that faces us, from x0 to x1 at distance z."""
        if self.camera.scale(z) < 5:
            return
        bays = max(1, int((x1 - x0) / 3.2))
        for floor in range(max(0, int((height - 1.2) / 3.1))):
            y0 = 1.1 + 3.1 * floor
            for bay in range(bays):
                xc = x0 + (bay + 0.5) * (x1 - x0) / bays
                half = self.style.window_w * 0.5
                pane, _ = self.glass(z)
                a, b = (self.camera.at(xc - half, y0 + self.style.window_h, z), self.camera.at(xc + half, y0, z))
                if b[0] < 0 or a[0] > self.canvas.w:
                    continue
                rim = max(1.0, self.camera.scale(z) * 0.1)
                self.canvas.rectangle(
                    a[0] - rim,
                    a[1] - rim,
                    b[0] + rim,
                    b[1] + rim * 1.5,
                    self.light.lit(mix(wall, WHITE, 0.5), self.front_light, z),
                    "building",
                )
                self.canvas.rectangle(*a, *b, pane, "building")
                if rim > 1.5:
                    self._bars(*a, *b, rim, wall)

    def _bars(self, x0: float, y0: float, x1: float, y1: float, rim: float, wall: Colour) -> None:
        """Glazing bars, and shutters where people have them, of a window facing us."""
        tone = self.light.lit(mix(wall, WHITE, 0.5), self.front_light)
        middle = (x0 + x1) / 2
        self.canvas.rectangle(middle - rim * 0.3, y0, middle + rim * 0.3, y1, tone, "building")
        self.canvas.rectangle(x0, y0 + (y1 - y0) * 0.4, x1, y0 + (y1 - y0) * 0.4 + rim * 0.5, tone, "building")
        if self.style.shutters:
            w = (x1 - x0) * 0.4
            for a in (x0 - rim - w, x1 + rim):
                self.canvas.rectangle(
                    a,
                    y0 - rim * 0.5,
                    a + w,
                    y1 + rim * 0.5,
                    self.light.lit(self.style.trim, self.front_light),
                    "building",
                )

    def _roof_things(self, x0: float, x1: float, z: float, height: float) -> None:
        """Water tanks and stair heads on flat roofs."""
        if self.rng.random() < 0.6:
            x = x0 + (x1 - x0) * (0.2 + 0.5 * self.rng.random())
            tone = self.light.lit(
                blend4(
                    ((70.0, 74.0, 80.0), (222.0, 224.0, 226.0), (90.0, 130.0, 170.0), (190.0, 120.0, 80.0)),
                    self.place["roof_u"],
                    self.place["trim"],
                ),
                0.8,
                z,
            )
            a, b = self.camera.at(x, height + 2.0, z + 1), self.camera.at(x + 1.5, height + 0.4, z + 1)
            self.canvas.rounded(*a, *b, self.camera.scale(z) * 0.4, tone, "building")
