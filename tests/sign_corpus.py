"""The written-out signs that "reads the signs" is tested on, and how an answer to them is scored.

`sign_texts.toml` holds texts of signs with where they could stand, `sign_traps.toml` texts that name a city they do not
come from. Both were written by hand from general knowledge and are for testing only: nothing may be learned from them.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean, median
from typing import Any

from geoloc_core.geo import distance_km
from geoloc_core.places import gazetteer
from geoloc_core.signs.scripts import scripts_of
from geoloc_core.signs.writing import Line, Writing

HERE = Path(__file__).parent
CITY_KM, TRAP_KM, CONFIDENT_KM = 25.0, 50.0, 300.0
LETTERS = ((12, "< 12"), (31, "12-30"), (81, "31-80"))


@dataclass(frozen=True)
class SignText:
    """What a reader makes of one photo of signs.

    Attributes:
        lines: as read, noise included.
        country: ISO 3166 alpha-2.
        lat: degrees, where the photo could have been taken.
        lon: degrees.
        place: the town there, as the gazetteer calls it.
        telling: "city" if an expert could name the town from the text, else "country".
        kind: of sign, such as "shop" or "notice".
        noise: 0 none, 1 light, 2 heavy.
    """

    lines: tuple[str, ...]
    country: str
    lat: float
    lon: float
    place: str
    telling: str
    kind: str
    noise: int

    @property
    def writing(self) -> Writing:
        return _writing(self.lines)

    @property
    def letters(self) -> str:
        """The band its number of letters falls into."""
        return next((name for below, name in LETTERS if self.writing.letters < below), "> 80")

    @property
    def script(self) -> str:
        """The script that most of its letters are in; "none" without letters."""
        counted = scripts_of("".join(self.lines)).most_common(1)
        return counted[0][0] if counted else "none"


@dataclass(frozen=True)
class SignTrap:
    """A text that tempts to name a city it does not come from.

    Attributes:
        lines: as read.
        country: where it was seen, "" if nothing can be known.
        point: (lat, lon) degrees, if known.
        never: (lat, lon) of the cities that must not be named with confidence.
        why: what the temptation is.
    """

    lines: tuple[str, ...]
    country: str
    point: tuple[float, float] | None
    never: tuple[tuple[float, float], ...]
    why: str

    @property
    def writing(self) -> Writing:
        return _writing(self.lines)


@dataclass(frozen=True)
class Located:
    """An answer to be scored: the best point, (country, probability) pairs in any order, the stated 90 % radius."""

    point: tuple[float, float]
    countries: tuple[tuple[str, float], ...]
    radius90_km: float


@dataclass(frozen=True)
class Share:
    """How `n` answers did: shares in [0, 1], the median in km."""

    n: int
    top1: float
    top3: float
    city: float
    covered: float
    median_km: float


@dataclass(frozen=True)
class Scores:
    """All answers, groups of them by "telling", "noise", "letters" and "script", and the traps fallen into."""

    whole: Share
    groups: Mapping[str, Mapping[str, Share]]
    traps: int
    fallen: tuple[SignTrap, ...]

    def __str__(self) -> str:
        rows = [("all", "", self.whole)]
        rows += [(by, name, share) for by, shares in self.groups.items() for name, share in shares.items()]
        head = f"{'':18} {'n':>4} {'top-1':>6} {'top-3':>6} {'25 km':>6} {'in 90 %':>7} {'median km':>9}"
        table = [
            f"{by:8} {name:9} {s.n:4} {s.top1:6.1%} {s.top3:6.1%} {s.city:6.1%} {s.covered:7.1%} {s.median_km:9.0f}"
            for by, name, s in rows
        ]
        fallen = [f"  {' / '.join(trap.lines)} ({trap.why})" for trap in self.fallen]
        return "\n".join([head, *table, f"traps fallen into: {len(self.fallen)} of {self.traps}", *fallen])


@cache
def texts() -> tuple[SignText, ...]:
    """The test corpus, in the file's order."""
    return tuple(SignText(**_with_lines(row)) for row in _rows("sign_texts.toml", "text"))


@cache
def traps() -> tuple[SignTrap, ...]:
    """The traps, in the file's order."""
    return tuple(_trap(**_with_lines(row)) for row in _rows("sign_traps.toml", "trap"))


def score(
    locate: Callable[[Writing], Located],
    of: Iterable[SignText] | None = None,
    tempted_by: Iterable[SignTrap] | None = None,
) -> Scores:
    """How `locate` does on the corpus and the traps, or on those given."""
    asked = list(texts() if of is None else of)
    traps_ = list(traps() if tempted_by is None else tempted_by)
    marks = [(text, _mark(text, locate(text.writing))) for text in asked]
    groups: dict[str, dict[str, list[_Mark]]] = defaultdict(lambda: defaultdict(list))
    for text, mark in marks:
        for by in ("telling", "noise", "letters", "script"):
            groups[by][str(getattr(text, by))].append(mark)
    shares = {by: {name: _share(group[name]) for name in sorted(group)} for by, group in groups.items()}
    fallen = tuple(trap for trap in traps_ if _falls(trap, locate(trap.writing)))
    return Scores(_share([mark for _, mark in marks]), shares, len(traps_), fallen)


@dataclass(frozen=True)
class _Mark:
    top1: bool
    top3: bool
    km: float
    covered: bool


def _mark(text: SignText, answer: Located) -> _Mark:
    km = float(distance_km((text.lat, text.lon), answer.point))
    ranked = sorted(answer.countries, key=lambda pair: -pair[1])[:3]
    best = gazetteer().country(*answer.point)
    return _Mark(best == text.country, text.country in dict(ranked), km, km <= answer.radius90_km)


def _share(marks: list[_Mark]) -> Share:
    if not marks:
        raise ValueError("There is nothing to score; give at least one text.")
    return Share(
        n=len(marks),
        top1=fmean(mark.top1 for mark in marks),
        top3=fmean(mark.top3 for mark in marks),
        city=fmean(mark.km <= CITY_KM for mark in marks),
        covered=fmean(mark.covered for mark in marks),
        median_km=median(mark.km for mark in marks),
    )


def _falls(trap: SignTrap, answer: Located) -> bool:
    near = any(float(distance_km(answer.point, city)) <= TRAP_KM for city in trap.never)
    return near and answer.radius90_km < CONFIDENT_KM


def _trap(
    lines: tuple[str, ...],
    country: str,
    never: list[list[float]],
    why: str,
    lat: float | None = None,
    lon: float | None = None,
) -> SignTrap:
    point = None if lat is None or lon is None else (lat, lon)
    return SignTrap(lines, country, point, tuple((a, b) for a, b in never), why)


def _with_lines(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "lines": tuple(row["lines"])}


def _rows(file: str, table: str) -> Iterator[dict[str, Any]]:
    yield from tomllib.loads((HERE / file).read_text(encoding="utf-8"))[table]


def _writing(lines: tuple[str, ...]) -> Writing:
    """The lines one below the other across the whole photo."""
    height = 1 / len(lines)
    rows = [(i * height, (i + 0.8) * height) for i in range(len(lines))]
    return Writing.of(
        Line(text, box=((0.0, top), (1.0, top), (1.0, foot), (0.0, foot)), reader="corpus")
        for text, (top, foot) in zip(lines, rows, strict=True)
    )
