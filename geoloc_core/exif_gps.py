"""The GPS block of EXIF, in the many ways cameras, phones and editors write it, to coordinates, height and time.

Nothing here raises: what cannot be understood counts as absent. Tags: CIPA DC-008 (EXIF 2.32), section 4.6.6;
the XMP that stands in for them: Adobe's "XMP Specification Part 2".
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image
from PIL.ExifTags import GPS
from PIL.TiffImagePlugin import IFDRational

FIRST_PHOTOGRAPH = 1826  # the year; no date before it is believed
_MAX_XMP_CHARS = 1_000_000
_NULL_ISLAND_DEG = 1e-6
_DAY = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:/\d+(?:\.\d+)?)?")
_COMPASS = r"(?<![A-Z])([%s])(?:ORTH|OUTH|AST|EST)?(?![A-Z])"
_XMP_ANGLE = r"exif:GPS%s\s*(?:=\s*[\"']|>)\s*([^\"'<]{1,60})"


def gps_location(gps: Mapping[int, Any]) -> tuple[tuple[float, float] | None, str | None]:
    """(lat, lon) in degrees or None, and what is wrong or doubtful."""
    raw_lat, raw_lon = tag_value(gps, GPS.GPSLatitude), tag_value(gps, GPS.GPSLongitude)
    if raw_lat is None and raw_lon is None:
        return None, None
    if raw_lat is None or raw_lon is None:
        return None, f"the GPS position has no {'latitude' if raw_lat is None else 'longitude'}"
    lat, lat_sure = _signed(raw_lat, tag_value(gps, GPS.GPSLatitudeRef), "NS")
    lon, lon_sure = _signed(raw_lon, tag_value(gps, GPS.GPSLongitudeRef), "EW")
    if lat is None or lon is None:
        return None, "the GPS position holds no usable numbers"
    if abs(lat) > 90 or abs(lon) > 180:
        return None, f"the GPS position {lat:.6g}, {lon:.6g} is not on the Earth"
    if abs(lat) < _NULL_ISLAND_DEG and abs(lon) < _NULL_ISLAND_DEG:
        return None, "the GPS position is 0, 0, which cameras write when they have none"
    if not (lat_sure and lon_sure):
        return (lat, lon), "the GPS position lacks N or S, E or W; it is taken as north and east"
    if tag_text(tag_value(gps, GPS.GPSStatus))[:1].upper() == "V":
        return (lat, lon), "the camera notes that it had no GPS fix; the position may be an old one"
    return (lat, lon), None


def gps_altitude_m(gps: Mapping[int, Any]) -> float | None:
    """Metres above sea level; anything deeper than the sea or above the atmosphere is not believed."""
    value = _numbers(tag_value(gps, GPS.GPSAltitude))
    if len(value) != 1 or value[0] is None:
        return None
    ref = tag_value(gps, GPS.GPSAltitudeRef)
    below = ref in (1, 3, b"\1", b"\3", "1", b"1")
    metres = -abs(value[0]) if below else value[0]
    return metres if -12_000 <= metres <= 100_000 else None


def gps_time(gps: Mapping[int, Any]) -> datetime | None:
    """When the position was fixed, in UTC."""
    date = _DAY.match(tag_text(tag_value(gps, GPS.GPSDateStamp)))
    parts = _numbers(tag_value(gps, GPS.GPSTimeStamp))
    if not date or len(parts) != 3:
        return None
    with suppress(ValueError, OverflowError, TypeError):
        day = datetime(int(date[1]), int(date[2]), int(date[3]), tzinfo=UTC)
        hours, minutes, seconds = (float(part) for part in parts)  # type: ignore[arg-type]
        if day.year >= FIRST_PHOTOGRAPH and 0 <= hours <= 24 and 0 <= minutes <= 60 and 0 <= seconds <= 60:
            return day + timedelta(hours=hours, minutes=minutes, seconds=round(seconds, 3))
    return None


def xmp_gps(xmp: str | bytes) -> dict[int, str]:
    """The position in an XMP packet, which writes 41 deg 58.5 min north as "41,58.5N"."""
    head = xmp[:_MAX_XMP_CHARS]
    packet = head if isinstance(head, str) else head.decode("utf-8", "replace")
    found = {}
    for tag in (GPS.GPSLatitude, GPS.GPSLongitude):
        if match := re.search(_XMP_ANGLE % tag.name.removeprefix("GPS"), packet):
            found[int(tag)] = match[1]
    return found


def tag_value(tags: Mapping[int, Any] | Image.Exif, tag: int) -> Any:
    """The tag's value, None if there is none or Pillow cannot decode it."""
    with suppress(Exception):
        return tags.get(tag)
    return None


