"""Prices: the currency's sign, on which side of the number it stands, and how the number is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from geoloc_core.signs import tables
from geoloc_core.signs.areas import country_name, listed, mass
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.writing import Writing

_AMOUNT = r"\d{1,3}(?:[ .,'’]\d{3}){1,3}(?:[.,]\d\d)?(?!\d)|\d{1,9}(?:[.,]\d{1,2})?(?!\d)"
_ROUND = {",-": r",\s?[-–—]{1,2}", ":-": r":[-–—]", ".-": r"\.[-–—]{1,2}"}  # what stands for "and no hundredths"
_STRICT = frozenset(
    {"R", "L", "Q", "DA", "DT", "LL", "SR", "KD", "JD", "QR", "Ar", "lek", "din", "kn", "Ks", "C$", "р."}
)
_LOOSE = frozenset(
    {"LE", "DH", "Dh", "TL", "Tk", "Bs", "Gs", "Kz", "RM", "Rs", "Rp", "Kip", "rand", "pesos", "Fr.", "Ft", "lei"}
)
_POINT_EURO = frozenset({"IE", "MT", "CY", "GB"})
_FUEL = re.compile(r"(?<![\d.,])\d[.,]\d\d\s?(?:⁹|9/10|⁹/₁₀|⁹⁄₁₀)")
_FUEL_US, _FUEL_EU = (
    {"US": 1.0, "PR": 0.1},
    {"DE": 1.0, "AT": 0.8, "NL": 0.6, "LU": 0.8, "BE": 0.2, "CA": 0.3, "FR": 0.1, "CH": 0.1},
)
_PENCE = re.compile(r"(?<![\w.,])[1-9]\d?p(?!\w)")


@dataclass(frozen=True)
class _Sign:
    sign: str
    stands: str
    name: str
    countries: Mapping[str, float]


class Currency:
    """Finds prices."""

    name = "currency"
    about = "prices and signs of currencies"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for each sign of a currency and side of the number."""
        found: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
        for i, line in enumerate(writing.lines):
            for key, price, amount in _prices(line.text):
                found.setdefault(key, []).append((i, price, amount))
        clues = [_clue(_signs()[key], prices) for key, prices in found.items()]
        return [*clues, *_others([line.text for line in writing.lines])]


def _prices(text: str) -> Iterator[tuple[tuple[str, str], str, str]]:
    """(sign and side, price as it stands, its number) of every price in a line; no number counts twice."""
    if not any(c.isdigit() for c in text):
        return
    taken: set[int] = set()
    before, after = _patterns()
    for pattern, side in ((before, "before"), (after, "after")):
        for match in pattern.finditer(text):
            sign, amount = match["sign"] or match["round"], match["amount"]
            key = _key(sign, side)
            if key is None or match.start("amount") in taken or not _enough(key[0], amount):
                continue
            taken.add(match.start("amount"))
            yield key, match[0].strip(), amount


def _enough(sign: str, amount: str) -> bool:
    """Whether a number beside a sign that is also a word or a unit looks like a price."""
    if sign in _STRICT:
        return bool(re.search(r"[.,]\d\d$|[ .,'’]\d{3}", amount))
    return len(amount) < 12


def _clue(sign: _Sign, prices: list[tuple[int, str, str]]) -> Clue:
    countries = dict(sign.countries)
    for amount in {amount for _, _, amount in prices}:
        countries = {code: fit * _style(sign.sign, amount, code) for code, fit in countries.items()}
    best = max(countries.values())
    countries = {code: max(fit / best, 1e-6) for code, fit in countries.items()}
    trust = (
        0.5
        if sign.sign in _STRICT or sign.sign in _ROUND
        else 0.7
        if sign.sign in _LOOSE or len(sign.sign) == 2
        else 0.85
    )
    price = prices[0][1]
    order = sorted(countries, key=lambda code: -countries[code] * mass(code))
    where = listed([country_name(code) for code in order if countries[code] > 0.1])
    name = "" if sign.sign in _ROUND else f" ({sign.name})"
    sentence = f"Prices like {price}{name} are written in {where}."
    return Clue("currency", price, sentence, tuple(dict.fromkeys(i for i, _, _ in prices)), countries, (), trust)


