"""Web and e-mail addresses: the country whose domain they end in, or the city with a domain of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from geoloc_core.signs import tables
from geoloc_core.signs.areas import country_name, listed, placed
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.writing import Writing

_LABEL = r"[^\W_](?:[\w-]{0,61})"
_WEB = re.compile(
    rf"(?:https?[:;]?/{{0,2}}|(?<![^\W_])[wvV]{{0,1}}[wW]{{2,3}})\s?[.,·:]?\s?({_LABEL}(?:\s?[.,]\s?{_LABEL}){{0,4}})"
)
_SPACED = re.compile(r"\bwww[ .,]+([\w-]{3,40}) ([a-z]{2,3})(?: ([a-z]{2}))?(?=$|[\s/])", re.IGNORECASE)
_MAIL = re.compile(rf"(?<=[\w.-])\s?[@®]\s?({_LABEL}(?:\s?[.,]\s?{_LABEL}){{1,4}})")
_BARE = re.compile(rf"(?<![\w.@/,-])({_LABEL}(?:\.{_LABEL}){{1,3}})(?![\w@-]|\.\w)")
_LOST_DOT = re.compile(
    r"(?:com(?=au|br|ar|mx|cn|tr|hk|sg|my|tw|co|pe|ph|ua|pl|vn|eg)|co(?=uk|nz|za|jp|kr|il|id|th|ke|tz))(..)$"
)
_RUN_ON = re.compile(r"([a-z]{2,})[A-Z]\w*$")
_SHORTENERS = frozenset(
    str.split(
        "youtu.be bit.ly t.me wa.me goo.gl twitch.tv fb.me linktr.ee discord.gg is.gd amzn.to spoti.fi last.fm "
        "about.me line.me telegram.me ow.ly m.me snapchat.to g.co t.co vk.cc maps.me paypal.me"
    )
)
_ABBREVIATIONS = frozenset(
    str.split(
        "str tel fax st dr nr no inc ltd geb inh ing prof abs art max min abt bzw etc vs usw pl av avda ave blvd sq rd "
        "jr sr mt ft bldg dept apt ste pte pvt mfg int mr mrs ms www http https tlf tél mob vol fig ref cap mag dott "
        "sig cia est lic sta sto ctra urb dipl jan feb mar apr jun jul aug sep oct nov dec mon tue wed thu fri sat sun"
    )
)
_WORDS = frozenset(  # endings that are words too: a full stop without a space after it looks the same
    str.split(
        "no in is it at me to so my am be de la es se as do us id by et il si al va ve ne ni pa mi ma pm ie eg ai io "
        "st sh su re an le tv fm bar cat ist gal rio"
    )
)


@dataclass(frozen=True)
class _Ending:
    countries: Mapping[str, float]
    spot: Spot | None


class Domain:
    """Finds web and e-mail addresses."""

    name = "domain"
    about = "endings of web and e-mail addresses"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for each ending, however many addresses have it."""
        found: dict[str, tuple[str, float, list[int]]] = {}
        for i, line in enumerate(writing.lines):
            for address, ending, trust in _addresses(line.text):
                subject, best, lines = found.get(ending, (address, 0.0, []))
                found[ending] = (address if trust > best else subject), max(trust, best), [*lines, i]
        return [_clue(ending, *rest) for ending, rest in found.items()]


def _addresses(text: str) -> Iterator[tuple[str, str, float]]:
    """(address as it stands, its ending, trust) of every address in a line."""
    for pattern, trust in ((_WEB, 0.95), (_MAIL, 0.95)):
        for match in pattern.finditer(text):
            for ending in _ending_of(re.split(r"\s?[.,]\s?", match[1])):
                yield match[0].strip(), ending, trust
    for match in _SPACED.finditer(text):
        for ending in _ending_of([part for part in match.groups() if part]):
            yield match[0], ending, 0.8
    for match in _BARE.finditer(text):
        labels = match[1].split(".")
        trust = _bare_trust(labels, alone=match[0] == text)
        for ending in _ending_of(labels) if trust else ():
            yield match[0], ending, trust


def _ending_of(labels: list[str]) -> Iterator[str]:
    """The last label that is an ending, if any; what OCR ran together with it is cut off."""
    for k in range(len(labels) - 1, -1, -1):
        label = labels[k]
        if (run_on := _RUN_ON.match(label)) and label.lower() not in _endings():
            label = run_on[1]
        label = label.lower().replace("0", "o").replace("1", "l")
        lost = _LOST_DOT.match(label)
        label = lost[1] if lost else label
        if k == 0 and not lost:
            return
        if label in ("com", "corn", "org", "net", "info"):
            return
        if label in _endings():
            if ".".join(labels[max(0, k - 1) : k + 1]).lower() not in _SHORTENERS:
                yield label
            return


def _bare_trust(labels: list[str], alone: bool) -> float:
    """How surely "name.tld" without any "www" or "@" is an address and not the end of a sentence or an abbreviation."""
    name, last = labels[-2], labels[-1]
    letters = sum(c.isalpha() for c in name)
    if letters < 3 or len(last) > 12 or name.lower() in _ABBREVIATIONS or any(c.isdigit() for c in last):
        return 0.0
    if name.lower() in ("co", "com", "org", "gov", "edu") and len(labels) > 2:
        return 0.9
    if not (last.islower() or (last.isupper() and name.isupper())):
        return 0.0
    if last.lower() in _WORDS and not (alone or (name.islower() and last == "de")):
        return 0.0 if letters < 5 or last.isupper() else 0.4
    return 0.85 if letters > 3 else 0.5


def _clue(ending: str, address: str, trust: float, lines: list[int]) -> Clue:
    known = _endings()[ending]
    countries: Mapping[str, float] = known.countries
    spots: tuple[Spot, ...] = ()
    if known.spot and known.spot.country:
        countries, spots = placed({known.spot.country: (1.0, (known.spot,))}, stray=0.05)
    sentence = f"“{address}” ends in .{ending}, {_whose(ending, known)}."
    return Clue("domain", address, sentence, tuple(dict.fromkeys(lines)), countries, spots, trust)


def _whose(ending: str, known: _Ending) -> str:
    if known.spot:
        return f"the domain of {known.spot.name}"
    order = sorted(known.countries, key=lambda code: -known.countries[code])
    if ending == "eu":
        return "the European Union's domain"
    if known.countries[order[0]] < 1 or (len(order) > 1 and known.countries[order[1]] > 0.6):
        return f"which is used in {listed([country_name(code) for code in order])}"
    name = country_name(order[0])
    return f"{name}{'’' if name.endswith('s') else '’s'} domain"


@cache
def _endings() -> dict[str, _Ending]:
    return {row["ending"]: _ending(row) for row in tables.rows("domains")}


def _ending(row: dict[str, str]) -> _Ending:
    countries = tables.fits(row["countries"])
    if not row["name"]:
        return _Ending(countries, None)
    lat, lon, km = (float(row[key]) for key in ("lat", "lon", "km"))
    return _Ending(countries, Spot(lat, lon, km, 1.0, row["name"], next(iter(countries))))
