"""Pairs of angles that a text gives as coordinates, told from all its other numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from geoloc_core.lmm.reading.angles import Angle, angles, side_behind
from geoloc_core.lmm.reading.found import MAX_FOUND, Found
from geoloc_core.lmm.reading.labels import Labels
from geoloc_core.lmm.reading.links import find_links

_AND = r"(?:and|und|et|y|e|и|en|i|ve|by|with|с|と|和|及)(?![^\W\d_])"
_APART = re.compile(
    rf"[\s,;/|&·()\[\]{{}}*_`\"'~≈、：:。$\\–—-]{{0,12}}(?:(?:{_AND}|latitude|lat|Br(?:eite|\.)"
    rf"|Länge)[\s,;~≈(]{{0,4}}){{0,2}}",
    re.IGNORECASE,
)
_TIGHT = re.compile(r"[*_`\"')]{0,3}(?:\s{0,3}([,;/|、])\s{0,3}|([ \t]{1,3})|\s{0,2}(\n)\s{0,2})[*_`\"'(~≈]{0,3}")
_GOOD = re.compile(
    r"co-?ord|koord|коорд|坐标|座標|좌표|\bgps\b|\blat|latitude|longitude|\blon\b|location|position|ubicaci|standort"
    r"|answer|estimate|guess|predict",
    re.IGNORECASE,
)
_BAD = re.compile(
    r"\b(?:confiden|probab|\w*score|similar|percent|ratio|bbox|bound|box(?:es)?\b|pixel|resolution|version|focal"
    r"|apertur|price|cost|"
    r"temper|size|dimension|elevation|altitude|angle|azimuth|heading|tilt|scale|weight|logit|rating|speed|magnitude"
    r"|time|between)",
    re.IGNORECASE,
)


def find_pairs(text: str) -> list[Found]:
    """The pairs of a tidy text in order; at most `MAX_FOUND`, the last ones."""
    links = list(find_links(text))
    for link in links:
        text = text[: link.start] + " " * (link.end - link.start) + text[link.end :]
    return sorted([*links, *_Pairing(text).pairs()], key=lambda pair: pair.start)[-MAX_FOUND:]


class _Pairing:
    """Joins neighbours among the angles of one text."""

    def __init__(self, text: str) -> None:
        self._angles, self._text = angles(text)
        self._labels = Labels(self._text)

    def pairs(self) -> Iterator[Found]:
        """The pairs in order, none sharing an angle with another."""
        last, named = 0, []
        for angle in self._angles:
            named.append(self._signed(angle, *self._labels.axis(angle, last)))
            last = angle.end
        i = 0
        while i + 1 < len(named):
            pair = self._join(i, *named[i], *named[i + 1])
            if pair:
                yield pair
            i += 2 if pair else 1

    def _signed(self, angle: Angle, label: str, negative: bool) -> tuple[Angle, str]:
        """The angle, negative if words around it or a minus sign that stands apart make it so, and its label's axis."""
        if label and angle.value > 0 and not angle.axis and (negative or self._labels.minus(angle.start)):
            angle = replace(angle, value=-angle.value)
        side = side_behind(self._text, angle.end) if label and not angle.marked else ""
        if side:
            value = -abs(angle.value) if side in "SW" else angle.value
            angle = replace(angle, value=value, axis="lat" if side in "NS" else "lon")
        if label and angle.axis and label != angle.axis:
            angle = replace(angle, fault="names an axis and the other one's hemisphere for the same number")
        return angle, label

    def _join(self, i: int, one: Angle, label: str, two: Angle, label_two: str) -> Found | None:
        gap = self._text[one.end : two.start]
        if len(gap) > 100 or re.search(r"\d", gap):
            return None
        if not (one.axis or two.axis) and not self._labels.between(one.end, two.start):
            first = self._labels.header(one.start) or self._labels.trailer(two.end)
            if first and (_TIGHT.fullmatch(gap) or _APART.fullmatch(gap)):
                return _pair(one, two, first)
        first, second = one.axis or label, two.axis or label_two
        close = bool(_APART.fullmatch(gap))
        if first and second:
            return _pair(one, two, first) if first != second and (label_two or close) else None
        if first or second:
            tight = _TIGHT.fullmatch(gap) and not self._row(i)
            return _pair(one, two, first or {"lat": "lon", "lon": "lat"}[second]) if tight else None
        return self._bare(i, one, two, gap)

    def _bare(self, i: int, one: Angle, two: Angle, gap: str) -> Found | None:
        """Two numbers that nothing names: coordinates only where their form or surroundings say so."""
        tight = _TIGHT.fullmatch(gap)
        if not tight or self._row(i) or (tight[3] and (self._sign(i - 1) or self._sign(i + 1))):
            return None
        before = re.split(r"\n\s*\n|[.!?]\s+(?=[A-Z])", self._text[max(0, one.start - 70) : one.start])[-1]
        good, decimals = _GOOD.search(before), (one.decimals, two.decimals)
        whole = (
            not re.search(r"[^\W_]", self._text[: one.start] + self._text[two.end :])
            if len(self._text) < 200
            else False
        )
        if not good and _BAD.search(before[-40:]):
            return None
        exact = min(decimals) >= 3 or (one.marked and two.marked)
        if tight[1] is None or tight[1] == "/" or one.comma or two.comma:
            fine = exact or (whole and tight[3] is None) or (tight[1] == ";" and min(decimals) >= 1)
            return _pair(one, two, "lat") if fine else None
        brackets = self._text[max(0, one.start - 6) : one.start].rstrip(" *_`\"'~≈")[-1:] in tuple("([{")
        brackets = brackets and self._text[two.end : two.end + 6].lstrip(" *_`\"'°")[:1] in tuple(")]}")
        shares = max(abs(one.value), abs(two.value)) <= 1
        if exact or whole or (good and not shares) or (brackets and min(decimals) >= 2):
            return _pair(one, two, "lat")
        return replace(_pair(one, two, "lat"), sure=False) if min(decimals) >= 1 and not shares else None

    def _row(self, i: int) -> bool:
        """Angles i and i + 1 belong to a longer row of numbers that stand alike."""
        sign = self._sign(i)
        return sign in (self._sign(i - 1), self._sign(i + 1))

    def _sign(self, i: int) -> str | None:
        """What joins angles i and i + 1, if they exist and it is short."""
        if not 0 <= i < len(self._angles) - 1:
            return None
        match = _TIGHT.fullmatch(self._text, self._angles[i].end, self._angles[i + 1].start)
        return match and (match[1] or match[2] or match[3])


def _pair(one: Angle, two: Angle, first: str) -> Found:
    lat, lon = (one, two) if first == "lat" else (two, one)
    return Found(lat.value, lon.value, one.start, two.end, broken=one.fault or two.fault)