def _style(sign: str, amount: str, code: str) -> float:
    """How usual it is to write such a number with such a sign in a country, relative to the sign's other numbers."""
    point, comma = bool(re.search(r"\.\d\d?$", amount)), bool(re.search(r",\d\d?$", amount))
    if sign == "€" and point:
        return 1.0 if code in _POINT_EURO else 0.3
    if sign == "€" and comma:
        return 0.05 if code in _POINT_EURO else 1.0
    if sign in ("$", "¥", "￥"):
        return _dollar(amount, code, point, comma) if sign == "$" else _yen(amount, code, point)
    return 1.0


def _dollar(amount: str, code: str, point: bool, comma: bool) -> float:
    southern = code in ("CL", "CO", "AR", "UY")
    if re.search(r"\.\d{3}", amount):
        return 1.0 if southern else 0.02
    if comma:
        return 0.7 if southern or code == "EC" else 0.3 if code == "CA" else 0.02
    if point or re.search(r",\d{3}", amount):
        return 0.1 if southern else 1.0
    if len(amount) > 3:
        return 1.0 if southern or code == "MX" else 0.3
    return 0.3 if code in ("CL", "CO") else 1.0


def _yen(amount: str, code: str, point: bool) -> float:
    value = int(re.sub(r"\D", "", amount.split(".")[0]) or 0)
    if code == "JP":
        return 0.01 if point else 0.1 if value < 80 else 1.0
    return 1.0 if point or value < 80 else 0.35


def _others(texts: Sequence[str]) -> Iterator[Clue]:
    """Prices of fuel with a small 9, and pence."""
    for i, text in enumerate(texts):
        if match := _FUEL.search(text):
            american = "/" in match[0] or "⁄" in match[0]
            countries = _FUEL_US if american else _FUEL_EU
            where = listed([country_name(code) for code in countries])
            yield Clue("currency", match[0], f"Fuel is priced like {match[0]} in {where}.", (i,), countries, (), 0.75)
            return
    for i, text in enumerate(texts):
        if match := _PENCE.search(text):
            countries = {"GB": 1.0, "IM": 1.0, "JE": 1.0, "GG": 1.0, "GI": 0.8}
            yield Clue("currency", match[0], f"{match[0]} is a price in British pence.", (i,), countries, (), 0.4)
            return


def _key(sign: str, side: str) -> tuple[str, str] | None:
    """The row of the table that a sign as it was read belongs to."""
    for rounded, pattern in _ROUND.items():
        if re.fullmatch(pattern, sign):
            return (rounded, side)
    folded = sign.rstrip(".").casefold()
    for name in dict.fromkeys((sign, f"{sign}.", sign.rstrip("."), folded, *_spellings().get(folded, ()))):
        for stands in (side, "any"):
            if (name, stands) in _signs():
                return name, stands
    return None


@cache
def _spellings() -> Mapping[str, tuple[str, ...]]:
    """Signs by their form in small letters, for those of three letters and more and the commonest of two."""
    found: dict[str, tuple[str, ...]] = {}
    for sign, _ in _signs():
        if len(sign) > 2 or sign in ("kr", "Rs", "Rp", "Kč", "zł", "Ft", "лв"):
            key = sign.rstrip(".").casefold()
            found[key] = (*found.get(key, ()), sign)
    return found


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A sign before a number, and one after it."""
    made = []
    for side in ("before", "after"):
        signs = sorted(
            {s for s, stands in _signs() if stands in (side, "any") and s not in _ROUND}, key=len, reverse=True
        )
        forms = "|".join(
            f"(?i:{re.escape(s)})" if s in _spellings().get(s.rstrip(".").casefold(), ()) else re.escape(s)
            for s in signs
        )
        if side == "before":
            made.append(re.compile(rf"(?<![^\W\d_])(?P<sign>{forms})\.?\s?(?P<amount>{_AMOUNT})(?![\w%])"))
        else:
            rounds = "|".join(_ROUND.values())
            made.append(
                re.compile(
                    rf"(?<![\w.,:/-])(?P<amount>{_AMOUNT})(?:(?P<round>{rounds})(?!\s?\d)|\s?(?P<sign>{forms})s?(?!\w))"
                )
            )
    return made[0], made[1]


@cache
def _signs() -> Mapping[tuple[str, str], _Sign]:
    return {
        (row["sign"], row["stands"]): _Sign(row["sign"], row["stands"], row["name"], tables.fits(row["countries"]))
        for row in tables.rows("currencies")
    }
