"""Roads: carriageway with the country's markings, verges and pavements, guard rails, poles and wires, lamps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from random import Random

from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import WHITE, Colour, blend4, mix, times
from index_builder.atlas.light import Camera, Light
from index_builder.atlas.terrain import snow_cover, soil
from index_builder.atlas.world import Place

YELLOW: Colour = (244.0, 190.0, 44.0)
PAINT: Colour = (244.0, 244.0, 240.0)
ASPHALT = ((96.0, 98.0, 104.0), (126.0, 122.0, 118.0), (82.0, 84.0, 90.0), (140.0, 132.0, 122.0))


@dataclass(frozen=True)
class Road:
    """A road ahead: half width and the centre line x = offset + slope z + bend z^2 (metres)."""

    half: float
    offset: float
    slope: float
    bend: float
    lanes: int
    paved: bool

    def x(self, z: float, across: float = 0.0) -> float:
        """Across is 0 on the centre line, 1 at the right-hand edge."""
        return self.offset + self.slope * z + self.bend * z * z + across * self.half


_STEPS = (1.6, 2.2, 3.0, 4.0, 5.5, 7.5, 10.0, 13.5, 18.0, 24.0, 32.0, 44.0, 60.0, 85.0, 120.0, 180.0, 300.0)


class RoadBuilder:
    """Draws a road and its furniture."""

    def __init__(self, canvas: Canvas, camera: Camera, place: Place, light: Light, road: Road, rng: Random) -> None:
        self.canvas, self.camera, self.place, self.light = canvas, camera, place, light
        self.road, self.rng = road, rng
        self.snow = snow_cover(place, light)
        self.left = place.country.drives_left

    def strip(
        self, a: float, b: float, colour: Colour, label: str, facing: float = 0.9, far: float = 300.0, near: float = 1.6
    ) -> None:
        """A band of the road between two positions across it, in half widths."""
        zs = [near, *[z for z in _STEPS if near < z < far], far]
        for z0, z1 in pairwise(zs):
            points = [
                self.camera.at(self.road.x(z0, a), 0, z0),
                self.camera.at(self.road.x(z0, b), 0, z0),
                self.camera.at(self.road.x(z1, b), 0, z1),
                self.camera.at(self.road.x(z1, a), 0, z1),
            ]
            self.canvas.polygon(points, self.light.lit(colour, facing, z0), label)

    def surface(self, pavement: bool = False) -> None:
        """Verge or pavement, carriageway, markings."""
        if not self.road.paved:
            earth = mix(soil(self.place), WHITE, 0.12 + 0.5 * self.snow)
            self.strip(-1.0, 1.0, earth, "dirt track")
            for a in (-0.55, 0.45):
                self.strip(a - 0.09, a + 0.12, times(earth, 0.86), "dirt track")
            return
        tar = mix(blend4(ASPHALT, self.place["paving"], self.place["tone"]), WHITE, 0.35 * self.snow)
        if self.light.weather == "rain":
            tar = mix(times(tar, 0.72), self.light.zenith, 0.2)
        if pavement:
            slab = mix((176.0, 170.0, 162.0), blend4(ASPHALT, self.place["tone"], self.place["paving"]), 0.3)
            self.strip(-1.9, 1.9, mix(slab, WHITE, 0.5 * self.snow), "sidewalk")
            for a in (-1.04, 1.0):
                self.strip(a, a + 0.04, times(slab, 1.18), "sidewalk")
        else:
            self.strip(-1.18, 1.18, mix(soil(self.place), WHITE, 0.7 * self.snow), "earth", far=120)
        self.strip(-1.0, 1.0, tar, "road")
        if self.snow < 0.75:
            self._markings()

    def _markings(self) -> None:
        country = self.place.country
        centre = YELLOW if country.centre_line == "yellow" else PAINT
        edge = YELLOW if country.edge_line == "yellow" else PAINT
        w = 0.075 / self.road.half
        for side in (-0.93, 0.93):
            self.strip(side - w, side + w, edge, "road", far=110)
        if centre is YELLOW and (self.place["paving"] > 0.35 or self.road.lanes > 2):
            self.strip(-2.6 * w, -1.0 * w, centre, "road", far=130)
            self.strip(1.0 * w, 2.6 * w, centre, "road", far=130)
        else:
            self._dashes(0.0, w, centre)
        if self.road.lanes > 2:
            for across in (-0.48, 0.48):
                self._dashes(across, w, PAINT)

    def _dashes(self, across: float, w: float, colour: Colour) -> None:
        z, long = 2.0 + self.rng.random() * 3, 3.0
        while z < 95:
            points = [
                self.camera.at(self.road.x(q, across + s * w), 0, q)
                for q, s in ((z, -1), (z, 1), (z + long, 1), (z + long, -1))
            ]
            self.canvas.polygon(points, self.light.lit(colour, 0.95, z), "road")
            z += long * 2.3

    def crossing(self, z: float) -> None:
        """Zebra stripes across the road."""
        for i in range(9):
            a = -0.9 + i * 0.21
            points = [
                self.camera.at(self.road.x(q, b), 0, q)
                for q, b in ((z, a), (z, a + 0.11), (z + 2.6, a + 0.11), (z + 2.6, a))
            ]
            self.canvas.polygon(points, self.light.lit(PAINT, 0.95, z), "road")

    def guard_rail(self, side: float) -> None:
        """A crash barrier along one edge."""
        zs = [z for z in _STEPS if 3 <= z <= 120]
        tone = (176.0, 182.0, 188.0)
        for z0, z1 in reversed(list(pairwise(zs))):
            x0, x1 = self.road.x(z0, side * 1.14), self.road.x(z1, side * 1.14)
            points = [
                self.camera.at(x0, 0.45, z0),
                self.camera.at(x0, 0.8, z0),
                self.camera.at(x1, 0.8, z1),
                self.camera.at(x1, 0.45, z1),
            ]
            self.canvas.polygon(points, self.light.lit(tone, 0.8, z0), "fence")
            a, b = self.camera.at(x0 - 0.05, 0.6, z0), self.camera.at(x0 + 0.05, 0, z0)
            self.canvas.rectangle(*a, *b, self.light.lit(times(tone, 0.75), 0.6, z0), "fence")

    def fence(self, side: float, across: float = 1.7) -> None:
        """A field fence: posts and wires, or rails, as the place has it."""
        wood = blend4(
            ((122.0, 92.0, 66.0), (230.0, 228.0, 220.0), (150.0, 140.0, 128.0), (98.0, 84.0, 70.0)),
            self.place["fence"],
            self.place["trim"],
        )
        rails = (0.45, 0.85) if self.place["fence"] > 0.4 else (0.35, 0.65, 0.95)
        last: list[tuple[float, float]] = []
        for i in range(16, -1, -1):
            z = 3.5 + i * 3.2
            x = self.road.x(z, side * across)
            s = self.camera.scale(z)
            px, py = self.camera.at(x, 0, z)
            tone = self.light.lit(wood, 0.8, z)
            tops = [self.camera.at(x, y, z) for y in rails]
            for p, q in zip(last, tops, strict=False):
                self.canvas.line([p, q], max(1.0, 0.05 * s), tone, "fence")
            self.canvas.rectangle(px - 0.05 * s, py - 1.1 * s, px + 0.05 * s, py, tone, "fence")
            last = tops

    def poles(self, side: float, across: float, gap: float = 24.0) -> None:
        """Utility poles with cross arms and sagging wires; their make varies by place."""
        kind = int(self.place["pole"] * 3.999)
        tone = ((112.0, 88.0, 68.0), (178.0, 176.0, 170.0), (128.0, 134.0, 140.0), (94.0, 78.0, 66.0))[kind]
        height = 8.0 + 2.0 * self.place["pole"]
        arms = ((7.6,), (7.4, 6.8), (7.8, 7.2, 6.6), (7.2, 6.2))[kind]
        wires: list[list[tuple[float, float]]] = []
        start = 9 + self.rng.random() * 6
        for i in range(4, -1, -1):
            z = start + i * gap
            x = self.road.x(z, side * across)
            s = self.camera.scale(z)
            px, py = self.camera.at(x, 0, z)
            colour = self.light.lit(tone, 0.7, z)
            half = max(0.7, (0.13 if kind != 1 else 0.17) * s)
            self.canvas.polygon(
                [
                    (px - half, py),
                    (px + half, py),
                    (px + half * 0.7, py - height * s),
                    (px - half * 0.7, py - height * s),
                ],
                colour,
                "pole",
            )
            ends = []
            for arm in arms:
                reach = 0.9 * s
                self.canvas.rectangle(px - reach, py - (arm + 0.12) * s, px + reach, py - arm * s, colour, "pole")
                ends += [(px - reach, py - arm * s), (px + reach, py - arm * s)]
            if kind == 2:
                self.canvas.rounded(
                    px + half, py - 6.3 * s, px + half + 0.5 * s, py - 5.4 * s, 0.1 * s, times(colour, 0.9), "pole"
                )
            if wires:
                for p, q in zip(wires[-1], ends, strict=True):
                    self._wire(p, q, s)
            wires.append(ends)
        for p in wires[-1]:
            out = self.canvas.w * (1.1 if side > 0 else -0.1)
            self._wire(p, (out, p[1] - 0.25 * abs(out - p[0])), self.camera.scale(start))

    def _wire(self, p: tuple[float, float], q: tuple[float, float], s: float) -> None:
        mid = ((p[0] + q[0]) / 2, (p[1] + q[1]) / 2 + 0.5 * s)
        tone = mix(self.light.horizon, (40.0, 42.0, 48.0), min(0.8, 0.35 + s / 60))
        self.canvas.line([p, mid, q], max(1.0, 0.02 * s), tone, "pole")

    def lamps(self, side: float, across: float, gap: float = 18.0) -> None:
        """Street lamps, lit at dusk."""
        for i in range(4, -1, -1):
            z = 9 + i * gap
            x = self.road.x(z, side * across)
            s = self.camera.scale(z)
            px, py = self.camera.at(x, 0, z)
            tone = self.light.lit((84.0, 88.0, 94.0), 0.7, z)
            half = max(0.6, 0.07 * s)
            self.canvas.rectangle(px - half, py - 6.2 * s, px + half, py, tone, "streetlight")
            tip = px - side * 1.3 * s
            self.canvas.line([(px, py - 6.2 * s), (tip, py - 6.5 * s)], half * 1.6, tone, "streetlight")
            lamp = (255.0, 236.0, 180.0) if self.light.dark > 0.2 else tone
            self.canvas.ellipse(tip, py - 6.4 * s, 0.32 * s, 0.13 * s, lamp, "streetlight")
            if self.light.dark > 0.2:
                self.canvas.light(tip, py - 6.4 * s, 3.2 * s, (110.0, 88.0, 44.0))
