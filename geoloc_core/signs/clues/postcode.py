"""Postcodes: by a form that one country alone has, or by the town beside them that lies where the digits say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from geoloc_core.signs import postcodes
from geoloc_core.signs.areas import country_name, placed, share
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.postcodes import AGREES, Town
from geoloc_core.signs.writing import Writing

MOST = 8
_LIKELY = 0.02
_D = "[0-9OIl]"  # digits as OCR reads them
_DIGITS = str.maketrans("OIl", "011")
_UK = re.compile(rf"(?<![\w-])([A-Z]{{1,2}}){_D}{{1,2}}[A-Z]?\s?{_D}[ABD-HJLNP-UW-Z]{{2}}(?![\w-])")
_IRISH = re.compile(r"(?<![\w-])([ACDEFHKNPRTVWXY][\dO][\dOW])\s?([\dAC-FHKNPRTV-YO]{4})(?![\w-])")
_CANADIAN = re.compile(rf"(?<![\w-])([ABCEGHJ-NPRSTVXY]{_D}[A-Z])\s?({_D}[A-Z]{_D})(?![\w-])")
_DUTCH = re.compile(r"(?<![\w-])([1-9]\d{3})\s?([A-Z]{2})(?![\w-])")
_UNITS = frozenset(
    str.split("KG KM CM MM ML AD BC PM HP PS KW EU SA SD SS CC CV VA VW NL IN KB MB GB TB HZ AM ST ND RD TH FT")
)
_BRAZILIAN = re.compile(r"(?<![\w.-])(\d{2}\.?\d{3})-(\d{3})(?![\w-])")
_JAPANESE = re.compile(r"(?<![\d-])(〒|T)?\s?(\d{3})[-－ー](\d{4})(?![\d-])")
_MALTESE = re.compile(r"(?<![\w-])([A-Z]{3})\s?(\d{4})(?![\w-])")
_KANJI = re.compile(r"[都道府県市区町村郡]")
_STATE = re.compile(r"(?<!\w)([ACDFGHIKLMNOPRSTUVW][A-Z])[,.]?\s{0,2}(\d{5})(?:-\d{4})?(?![\w-])")
_ZIP = ("CT MA ME NH NJ RI VT", "DE NY PA", "DC MD NC SC VA WV", "AL FL GA MS TN", "IN KY MI OH", "IA MN MT ND SD WI",
        "IL KS MO NE", "AR LA OK TX", "AZ CO ID NM NV UT WY", "AK CA HI OR WA")  # fmt: skip
_AUSTRALIAN = re.compile(r"(?<!\w)(NSW|N\.S\.W\.|VIC|Vic|QLD|Qld|SA|WA|TAS|Tas|NT|ACT)[,.]?\s{0,2}(\d{4})(?!\w)")
_AUSTRALIAN_DIGITS = {"NSW": "12", "ACT": "02", "VIC": "38", "QLD": "49", "SA": "5", "WA": "6", "TAS": "7", "NT": "0"}
_CODE = re.compile(
    r"(?<![\w.,/:+#-])(?:([A-Z]{1,3})\s?[-–]\s?)?"
    r"(\d{5,6}|\d{4}-\d{3}|\d{2}-\d{3}|\d{3} \d{2}|\d{3} \d{3}|\d{4})(?![\d/:%°€$£]|[.,-]\d| ?(?:€|m²|km|kg|kr)\b)"
)
_CAR = {
    pair[:2]: pair[:2]
    for pair in str.split("CH NL DK SE FI PL CZ SK GR RO BG HR SI LT LV EE MD DE FR IT ES BE HU PT NO AT LU")
}
_CAR |= dict(
    zip(
        str.split("D A F I L B S N FIN H E P SLO FL"),
        str.split("DE AT FR IT LU BE SE NO FI HU ES PT SI LI"),
        strict=True,
    )
)
_BEFORE = {  # countries whose postcode stands before the town, by its form
    "5": str.split("DE FR ES IT FI HR RS BA ME TR UA EE LT MX MA DZ MY EG CZ SK SE GR DO CR GT CU"),
    "4": str.split("AT CH LI LU BE DK NO HU SI BG CY GE AM MK AL PH TN MD LV"),
    "3 2": str.split("SE CZ SK GR"),
    "2-3": ["PL"],
    "4-3": ["PT"],
    "6": str.split("RO RU BY KZ"),
}
_AFTER = {  # and after it
    "5": str.split("TH ID SA KR VN LK PK MY MM NP IL UA KH"),
    "4": str.split("NZ ZA AU BD PH"),
    "6": str.split("IN SG VN RU UA CO"),
    "3 3": ["IN"],
}
_WORD = re.compile(r"[^\W\d_][\w'’.-]*")


@dataclass(frozen=True)
class _Read:
    """A postcode that was recognised: what it says of which country, and how surely."""

    subject: str
    line: int
    found: dict[str, tuple[float, Spot]]
    trust: float


class Postcode:
    """Finds postcodes."""

    name = "postcode"
    about = "postcodes"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for each postcode."""
        clues: dict[str, Clue] = {}
        texts = [line.text for line in writing.lines]
        for i, text in enumerate(texts):
            around = (texts[i - 1] if i else "", texts[i + 1] if i + 1 < len(texts) else "")
            for read in _reads(text, around, i):
                if not any(read.subject in other or other in read.subject for other in clues) and len(clues) < MOST:
                    clues[read.subject] = _clue(read)
        return list(clues.values())


