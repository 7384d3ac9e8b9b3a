"""Number plates: the country by the form, the district by its letters or number where the country has such.

`assets/signs/plates.csv` lists the forms, `districts.csv` what "K" in Germany, "34" in Turkey or "粤" in China stand
for. A plate is a line of its own. Serial numbers, models and sizes have the same looks, so that a form many countries
share is hardly believed; separators in the right places, a box as long as a plate's and the country's letter in the
band help.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from geoloc_core.signs import tables
from geoloc_core.signs.areas import country_name, listed, placed
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.writing import WHOLE, Line, Writing

MOST = 4  # lines like plates in a photo; where there are more, they are something else
MANY = 6  # lines with digits, above which a photo is the more of a price list, a packet or a map
WHOLLY = frozenset({"DE", "CH", "TR", "CN"})  # countries all of whose districts are in the table
STRAY = 0.25  # of the cars are from another district
BANDS = {
    "D": "DE", "A": "AT", "B": "BE", "F": "FR", "E": "ES", "I": "IT", "P": "PT", "S": "SE", "N": "NO", "L": "LU",
    "H": "HU", "NL": "NL", "DK": "DK", "PL": "PL", "CZ": "CZ", "SK": "SK", "SLO": "SI", "HR": "HR", "RO": "RO",
    "BG": "BG", "GR": "GR", "IRL": "IE", "GB": "GB", "UK": "GB", "FIN": "FI", "EST": "EE", "LV": "LV", "LT": "LT",
    "CY": "CY", "M": "MT", "UA": "UA", "BIH": "BA", "SRB": "RS", "MNE": "ME", "NMK": "MK", "AL": "AL", "RKS":
    "XK", "TR": "TR", "MD": "MD", "BY": "BY", "RUS": "RU", "KZ": "KZ", "GE": "GE", "IND": "IN",
}  # fmt: skip
_UNKNOWN = 0.2  # of the fit is left for a district that is not in the table
_SECOND = 0.4  # of the fit is left for a country that only a less likely reading gives
_ASPECT = (2.0, 9.0)  # of a plate's text, on photos between 4:3 upright and 16:9 lying
_SEALS = re.compile(r"[\s\-–—.·•:*'°|]+")
_PLAUSIBLE = re.compile(r"(?=.*\d)[0-9A-ZÀ-Ž가-힣一-龥 ]{4,14}")
_NO_PLATE = frozenset(
    [
        "EST",
        "TEL",
        "ISO",
        "DIN",
        "BMW",
        "USB",
        "SIZE",
        "OPEN",
        "HD",
        "WC",
        "PIN",
        "ART",
        "REF",
        "LOT",
        "MOD",
        "TYPE",
        "MAX",
        "MIN",
        "BUS",
        "LINE",
        "ROUTE",
        "EXIT",
        "GATE",
        "CAL",
        "COVID",
        "SINCE",
        "SEIT",
        "ANNO",
        "FAX",
        "ZIP",
        "TAXI",
        "VW",
        "AUDI",
        "BOX",
        "ROOM",
        "FROM",
        "MIX",
        "TOP",
        "BAR",
        "CAFE",
        "MHZ",
        "XXL",
        "LED",
        "DVD",
        "KEY",
        "THE",
        "AND",
        "FOR",
        "NEW",
        "OLD",
        "ONE",
        "TWO",
        "SUN",
        "MON",
        "TUE",
        "WED",
        "THU",
        "FRI",
        "SAT",
    ]
)
_YEAR = re.compile(r"\b(?:1[89]|20)\d\d\b")
_LIKE = str.maketrans("OISBZ", "01582"), str.maketrans("01582", "OISBZ")


@dataclass(frozen=True)
class Form:
    """A row of the table: a pattern of the whole plate, with a group `d` for the district."""

    pattern: re.Pattern[str]
    trust: float
    countries: Mapping[str, float]
    spots: tuple[Spot, ...]

    @property
    def gaps(self) -> int:
        """How many separators a plate of this form has."""
        return self.pattern.pattern.count("[ ]?") + self.pattern.pattern.count(") ")


@dataclass(frozen=True)
class _Reading:
    """One way to read a line as a plate."""

    text: str
    band: str | None
    doubt: float


class PlateFinder:
    """Finds number plates of cars."""

    name = "plate"
    about = "number plates"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for each line that may be a number plate."""
        clues = [clue for index, line in enumerate(writing.lines) if (clue := self._clue(index, line))]
        numbers = sum(any(c.isdigit() for c in line.text) for line in writing.lines)
        share = min(1.0, MANY / max(numbers, 1)) ** 2
        unlike = {clue.subject: replace(clue, trust=clue.trust * share) for clue in clues}
        return list(unlike.values()) if len(unlike) <= MOST else []

    def _clue(self, index: int, line: Line) -> Clue | None:
        trust, found = _read(line.text)
        if not found:
            return None
        countries, spots = placed(found, STRAY)
        ranked = sorted(found.items(), key=lambda item: -item[1][0])
        where = listed([country_name(code) for code, _ in ranked])
        towns = [spot.name for spot in ranked[0][1][1]] if len(ranked) == 1 else []
        sentence = f"{line.text} has the form of a number plate of {where}{f', from {listed(towns)}' if towns else ''}."
        trust *= line.confidence * _shape(line)
        return Clue(self.name, line.text, sentence, (index,), countries, spots, min(trust, 0.95))


