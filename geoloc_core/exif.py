"""What a photo's EXIF says about where, when and with what it was taken.

Cameras, phones and editors write these tags in many ways and attackers in any, so nothing here raises: a tag
that cannot be understood counts as absent, and for the position `gps_problem` says why. Tags: CIPA DC-008
(EXIF 2.32), section 4.6.5. The position itself is read in exif_gps.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from geoloc_core.exif_gps import (
    FIRST_PHOTOGRAPH,
    gps_altitude_m,
    gps_location,
    gps_time,
    tag_text,
    tag_value,
    xmp_gps,
)

MAX_EXIF_BYTES = 2_000_000  # a JPEG segment holds 64 KB; maker notes of other formats stay far below
_CLOCK_ZONES = timedelta(hours=15)  # a camera's local clock is never further from UTC
_CLOCK = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,]\d*)?\s*(Z|[+-]\d\d:?\d\d)?")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


@dataclass(frozen=True)
class ExifFacts:
    """What the photo says about itself. Not to be trusted: anybody can write EXIF.

    `location` is (lat, lon) in degrees. `altitude_m` is metres above sea level. `taken_at` is aware and in UTC
    when the photo gives an offset or a GPS time, else naive: the camera's own clock. `gps_problem` says why a
    GPS block gave no location, or what is doubtful about the one it gave.
    """

    location: tuple[float, float] | None = None
    altitude_m: float | None = None
    taken_at: datetime | None = None
    camera: str | None = None
    gps_problem: str | None = None

    @property
    def taken_at_is_utc(self) -> bool:
        """Whether `taken_at` is an instant rather than the reading of a clock in an unknown time zone."""
        return self.taken_at is not None and self.taken_at.tzinfo is not None


def read_exif(exif: Image.Exif | bytes | None, xmp: str | bytes | None = None) -> ExifFacts:
    """Facts from Pillow's EXIF or a raw EXIF block, with the XMP packet to fall back on for the position.

    Never raises on malformed input.
    """
    exif = _parsed(exif)
    gps = _ifd(exif, IFD.GPSInfo)
    location, problem = gps_location(gps)
    if not gps and tag_value(exif, IFD.GPSInfo) is not None:
        problem = "the GPS block is empty or damaged"
    if location is None and xmp:
        from_xmp, xmp_problem = gps_location(xmp_gps(xmp))
        location, problem = (from_xmp, xmp_problem) if from_xmp else (None, problem or xmp_problem)
    return ExifFacts(location, gps_altitude_m(gps), _taken_at(exif, gps), _camera(exif), problem)


def exif_with_gps(lat: float, lon: float, taken_at: datetime | None = None, camera: str | None = None) -> bytes:
    """An EXIF block, for Pillow's `save(exif=...)`, that says the photo was taken at (lat, lon) degrees.

    The position is kept to 1e-4 arc seconds (3 mm). An aware `taken_at` is written with its offset and as GPS
    time.
    """
    exif = Image.Exif()
    gps = exif.get_ifd(IFD.GPSInfo)
    gps.update({GPS.GPSVersionID: b"\2\3\0\0", GPS.GPSMapDatum: "WGS-84"})
    gps.update({GPS.GPSLatitudeRef: "S" if lat < 0 else "N", GPS.GPSLatitude: _sexagesimal(lat)})
    gps.update({GPS.GPSLongitudeRef: "W" if lon < 0 else "E", GPS.GPSLongitude: _sexagesimal(lon)})
    if camera:
        exif[Base.Model] = camera
    if taken_at:
        _write_time(exif, gps, taken_at)
    return exif.tobytes()


def _sexagesimal(degrees: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    minutes, ticks = divmod(round(abs(degrees) * 36_000_000), 600_000)
    whole, minutes = divmod(minutes, 60)
    return IFDRational(whole, 1), IFDRational(minutes, 1), IFDRational(ticks, 10_000)


def _write_time(exif: Image.Exif, gps: dict[int, Any], taken_at: datetime) -> None:
    details = exif.get_ifd(IFD.Exif)
    details[Base.DateTimeOriginal] = f"{taken_at:%Y:%m:%d %H:%M:%S}"
    if taken_at.tzinfo:
        offset = f"{taken_at:%z}"
        details[Base.OffsetTimeOriginal] = f"{offset[:3]}:{offset[3:5]}"
        utc = taken_at.astimezone(UTC)
        gps[GPS.GPSDateStamp] = f"{utc:%Y:%m:%d}"
        gps[GPS.GPSTimeStamp] = tuple(IFDRational(part, 1) for part in (utc.hour, utc.minute, utc.second))


def _parsed(exif: Image.Exif | bytes | None) -> Image.Exif:
    if isinstance(exif, Image.Exif):
        return exif
    parsed = Image.Exif()
    if exif and len(exif) <= MAX_EXIF_BYTES:
        with suppress(Exception):
            parsed.load(exif)
    return parsed


def _ifd(exif: Image.Exif, tag: int) -> Mapping[int, Any]:
    with suppress(Exception):
        pointer = exif.get(tag)
        return pointer if isinstance(pointer, Mapping) else exif.get_ifd(tag)
    return {}


def _taken_at(exif: Image.Exif, gps: Mapping[int, Any]) -> datetime | None:
    """When the shutter opened: the camera's clock with its offset, else GPS time, else the clock alone."""
    details = _ifd(exif, IFD.Exif)
    clock = None
    for tags, date, offset in (
        (details, Base.DateTimeOriginal, Base.OffsetTimeOriginal),
        (details, Base.DateTimeDigitized, Base.OffsetTimeDigitized),
        (exif, Base.DateTime, Base.OffsetTime),
    ):
        clock = _clock(tag_text(tag_value(tags, date)), tag_text(tag_value(details, offset)))
        if clock:
            break
    if clock and clock.tzinfo:
        return clock
    fix = gps_time(gps)
    if fix and (clock is None or abs(fix.replace(tzinfo=None) - clock) <= _CLOCK_ZONES):
        return fix
    return clock


def _clock(date: str, offset: str) -> datetime | None:
    """UTC if an offset is known, else naive; None if the text is no date and time."""
    match = _CLOCK.match(date)
    if not match:
        return None
    with suppress(ValueError, OverflowError):
        clock = datetime(*(int(part) for part in match.groups()[:6]))  # type: ignore[arg-type]
        if clock.year < FIRST_PHOTOGRAPH:
            return None
        zone = match[7] or offset
        if zone == "Z":
            return clock.replace(tzinfo=UTC)
        if ahead := _OFFSET.match(zone):
            minutes = int(ahead[2]) * 60 + int(ahead[3])
            sign = -1 if ahead[1] == "-" else 1
            return clock.replace(tzinfo=timezone(sign * timedelta(minutes=minutes))).astimezone(UTC)
        return clock
    return None


def _camera(exif: Image.Exif) -> str | None:
    make, model = tag_text(tag_value(exif, Base.Make)), tag_text(tag_value(exif, Base.Model))
    if make and model.casefold().startswith(make.split()[0].casefold()):
        make = ""
    return f"{make} {model}".strip()[:80].strip() or None
