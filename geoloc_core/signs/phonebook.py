"""Whose a telephone number is: its country by the numbering plans of `phonenumbers`, its area by `phones.parquet`.

`index_builder.signs.phones` makes the table from the package's own geocoder, which would take 100 MB to load.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from geoloc_core.geo import Floats
from geoloc_core.paths import ASSETS
from geoloc_core.places import gazetteer
from geoloc_core.signs.clue import Spot
from geoloc_core.signs.tables import columns

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from phonenumbers import PhoneNumber

PHONES = ASSETS / "signs" / "phones.parquet"
DIGITS = 15
_RUNS = re.compile(r"\d+")
_SLASH = frozenset(str.split("DE AT BE IT HR RS SI BA MK ME LU CZ SK PL EC PY"))
_WHOLE = frozenset(str.split("CN NL IN TW ID PK BD TH"))  # the area code, then the rest in one piece
_PAIRS = frozenset({"DE"})  # "02 21 / 12 34 56", as the old standard DIN 5008 had it
_RIGID = frozenset(str.split("US CA FR JP RU KR BR PL NO DK"))  # hardly anybody groups differently
_HYPHEN = frozenset(str.split("CN NL IN TW ID PK BD TH JP KR SE FI DE AT PH IL"))
_DOTS = frozenset(str.split("FR CH BE US CA NL AT LU IT GP MQ RE GF NC PF DK PT"))


@dataclass(frozen=True, eq=False)
class _Table:
    start: NDArray[np.int64]
    country: pa.DictionaryArray
    name: pa.DictionaryArray
    places: Floats


@cache
def _table() -> _Table:
    rows = columns(PHONES, "start", "country", "name", "lat", "lon", "km")
    places = np.column_stack([rows[name].to_numpy() for name in ("lat", "lon", "km")]).astype(np.float64)
    country, name = (rows[column].combine_chunks() for column in ("country", "name"))
    return _Table(rows["start"].to_numpy(), country, name, places)


def area(number: str) -> Spot | None:
    """The area that a number belongs to.

    Args:
        number: digits only, country code first.
    """
    table = _table()
    row = int(np.searchsorted(table.start, int(number[:DIGITS].ljust(DIGITS, "0")), side="right")) - 1
    code = table.country[row].as_py() if row >= 0 else None
    if code is None:
        return None
    lat, lon, km = (float(value) for value in table.places[row])
    return Spot(lat, lon, km, 1.0, str(table.name[row].as_py()), code)


@lru_cache(maxsize=1024)
def international(number: str) -> tuple[str | None, str, bool]:
    """Country, digits with the country code, and validity of a number with "+"; (None, "", False) if none."""
    from phonenumbers import (
        NumberParseException,
        is_valid_number,
        parse,
        region_code_for_country_code,
        region_code_for_number,
    )

    try:
        parsed = parse(number)
    except NumberParseException:
        return None, "", False
    valid = is_valid_number(parsed)
    code = region_code_for_number(parsed) if valid else region_code_for_country_code(parsed.country_code or 0)
    return (code, _digits(parsed), valid) if code in _regions() else (None, "", False)


@lru_cache(maxsize=1024)
def national(written: str) -> dict[str, tuple[float, str]]:
    """Countries in which a number as written is valid: how well its form fits, and its digits with the country code."""
    from phonenumbers import PhoneNumberFormat, format_number, is_valid_number, region_code_for_number

    runs = tuple(_RUNS.findall(written))
    digits = "".join(runs)
    found = {}
    known = _regions()
    for plan in _plans():
        number = plan.parse(digits)
        if number is None or not is_valid_number(number):
            continue
        region = region_code_for_number(number)
        if region not in known:
            continue
        usual = format_number(number, PhoneNumberFormat.NATIONAL)
        fit = _likeness(runs, tuple(_RUNS.findall(usual)), region, "(" in written) * _style(written, usual, region)
        found[region] = fit, _digits(number)
    return found


@dataclass(frozen=True, eq=False)
class _Plan:
    """A numbering plan, with a quick look at whether digits can belong to it before they are parsed."""

    region: str
    trunk: str
    lengths: frozenset[int]

    def parse(self, digits: str) -> PhoneNumber | None:
        from phonenumbers import NumberParseException, country_code_for_region, parse

        own = digits.removeprefix(self.trunk) if self.trunk else digits
        if len(digits) not in self.lengths and len(own) not in self.lengths:
            return None
        try:
            number = parse(digits, self.region)
        except NumberParseException:
            return None
        return number if number.country_code == country_code_for_region(self.region) else None


@cache
def _plans() -> tuple[_Plan, ...]:
    """One for each country code; `region_code_for_number` tells the countries of a shared plan apart."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    plans = []
    for regions in COUNTRY_CODE_TO_REGION_CODE.values():
        data = PhoneMetadata.metadata_for_region(regions[0], None)
        if data and data.general_desc:
            lengths = frozenset(data.general_desc.possible_length)
            plans.append(_Plan(regions[0], data.national_prefix or "", lengths))
    return tuple(plans)


@cache
def _regions() -> frozenset[str]:
    from phonenumbers import SUPPORTED_REGIONS, enable_pattern_cache

    enable_pattern_cache()  # the standard library keeps 512 expressions, the plans of the world have thousands
    return frozenset(SUPPORTED_REGIONS & gazetteer().countries.keys())


def _digits(number: PhoneNumber) -> str:
    from phonenumbers import PhoneNumberFormat, format_number

    return format_number(number, PhoneNumberFormat.E164)[1:]


def _likeness(runs: tuple[str, ...], usual: tuple[str, ...], region: str, bracket: bool) -> float:
    """How usual it is to group and prefix a number like this."""
    digits, theirs = "".join(runs), "".join(usual)
    if digits != theirs:
        return 0.5 if digits[1:] == theirs and digits[0] in "18" else 0.05
    if region in _WHOLE and len(usual) > 2:
        return 0.9 if runs == (usual[0], theirs[len(usual[0]) :]) else 0.6 if runs == usual else 0.2
    if runs == usual:
        return 1.0
    if region in _PAIRS and _in_pairs(runs, usual[0]):
        return 0.9
    if bracket and runs[0] != usual[0]:
        return 0.05
    if len(runs) == 1:
        return 0.5
    return (0.1 if region in _RIGID else 0.35) if runs[0] == usual[0] else 0.05 if region in _RIGID else 0.12


def _in_pairs(runs: tuple[str, ...], area: str) -> bool:
    """Whether the subscriber's number, and perhaps the area code before it, are written two digits at a time."""
    split = next((i for i in range(1, len(runs)) if "".join(runs[:i]) == area), 0)
    code, rest = runs[:split], runs[split:]
    paired = len(rest) > 1 and len(rest[0]) <= 3 and all(len(run) == 2 for run in rest[1:])
    return bool(split) and paired and (split == 1 or all(len(run) <= 2 for run in code))


def _style(written: str, usual: str, region: str) -> float:
    """How usual the signs between the groups are."""
    fit = 1.0
    if "/" in written:
        fit *= 1.0 if region in _SLASH else 0.1
    if re.search(r"\d\.\d", written):
        fit *= 1.0 if region in _DOTS else 0.3
    if "(" in written:
        fit *= 1.0 if "(" in usual else 0.5
    if re.search(r"\d-\d", written):
        fit *= 1.0 if "-" in usual or region in _HYPHEN else 0.5
    return fit
