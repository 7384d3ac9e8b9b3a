"""Telephone numbers: the country by the code or by whose numbering plan they fit, the town by the area code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from geoloc_core.signs import phonebook, tables
from geoloc_core.signs.areas import country_name, listed, mass, placed
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.writing import Writing

MOST = 8  # numbers looked up a photo
_LIKELY = 0.15  # of the best country's fit; the others are left out
_USUAL = 0.4  # what no word announces must at least be written as the best country would write it
_NUMBER = re.compile(
    r"(?<![\w,#])(?<!\d[.:])(?:[+＋]\s?)?\(?[+＋]?[0-9OIl](?:[\s().\-/–—·•]{0,3}[0-9OoIl|]){5,16}(?![\w%°])"
)
_LETTERS = str.maketrans(
    {"O": "0", "o": "0", "I": "1", "l": "1", "|": "1", "＋": "+", "–": "-", "—": "-", "·": ".", "•": "."}
)
_WORD = re.compile(
    r"(?:\b(?:tel|t[ée]l|tlf|tfno|tf|telf|telefon\w*|t[ée]l[ée]ph\w*|telephone|phone|ph|fono|fone|fon|fax|faks|mob|mobil\w*"
    r"|m[óo]vil|cel|celular|cell|handy|call|ring|dial|whats?app|wa|viber|hotline|infoline|puh|gsm|hp|telp|teл|тел\w*|моб"
    r"|τηλ\w*|sms|contact\w*|reserv\w*|book\w*|order|appelez|llame|ligue|anrufen|notdienst|notruf|emergency)\b|[☎☏✆📞電话話])",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\b(?:iban|hr[ab]|ust|vat|nip|nif|cif|rcs|siret|siren|ean|isbn|issn|kvk|abn|acn|cnpj|cpf|rut|ruc|regon|krs|orgnr"
    r"|org|p\.? ?iva|ref|serial|s/n|lic\w*|model|id|art|item|bar ?code|account|konto|№|no|nr|n°)[\s.:#°-]{0,3}$",
    re.IGNORECASE,
)
_MONEY = re.compile(r"(?:[€$£¥₹₽₺₩฿₫%]|\b(?:kr|eur|usd|chf|rp|rs|km|kg|m|mm|cm|ml))\s?$", re.IGNORECASE)
_MONEY_AFTER = re.compile(r"^\s?(?:[€$£¥₹₽₺₩฿₫%円元원]|(?:kr|eur|usd|chf|km|kg|m²|mm|cm|ml|kw|hz)\b)", re.IGNORECASE)
_DATE = re.compile(r"\b(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d\d|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2})(?!\d)")
_SPAN = re.compile(r"^\(?(\d{1,2})[.\s]?(\d\d)\s*-\s*(\d{1,2})[.\s]?(\d\d)\)?$")
_DECIMAL = re.compile(r"^\d{1,3}\.\d{4,}$|^\d{1,3}(?:\.\d{3})+$|^\d{1,3}(?: 000)+$")
_APART = re.compile(r"\s+[-/]\s+|\s*/\s*(?=0)|\s{2,}")
_DIALLED = re.compile(r"(?<![\d.,:])(?:\d[ -]){0,4}\d{2,5}(?![\d.,:])")
_ALARM = re.compile(
    r"\b(?:emergency|emergencias?|emergência|urgences?|pompiers|samu|police|polizei|polizia|policía|polícia|notruf|rettung"
    r"|feuerwehr|ambulan\w*|bomberos|bombeiros|dial|call|carabinieri|vigili|fire|sos|hitna|pohotovost|hasiči)\b|警|消防|救急",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Written:
    """A number as it stands: cleaned text, and whether a word says that it is one."""

    text: str
    lines: tuple[int, ...]
    said: bool


class Phone:
    """Finds telephone numbers."""

    name = "phone"
    about = "telephone numbers"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for each number that is valid somewhere."""
        found: dict[str, Clue] = {}
        texts = [line.text for line in writing.lines]
        for written in _numbers(texts):
            clue = _international(written) or _national(written)
            if clue and not any(clue.subject in subject for subject in found):
                found[clue.subject] = clue
            if len(found) == MOST:
                break
        return [*found.values(), *_emergency(texts)]


def _numbers(texts: Sequence[str]) -> Iterator[_Written]:
    """What may be numbers, those that a word announces first."""
    held = []
    for i, text in enumerate(texts):
        before = texts[i - 1] if i else ""
        said = bool(_WORD.search(text)) or (len(before) < 30 and bool(_WORD.search(before)))
        parts = list(_parts(text, said))
        if said and i + 1 < len(texts) and not any(len(_digits(part)) > 8 for part in parts):
            joined = f"{text} {texts[i + 1]}" if re.match(r"[\d\s()-]{3,}$", texts[i + 1]) else ""
            held += [_Written(part, (i, i + 1), True) for part in _parts(joined, True)]
        held += [_Written(part, (i,), said) for part in parts]
    tries = 3 * MOST
    yield from sorted(held, key=lambda w: not (w.said or w.text.startswith("+")))[:tries]