def _reads(text: str, around: tuple[str, str], line: int) -> Iterator[_Read]:
    for subject, country, spot, trust in chain(*(f(text, around) for f in _FORMS)):
        yield _Read(subject, line, {country: (1.0, spot)}, trust)
    for match in _CODE.finditer(text):
        after = text[match.end() :] or around[1]
        before = text[: match.start()] or around[0]
        if read := _beside_town(match, before, after, line):
            yield read


def _lettered_forms(text: str, around: tuple[str, str]) -> Iterator[tuple[str, str, Spot, float]]:
    """(subject, country, area, trust) of codes whose form is of one country alone."""
    for match in _CANADIAN.finditer(text):
        if spot := postcodes.area("CA", match[1][0] + match[1][1:].translate(_DIGITS)):
            yield _refined(match[0], "CA", spot, 0.92, text[: match.start()], around[0])
    for match in _UK.finditer(text):
        for country in ("GB", "JE", "GG", "IM", "GI"):
            if (spot := postcodes.area(country, match[1])) and len(match[0]) >= 5 and not _CANADIAN.match(match[0]):
                yield _refined(match[0], country, spot, 0.9, text[: match.start()], around[0])
    for match in _IRISH.finditer(text):
        code = match[1][0] + match[1][1:].replace("O", "0")
        if (spot := postcodes.area("IE", code)) and any(c.isdigit() for c in match[2]) and not _UK.match(match[0]):
            yield _refined(match[0], "IE", spot, 0.85 if " " in match[0] else 0.6, text[: match.start()], around[0])


def _numbered_forms(text: str, around: tuple[str, str]) -> Iterator[tuple[str, str, Spot, float]]:
    for match in _DUTCH.finditer(text):
        if (spot := postcodes.area("NL", match[1])) and match[2] not in _UNITS:
            town = postcodes.town("NL", _names_after(text[match.end() :] or around[1]), spot)
            agrees = town is not None and town.fit == AGREES
            yield match[0], "NL", town.spot if town and agrees else spot, 0.96 if agrees else 0.6
    for match in _BRAZILIAN.finditer(text):
        if spot := postcodes.area("BR", match[1].replace(".", "")):
            yield match[0], "BR", spot, 0.9 if "CEP" in text.upper() else 0.75
    for match in _JAPANESE.finditer(text):
        sure = 0.97 if match[1] == "〒" else 0.85 if _KANJI.search(text[match.end() :] or around[1]) else 0.0
        if sure and (spot := postcodes.area("JP", match[2])):
            yield match[0].strip(), "JP", spot, sure
    for match in _MALTESE.finditer(text):
        if (spot := postcodes.area("MT", match[1])) and len(spot.name) > 1:
            yield match[0], "MT", spot, 0.8


def _refined(
    code: str, country: str, spot: Spot, trust: float, before: str, line_before: str
) -> tuple[str, str, Spot, float]:
    """The town that stands before a code, if it lies in the code's area."""
    town = postcodes.town(country, _names_before(before or line_before), spot)
    if town and town.fit == AGREES:
        return code, country, town.spot, max(trust, 0.96)
    return code, country, spot, trust


