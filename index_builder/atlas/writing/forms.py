"""Telephone numbers, postcodes, prices, plates, opening hours and web addresses as a country writes them."""

from __future__ import annotations

import string
from random import Random

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from geoloc_core.places import fold
from index_builder.atlas.writing.places import SignPlace

MILES = frozenset({"US", "GB", "LR", "PR", "IM", "JE", "GG"})
_CLOCK_12 = frozenset({"US", "CA", "AU", "NZ", "GB", "IE", "IN", "PH", "ZA", "MX", "MY", "PK", "EG", "SA", "AE"})
_CLOCK_H = frozenset({"FR", "PT", "BR", "RO", "BE", "CI", "SN", "GP", "MQ", "RE", "NC", "PF"})
_NO_PLACELESS = frozenset({"BR", "AR", "MX"})  # their mobile numbers too begin with an area code
_SECOND_LEVEL = {
    "GB": "co.uk", "JP": "co.jp", "KR": "co.kr", "AU": "com.au", "NZ": "co.nz", "ZA": "co.za", "BR": "com.br",
    "AR": "com.ar", "MX": "com.mx", "TR": "com.tr", "IN": "in", "TH": "co.th", "ID": "co.id", "MY": "com.my",
    "SG": "com.sg", "HK": "com.hk", "TW": "com.tw", "CN": "com.cn", "IL": "co.il", "KE": "co.ke", "UA": "com.ua",
    "EG": "com.eg", "SA": "com.sa", "PK": "com.pk", "BD": "com.bd", "NG": "com.ng", "PH": "com.ph", "CO": "com.co",
    "PE": "com.pe", "VN": "vn", "CY": "com.cy", "MT": "com.mt", "NP": "com.np", "GH": "com.gh", "UY": "com.uy",
    "US": "com", "PR": "com",
}  # fmt: skip


def filled(pattern: str, rng: Random) -> str:
    """One of a pattern's alternatives, with digits for "#" (no number begins with 0) and letters for "@"."""
    out: list[str] = []
    for character in rng.choice(pattern.split("|")):
        if character == "#":
            inside = bool(out) and out[-1].isdigit()
            out.append(rng.choice(string.digits if inside else string.digits[1:]))
        else:
            out.append(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if character == "@" else character)
    return "".join(out)


def phone(place: SignPlace, rng: Random) -> str | None:
    """A telephone number that is valid for the country, of the town where its area code is known; None without one."""
    known = place.known
    number = _of_town(place.iso2, known.phone, rng) if known and known.phone else None
    number = number or _of_country(place.iso2, rng)
    if number is None:
        return None
    abroad = rng.random() < 0.3
    style = PhoneNumberFormat.INTERNATIONAL if abroad else PhoneNumberFormat.NATIONAL
    return phonenumbers.format_number(number, style)


def _of_town(iso2: str, area: str, rng: Random) -> phonenumbers.PhoneNumber | None:
    code = phonenumbers.country_code_for_region(iso2)
    for _ in range(60):
        digits = area.replace(" ", "")
        digits += "".join(rng.choice(string.digits) for _ in range(rng.choice((9, 10, 8, 7, 11)) - len(digits)))
        number = phonenumbers.parse(f"+{code}{digits}", None)
        fixed = (PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
        if phonenumbers.is_valid_number_for_region(number, iso2) and phonenumbers.number_type(number) in fixed:
            return number
    return None


def _of_country(iso2: str, rng: Random) -> phonenumbers.PhoneNumber | None:
    """A number that is not of any one town."""
    if iso2 in _NO_PLACELESS:
        return None
    kind = PhoneNumberType.TOLL_FREE if iso2 in ("US", "CA") else PhoneNumberType.MOBILE
    example = phonenumbers.example_number_for_type(iso2, kind)
    if example is None:
        return None
    digits = phonenumbers.national_significant_number(example)
    for _ in range(40):
        tail = "".join(rng.choice(string.digits) for _ in range(min(5, len(digits) - 2)))
        number = phonenumbers.parse(f"+{example.country_code}{digits[: -len(tail)]}{tail}", None)
        if phonenumbers.is_valid_number(number) and phonenumbers.region_code_for_number(number) in (iso2, "US"):
            return number
    return None


def plate(place: SignPlace, rng: Random) -> str | None:
    """A number plate of the place; None where the country's are not known, or begin with an unknown code."""
    pattern = place.forms.plate
    if "{area}" in pattern:
        if not (place.known and place.known.plate):
            return None
        pattern = pattern.replace("{area}", place.known.plate)
    return filled(pattern, rng) if pattern else None


def hours(place: SignPlace, rng: Random) -> str:
    """From when to when something is open."""
    start, end = rng.choice((7, 8, 9, 10)), rng.choice((16, 17, 18, 19, 20, 22))
    if place.iso2 in _CLOCK_12 and rng.random() < 0.7:
        return f"{start}am - {end - 12}pm"
    if place.iso2 in _CLOCK_H and rng.random() < 0.7:
        return f"{start}h - {end}h" if rng.random() < 0.5 else f"{start}h00 - {end}h30"
    dot = "." if place.iso2 in ("FI", "DK", "IT", "ID", "NO", "SE") else ":"
    return f"{start:02}{dot}00 - {end}{dot}00"


def domain(place: SignPlace, name: str, rng: Random) -> str:
    """A web or mail address under the country's domain, or under .com."""
    words = [w for w in "".join(c if c.isascii() and c.isalnum() else " " for c in fold(name)).split() if len(w) > 1]
    host = rng.choice(("", "-")).join(words[:2]) or fold(place.town).replace(" ", "").replace("'", "")
    host = "".join(c for c in host if c.isascii() and (c.isalnum() or c == "-"))[:20] or "hotel"
    top = "com" if rng.random() < 0.2 else _SECOND_LEVEL.get(place.iso2, place.iso2.lower())
    return rng.choice((f"www.{host}.{top}", f"www.{host}.{top}", f"{host}.{top}", f"info@{host}.{top}"))
