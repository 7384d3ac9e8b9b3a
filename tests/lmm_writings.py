"""Coordinates written in many ways, for round trips: each style is a function from (lat, lon) to text."""

from __future__ import annotations

import json
from collections.abc import Callable

Style = Callable[[float, float], str]


def _side(value: float, letters: str) -> str:
    return letters[value < 0]


def _dms(value: float, marks: str, decimals: int = 2) -> str:
    total = round(abs(value) * 3600, decimals)
    degrees, rest = divmod(total, 3600)
    minutes, seconds = divmod(round(rest, decimals), 60)
    return f"{degrees:.0f}{marks[0]}{minutes:.0f}{marks[1]}{seconds:.{decimals}f}{marks[2]}"


def _dm(value: float, marks: str) -> str:
    degrees, minutes = divmod(round(abs(value) * 60, 4), 60)
    return f"{degrees:.0f}{marks[0]}{minutes:.4f}{marks[1]}"


def _dms_style(marks: str, template: str) -> Style:
    return lambda lat, lon: template.format(
        lat=_dms(lat, marks), n=_side(lat, "NS"), lon=_dms(lon, marks), e=_side(lon, "EW")
    )


def _dm_style(marks: str, template: str) -> Style:
    return lambda lat, lon: template.format(
        lat=_dm(lat, marks), n=_side(lat, "NS"), lon=_dm(lon, marks), e=_side(lon, "EW")
    )


def _decimal(template: str, *, minus: str = "-", comma: bool = False) -> Style:
    """Signed ({lat}, {lon}) and unsigned ({a}, {o} with {n}, {e}, {north}, {east}) degrees with five decimals."""

    def write(lat: float, lon: float) -> str:
        numbers = {"lat": f"{lat:.5f}", "lon": f"{lon:.5f}", "a": f"{abs(lat):.5f}", "o": f"{abs(lon):.5f}"}
        if comma:
            numbers = {name: number.replace(".", ",") for name, number in numbers.items()}
        numbers = {name: number.replace("-", minus) for name, number in numbers.items()}
        sides = {"n": _side(lat, "NS"), "e": _side(lon, "EW")}
        words = {"north": ("north", "south")[lat < 0], "east": ("east", "west")[lon < 0]}
        chinese = {"cn": ("北纬", "南纬")[lat < 0], "ce": ("东经", "西经")[lon < 0]}
        german = {"gn": ("nördlicher", "südlicher")[lat < 0], "ge": ("östlicher", "westlicher")[lon < 0]}
        return template.format(**numbers, **sides, **words, **chinese, **german)

    return write


def _wide(lat: float, lon: float) -> str:
    return f"{lat:.5f}, {lon:.5f}".translate({ord(c): 0xFEE0 + ord(c) for c in "0123456789.,-"})


def _json(shape: Callable[[float, float], object], frame: str = "{}") -> Style:
    return lambda lat, lon: frame.replace("{}", json.dumps(shape(round(lat, 5), round(lon, 5)), ensure_ascii=False))


