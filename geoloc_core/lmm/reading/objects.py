"""JSON in a reply: bare, in prose or fences, one object or several, and what its fields say under their usual names."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from geoloc_core.lmm.reading.angles import angles
from geoloc_core.lmm.reading.found import Found
from geoloc_core.lmm.reading.pairs import find_pairs
from geoloc_core.lmm.reading.text import plain

_START = re.compile(r"\{(?=\s{0,99}[\"“'])|\[(?=\s{0,99}\{)")
_FIRST, _LAST = 20, 40  # openings tried, so that a thousand brackets do not take a thousand readings
_LONGEST = 20_000
_REPAIRS = (
    (re.compile("[“”„]"), '"'),
    (re.compile(r",(?=\s{0,99}[\]}])"), ""),
    (re.compile(r"//[^\n\"]{0,200}\n"), "\n"),
)
_MAX_NODES, _MAX_DEPTH = 500, 8
_LAT = re.compile(
    r"(?!min|max)(?:\w*latitud(?:e|ine)?|(?:\w+_)?lat)(?:_?(?:deg|degrees|decimal|dd|n))?|纬度|緯度|широта|breitengrad|위도"
)
_LON = re.compile(
    r"(?!min|max)(?:\w*longitud(?:e|ine)?|(?:\w+_)?(?:lon|lng|long))(?:_?(?:deg|degrees|decimal|dd|e))?|经度|經度|経度"
    r"|долгота|längengrad|경도"
)
_POINT = re.compile(
    r"(?:\w+_)?(?:coordinates?|coords?|latlon|latlng|lat_lon|lat_lng|lat_long|location|gps|geo|answer|prediction|guess)"
)
_TURNED = re.compile(r"(?:lon|lng|long)_?lat|longitude_latitude")
_BEST = re.compile(r"final\w*|best\w*|(?:my_)?answer|primary\w*|top\w*|prediction|most_likely\w*")
_RADIUS = re.compile(
    r"(?:\w+_)?(?:radius|uncertainty|accuracy|error)(?:_?(km|kilometers|kilometres|m|meters|metres|miles|mi))?(?:_\w+)?"
)
_CLUES = re.compile(r"(?:visual_|key_)?(?:clues?|evidence|cues?|indicators)")
_PLACES = (
    "place",
    "place_name",
    "location",
    "location_name",
    "address",
    "landmark",
    "name",
    "answer",
    "final_answer",
    "guess",
    "prediction",
)
_PARTS = ("city", "town", "village", "municipality", "region", "state", "province", "country")
_KM = {"m": 0.001, "meters": 0.001, "metres": 0.001, "miles": 1.609344, "mi": 1.609344}
_AMOUNT = re.compile(
    r"\W{0,9}(\d{1,6}(?:[.,]\d{1,9})?)\s?(km|kilomet(?:er|re)s?|m|met(?:er|re)s?|mi|miles?)?\W{0,3}", re.IGNORECASE
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """What one JSON value of a reply says.

    Attributes:
        found: its coordinates, if it gives any.
        others: further ones, such as of alternatives it ranks lower.
        place: the place it names, as it stands there.
        radius_km: not checked for sense beyond being a number above 0.
        clues: as they stand there.
        silent: it has the fields for coordinates and leaves them empty.
        start: where in the reply it stands; `end` is behind it.
    """

    found: Found | None
    others: tuple[Found, ...]
    place: str
    radius_km: float | None
    clues: tuple[str, ...]
    silent: bool
    start: int
    end: int


def find_objects(text: str) -> list[Item]:
    """The JSON values of a tidy text that speak of a place, in order."""
    items, end = [], 0
    starts = [match.start() for match in _START.finditer(text)]
    for start in starts if len(starts) <= _FIRST + _LAST else starts[:_FIRST] + starts[-_LAST:]:
        if start >= end and (parsed := _parse(text, start)):
            value, end = parsed
            if item := _item(value, start, end):
                items.append(item)
    return items


def kilometres(amount: object, unit: str = "") -> float | None:
    """A distance such as 25, "25 km", "300 m" or (25, "miles") in km; None if it is none or no more than 0."""
    if isinstance(amount, str):
        match = _AMOUNT.fullmatch(plain(amount[:60]))
        if not match:
            return None
        short = (match[2] or unit).lower()
        unit = {"k": "km", "m": "m"}.get(short[:1], "km") if not short.startswith("mi") else "mi"
        amount = float(match[1].replace(",", "."))
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return None
    km = float(amount) * _KM.get(unit, 1.0)
    return km if 0 < km <= 20_038 else None


def _parse(text: str, start: int) -> tuple[Any, int] | None:
    """The JSON value at `start` and where it ends; small slips that models make are forgiven."""
    decoder = json.JSONDecoder(strict=False, parse_int=float)
    piece = text[start : start + _LONGEST]
    try:
        value, end = decoder.raw_decode(piece)
        return value, start + end
    except (ValueError, RecursionError):
        pass
    close = piece.rfind("}" if piece[0] == "{" else "]")
    mended = piece[: close + 1]
    for pattern, sign in _REPAIRS:
        mended = pattern.sub(sign, mended)
    try:
        value, end = decoder.raw_decode(mended)
    except (ValueError, RecursionError):
        return None
    return (value, start + close + 1) if end == len(mended) else None


def _item(value: Any, start: int, end: int) -> Item | None:
    objects = list(_walk(value))
    readings = [(reading, best) for node, key, best in objects if (reading := _coordinates(node, key))]
    found = [(replace(f, start=start, end=end), best) for f, best in readings if isinstance(f, Found)]
    chosen = next((f for f, best in found if best), found[0][0] if found else None)
    nodes = [node for node, _, _ in objects]
    place = next(filter(None, map(_place, nodes)), "")
    if not (readings or place):
        return None
    return Item(
        chosen,
        tuple(f for f, _ in found if f is not chosen),
        place,
        next((km for node in nodes if (km := _radius(node)) is not None), None),
        next(filter(None, map(_clues, nodes)), ()),
        bool(readings) and not found,
        start,
        end,
    )


def _walk(value: Any) -> Iterator[tuple[Json, str, bool]]:
    """The objects in a JSON value from the outside in, each with its key and whether a key above calls it the best."""
    queue: list[tuple[Any, str, bool, int]] = [(value, "", False, 0)]
    for node, key, best, depth in queue:
        if isinstance(node, dict):
            named = {_key(name): inner for name, inner in list(node.items())[:_MAX_NODES]}
            yield named, key, best
            children = list(named.items())
        else:
            children = [(key, inner) for inner in node[:_MAX_NODES]]
        if depth < _MAX_DEPTH:
            for name, inner in children:
                if isinstance(inner, dict | list) and len(queue) < _MAX_NODES:
                    queue.append((inner, name, best or bool(_BEST.fullmatch(name)), depth + 1))


def _key(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", "_", plain(name[:60]))
    return re.sub(r"_+", "_", spaced).strip("_").lower()


def _coordinates(node: Json, key: str) -> Found | str:
    """The coordinates of one object; "silent" if it has their fields without a number in them, "" if it has none."""
    lat, lon = (next((name for name in node if axis.fullmatch(name)), None) for axis in (_LAT, _LON))
    if lat is not None and lon is not None:
        values = _number(node[lat], "lat"), _number(node[lon], "lon")
        if isinstance(values[0], float) and isinstance(values[1], float):
            return Found(_facing(values[0], node, "lat"), _facing(values[1], node, "lon"), 0, 0, "json")
        broken = next((value for value in values if isinstance(value, str) and value), "")
        return Found(math.nan, math.nan, 0, 0, "json", broken=broken) if broken else "silent"
    geojson = str(node.get("type", "")).lower() == "point"
    for name, value in node.items():
        if _TURNED.fullmatch(name) or _POINT.fullmatch(name):
            turned = geojson or bool(_TURNED.fullmatch(name))
            if found := _listed(value, turned):
                return found
    return ""


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)[:20] if isinstance(value, str) else ""


def _facing(value: float, node: Json, axis: str) -> float:
    """The degrees, negative if a field of its own such as "latitude_direction" says south or west."""
    fields = (
        value for name, value in node.items() if re.fullmatch(rf"{axis}\w*_(?:dir|direction|hemisphere|ref)", name)
    )
    side = next((field for field in fields if isinstance(field, str)), "")
    return -abs(value) if re.match("[swSW]", side) else value


def _listed(value: Any, turned: bool) -> Found | None:
    """The coordinates of a list or a text."""
    if isinstance(value, str):
        pairs = find_pairs(plain(value[:300]))
        return replace(pairs[0], how="json") if len(pairs) == 1 else None
    if isinstance(value, list) and 2 <= len(value) <= 3:
        one, two = (
            _number(part, axis)
            for part, axis in zip(value[:2], ("lon", "lat") if turned else ("lat", "lon"), strict=True)
        )
        if isinstance(one, float) and isinstance(two, float):
            return Found(*((two, one) if turned else (one, two)), 0, 0, "json")
    return None


def _number(value: Any, axis: str) -> float | str:
    """The degrees in a field; else why it cannot be used, or "" if it is empty."""
    if isinstance(value, bool):
        return "has no number for a coordinate"
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else "has no finite number for a coordinate"
    if isinstance(value, dict):
        parts = {_key(name): part for name, part in list(value.items())[:20]}
        marks = {"degrees": "°", "minutes": "'", "seconds": '"', "direction": "", "hemisphere": ""}
        value = "".join(f"{_short(parts[name])}{mark} " for name, mark in marks.items() if name in parts)
    if not isinstance(value, str):
        return ""
    text = plain(value[:100]).strip()
    found, _ = angles(text)
    if len(found) != 1:
        return ""
    if found[0].axis not in ("", axis):
        return "has the other axis's hemisphere for a coordinate"
    return found[0].fault or found[0].value


def _place(node: Json) -> str:
    for name in _PLACES:
        value = node.get(name)
        if isinstance(value, str) and value.strip() and "_" not in value and not find_pairs(plain(value[:300])):
            return value
    parts = [node[name] for name in _PARTS if isinstance(node.get(name), str) and node[name].strip()]
    return ", ".join(part[:200] for part in parts)


def _radius(node: Json) -> float | None:
    for name, value in node.items():
        if match := _RADIUS.fullmatch(name):
            return kilometres(value, match[1] or "")
    return None


def _clues(node: Json) -> tuple[str, ...]:
    for name, value in node.items():
        if _CLUES.fullmatch(name):
            listed = value if isinstance(value, list) else [value]
            return tuple(clue for clue in listed[:100] if isinstance(clue, str) and clue.strip())
    return ()
