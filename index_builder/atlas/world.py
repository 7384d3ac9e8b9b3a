"""What a place on the Atlas is like: climate from facts, everything else from smooth invented fields.

`place_at(lat, lon)` is a pure function. Facts are coasts, borders and country tables (`facts.py`) and the rough
outlines of real deserts, rain forests and mountain ranges (`data/regions.csv`). Invented are `traits`, numbers in
[0, 1] that vary smoothly over continents, over about 1000 km and over about 200 km: soil and wall colours,
roof pitch, tree mix and so on. `sample_places` draws points evenly over the land surface.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from index_builder.atlas.facts import DATA, Country, country_at, country_codes, sea_km
from index_builder.atlas.noise import sphere_fields

SPLITS = ("gallery", "train", "validation", "test", "example")
TRAITS = (
    "soil_u",
    "soil_v",
    "rock_u",
    "rock_v",
    "green_u",
    "green_v",
    "sky_u",
    "sky_v",
    "wall_u",
    "wall_v",
    "roof_u",
    "roof_v",
    "pitch",
    "storeys",
    "trim",
    "tree_mix",
    "tree_size",
    "tree_colour",
    "relief",
    "jagged",
    "crops",
    "pole",
    "vehicles",
    "fence",
    "flowers",
    "window",
    "wealth",
    "water",
    "tone",
    "paving",
    "moisture",
    "height",
)
FIELD_KEY = 20
FIELD_SCALES = (0.9, 0.3, 0.075, 0.03)
"""Earth radii over which the traits vary, with how much of each."""
FIELD_WEIGHTS = (0.42, 0.36, 0.2, 0.06)
EARTH_KM = 6371.0088
_MEDITERRANEAN = (
    (30, 45.5, -10, 45),
    (30, 42, -125, -115),
    (-38, -29, -75, -69),
    (-35, -31, 17, 21),
    (-38, -29, 114, 141),
)
"""The five regions of dry summers: south, north, west, east."""


@dataclass(frozen=True)
class Place:
    """Everything about a point that does not depend on the moment or on the camera."""

    lat: float
    lon: float
    country: Country
    sea_km: float
    elevation_m: float
    warmth: float
    """Mean temperature of the year, degrees Celsius."""
    moisture: float
    """0 is bare desert, 1 rain forest."""
    climate: str
    traits: dict[str, float]

    def __getitem__(self, trait: str) -> float:
        return self.traits[trait]

    @property
    def south(self) -> bool:
        """Whether the midday sun stands in the north."""
        return self.lat < 0


def unit_vector(lat: float, lon: float) -> tuple[float, float, float]:
    """Point on the unit sphere, rounded so that a last-bit difference between maths libraries is lost."""
    phi, lam = math.radians(lat), math.radians(lon)
    c = math.cos(phi)
    return round(c * math.cos(lam), 9), round(c * math.sin(lam), 9), round(math.sin(phi), 9)


@lru_cache(maxsize=1)
def regions() -> tuple[NDArray[np.str_], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Real deserts, rain forests and ranges: kinds (n,), ends (n, 2, 3) on the unit sphere, radii, amounts (n,)."""
    """Real deserts, rain forests and ranges: kinds (n,), ends (n, 2, 3) on the unit sphere, radii, amounts (n,)."""
    with (DATA / "regions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ends = [[unit_vector(float(r[f"lat{i}"]), float(r[f"lon{i}"])) for i in (1, 2)] for r in rows]
    return (
        np.array([r["kind"] for r in rows]),
        np.array(ends),
        np.array([float(r["radius_km"]) / EARTH_KM for r in rows]),
        np.array([float(r["amount"]) for r in rows]),
    )


def _influence(xyz: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Amounts of the regions that reach this point, by kind; each fades out between its core and 1.5 radii."""
    kinds, ends, radius, amount = regions()
    a, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    t = np.clip(((xyz - a) * along).sum(1) / np.maximum((along * along).sum(1), 1e-12), 0.0, 1.0)
    gap = xyz - (a + along * t[:, None])
    distance = np.sqrt((gap * gap).sum(1)) / radius
    fade = np.clip((1.35 - distance) / 0.85, 0.0, 1.0)
    reach = amount * fade * fade * (3.0 - 2.0 * fade)
    return {kind: reach[kinds == kind] for kind in ("dry", "wet", "high")}


def _climate(warmth: float, moisture: float, lat: float, lon: float, elevation: float, sea: float) -> str:
    """A coarse Koeppen class: group letters A to E with the names used here."""
    summer = warmth + min(9.0, sea / 80.0)  # inland summers are warm where the year is cold
    if summer < -9.5:
        return "ice"
    if summer < -3.5:
        return "tundra"
    if elevation > 2300:
        return "highland"
    if warmth < 5.5:
        return "boreal" if moisture > 0.3 else "steppe"
    if moisture < 0.2:
        return "desert"
    if moisture < 0.36:
        return "savanna" if warmth > 19 else "steppe"
    if warmth > 21.5:
        return "tropical" if moisture > 0.6 else "savanna"
    if (
        warmth > 10
        and moisture < 0.66
        and sea < 320
        and any(s <= lat <= n and w <= lon <= e for s, n, w, e in _MEDITERRANEAN)
    ):
        return "mediterranean"
    return "temperate"


@lru_cache(maxsize=4096)
def place_at(lat: float, lon: float) -> Place:
    """The place at a point on land.

    Raises:
        ValueError: at sea. Choose points with `sample_places`, or check `facts.country_at` first.
    """
    country = country_at(lat, lon)
    if country is None:
        raise ValueError(f"({lat}, {lon}) lies at sea; give a point on land")
    xyz = np.array(unit_vector(lat, lon))
    values = sphere_fields(xyz, len(TRAITS), FIELD_KEY, FIELD_SCALES, FIELD_WEIGHTS)
    traits = dict(zip(TRAITS, values.tolist(), strict=True))
    reach = _influence(xyz)
    sea = sea_km(lat, lon)
    elevation = float(reach["high"].max()) * (0.7 + 0.6 * traits["height"]) + 30 + 500 * traits["height"] ** 2
    elevation *= min(1.0, 0.25 + sea / 150.0)
    high = abs(lat)
    warmth = 27.5 - 0.0105 * max(0.0, high - 8) ** 2 - 0.0052 * elevation
    warmth += 18.0 * max(0.0, 1 - abs(lat - 67) / 19) * max(0.0, 1 - abs(lon - 8) / 44)  # the Gulf Stream
    band = 0.82 if high < 8 else 0.82 - 0.028 * (high - 8) if high < 24 else 0.37 + 0.016 * min(high - 24, 14)
    moisture = band + float(reach["wet"].max()) - float(reach["dry"].max()) - min(0.2, sea / 9000.0)
    moisture = min(1.0, max(0.0, moisture + 0.24 * (traits["moisture"] - 0.5)))
    climate = _climate(warmth, moisture, lat, lon, elevation, sea)
    return Place(lat, lon, country, sea, round(elevation, 3), round(warmth, 4), round(moisture, 6), climate, traits)


def sample_places(n: int, seed: int, split: str) -> NDArray[np.float64]:
    """`n` points (n, 2) of (lat, lon), uniform on the sphere over all land but the inner Antarctic.

    Antarctica counts only within about 100 km of its coast: beyond there is nothing to draw. Each split has its own
    random stream, so no two splits share a place.

    Raises:
        ValueError: an unknown split; the known ones are `SPLITS`.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; use one of {', '.join(SPLITS)}")
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, SPLITS.index(split)])))
    chosen: list[NDArray[np.float64]] = []
    found = 0
    while found < n:
        z, turn = rng.random((2, 4096))
        lat = np.round(np.degrees(np.arcsin(2.0 * z - 1.0)), 5)
        lon = np.round(turn * 360.0 - 180.0, 5)
        keep = country_codes(lat, lon) > 0
        keep &= (lat > -60.0) | np.array([0.0 < sea_km(a, b) < 100.0 for a, b in zip(lat, lon, strict=True)])
        chosen.append(np.stack([lat[keep], lon[keep]], axis=1))
        found += int(keep.sum())
    return np.concatenate(chosen)[:n]
