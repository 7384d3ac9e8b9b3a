"""Plants: which species stand where, their colours, woods and meadows."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from index_builder.atlas.colour import WHITE, Colour, blend4, mix, times
from index_builder.atlas.light import Light
from index_builder.atlas.terrain import grass
from index_builder.atlas.trees import TreePainter
from index_builder.atlas.world import Place

LEAVES = ((74.0, 132.0, 58.0), (136.0, 160.0, 58.0), (40.0, 112.0, 78.0), (98.0, 146.0, 98.0))


_BARK: Colour = (104.0, 80.0, 62.0)


_MIXES: dict[str, tuple[tuple[str, str], ...]] = {
    "tropical": (("palm", "broadleaf"), ("broadleaf", "banana"), ("palm", "umbrella")),
    "savanna": (("acacia", "shrub"), ("acacia", "broadleaf"), ("acacia", "palm")),
    "desert": (("shrub", "palm"), ("shrub", "acacia"), ("shrub", "shrub")),
    "steppe": (("shrub", "poplar"), ("shrub", "broadleaf"), ("poplar", "shrub")),
    "mediterranean": (("cypress", "olive"), ("pine", "cypress"), ("olive", "pine")),
    "temperate": (("broadleaf", "poplar"), ("broadleaf", "conifer"), ("broadleaf", "birch")),
    "boreal": (("conifer", "birch"), ("conifer", "conifer"), ("conifer", "larch")),
    "highland": (("conifer", "shrub"), ("shrub", "poplar"), ("pine", "shrub")),
    "tundra": (("shrub", "shrub"), ("shrub", "larch"), ("shrub", "birch")),
    "ice": (("shrub", "shrub"),) * 3,
}


_HEIGHTS = {
    "palm": 10.0,
    "broadleaf": 10.0,
    "conifer": 13.0,
    "larch": 11.0,
    "birch": 10.0,
    "cypress": 11.0,
    "pine": 9.0,
    "olive": 5.0,
    "acacia": 7.0,
    "shrub": 1.6,
    "cactus": 4.0,
    "poplar": 14.0,
    "umbrella": 15.0,
    "banana": 4.5,
    "eucalyptus": 12.0,
    "baobab": 12.0,
}


def species(place: Place, rng: Random) -> str:
    """A tree that grows here."""
    first, second = _MIXES[place.climate][min(2, int(place["tree_mix"] * 3))]
    kind = first if rng.random() < 0.68 else second
    iso = place.country.iso2
    if abs(place.lat) < 23 and kind in ("conifer", "birch", "larch", "poplar"):
        kind = "umbrella" if place["tree_colour"] < 0.5 else "broadleaf"
    if iso in ("AU", "PG") and kind in ("broadleaf", "acacia", "poplar"):
        return "eucalyptus"
    if iso in ("MX", "US", "PE", "BO", "CL", "AR") and place.climate == "desert" and rng.random() < 0.5:
        return "cactus"
    if (
        place.climate == "savanna"
        and -26 < place.lat < 17
        and 0 < place.sea_km < 900
        and rng.random() < 0.1
        and -20 < place.lon < 52
    ):
        return "baobab"
    return kind


def leaf(place: Place, light: Light, kind: str) -> Colour:
    """Leaf colour by place, species and season."""
    green = blend4(LEAVES, place["tree_colour"], place["green_v"])
    if kind in ("conifer", "cypress", "pine"):
        return mix(green, (30.0, 74.0, 58.0), 0.6)
    if kind in ("olive", "eucalyptus"):
        return mix(green, (136.0, 150.0, 118.0), 0.6)
    if kind in ("shrub", "acacia"):
        return mix(green, grass(place, light), 0.35)
    if kind in ("broadleaf", "birch", "poplar", "larch") and abs(place.lat) > 30 and light.summer < 0.45:
        autumn = blend4(
            ((206.0, 120.0, 44.0), (222.0, 170.0, 58.0), (172.0, 78.0, 48.0), (196.0, 140.0, 60.0)),
            place["tree_colour"],
            place["tree_mix"],
        )
        return mix(green, autumn, min(1.0, (0.45 - light.summer) * 4.0))
    return green


class Planter(TreePainter):
    """Plants the trees of one place and moment."""

    def tree(self, x: float, z: float, kind: str | None = None, size: float = 1.0) -> None:
        """A tree standing at (x, z) metres."""
        kind = kind or species(self.place, self.rng)
        height = _HEIGHTS[kind] * size * (0.7 + 0.5 * self.rng.random()) * (0.75 + 0.5 * self.place["tree_size"])
        px, py = self.camera.at(x, 0.0, z)
        self.standing(px, py, height * self.camera.scale(z), kind, z, shadow=True)

    def standing(self, x: float, y: float, h: float, kind: str, distance: float, shadow: bool = False) -> None:
        """A tree with its foot at pixel (x, y), `h` pixels tall."""
        if h < 3 or x < -h or x > self.canvas.w + h:
            return
        if shadow and h > 24 and self.light.shadow > 0.05:
            self.canvas.glaze_ellipse(
                x - self.side * h * 0.2, y, h * 0.34, h * 0.04, (20.0, 26.0, 50.0), self.light.shadow
            )
        leaves = leaf(self.place, self.light, kind)
        leaves = times(leaves, 0.92 + 0.16 * self.rng.random())
        tones = [
            self.light.lit(mix(times(leaves, k), WHITE, 0.5 * self.snow * s), f, distance)
            for k, f, s in ((0.76, 0.25, 0.3), (0.98, 0.75, 0.6), (1.18, 1.0, 1.2))
        ]
        bark = self.light.lit(_BARK if kind != "birch" else (226.0, 222.0, 212.0), 0.6, distance)
        draw = getattr(self, f"_{kind}", self._broadleaf)
        draw(x, y, h, tones, bark)

    def tree_line(
        self, y: float, height: float, distance: float, density: float = 1.0, ends: tuple[float, float] = (0, 1)
    ) -> None:
        """A belt of woods across the picture with feet near row `y`; none at a density near 0."""
        if density < 0.12:
            return
        x = self.canvas.w * ends[0]
        while x < self.canvas.w * ends[1]:
            h = height * (0.6 + 0.7 * self.rng.random())
            kind = species(self.place, self.rng)
            grow = {"shrub": 0.4, "olive": 0.6, "cactus": 0.7}.get(kind, 1.0)
            self.standing(x, y + height * 0.08 * self.rng.random(), h * grow, kind, distance)
            x += height * (0.28 + 0.4 * self.rng.random()) / density

    def tufts(self, near: float, far: float, n: int, keep_off: Callable[[float, float], bool] | None = None) -> None:
        """Grass tufts, stones and flowers in the foreground."""
        tone = grass(self.place, self.light)
        bloom = blend4(
            ((236.0, 196.0, 60.0), (226.0, 92.0, 96.0), (168.0, 116.0, 200.0), (250.0, 250.0, 244.0)),
            self.place["flowers"],
            self.place["tree_colour"],
        )
        flowering = self.light.summer > 0.4 and self.place.moisture > 0.35 and self.snow < 0.2
        for i in range(n):
            z = near + (far - near) * (1 - (i + self.rng.random()) / n)
            x = (self.rng.random() - 0.5) * z * 1.7
            px, py = self.camera.at(x, 0, z)
            s = self.camera.scale(z) * (0.1 + 0.16 * self.rng.random())
            if keep_off and keep_off(x, z):
                continue
            if self.place.moisture < 0.2 or self.snow > 0.6:
                stone = self.light.lit(times((170.0, 158.0, 146.0), 0.7 + 0.4 * self.rng.random()), 0.8, z)
                self.canvas.ellipse(px, py, s * 0.5, s * 0.3, stone, "rock")
                continue
            colour = self.light.lit(times(tone, 0.72 + 0.4 * self.rng.random()), 0.8, z)
            for dx in (-0.45, -0.1, 0.3):
                self.canvas.polygon(
                    [(px + dx * s, py), (px + dx * s + s * 0.22, py), (px + dx * 1.7 * s, py - s)], colour, "grass"
                )
            if flowering and self.rng.random() < 0.3:
                self.canvas.ellipse(px, py - s, s * 0.17, s * 0.17, self.light.lit(bloom, 1.0, z), "flower")