def _parts(text: str, said: bool) -> Iterator[str]:
    for match in _NUMBER.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        raw = match[0]
        if (
            sum(c.isdigit() for c in raw) < 6
            or _OTHER.search(before)
            or _MONEY.search(before)
            or _MONEY_AFTER.match(after)
        ):
            continue
        clean = raw.translate(_LETTERS).strip(" .-/")
        for part in [clean, *(_APART.split(clean) if len(_digits(clean)) > 13 or "/" in clean else ())]:
            if part.count("(") > part.count(")"):
                part = part.replace("(", "", 1) if part.startswith("(+") else part
            if not _else(part, said):
                yield part


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _else(text: str, said: bool) -> bool:
    """Whether a run of digits is rather a date, opening hours, years, a coordinate or a sum."""
    if text.startswith(("+", "(+")):
        return False
    count = len(_digits(text))
    if count < 7 or _DATE.search(text):
        return True
    if said:
        return False
    if _DECIMAL.match(text) or ((span := _SPAN.match(text)) and _times(span)):
        return True
    plain = text.isdigit()
    return count < 8 or (
        plain and not (count in (9, 10, 11) and text[0] == "0") and not re.match(r"1[3-9]\d{9}$", text)
    )


def _times(span: re.Match[str]) -> bool:
    hours = [int(span[k]) for k in (1, 3)]
    years = [1400 <= int(span[k] + span[k + 1]) <= 2100 for k in (1, 3)]
    return all(years) or (max(hours) <= 24 and int(span[2]) < 60 and int(span[4]) < 60)


def _international(written: _Written) -> Clue | None:
    text = written.text
    digits = _digits(re.sub(r"\(0\)", "", text))
    plus = "+" in text[:3]
    if not plus and not digits.startswith("00"):
        return None
    code, number, valid = phonebook.international("+" + (digits if plus else digits[2:]))
    if code is None or (not valid and not plus):
        return None
    area = phonebook.area(number) if valid else None
    areas = (area,) if area and area.country == code else ()
    countries, spots = placed({code: (1.0, areas)})
    where = _where(area.name, country_name(code)) if areas and area else country_name(code)
    trust = (0.97 if plus else 0.85 + 0.1 * written.said) if valid else 0.6
    return Clue("phone", text, f"The phone number {text} is from {where}.", written.lines, countries, spots, trust)


def _national(written: _Written) -> Clue | None:
    text = written.text
    if "+" in text:
        return None
    found = phonebook.national(text)
    if not found and (cut := re.match(r"(.{6,})-\d{1,3}$", text)):  # an extension
        found = phonebook.national(cut[1])
    if not found:
        return None
    best = max(fit for fit, _ in found.values())
    if best < _USUAL and not written.said:
        return None
    kept: dict[str, tuple[float, tuple[Spot, ...]]] = {}
    for code, (fit, number) in found.items():
        if fit >= _LIKELY * best:
            area = phonebook.area(number)
            kept[code] = fit, (area,) if area and area.country == code else ()
    countries, spots = placed(kept)
    trust = (0.9 if written.said else 0.6) * (0.4 if best < 0.3 else 1.0) * (1.0 if len(_digits(text)) > 8 else 0.6)
    return Clue("phone", text, _sentence(text, kept), written.lines, countries, spots, trust)


def _sentence(text: str, kept: dict[str, tuple[float, tuple[Spot, ...]]]) -> str:
    order = sorted(kept, key=lambda code: -kept[code][0] * mass(code))
    areas = kept[order[0]][1]
    town = f"; in {country_name(order[0])} it is from {areas[0].name}" if areas else ""
    return f"The phone number {text} fits {listed([country_name(code) for code in order])}{town}."


def _where(area: str, country: str) -> str:
    return area if country in area else f"{area}, {country}"


@cache
def _alarms() -> dict[str, dict[str, float]]:
    return {row["number"]: tables.fits(row["countries"]) for row in tables.rows("emergency")}


def _emergency(texts: Sequence[str]) -> Iterator[Clue]:
    """Short numbers for help, where a word beside them says so."""
    seen: set[str] = set()
    for i, text in enumerate(texts):
        if len(text) > 80 or not _ALARM.search(text):
            continue
        for match in _DIALLED.finditer(text):
            number = _digits(match[0])
            if number in _alarms() and number not in seen:
                seen.add(number)
                countries = _alarms()[number]
                names = [country_name(code) for code in sorted(countries, key=lambda c: -countries[c])]
                sentence = f"{number} is dialled in an emergency in {listed(names)}."
                yield Clue("phone", number, sentence, (i,), countries, (), 0.5)
