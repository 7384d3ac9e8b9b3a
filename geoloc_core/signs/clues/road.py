"""Road numbers and the words on motorway signs: "A 57", "I-95", "SS16", "BR-101", "State Highway 1", "Sortie 12".

`assets/signs/roads.csv` lists forms with the countries that write them so, and where a road or a series of them is
known to run, a place. "A4" is a sheet of paper as well and "M3" a car: a short number is believed little unless arrows,
distances or other road numbers stand beside it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from geoloc_core.signs import tables
from geoloc_core.signs.areas import country_name, listed, placed
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.writing import Line, Writing

MOST = 6  # road numbers of a photo that are looked at; a page full of codes is no road sign
STRAY = 0.15  # of the roads that the table knows run elsewhere too
_BESIDE = 0.5  # of the doubt that is left where other things tell of a road sign
_NUMBER = re.compile(
    r"(?<![\w./-])(?:[A-ZĐ]{1,3}|MEX|ERS|GIV|[RF]v|U\.S\.|S\.[SP]\.|TE-V|HU-V|I{1,3}/)[. -]?\d{1,5}(?:\(M\)|[A-Z]{0,2})"
    r"(?![\w%°€$£,/]|[.-]\d)"
)
_SIGNPOST = re.compile(
    r"[←↑→↓↖↗↘↙⇐⇑⇒⇓⬅➡⬆⬇]|\d ?(?:km|mi|miles?)\b|\b(?:centrum|centre|zentrum|centro"
    r"|airport|flughafen|north|south|east|west|nord|sud|toll)\b",
    re.IGNORECASE,
)
_PLATE = re.compile(r"(?!(?:US|BAB|EXIT|ROAD|RTE|HWY)\b)[A-ZÄÖÜ]{1,3}[ ·:-]+[A-Z]{1,2}[ ·-]?\d{1,4}[EH]?")
_PRODUCT = re.compile(
    r"\b(?:BMW|Audi|Mercedes|Samsung|Galaxy|Canon|Nikon|Sony|vitamins?|papers?|papier|sheets?|size|model|type|serial|part|pcs|room|gate"
    r"|zimmer|level|platform|gleis|terminal|seat|row|bus|line|linie|batter\w+|plus|pro|mini|USB|HP|LED|mm|ml|kg|bay|lot|unit|block)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Form:
    """A row of the table.

    Attributes:
        pattern: what the number looks like.
        trust: how far it is believed to be a road's where nothing else on the photo says so.
        countries: ISO 3166 alpha-2 -> how usual such a number is there.
        spots: where it runs, if that is known.
    """

    pattern: re.Pattern[str]
    trust: float
    countries: Mapping[str, float]
    spots: tuple[Spot, ...]


class RoadFinder:
    """Finds road numbers and motorway signs."""

    name = "road"
    about = "road numbers"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for each number or word; none for codes that come by the dozen."""
        found: dict[str, list[int]] = defaultdict(list)
        for index, line in enumerate(writing.lines):
            for written in {*_numbers(line), *_words(line)}:
                found[written].append(index)
        if not found or len(found) > MOST:
            return []
        beside = len(found) > 1 or any(_SIGNPOST.search(line.text) for line in writing.lines)
        return [self._clue(written, lines, beside, writing) for written, lines in found.items()]

    def _clue(self, written: str, lines: list[int], beside: bool, writing: Writing) -> Clue:
        forms = _forms_of(written.upper())
        trust = max(form.trust for form in forms)
        trust = 1 - (1 - trust) * (_BESIDE if beside else 1.0)
        trust *= max(writing.lines[i].confidence for i in lines)
        countries, spots = placed(_found(forms), STRAY)
        ranked = sorted(_fits(forms).items(), key=lambda item: -item[1])
        where = listed([country_name(code) for code, fit in ranked if fit >= 0.3 * ranked[0][1]])
        sentence = f"{written} is how a road is numbered or signed in {where}."
        return Clue(self.name, written, sentence, tuple(lines), countries, spots, trust)


@cache
def forms() -> tuple[tuple[Form, ...], tuple[Form, ...]]:
    """Forms that are numbers with a letter or two before them, and those that are words."""
    found: dict[tuple[str, ...], list[Spot]] = defaultdict(list)
    for row in tables.rows("roads"):
        found[row["form"], row["kind"], row["countries"], row["trust"]] += tables.spots(row, row["country"])
    numbers: list[Form] = []
    words: list[Form] = []
    for (form, kind, countries, trust), spots in found.items():
        pattern = re.compile(rf"(?<![^\W\d_])(?:{form})(?!\d)" if kind == "word" else form)
        row_of = Form(pattern, float(trust), tables.fits(countries), tuple(spots))
        (words if kind == "word" else numbers).append(row_of)
    return tuple(numbers), tuple(words)


def _numbers(line: Line) -> Iterator[str]:
    """Road numbers in a line, as written."""
    if not _PRODUCT.search(line.text) and not _PLATE.fullmatch(line.text):
        for match in _NUMBER.finditer(line.text):
            if _forms_of(match.group().upper()):
                yield match.group()


def _words(line: Line) -> Iterator[str]:
    """Words of road signs in a line, as written; of "State Highway 1" and "Highway 1", the longer."""
    upper = line.text.upper()
    spans = {match.span() for form in forms()[1] if (match := form.pattern.search(upper))}
    taken: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: span[0] - span[1]):
        if all(end <= a or b <= start for a, b in taken):
            taken.append((start, end))
            yield upper[start:end].title()


@lru_cache(maxsize=2048)
def _forms_of(written: str) -> tuple[Form, ...]:
    """Forms that a number or word, in capitals, has."""
    return tuple(form for form in (*forms()[0], *forms()[1]) if form.pattern.fullmatch(written))


def _fits(forms_: Sequence[Form]) -> dict[str, float]:
    fits: dict[str, float] = defaultdict(float)
    for form in forms_:
        for code, fit in form.countries.items():
            fits[code] = max(fits[code], fit)
    return dict(fits)


def _found(forms_: Sequence[Form]) -> dict[str, tuple[float, tuple[Spot, ...]]]:
    """Each country's fit with the places there of the form that says most exactly where."""
    spots: dict[str, tuple[Spot, ...]] = {}
    for form in sorted(forms_, key=lambda form: len(form.pattern.pattern)):
        for code in form.countries:
            there = tuple(spot for spot in form.spots if spot.country == code)
            if there and code not in spots:
                spots[code] = there
    return {code: (fit, spots.get(code, ())) for code, fit in _fits(forms_).items()}
