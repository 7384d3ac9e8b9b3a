"""How each kind of tree is drawn, from a few flat shapes in three tones."""

from __future__ import annotations

from random import Random

from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import Colour, mix, times
from index_builder.atlas.light import Camera, Light
from index_builder.atlas.terrain import snow_cover
from index_builder.atlas.world import Place


class TreePainter:
    """Draws single trees; `side` is where the sun stands, `bare` whether leaves have fallen."""

    def __init__(self, canvas: Canvas, camera: Camera, place: Place, light: Light, rng: Random) -> None:
        self.canvas, self.camera, self.place, self.light, self.rng = canvas, camera, place, light, rng
        self.snow = snow_cover(place, light)
        self.bare = abs(place.lat) > 36 and light.summer < 0.16 and place.warmth < 13
        self.side = -1.0 if light.sun_side < 0 else 1.0

    def _trunk(self, x: float, y: float, h: float, width: float, colour: Colour, label: str = "tree") -> None:
        half = max(0.5, width / 2)
        self.canvas.polygon(
            [(x - half, y), (x + half, y), (x + half * 0.6, y - h), (x - half * 0.6, y - h)], colour, label
        )

    def _blobs(self, x: float, y: float, rx: float, ry: float, tones: list[Colour], n: int) -> None:
        if rx < 5:
            self.canvas.ellipse(x, y, rx, ry, tones[1], "tree")
            self.canvas.ellipse(x + self.side * rx * 0.25, y - ry * 0.25, rx * 0.55, ry * 0.5, tones[2], "tree")
            return
        spots = [(2 * self.rng.random() - 1, 2 * self.rng.random() - 1) for _ in range(n)]
        for tone, shift, grow in ((tones[0], 0.0, 0.56), (tones[1], 0.2, 0.44), (tones[2], 0.42, 0.24)):
            for u, v in spots:
                k = 1.0 - 0.3 * abs(v)
                self.canvas.ellipse(
                    x + (u * 0.55 * k + self.side * shift * 0.42) * rx,
                    y + (v * 0.5 - shift * 0.55) * ry,
                    rx * grow,
                    ry * grow,
                    tone,
                    "tree",
                )

    def _broadleaf(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        self._trunk(x, y, h * 0.5, h * 0.07, bark)
        if self.bare:
            self._branches(x, y - h * 0.3, h * 0.62, bark)
            return
        self._blobs(x, y - h * 0.62, h * 0.36, h * 0.38, tones, 8 if h > 60 else 4)

    def _branches(self, x: float, y: float, h: float, bark: Colour) -> None:
        for i in range(7):
            lean = (i - 3) / 3.0 + 0.3 * (self.rng.random() - 0.5)
            tip = (x + lean * h * 0.5, y - h * (1.0 - 0.35 * abs(lean)))
            mid = (x + lean * h * 0.2, y - h * 0.42)
            self.canvas.line([(x, y), mid, tip], h * 0.022, bark, "tree")
            self.canvas.line([mid, (mid[0] + lean * h * 0.1 + h * 0.08, mid[1] - h * 0.32)], h * 0.014, bark, "tree")

    def _umbrella(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        self._trunk(x, y, h * 0.75, h * 0.05, bark)
        self._blobs(x, y - h * 0.82, h * 0.34, h * 0.2, tones, 8)

    def _eucalyptus(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        pale = mix(bark, self.light.lit((222.0, 208.0, 190.0)), 0.6)
        self._trunk(x, y, h * 0.7, h * 0.05, pale)
        for dx, dy, r in ((-0.17, 0.62, 0.17), (0.16, 0.68, 0.19), (0.0, 0.86, 0.17)):
            self.canvas.line([(x, y - h * 0.4), (x + dx * h, y - dy * h)], h * 0.025, pale, "tree")
            self._blobs(x + dx * h, y - dy * h, r * h, r * h * 0.7, tones, 4)

    def _birch(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        self._trunk(x, y, h * 0.8, h * 0.04, bark)
        if h > 40:
            for i in range(5):
                self.canvas.line(
                    [(x - h * 0.014, y - h * (0.1 + 0.11 * i)), (x + h * 0.006, y - h * (0.1 + 0.11 * i))],
                    h * 0.009,
                    times(bark, 0.35),
                    "tree",
                )
        if not self.bare:
            self._blobs(x, y - h * 0.64, h * 0.2, h * 0.36, tones, 8 if h > 60 else 4)
        else:
            self._branches(x, y - h * 0.35, h * 0.6, bark)

    def _poplar(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        self._trunk(x, y, h * 0.3, h * 0.04, bark)
        self._flame(x, y - h * 0.12, h * 0.88, h * 0.11, tones)

    def _cypress(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        self._trunk(x, y, h * 0.15, h * 0.04, bark)
        self._flame(x, y - h * 0.04, h * 0.96, h * 0.085, tones)

    def _flame(self, x: float, y: float, h: float, r: float, tones: list[Colour]) -> None:
        shape = ((0.0, 0.55), (0.1, 0.9), (0.3, 1.0), (0.6, 0.78), (0.85, 0.36), (1.0, 0.0))
        left = [(x - r * k, y - h * t) for t, k in shape]
        right = [(x + r * k, y - h * t) for t, k in reversed(shape)]
        self.canvas.polygon(left + right, tones[0], "tree")
        lit = right if self.side > 0 else left
        self.canvas.polygon(
            [
                *lit,
                *[(x + self.side * r * 0.15 * k, y - h * t) for t, k in (reversed(shape) if self.side < 0 else shape)],
            ],
            tones[1],
            "tree",
        )

    def _conifer(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        self._trunk(x, y, h * 0.2, h * 0.05, bark)
        tiers = 5 if h > 50 else 3
        for i in range(tiers):
            low, top = 0.12 + 0.7 * i / tiers, 0.12 + 0.7 * i / tiers + 0.36
            r = h * 0.23 * (1 - 0.72 * i / tiers)
            base, apex = y - h * low, y - h * min(1.0, top)
            self.canvas.polygon([(x - r, base), (x, base + r * 0.16), (x + r, base), (x, apex)], tones[0], "tree")
            self.canvas.polygon(
                [(x + self.side * r, base), (x + self.side * r * 0.1, base + r * 0.1), (x, apex)], tones[1], "tree"
            )
            if self.snow > 0.4:
                self.canvas.polygon(
                    [(x - r * 0.55, base - r * 0.55), (x + r * 0.5, base - r * 0.5), (x, apex)], tones[2], "tree"
                )

    def _larch(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        self._trunk(x, y, h * 0.9, h * 0.035, bark)
        self._flame(x, y - h * 0.14, h * 0.86, h * 0.13, tones)

    def _pine(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        warm = mix(bark, self.light.lit((150.0, 96.0, 66.0)), 0.5)
        lean = h * 0.06 * (self.rng.random() - 0.5)
        self.canvas.line([(x, y), (x + lean, y - h * 0.4), (x + lean * 2, y - h * 0.8)], h * 0.045, warm, "tree")
        self.canvas.line([(x + lean, y - h * 0.45), (x + lean + h * 0.2, y - h * 0.74)], h * 0.02, warm, "tree")
        self._blobs(x + lean * 2, y - h * 0.84, h * 0.38, h * 0.16, tones, 8)

    def _acacia(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        for dx in (-0.3, -0.08, 0.22):
            self.canvas.line(
                [(x, y), (x + dx * h * 0.3, y - h * 0.42), (x + dx * h, y - h * 0.82)], h * 0.035, bark, "tree"
            )
        for dx, dy, r in ((-0.26, 0.8, 0.3), (0.24, 0.84, 0.34), (0.0, 0.9, 0.4)):
            for k, tone in enumerate(tones):
                self.canvas.ellipse(
                    x + (dx + self.side * 0.03 * k) * h,
                    y - (dy + 0.03 * k) * h,
                    h * r * (1 - 0.2 * k),
                    h * 0.1 * (1 - 0.25 * k),
                    tone,
                    "tree",
                )

    def _baobab(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        pale = mix(bark, self.light.lit((176.0, 148.0, 124.0)), 0.6)
        w = h * 0.13
        self.canvas.polygon(
            [(x - w * 1.2, y), (x + w * 1.2, y), (x + w * 0.8, y - h * 0.62), (x - w * 0.8, y - h * 0.62)], pale, "tree"
        )
        self.canvas.polygon(
            [
                (x - self.side * w * 1.2, y),
                (x - self.side * w * 0.3, y),
                (x - self.side * w * 0.2, y - h * 0.62),
                (x - self.side * w * 0.8, y - h * 0.62),
            ],
            times(pale, 0.8),
            "tree",
        )
        for dx in (-0.3, -0.16, 0.0, 0.16, 0.3):
            self.canvas.line([(x + dx * h * 0.3, y - h * 0.6), (x + dx * h, y - h * 0.86)], h * 0.035, pale, "tree")
            self._blobs(x + dx * h, y - h * 0.88, h * 0.12, h * 0.07, tones, 3)

    def _olive(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        self.canvas.line([(x, y), (x - h * 0.05, y - h * 0.25), (x + h * 0.08, y - h * 0.5)], h * 0.11, bark, "tree")
        self._blobs(x, y - h * 0.65, h * 0.5, h * 0.34, tones, 7 if h > 50 else 4)

    def _shrub(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        for i, tone in enumerate(tones):
            for dx in (-0.45, 0.4, 0.0):
                self.canvas.ellipse(
                    x + (dx + 0.1 * i * self.side) * h,
                    y - h * (0.3 + 0.14 * i),
                    h * (0.48 - 0.12 * i),
                    h * (0.36 - 0.08 * i),
                    tone,
                    "plant",
                )

    def _palm(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        lean = h * 0.2 * (self.rng.random() - 0.5)
        path = [(x, y), (x + lean * 0.3, y - h * 0.35), (x + lean, y - h * 0.8)]
        self.canvas.line(path, max(1.0, h * 0.045), mix(bark, self.light.lit((168.0, 140.0, 108.0)), 0.5), "palm")
        tx, ty = path[-1]
        n = 10 if h > 40 else 6
        for i in range(n):
            u = 2 * i / (n - 1) - 1
            reach, drop = h * 0.38 * (1 - 0.25 * (1 - abs(u))), h * (0.2 * abs(u) - 0.12 + 0.05 * (i % 2))
            mid = (tx + u * reach * 0.55, ty - h * (0.17 - 0.08 * abs(u)))
            tip = (tx + u * reach, ty + drop)
            thick = max(1.0, h * 0.04)
            tone = tones[2] if u * self.side > 0.2 else tones[0] if i % 2 else tones[1]
            self.canvas.polygon(
                [
                    (tx, ty - thick * 0.4),
                    (mid[0], mid[1] - thick),
                    tip,
                    (mid[0], mid[1] + thick),
                    (tx, ty + thick * 0.4),
                ],
                tone,
                "palm",
            )

    def _banana(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        self._trunk(x, y, h * 0.45, h * 0.1, tones[1], "plant")
        for i in range(6):
            u = (i - 2.5) / 2.5
            tip = (x + u * h * 0.55, y - h * (0.95 - 0.5 * u * u))
            mid = (x + u * h * 0.26, y - h * (0.86 - 0.12 * u * u))
            self.canvas.polygon(
                [(x, y - h * 0.42), (mid[0] - h * 0.06, mid[1]), tip, (mid[0] + h * 0.07, mid[1] + h * 0.07)],
                tones[(i + (self.side > 0)) % 3],
                "plant",
            )

    def _cactus(self, x: float, y: float, h: float, tones: list[Colour], bark: Colour) -> None:
        w = h * 0.13
        for tone, dx, k in ((tones[0], 0.0, 1.0), (tones[1], self.side * w * 0.25, 0.55)):
            self.canvas.rounded(x - w * k / 2 + dx, y - h, x + w * k / 2 + dx, y, w / 2, tone, "plant")
            for sx, low, top in ((-1, 0.35, 0.72), (1, 0.48, 0.86)):
                ax = x + sx * w * 1.7 + dx
                self.canvas.rectangle(
                    min(x, ax), y - h * low - w * 0.4 * k, max(x, ax), y - h * low + w * 0.2 * k, tone, "plant"
                )
                self.canvas.rounded(
                    ax - w * 0.35 * k, y - h * top, ax + w * 0.35 * k, y - h * low + w * 0.2 * k, w * 0.4, tone, "plant"
                )
