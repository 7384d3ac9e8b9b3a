"""The words that say which of two numbers is the latitude: "Latitude:", "(lon, lat)", "Breitengrad", "纬度"."""

from __future__ import annotations

import re
from bisect import bisect_left

from geoloc_core.lmm.reading.angles import Angle

_LAT = (
    r"(?:latitud(?:es?|ine)?|lat|(?:geographische\s)?breite(?:ngrad)?|breedtegraad|szeroko(?:ść|sc)(?:\sgeograficzna)?|"
    r"enlem|широта|φ)(?![^\W\d_])|[纬緯]度|위도|अक्षांश|خط العرض"
)
_LON = (
    r"(?:longitud(?:es?|ine)?|long|lon|lng|(?:geographische\s)?länge(?:ngrad)?|lengtegraad|"
    r"długo(?:ść|sc)(?:\sgeograficzna)?|boylam|долгота|λ)(?![^\W\d_])|[经經経]度|경도|देशांतर|خط الطول"
)
_LABEL = re.compile(rf"(?i)(?<![^\W_])(?<!min_)(?<!max_)(?<!min )(?<!max )(?:(?P<lat>{_LAT})|(?P<lon>{_LON}))")
_FILLER = re.compile(
    r"\W{0,14}(?:(?:is|of|at|about|around|approximately|approx|roughly|circa|ca|near|est|es|é|è|ist|von|de|di|value"
    r"|decimal|"
    r"degrees?|deg|dd|coordinate|estimated?|would|be|[NSEW]|north|south|east|west|nord|norte|sud|sur|ouest|oeste|este|"
    r"environ|aproximadamente|etwa|примерно|около|约|約|为|為|是|は|が)(?![^\W\d_])\W{0,8}){0,4}",
    re.IGNORECASE,
)
_BEHIND = re.compile(r"[\s°\"'*(]{0,4}(?:(?:of|de|di)\s)?")
_GOES_ON = re.compile(r"[\s\"'*]{0,4}[:=]|\s{0,2}[-+−]?\d")
_ORDER = re.compile(r"(?:\W|and|und|et|y|e|и|then|first|deg(?:rees)?){1,12}", re.IGNORECASE)
_DASH = re.compile(r"[:=][\s*\"']{0,4}[-−–]\s$")
_SIDE = re.compile(
    r"\b(?:[NSEW]|(?i:north|south|east|west)(?i:ern)?(?=[\s:)]*(?:\||$))|(?i:nord|norte|sud|sur|süd\w{0,6}"
    r"|westl\w{0,6}))\b"
)
_REACH = 60  # characters between a label and its number
_HEADER = 160  # characters between the names of two columns and the first number below them


class Labels:
    """The labels of one text. Each says something about one number, the nearest."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans = [("lat" if m["lat"] else "lon", *m.span()) for m in _LABEL.finditer(text)]
        self._starts = [start for _, start, _ in self._spans]
        self._used: set[int] = set()

    def between(self, start: int, end: int) -> range:
        """Numbers of the labels that begin from `start` to `end`."""
        return range(bisect_left(self._starts, start), bisect_left(self._starts, end))

    def axis(self, angle: Angle, last: int) -> tuple[str, bool]:
        """ "lat" or "lon" if a label before (but behind `last`) or behind the angle says so, else ""; ask in order.

        Also whether the label says south or west, as in "Latitude (S): 33.9".
        """
        before = [k for k in self.between(max(last, angle.start - _REACH), angle.start) if k not in self._used]
        if before and _FILLER.fullmatch(self._text, self._spans[before[-1]][2], angle.start):
            self._used.add(before[-1])
            axis, start, end = self._spans[before[-1]]
            around = f"{self._text[max(last, start - 12) : start]}|{self._text[end : angle.start]}"
            sides = {side.lower()[0] for side in _SIDE.findall(around)}
            return axis, bool(sides) and sides <= set("sw")
        behind = self.between(angle.end, angle.end + 16)
        if behind and self._belongs(angle.end, behind[0]):
            self._used.add(behind[0])
            return self._spans[behind[0]][0], False
        return "", False

    def minus(self, start: int) -> bool:
        """A dash, a space away from the number at `start` and behind a colon, is its minus sign."""
        return bool(_DASH.search(self._text[max(0, start - 10) : start]))

    def header(self, start: int) -> str:
        """The axis named first by two labels in a row before `start`, with no other number between, else ""."""
        near = self.between(max(0, start - _HEADER), start)[-2:]
        if len(near) < 2 or re.search(r"\d", self._text[self._spans[near[1]][2] : start]):
            return ""
        return self._pair(*near)

    def trailer(self, end: int) -> str:
        """The axis named first by two labels in a row right behind `end`, else ""."""
        near = self.between(end, end + 40)[:2]
        gap = self._text[end : self._spans[near[0]][1]] if near else ""
        return (
            self._pair(*near) if len(near) == 2 and re.fullmatch(r"[\s)\]*_`,]{0,4}(?:in\s)?[(\[\s]{0,3}", gap) else ""
        )

    def _pair(self, first: int, second: int) -> str:
        (one, _, stop), (other, start, _) = self._spans[first], self._spans[second]
        return one if one != other and _ORDER.fullmatch(self._text, stop, start) else ""

    def _belongs(self, end: int, number: int) -> bool:
        _, start, stop = self._spans[number]
        return bool(_BEHIND.fullmatch(self._text, end, start)) and not _GOES_ON.match(self._text, stop)
