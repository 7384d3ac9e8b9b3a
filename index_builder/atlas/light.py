"""The moment and the view: sun, weather, haze, camera. Everything here is independent of the place's own looks.

Sun height and direction are the true ones for latitude, day and hour. The Atlas's photographers mostly look
north, give or take 100 degrees, so that a sun in the picture at noon means the southern hemisphere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from index_builder.atlas.canvas import Canvas
from index_builder.atlas.colour import Colour, blend4, mix, ramp, tinted
from index_builder.atlas.world import Place

_ZENITH = ((46.0, 116.0, 214.0), (92.0, 178.0, 232.0), (66.0, 104.0, 186.0), (112.0, 164.0, 196.0))
HORIZON = ((196.0, 230.0, 250.0), (238.0, 242.0, 224.0), (190.0, 208.0, 244.0), (250.0, 226.0, 206.0))
_SUN = (
    (-11, (64.0, 76.0, 118.0)),
    (-4, (120.0, 108.0, 138.0)),
    (2, (244.0, 178.0, 138.0)),
    (13, (255.0, 236.0, 208.0)),
    (32, (255.0, 251.0, 240.0)),
)
_AMBIENT = (
    (-11, (52.0, 62.0, 104.0)),
    (-3, (98.0, 98.0, 142.0)),
    (6, (150.0, 148.0, 178.0)),
    (24, (160.0, 172.0, 196.0)),
)
_WEATHERS = ("clear", "fair", "cloudy", "overcast", "rain", "snow", "fog")


@dataclass(frozen=True)
class Light:
    """Sun, weather and the colours they give. Angles in degrees; `sun_side` < 0 is light from the left."""

    hour: float
    summer: float
    """Season: 1 is midsummer here, 0 midwinter."""
    weather: str
    altitude: float
    bearing: float
    """Direction of the sun from the middle of the view, -180 to 180, right positive."""
    zenith: Colour
    horizon: Colour
    sun: Colour
    ambient: Colour
    haze_m: float

    @property
    def sun_side(self) -> float:
        """-1 when the light falls from the left, 1 from the right, 0 from ahead or behind."""
        return round(math.sin(math.radians(self.bearing)), 6)

    @property
    def dark(self) -> float:
        """0 by day, 1 at night: whether lamps are on."""
        return min(1.0, max(0.0, (3.0 - self.altitude) / 9.0))

    @property
    def shadow(self) -> float:
        """How strong cast shadows are, 0 to 0.45."""
        clear = {"clear": 1.0, "fair": 0.95, "cloudy": 0.5}.get(self.weather, 0.12)
        return 0.42 * clear * min(1.0, max(0.0, self.altitude / 8.0))

    def lit(self, colour: Colour, facing: float = 1.0, distance: float = 0.0) -> Colour:
        """Colour of a surface turned to the sun by `facing` (0 to 1), seen through `distance` metres of air."""
        share = 0.42 + 0.58 * facing
        seen = tinted(colour, mix(self.ambient, self.sun, share))
        haze = distance / (distance + self.haze_m)
        return mix(seen, self.horizon, haze)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera looking level; X right, Y up from the ground, Z ahead, in metres."""

    cx: float
    horizon: float
    focal: float
    height: float
    w: int
    h: int

    def at(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Pixel of a point of the world."""
        k = self.focal / z
        return self.cx + x * k, self.horizon + (self.height - y) * k

    def scale(self, z: float) -> float:
        """Pixels a metre at distance z."""
        return self.focal / z

    def ground_z(self, y: float) -> float:
        """Distance of the flat ground seen in row y."""
        return self.focal * self.height / max(y - self.horizon, 1e-3)


def _angles(lat: float, season: float, hour: float) -> tuple[float, float]:
    """Altitude and compass azimuth of the sun; season is the year's fraction since the northern winter solstice."""
    phi = math.radians(lat)
    declination = -math.radians(23.44) * math.cos(2 * math.pi * season)
    turn = math.radians(15.0 * (hour - 12.0))
    up = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(turn)
    east = -math.cos(declination) * math.sin(turn)
    north = math.cos(phi) * math.sin(declination) - math.sin(phi) * math.cos(declination) * math.cos(turn)
    return round(math.degrees(math.asin(max(-1.0, min(1.0, up)))), 4), round(math.degrees(math.atan2(east, north)), 4)


def _weather(place: Place, rng: Random, cold: bool) -> str:
    wet = place.moisture
    chances = (1.5 - wet, 1.9, 0.6 + wet, 0.25 + 0.6 * wet, 0.28 * wet, 0.3 if cold else 0.0, 0.05 + 0.12 * wet)
    return rng.choices(_WEATHERS, chances)[0]


def make_light(place: Place, rng: Random) -> Light:
    """A random moment at this place: mostly by day, one in eight at any hour."""
    season, any_hour = rng.random(), rng.random() < 0.09
    hour, altitude, azimuth = 12.0, 0.0, 0.0
    for _ in range(8):
        hour = 5.0 + 16.0 * rng.random()
        altitude, azimuth = _angles(place.lat, season, hour)
        if any_hour or altitude > 5:
            break
    altitude = max(altitude, -11.0)
    heading = (rng.random() + rng.random() - 1.0) * 100.0
    bearing = (azimuth - heading + 540.0) % 360.0 - 180.0
    north_summer = 0.5 - 0.5 * math.cos(2 * math.pi * season)
    summer = round(1.0 - north_summer if place.south else north_summer, 6)
    cold = place.warmth + (summer - 0.5) * 0.5 * abs(place.lat) < 1.0
    weather = _weather(place, rng, cold)
    zenith, horizon, sun, ambient = _colours(place, altitude, weather)
    haze = {"fog": 70.0, "rain": 420.0, "snow": 330.0, "overcast": 1100.0}.get(weather, 2600.0)
    haze *= 0.7 + 0.6 * rng.random()
    return Light(hour, summer, weather, altitude, bearing, zenith, horizon, sun, ambient, haze)


def _colours(place: Place, altitude: float, weather: str) -> tuple[Colour, Colour, Colour, Colour]:
    """Zenith, horizon, direct and ambient light."""
    zenith, horizon = (
        blend4(_ZENITH, place["sky_u"], place["sky_v"]),
        blend4(HORIZON, place["sky_u"], place["sky_v"]),
    )
    zenith = ramp(
        (
            (-11, (14.0, 20.0, 52.0)),
            (-4, (44.0, 52.0, 112.0)),
            (4, mix((92.0, 116.0, 184.0), zenith, 0.3)),
            (18, zenith),
        ),
        altitude,
    )
    horizon = ramp(
        (
            (-11, (40.0, 50.0, 92.0)),
            (-5, (196.0, 116.0, 116.0)),
            (1, (252.0, 172.0, 112.0)),
            (8, mix((255.0, 214.0, 160.0), horizon, 0.35)),
            (20, horizon),
        ),
        altitude,
    )
    sun, ambient = ramp(_SUN, altitude), ramp(_AMBIENT, altitude)
    grey = {"cloudy": 0.25, "overcast": 0.8, "rain": 0.92, "snow": 0.85, "fog": 0.85}.get(weather, 0.0)
    bright = min(1.0, max(0.2, (altitude + 12) / 28.0))
    flat: Colour = (196.0 * bright, 204.0 * bright, 212.0 * bright)
    if weather == "rain":
        flat = mix(flat, (120.0 * bright, 132.0 * bright, 148.0 * bright), 0.6)
    tint = blend4(HORIZON, place["sky_u"], place["sky_v"])
    flat = tinted(flat, mix((255.0, 255.0, 255.0), tint, 0.5))
    dull = mix(sun, ambient, 0.55 * grey)
    return (
        mix(zenith, mix(flat, zenith, 0.15), grey),
        mix(horizon, mix(flat, (255.0, 255.0, 255.0), 0.12 * bright), grey),
        dull,
        mix(ambient, dull, 0.35 * grey),
    )


def make_camera(canvas: Canvas, rng: Random, heights: tuple[float, float], horizon: tuple[float, float]) -> Camera:
    """A random camera: eye height in metres and horizon row as a share of the picture, each from a range."""
    focal = canvas.w * (0.72 + 0.45 * rng.random())
    row = canvas.h * (horizon[0] + (horizon[1] - horizon[0]) * rng.random())
    height = heights[0] + (heights[1] - heights[0]) * rng.random()
    return Camera(canvas.w * (0.44 + 0.12 * rng.random()), row, focal, height, canvas.w, canvas.h)