@cache
def forms() -> tuple[Form, ...]:
    """The table, read once a process."""
    return tuple(
        Form(
            re.compile(row["form"]),
            float(row["trust"]),
            tables.fits(row["countries"]),
            tables.spots(row, row["country"]),
        )
        for row in tables.rows("plates")
    )


@cache
def districts() -> Mapping[tuple[str, str], tuple[Spot, ...]]:
    """(country, code) -> where that district is; empty where it is known to exist but not where it is."""
    return {(row["country"], row["code"]): tables.spots(row, row["country"]) for row in tables.rows("districts")}


def _readings(text: str) -> Iterator[_Reading]:
    """The text with seals and hyphens as spaces, the likeliest way to read it first.

    Without the band's letter where that stands apart; as it is; without a letter of the band that runs into the plate;
    with letters and digits that look alike put right.
    """
    plain = _SEALS.sub(" ", text).strip()
    if plain != plain.upper() or not _PLAUSIBLE.fullmatch(plain) or not _NO_PLATE.isdisjoint(plain.split()):
        return
    bands = [(plain[len(letters) :], country) for letters, country in BANDS.items() if plain.startswith(letters)]
    bands = [(rest, country) for rest, country in bands if len(rest) >= 5]
    yield from (_Reading(rest.strip(), country, 1.15) for rest, country in bands if rest.startswith(" "))
    yield _Reading(plain, None, 0.5 if _YEAR.search(plain) else 1.0)
    yield from (_Reading(rest, country, 0.7) for rest, country in bands if not rest.startswith(" "))
    mended = " ".join(_mended(part) for part in plain.split())
    if " " in plain and mended != plain:
        yield _Reading(mended, None, 0.5)


def _mended(part: str) -> str:
    """A group of a plate made all letters or all digits, whichever it mostly is."""
    digits = sum(c.isdigit() for c in part)
    return part.translate(_LIKE[0]) if digits * 2 > len(part) else part.translate(_LIKE[1])


def _read(text: str) -> tuple[float, dict[str, tuple[float, tuple[Spot, ...]]]]:
    """How far to trust a line to be a plate, and its countries with the districts, by all ways to read it."""
    best, found = 0.0, dict[str, tuple[float, tuple[Spot, ...]]]()
    for reading in _readings(text):
        trust, places = _match(reading)
        if found:
            places = {code: (fit * _SECOND, spots) for code, (fit, spots) in places.items() if code not in found}
        best, found = max(best, trust), found | places
        if found and reading.doubt > 1:
            break
    return best, found


def _match(reading: _Reading) -> tuple[float, dict[str, tuple[float, tuple[Spot, ...]]]]:
    """How far to trust a reading, and the countries with the districts it fits."""
    trust, fits, places = 0.0, defaultdict[str, float](float), defaultdict[str, list[Spot]](list)
    for form in forms():
        match = form.pattern.fullmatch(reading.text)
        if not match:
            continue
        district = match.groupdict().get("d")
        for code, fit in form.countries.items():
            known = districts().get((code, district)) if district else None
            if reading.band not in (None, code) or (district and known is None and code in WHOLLY):
                continue
            fits[code] = max(fits[code], fit if known is not None or not district else fit * _UNKNOWN)
            places[code] += [*form.spots, *(known or ())]
            trust = max(trust, form.trust * (0.5 + 0.5 * min(1.0, reading.text.count(" ") / max(form.gaps, 1))))
    if reading.band and fits:
        trust = 1 - (1 - trust) * 0.5
    return trust * reading.doubt, {code: (fit, tuple(dict.fromkeys(places[code]))) for code, fit in fits.items()}


def _shape(line: Line) -> float:
    """1 for text as long as a plate's, less for any other; 1 for text that has no box."""
    if line.box == WHOLE:
        return 1.0
    (ax, ay), (bx, by), _, (dx, dy) = line.box
    long, tall = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5, ((dx - ax) ** 2 + (dy - ay) ** 2) ** 0.5
    return 1.0 if tall > 0 and _ASPECT[0] / 1.8 <= long / tall <= _ASPECT[1] * 1.8 else 0.4