def _with_states(text: str, around: tuple[str, str]) -> Iterator[tuple[str, str, Spot, float]]:
    """American and Australian codes, which follow the state."""
    for match in _STATE.finditer(text):
        spot = postcodes.area("US", f"@{match[1]}")
        if spot and match[1] in _ZIP[int(match[2][0])]:
            yield _refined(match[0], "US", spot, 0.9, text[: match.start()], around[0])
    for match in _AUSTRALIAN.finditer(text):
        state = match[1].replace(".", "").upper()
        spot = postcodes.area("AU", match[2]) or postcodes.area("AU", f"@{state}")
        if spot and match[2][0] in _AUSTRALIAN_DIGITS[state]:
            yield _refined(match[0], "AU", spot, 0.93 if len(state) > 2 else 0.8, text[: match.start()], around[0])


_FORMS = (_lettered_forms, _numbered_forms, _with_states)


def _beside_town(match: re.Match[str], before: str, after: str, line: int) -> _Read | None:
    """A code of digits alone with its town, in all countries that have both."""
    digits = re.sub(r"[\s-]", "", match[2])
    form = re.sub(r"\d+", lambda run: str(len(run[0])), match[2])
    country = _CAR.get(match[1] or "")
    found: dict[str, Town] = {}
    for forms, names in ((_BEFORE, _names_after(after)), (_AFTER, _names_before(before))):
        for code in forms.get(form, ()) if names else ():
            town = postcodes.town(code, names, postcodes.area(code, digits))
            if town and (country in (None, code)) and (code not in found or town.fit > found[code].fit):
                found[code] = town
    best = max((town.fit for town in found.values()), default=0.0)
    if best < AGREES:
        return _prefixed(match, country, form, digits, line)
    kept = {code: town for code, town in found.items() if town.fit >= _LIKELY}
    name = next(town.name for town in kept.values() if town.fit == best)
    likely = {code: (town.fit * share(town.spot), town.spot) for code, town in kept.items()}  # a small namesake is rare
    year = form == "4" and match[2][:2] in ("18", "19", "20")
    trust = 0.98 if country else 0.7 if year else 0.95
    subject = f"{match[0]} {name}" if name in after else f"{name} {match[0]}"
    return _Read(subject, line, likely, trust)


def _prefixed(match: re.Match[str], country: str | None, form: str, digits: str, line: int) -> _Read | None:
    """A code with a country's letters before it and no town that is known."""
    if country is None or len(match[1]) < 2 or form not in [f for f in _BEFORE if country in _BEFORE[f]]:
        return None
    spot = postcodes.area(country, digits)
    if spot is None:
        return None
    return _Read(match[0], line, {country: (1.0, spot)}, 0.8)


def _names_after(text: str) -> list[str]:
    """What may be a town's name at the beginning of `text`, the longest first."""
    words: list[str] = []
    for match in re.finditer(r"\S+", text[:60].lstrip(" ,.-–")):
        word = match[0].rstrip(",;:()")
        if len(words) == 4 or not _WORD.fullmatch(word):
            break
        words.append(word)
        if word != match[0]:
            break
    heads = [" ".join(words[:size]) for size in range(len(words), 0, -1)]
    return _capitalised([*heads, *words[1:]])


def _names_before(text: str) -> list[str]:
    """What may be a town's name at the end of `text`, the longest first."""
    words: list[str] = []
    for word in reversed(re.findall(r"\S+", text[-60:].rstrip(" ,.-–:"))):
        if len(words) == 4 or (words and word[-1] in ",;:") or not _WORD.fullmatch(word.rstrip(",")):
            break
        words.insert(0, word.rstrip(","))
    return _capitalised([" ".join(words[-size:]) for size in range(len(words), 0, -1)])


def _capitalised(names: list[str]) -> list[str]:
    return [name for name in names if len(name) > 2 and not name[0].islower()]


def _clue(read: _Read) -> Clue:
    countries, spots = placed({code: (fit, (spot,)) for code, (fit, spot) in read.found.items()})
    best = max(read.found, key=lambda code: read.found[code][0])
    spot = read.found[best][1]
    where = spot.name if spot.name == country_name(best) else f"{spot.name}, {country_name(best)}"
    sentence = f"{read.subject} is a postcode of {where}."
    return Clue("postcode", read.subject, sentence, (read.line,), countries, spots, read.trust)