def tag_text(value: Any) -> str:
    """One line of a tag: up to its first NUL, at most 200 characters, no control or bidi characters."""
    if isinstance(value, str):
        with suppress(UnicodeError):  # Pillow reads ASCII tags as Latin-1, cameras write UTF-8 into them
            value = value.encode("latin-1")
    if isinstance(value, bytes):
        head = value[:400].split(b"\0")[0]
        try:
            value = head.decode()
        except UnicodeDecodeError:
            value = head.decode("latin-1")
    if not isinstance(value, str):
        return ""
    line = " ".join(value[:400].split("\0")[0].split())
    return "".join(char for char in line if unicodedata.category(char)[0] != "C")[:200].strip()


def _signed(value: Any, ref: Any, letters: str) -> tuple[float | None, bool]:
    """Degrees with their sign, and whether a reference letter or a minus sign gave it.

    A minus sign counts even beside N or E: who writes one means it. Beside S or W it is not applied twice.
    """
    numbers = [part for part in _numbers(value) if part is not None]
    if not 0 < len(numbers) == len(_numbers(value)) <= 3 or any(abs(part) > 60 for part in numbers[1:]):
        return None, False
    negative = any(math.copysign(1, part) < 0 for part in numbers)
    letter = _letter(ref, letters) or (_letter(value, letters) if isinstance(value, str | bytes) else "")
    size = sum(abs(part) / 60**place for place, part in enumerate(numbers))
    return -size if negative or letter == letters[1] else size, bool(letter) or negative


def _letter(ref: Any, letters: str) -> str:
    found = re.search(_COMPASS % letters, tag_text(ref).upper())
    return found[1] if found else ""


def _numbers(value: Any) -> list[float | None]:
    """Degrees, minutes, seconds as numbers; None for one that is none, trailing empty ones (0/0) dropped."""
    if isinstance(value, str | bytes):
        text = tag_text(value)
        parts: list[Any] = _NUMBER.findall(text)
        if parts and text.startswith("-"):
            parts[0] = f"-{parts[0]}"
    elif isinstance(value, Sequence):
        parts = list(value[:4])
    else:
        parts = [value]
    while len(parts) > 1 and _is_empty(parts[-1]):
        parts.pop()
    return [_number(part) for part in parts]


def _is_empty(value: Any) -> bool:
    """Whether a rational is 0/0, the way to leave seconds out."""
    with suppress(Exception):
        if isinstance(value, IFDRational):
            return value.denominator == 0 and value.numerator == 0
        return value is None or tuple(value) == (0, 0) or value == "0/0"
    return False


def _number(value: Any) -> float | None:
    """A finite float from a number, a rational, a (numerator, denominator) pair or text like "41/1"."""
    with suppress(Exception):
        if isinstance(value, str | bytes):
            numerator, _, denominator = tag_text(value).partition("/")
            value = float(numerator) / float(denominator or 1)
        elif isinstance(value, Sequence):
            value = value[0] / (value[1] if len(value) == 2 else 1)
        number = float(value)
        return number if math.isfinite(number) else None
    return None