STYLES: dict[str, Style] = {
    "pair": _decimal("{lat}, {lon}"),
    "tight pair": _decimal("{lat},{lon}"),
    "brackets": _decimal("I settle on ({lat}, {lon})."),
    "square": _decimal("[{lat}, {lon}]"),
    "spaces": _decimal("{lat} {lon}"),
    "slash": _decimal("{lat} / {lon}"),
    "unicode minus": _decimal("{lat}, {lon}", minus="−"),
    "en dash": _decimal("Coordinates: {lat}, {lon}", minus="–"),
    "full width": _wide,
    "degree signs": _decimal("{lat}°, {lon}°"),
    "letters behind": _decimal("{a}° {n}, {o}° {e}"),
    "letters behind, bare": _decimal("about {a} {n}, {o} {e}, I think"),
    "letters behind, tight": _decimal("{a}°{n}{o}°{e}"),
    "letters before": _decimal("{n} {a}, {e} {o}"),
    "letters before, tight": _decimal("{n}{a} {e}{o}"),
    "letters, longitude first": _decimal("{o}° {e}, {a}° {n}"),
    "words": _decimal("{a} degrees {north}, {o} degrees {east}"),
    "words and signs": _decimal("at {a}° {north} and {o}° {east} of Greenwich"),
    "Chinese": _decimal("{cn}{a}度，{ce}{o}度"),
    "German": _decimal("{a}° {gn} Breite und {o}° {ge} Länge", comma=True),
    "labels": _decimal("Latitude: {lat}\nLongitude: {lon}"),
    "bold labels": _decimal("- **Latitude:** {lat}°\n- **Longitude:** {lon}°"),
    "short labels": _decimal("lat: {lat} lon: {lon}"),
    "equals": _decimal("Latitude = {lat}; Longitude = {lon}"),
    "labels, longitude first": _decimal("longitude {lon}, latitude {lat}"),
    "labelled pair": _decimal("(lat, lon) = ({lat}, {lon})"),
    "labelled pair, longitude first": _decimal("(lon, lat): ({lon}, {lat})"),
    "labels in prose": _decimal("a latitude of {lat} and a longitude of {lon}"),
    "table": _decimal("| Latitude | Longitude |\n|---|---|\n| {lat} | {lon} |"),
    "decimal commas": _decimal("{lat}; {lon}", comma=True),
    "decimal commas throughout": _decimal("{lat}, {lon}", comma=True),
    "map": _decimal("https://www.google.com/maps/@{lat},{lon},15z"),
    "query": _decimal("https://www.google.com/maps/search/?api=1&query={lat}%2C{lon}"),
    "geo": _decimal("geo:{lat},{lon}"),
    "well-known text": _decimal("POINT({lon} {lat})"),
    "LaTeX": _decimal(r"${a}^\circ$ {n}, ${o}^\circ$ {e}"),
    "DMS, ASCII": _dms_style("°'\"", "{lat}{n} {lon}{e}"),
    "DMS, primes": _dms_style("°′″", "{lat} {n}, {lon} {e}"),
    "DMS, quotes": _dms_style("°’”", "{lat} {n}, {lon} {e}"),
    "DMS, ordinal sign": _dms_style("º'\"", "{n}{lat}, {e}{lon}"),
    "DMS, spaces": lambda lat, lon: _dms_style("   ", "{lat}{n}, {lon}{e}")(lat, lon),
    "degrees and minutes": _dm_style("°'", "{lat} {n}, {lon} {e}"),
    "degrees and minutes, before": _dm_style("° ", "{n} {lat}, {e} {lon}"),
    "JSON": _json(lambda lat, lon: {"latitude": lat, "longitude": lon}),
    "JSON, schema": _json(
        lambda lat, lon: {"clues": ["a sign"], "place": None, "latitude": lat, "longitude": lon, "radius_km": 5}
    ),
    "JSON, fenced": _json(lambda lat, lon: {"lat": lat, "lng": lon}, "Here:\n```json\n{}\n```\nGood luck!"),
    "JSON, nested": _json(lambda lat, lon: {"answer": {"coordinates": {"Lat": lat, "Long": lon}}}, "So {} it is."),
    "JSON, list": _json(lambda lat, lon: {"location": [lat, lon]}),
    "JSON, strings": _json(lambda lat, lon: {"latitude": f"{lat}", "longitude": f"{lon}"}),
    "JSON, degrees": _json(
        lambda lat, lon: {
            "latitude": f"{abs(lat):.5f}° {_side(lat, 'NS')}",
            "longitude": f"{abs(lon):.5f}° {_side(lon, 'EW')}",
        }
    ),
    "GeoJSON": _json(lambda lat, lon: {"type": "Point", "coordinates": [lon, lat]}),
    "Python": lambda lat, lon: f"{{'latitude': {lat:.5f}, 'longitude': {lon:.5f}}}",
}
