"""The place that a reply names in words, and where our gazetteer has it; a place it rules out or compares with is "
"none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from geoloc_core.errors import GeolocError
from geoloc_core.lmm.reading.text import line
from geoloc_core.lmm.reading.vocabulary import CITY_NAMES, CONTRAST, COUNTRY_CODES, NOT_PLACES, refusal
from geoloc_core.places import Place, fold, gazetteer

MAX_NAME = 200
_LOOKUPS = 12  # names of one reply that are looked up
_UPPER = r"[^\W\d_a-zß-öø-ÿа-я]"
_WORD = rf"(?:{_UPPER}[\w’'.-]{{0,40}}|St\.)"
_JOIN = r"(?:\s(?:de|del|della|di|do|dos|da|la|le|les|of|the|am|an|der|den|sur|el|al|y|i|upon|und)){1,2}"
_PART = rf"{_WORD}(?:(?:{_JOIN})?\s{_WORD}){{0,4}}"
_NAME = rf"[*_\"'“‘`\[(]{{0,3}}(?P<name>{_PART}(?:[*_]{{0,2}},\s{{1,2}}[*_]{{0,2}}{_PART}){{0,4}})"
_HEADS = (
    r"(?:my |the )?(?:final |best |most likely |predicted |estimated |probable |possible )*(?:answer|guess|estimate"
    r"|prediction|location|place|city|town|"
    r"address|lieu|ville|localisation|réponse|ubicación|lugar|ciudad|respuesta|ort|stadt|standort|antwort|luogo"
    r"|città|posizione|"
    r"risposta|local|cidade|localização|место|город|ответ|местоположение|plaats|stad|miejsce|miasto|地点|地點|位置|城市|場所"
    r"|都市|장소|위치)"
)
_HEADED = re.compile(
    rf"(?:^|(?<=[\n*\"'>|{{,#-])|(?<=[;.]\s))[ \t*_#>\"'`{{-]{{0,12}}{_HEADS}(?:\s?\([^()\n]{{0,30}}\))?"
    rf"[*_\"'` ]{{0,4}}(?:[:=：]|(?<=[*_#\w])\s?\n)[*_\"'“`\s]{{0,6}}"
    r"(?P<name>[^\n;|{}<>\"”]{2,120})",
    re.IGNORECASE,
)
_LIKELY = r"(?:(?:most |very |quite )?(?:likely|probably|possibly|certainly|definitely|clearly|perhaps) )?"
_AT = r"(?:(?:somewhere |located |situated |taken )?(?:in|at|near|from|around|outside|within|inside|close to) )"
_LEADS = (
    r"I(?:'d| would)? (?:think|believe|guess|say|estimate|suspect|am (?:fairly |quite |very )?(?:confident|sure"
    r"|certain))(?: that)?(?: the photo| the image)?"
    rf"(?: (?:this|it|that))?(?: is|'s| was)? {_LIKELY}(?:taken |shot )?{_AT}?",
    r"my (?:\w+ ){0,2}(?:guess|answer|estimate|prediction|bet|conclusion) (?:is|would be)(?: that)?(?: (?:this"
    r"|it)(?: is|'s| was))?(?: taken)? "
    rf"{_LIKELY}{_AT}?",
    r"\b(?:location|place|city|town) (?:is|appears to be|seems to be|looks like|would be) (?:most likely |likely "
    r"|probably )?(?:in )?",
    rf"(?:^|(?<=[.!\n]\s)|(?<=\n))\W{{0,3}}(?:could be|probably|likely|most likely|maybe|perhaps|possibly"
    rf"|looks like) {_AT}?",
    rf"\b(?:this|it|that)(?:'s| is| looks like| appears to be| seems to be| must be| could be| might be"
    rf"| may be) {_LIKELY}(?:taken )?{_AT}?",
    r"(?:was|were|been|is|be|likely|probably) (?:most likely |likely |probably |possibly )?(?:taken|shot|captured"
    r"|photographed|located|situated|set|made) "
    r"(?:somewhere )?(?:in|at|near|from|around|outside) ",
    rf"\b(?:this|the|it)\b[^.\n!?,;]{{0,90}}? {_AT}",
    r"\b(?:a été prise|prise|se trouve|située?|c'est|se situe) (?:à |a |en |près de |dans )?|\b(?:je pense"
    r"|je crois) que c'est (?:à )?",
    r"\b(?:fue |ha sido |está )?(?:tomada|sacada|hecha|ubicad[oa]|situad[oa]|tirada|feita|localizad[oa]) (?:en|em"
    r"|no|na|cerca de) |\b(?:creo que )?(?:es|está en) ",
    r"\b(?:aufgenommen|befindet sich|liegt|wurde|gemacht) (?:\w+ ){0,2}?(?:in|bei|nahe|an) "
    r"|\bdas ist (?:wahrscheinlich |vermutlich )?(?:in )?",
    r"\b(?:scattata|si trova|è stata scattata|siamo) (?:a|ad|in|vicino a) |\bgenomen in |\bzrobion[oae] w "
    r"|\bсделан[оа]? в |\bснят[оа]? в |\bэто ",
)
_OF = (
    r"(?:the )?(?:(?:city|town|village|centre|center|outskirts|suburbs|streets"
    r"|heart|old town|downtown|capital)(?: of| in)? |downtown |central )?"
)
_LED = re.compile(rf"(?:{'|'.join(f'(?i:{lead})' for lead in _LEADS)})(?i:{_OF}){_NAME}")
_ONWARD = re.compile(rf"[*_\"']{{0,3}},?\s(?i:in|at|near|outside|à|en)\s(?i:{_OF}){_NAME}")
_EITHER = re.compile(
    r"[*_\"']{0,3},?\s(?:or|and|oder|ou|o|или|oppure|of|to|vs\.?|could be|maybe|perhaps|possibly)\s(?:in |at "
    r"|perhaps |maybe )?" + _UPPER
)
_RULED_OUT = re.compile(
    r"\b(?:not|isn't|wasn't|never|unlikely|neither|nor|cannot|can't|rather than|instead of|unlike|similar"
    r"|reminiscent|resembl|remind|"
    r"common|typical|often|usually|style|such as|e\.g|for example|could also|alternativ|if (?:it|this)|second|"
    r"pas|nicht|kein|non|nie|niet|não|не|ähnlich|comme|similaire|parecid|simile|ruled? out|exclud|neighbo|retrieved"
    r"|advert|sign )\b|不是|没有|類似",
    re.IGNORECASE,
)
_LEADING = re.compile(
    r"\A(?:(?:probably|likely|most likely|possibly|perhaps|maybe|somewhere|in|at|near|around|outside|close to|the|a"
    r"|city|town|village|"
    r"centre|center|outskirts|suburbs|old town|historic|downtown|central|of|à|en|a|bei|nahe|greater)\s+)+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Named:
    """A place in words: its name as the reply has it, and the towns it may be, the likeliest first, as (lat, lon)."""

    name: str
    points: tuple[tuple[float, float], ...]


def look_up(name: str) -> Named:
    """A name and where it may be; leading parts that we do not know, such as a monument, are passed over."""
    shown = line(name.strip(" *_`\"'“”.,;:()[]"), MAX_NAME)
    if (
        re.search(r"\d[.,]\d|[\\${}<>=]", shown)
        or fold(shown) in NOT_PLACES
        or not any(c.isalpha() for c in shown)
        or refusal(shown)
    ):
        return Named("", ())
    if "," in shown and fold(shown.split(",")[0]) in NOT_PLACES:
        return look_up(shown.split(",", 1)[1])
    bare = re.sub(r"\s*\([^()]{0,80}\)|[*_`\"“”]", "", shown)
    parts = [_LEADING.sub("", part.strip(" .'")) for part in re.split(r"[,，、;/]|\s[-–—]\s", bare)][:6]
    parts = [part for part in parts if part]
    for start in range(min(len(parts), 4)):
        if points := _find(parts[start:], whole=start == 0):
            return Named(shown, points)
    if start_in := re.search(rf"\b(?:in|at|near|of|à|en)\s+({_PART})\W{{0,2}}$", parts[0]) if parts else None:
        return Named(shown, _find([start_in[1], *parts[1:]], whole=True))
    return Named(shown, ())


def _find(parts: list[str], whole: bool) -> tuple[tuple[float, float], ...]:
    """Where the town parts[0] lies in the region and country that follow; a part of a name must have them behind it."""
    name, *hints = parts
    if fold(name) in NOT_PLACES or fold(name) in COUNTRY_CODES or (not hints and not whole):
        return ()
    hints = [_hint(hint) for hint in hints]
    for known in filter(None, (CITY_NAMES.get(fold(name)), name, re.sub(r"(?i)\scity$", "", name))):
        town, *country = known.split(", ")
        if country and hints and not _hits(", ".join([town, hints[-1]])):
            continue  # the foreign name of one city, in another country
        hits = _hits(", ".join([town, *(country or hints)]))
        exact = [hit for hit in hits if _same(hit[0], town, country or hints)]
        if exact:
            return tuple((lat, lon) for _, lat, lon in exact)
    return _find([name, hints[-1]], whole) if len(hints) > 1 else ()


def _hits(query: str) -> list[tuple[Place, float, float]]:
    try:
        return gazetteer().find(query, limit=20) if re.search(r"[^\W\d_]{2}", query) else []
    except GeolocError:
        return []  # without the tables of towns, names stay names


def _same(place: Place, town: str, hints: list[str]) -> bool:
    """Whether a hit is the town asked for.

    The gazetteer also finds beginnings of names: they count whole words at a time, and with the country said.
    "Peru" and "California, USA" are no towns, though there are towns of these names.
    """
    own, asked, region = fold(place.name or ""), fold(town), fold(place.region or "")
    if own != asked and not (hints and own.startswith((f"{asked} ", f"{asked}-"))):
        return False
    codes = {code for name, code in gazetteer().areas if name == asked}
    area = place.country_code in codes if hints else bool(codes)
    home = {region, fold(place.country or "")}
    return not area or asked in home or any(hint and region.startswith(fold(hint)) for hint in hints)


def _hint(text: str) -> str:
    """A region's or country's name as the gazetteer has it."""
    return COUNTRY_CODES.get(fold(text), text if fold(text) not in ("dc", "d.c") else "District of Columbia")


def find_name(text: str, wanted: bool) -> Named:
    """The place that a reply without JSON names; `wanted`: there is nothing else, so a bare name will do as well.

    What it names under a heading ("Location: ...") goes before what it says in a sentence; of equals the last counts.
    """
    text = text.replace("’", "'")
    unsure = refusal(text)
    named: list[Named] = []
    for raw in _candidates(text, unsure.start() if unsure else None):
        found = look_up(raw)
        if found.points:
            return found
        named.append(found)
    first = re.sub(r"[#>*`]", "", text.strip()[:300].split("\n")[0])
    if wanted and len(text) < 300 and not unsure and len(first.split()) <= 8 and not _RULED_OUT.search(first):
        alone = look_up(first[:120])
        if alone.points:
            return alone
    return next((found for found in named if found.name), Named("", ()))


def _candidates(text: str, unsure: int | None) -> Iterator[str]:
    """Names in the order in which to try them."""
    headed = [match for match in _HEADED.finditer(text) if not refusal(match["name"])]
    country = next((m["c"] for m in re.finditer(r"(?i)\bcountry\W{1,8}(?P<c>[^\W\d_][^\n,;*\"|]{1,40})", text)), "")
    kept = 0
    for match in [*reversed(headed), *reversed(list(_LED.finditer(text)))]:
        start = match.start("name")
        if kept >= _LOOKUPS or (unsure is not None and not _but(text, unsure, start)) or _ruled_out(text, match):
            continue
        kept += 1
        name = match["name"]
        if match.re is _HEADED:
            name = re.split(r"[.!?](?:\s|$)|\s\(|\*\*|\s[-–—]\s", name)[0]
        elif onward := _ONWARD.match(text, match.end("name")):
            name = f"{name}, {onward['name']}"
        if country and "," not in name:
            yield f"{name}, {country}"
        yield name


def _but(text: str, unsure: int, start: int) -> bool:
    """Between saying that it cannot tell and the name, the reply turns round."""
    return start < unsure or bool(CONTRAST.search(text, unsure, start))


def _ruled_out(text: str, match: re.Match[str]) -> bool:
    """The sentence before the name denies or compares, or an "or" behind it leaves several names."""
    start = match.start("name")
    before = re.split(r"[.!?;\n]\s|\n", text[max(0, start - 160) : start])[-1]
    turns = [turn.end() for turn in CONTRAST.finditer(before)]
    return bool(_RULED_OUT.search(before, turns[-1] if turns else 0) or _EITHER.match(text, match.end("name")))
