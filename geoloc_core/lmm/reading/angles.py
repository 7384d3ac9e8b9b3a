"""Single latitudes and longitudes in text: decimal degrees, degrees and minutes, DMS, with or without hemispheres."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SIDES = {
    "N": "n north northern norte noord nord nördl nördlich nordl noorder północ kuzey с.ш с.ш. с.\u00a0ш. северной "
    "北纬 北緯 북위",
    "S": "s south southern sur sud süd südl südlich zuid zuider sul południ güney ю.ш ю.ш. южной 南纬 南緯 남위",
    "E": "e east eastern este est ost östl östlich oost ooster leste wschodni doğu в.д в.д. восточной "
    "东经 東經 東経 동경",
    "W": "w west western oeste ouest ovest westl westlich wester zachodni batı з.д з.д. западной 西经 西經 西経 서경",
    "O": "o",  # Ost in German, ouest in French, oeste in Spanish
}
_SIDE = {word: side for side, words in _SIDES.items() for word in words.split()}
_CJK = "|".join(word for word in _SIDE if re.fullmatch(r"[\u3000-\uffff]+", word))
_WORDS = "|".join(sorted((re.escape(w) for w in _SIDE if len(w) > 1 and w.isalpha()), key=len, reverse=True))
_NUMBER = r"\d{1,3}(?:\.\d{1,60}|,\d{1,60}(?!\.?\d))?(?![\d_]|\.\d)"
_DEGREE = r"(?:°|(?i:deg(?:rees?|s)?\b\.?|degrés?\b|grad(?:os?|i)?\b|graus?\b|stopni\b|derece\b|градус\w{0,3})|[度도])"
_MINUTE = r"(?:\\?['’‘′`ʹʼ](?!['’′])|[分분]|(?i:min(?:utes?|uten|utos?|uti)?\b\.?))"
_SECOND = r"(?:\\?[\"”“″„ʺ]|''|’’|′′|[秒초]|(?i:sec(?:onds?|ondes?|ondi)?\b\.?|segundos?\b|sekunden\b))"
_SIGN = "[-+−‐‑‒–—]"
_TAG = r"(?i:(?:de\s|di\s|of\s)?(?:latitud\w{0,3}|longitud\w{0,3})\s)?"

_ANGLE = re.compile(
    rf"""
    (?:(?P<pre>(?<![A-Za-z])[NSEWO](?=[\s:=°]{{0,3}}{_SIGN}?\d)|{_CJK}|(?i:(?<![A-Za-z])(?:north|south|east|west)))
       [\s:=°]{{0,3}})?
    (?P<sign>{_SIGN})?
    (?P<deg>{_NUMBER})
    (?P<unit>\s{{0,2}}{_DEGREE}
       (?:\s{{0,2}}(?P<fine>(?=\d{{1,2}}[.,]\d\d))?(?P<min>\d{{1,2}}(?:[.,]\d{{1,20}})?)(?![\d.])
          (?:\s{{0,2}}{_MINUTE}(?:\s{{0,2}}(?P<sec>\d{{1,2}}(?:[.,]\d{{1,20}})?)\s{{0,2}}{_SECOND})?
            |(?!\s{{0,2}}(?:°|[Dd]eg|度|\d|(?(fine)°|[A-Za-z]{{2}}))))
       )?
    )?
    (?P<post>\s{{0,2}}(?:[NSEWO](?![A-Za-z'’])|[cс]\.?\s?ш\.?|ю\.?\s?ш\.?|[вB]\.?\s?д\.?|з\.?\s?д\.?)|[nsewo](?![A-Za-z0-9])
       |\s{{0,2}}\(\s?(?:[NSEW]|(?i:north|south|east|west))\s?\)
       |\s{{0,2}}{_TAG}(?i:north|south|east|west)(?:ern)?(?![A-Za-z]|\s(?:of|from|side|coast|end|facing)\b)
       |(?:(?<=[°'’′″"”度])|(?<=deg)|(?<=grees)|(?<=grad)|(?<=rados)|(?<=gradi)|(?<=Grad)|(?<=egrés)|(?<=раусов)|(?<=дусов))
        \s{{0,2}}{_TAG}(?i:{_WORDS})(?:er|e|en|a|iej|nej)?(?![A-Za-z]))?
    (?![A-Za-z_′″]|\'\')
    """,
    re.VERBOSE,
)
_BEHIND = re.compile(rf"[\s*]{{1,3}}(?:de\s|di\s)?(?P<word>(?i:{_WORDS}))(?=\s{{0,2}}(?:[,;.)*\n]|\s[yeu]|\Z|\slon))")
_SPACED = re.compile(
    r"(?<![\w.,-])(?P<pre>[NSEW]\s{0,2})?(?P<deg>\d{1,3})(?:[ :-])(?P<min>\d{1,2}(?:\.\d{1,20})?)"
    r"(?:[ :-](?P<sec>\d{1,2}(?:\.\d{1,20})?))?(?![\d.]\d|\d)\s?(?P<post>(?(pre)(?!)|[NSEW](?![A-Za-z'’])))?"
)
_UNIT = (
    r"(?:km²?|cm|mm|m|mi|miles?|kilomet(?:er|re)s?|met(?:er|re)s?|ft|feet|yards?|kg|mph|k?hz|hours?|hrs?|years?|days?|"
    r"percent|per\scent|px|pixels?|megapixels?|USD|EUR|GBP|euros?|dollars?|people|inhabitants|am|pm|lat\b(?!:)|км|м)"
)
_NOISE = re.compile(
    rf"""https?://\S{{1,3000}}
    |(?:±|\+/-|\+-|∓|\+/−)\s{{0,2}}\d[\d.,]{{0,20}}\s{{0,2}}(?:°|deg\w{{0,4}}|{_UNIT})?
    |[$€£¥₹₽]\s?\d[\d.,]{{0,20}}
    |(?<![\d.])-?\d[\d.,]{{0,20}}\s?°\s?[CF](?![A-Za-z])
    |(?<![\d.,])\d[\d.,]{{0,20}}\s?(?:[%‰€£¥₹₽]|公里|千米|米|キロ|メートル|(?i:{_UNIT})(?![A-Za-z]))
    |(?<!\d)\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?!\d)|(?<!\d)\d{{1,2}}([-/.])\d{{1,2}}\1\d{{2,4}}(?!\d)
    |(?<![\d:])\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?![\d:])
    |(?i:WGS\s?-?84|EPSG\s?:?\s?\d{{4,5}}|zoom\W{{0,4}}(?:level\W{{0,3}})?\d[\d.]{{0,5}}|\bf/\d[\d.]{{0,5}}|\bv\d[\d.]{{0,9}})
    |^\s?\|\s{{0,9}}\d{{1,3}}\s{{0,9}}\|(?=[^|\n]{{0,99}}\|[^|\n]{{0,99}}\|)
    |^[ \t>*_#-]{{0,8}}\d{{1,2}}[.)][*_]{{0,2}}(?=\s)
    """,
    re.VERBOSE | re.MULTILINE,
)


@dataclass(frozen=True)
class Angle:
    """One angle in a text.

    Attributes:
        value: degrees, negative in the south and west.
        axis: "lat" or "lon" if its hemisphere says so, else "".
        start: where it stands; `end` is behind its last character.
        decimals: digits behind its decimal mark.
        marked: it has a degree sign or a hemisphere.
        comma: its decimal mark is a comma.
        fault: why it cannot be used; "" if it can.
    """

    value: float
    axis: str
    start: int
    end: int
    decimals: int = 0
    marked: bool = True
    comma: bool = False
    fault: str = ""


def quieten(text: str) -> str:
    """`text` with its dates, distances, prices, shares, links and list numbers blanked out."""
    return _NOISE.sub(_blank, text)


def angles(text: str) -> tuple[list[Angle], str]:
    """All angles of a text in order, and the text without what is certainly none; positions are the same in both."""
    spaced = [match for match in _SPACED.finditer(text) if match["pre"] or match["post"]]
    found = [_angle(match, (match["pre"] or match["post"]).strip(), None, match.end()) for match in spaced]
    quiet = quieten(_SPACED.sub(lambda match: _blank(match) if match["pre"] or match["post"] else match[0], text))
    found += _unspaced(quiet)
    return sorted(found, key=lambda angle: angle.start), quiet


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _unspaced(text: str) -> Iterator[Angle]:
    end = position = 0
    while match := _ANGLE.search(text, position):
        both = match["pre"] and match["post"]  # "N 48.85 E 2.35": the second letter belongs to the next number
        position = match.start("post") if both else match.end()
        sign, before = match["sign"], text[max(0, match.start() - 1) : match.start()]
        if not match["pre"]:
            letter = before.isalpha() and before.isascii() and match.start() != end
            range_before = re.search(r"(?:\d['’\"]?|[°′″])\Z", text[max(0, match.start() - 2) : match.start()])
            if sign and (range_before or (letter and sign == "-")):
                continue  # "48-49", "B-52"
            if not sign and (letter or before.isdigit() or before in tuple("._#")):
                continue
            if sign and letter:
                sign = None  # a dash between words
        end = position
        yield _angle(match, match["pre"] or (match["post"] or "").strip(), sign, end)


def _angle(match: re.Match[str], side_word: str, sign: str | None, end: int) -> Angle:
    side, fault = _side(side_word), ""
    whole, *parts = (match[name] for name in ("deg", "min", "sec"))
    value = float(whole.replace(",", "."))
    minutes, seconds = (float(part.replace(",", ".")) if part else 0.0 for part in parts)
    if minutes >= 60 or seconds >= 60:
        fault = "has 60 or more minutes or seconds"
    elif parts[0] and not whole.isdigit():
        fault = "has minutes behind broken degrees"
    elif side == "O":
        fault = "has an O for east or west, which is one in German and the other in French"
    elif side in ("N", "E") and sign not in (None, "+"):
        fault = "has a minus sign in the north or east"
    value += minutes / 60 + seconds / 3600
    negative = side in ("S", "W") or (sign or "+") != "+"
    mark = re.search(r"[.,](\d+)", whole)
    return Angle(
        -value if negative else value,
        {"N": "lat", "S": "lat", "": ""}.get(side, "lon"),
        match.start(),
        end,
        len(mark[1]) if mark else 0,
        bool(side or parts[0] or match.groupdict().get("unit")),
        "," in whole,
        fault,
    )


def side_behind(text: str, end: int) -> str:
    """The hemisphere named in any language behind a number without a degree sign, as one of "NSEW", else ""."""
    match = _BEHIND.match(text, end)
    return _side(match["word"]) if match else ""


def _side(word: str) -> str:
    """One of "NSEWO" for a hemisphere's letter or word, "" for none."""
    word = re.sub(r"(?i)^(?:de\s|di\s|of\s)?(?:latitud\w{0,3}|longitud\w{0,3})\s", "", word).casefold()
    word = re.sub(r"[\s()]", "", word)
    cyrillic = {"с": "N", "c": "N", "ю": "S", "в": "E", "b": "E", "з": "W"}
    if re.fullmatch(r"[cсюbвз]\.?[шд]\.?", word):
        return cyrillic[word[0]]
    for cut in range(4):
        if side := _SIDE.get(word[: len(word) - cut]):
            return side
    return ""
