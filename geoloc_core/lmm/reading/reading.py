"""From a reply's text to its `Reading`: what was found is weighed, and no answer gets its reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from geoloc_core.geo import distance_km
from geoloc_core.lmm.reading.choice import settle
from geoloc_core.lmm.reading.found import Found
from geoloc_core.lmm.reading.names import MAX_NAME, Named, find_name, look_up
from geoloc_core.lmm.reading.objects import Item, find_objects, kilometres
from geoloc_core.lmm.reading.pairs import find_pairs
from geoloc_core.lmm.reading.text import HEAD, TAIL, line, tidy, without_thoughts
from geoloc_core.lmm.reading.vocabulary import refusal

AGREE_KM = 300.0  # coordinates this near to a place are taken to mean it
MAX_CLUES, MAX_CLUE, MAX_CANDIDATES = 20, 300, 50
_AGAIN = "Ask again, or try another model."
_RADIUS = re.compile(
    r"(?:within|radius(?: of)?|uncertainty(?: of)?|accura(?:cy|te to)(?: of)?|error(?: of)?|±|\+/-|radio de"
    r"|rayon de|umkreis von)"
    r"[\s*_:=~≈(]{0,6}(?:(?:about|approximately|a|around|roughly|radius of"
    r"|of)\s){0,3}(?P<amount>\d[\d.,]{0,9}\s?(?:km|kilomet(?:er|re)s?|mi|miles?)\b)|"
    r"radius_km[\"']?\s?[:=]\s?(?P<bare>\d{1,6}(?:\.\d{1,6})?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reading:
    """What a reply was understood to say. Every text in it but `problem` and `note` is the model's and untrusted.

    Attributes:
        location: (lat, lon) in degrees, None for *no answer*.
        how: "json", "text" (coordinates found in prose) or "place" (looked up from the place named); "" without.
        place: the place the reply names, if any.
        radius_km: the radius it claims, if any.
        clues: the clues it claims to see.
        candidates: all (lat, lon) it named, in order; `location` is the one it settled on.
        problem: why there is no location, for a person; "" with one.
        swapped: (lat, lon) that the reply perhaps meant by its impossible or exchanged numbers, supported by the place
            it names; it is offered, not taken.
        note: what else a person should know of how it was read; "" if nothing.
    """

    location: tuple[float, float] | None
    how: str = ""
    place: str = ""
    radius_km: float | None = None
    clues: tuple[str, ...] = ()
    candidates: tuple[tuple[float, float], ...] = ()
    problem: str = ""
    swapped: tuple[float, float] | None = None
    note: str = ""


def read_reply(text: str) -> Reading:
    """Understand a reply; never raises, whatever the text.

    Of more than 60,000 characters the middle is left out, which `note` says. Thoughts between tags count only where
    nothing follows them.
    """
    plain, clipped = tidy(text)
    answer, thoughts = without_thoughts(plain)
    reading = _read(answer)
    if reading.location is None and thoughts.strip() and not (_declines(answer) or reading.candidates):
        thought = _read(thoughts)
        if thought.location is not None:
            reading = replace(
                thought, note=_join(thought.note, "Taken from the model's thoughts, as its answer has none.")
            )
    if clipped:
        part = f"Only the first {HEAD:,} and the last {TAIL:,} characters of this long reply were looked at."
        reading = replace(reading, note=_join(reading.note, part))
    return reading


def _declines(answer: str) -> bool:
    return bool(refusal(answer)) or any(item.silent for item in find_objects(answer))


def _read(text: str) -> Reading:
    items, outside = find_objects(text), text
    for item in items:
        outside = outside[: item.start] + " " * (item.end - item.start) + outside[item.end :]
    pairs = [pair for pair in find_pairs(outside) if not _cut_off(outside, pair)]
    objects = [item.found for item in items if item.found]
    found = sorted([*pairs, *objects], key=lambda one: one.start)
    silent = bool(items) and items[-1].silent
    chosen = None if silent else settle(text, found, objects, mentions=False)
    own = next((item for item in items if chosen and item.found == chosen), items[-1] if items else None)
    named = look_up(own.place) if own and own.place else Named("", ())
    if not named.name and not silent:
        named = find_name(outside, wanted=chosen is None or chosen.empty)
    if not (chosen or silent or named.points or refusal(outside)):
        chosen = settle(text, found, objects, mentions=True)
    return _reading(text, chosen, named, own, _candidates(found, items))


def _reading(
    text: str, chosen: Found | None, named: Named, own: Item | None, candidates: Sequence[tuple[float, float]]
) -> Reading:
    clues = tuple(line(clue, MAX_CLUE) for clue in own.clues[:MAX_CLUES]) if own else ()
    said = Reading(None, "", line(named.name, MAX_NAME), _radius(text, own), clues, tuple(candidates))
    if chosen and not chosen.fault:
        swapped = _swapped(chosen, named)
        note = "Its coordinates and the place it names disagree; exchanged, they would agree." if swapped else ""
        return replace(said, location=chosen.point, how=chosen.how, swapped=swapped, note=note)
    if chosen and not chosen.empty:
        swapped = _swapped(chosen, named)
        offer = (
            " Exchanged, its numbers fit the place it names: take that if you agree, or ask again."
            if swapped
            else f" {_AGAIN}"
        )
        return replace(said, problem=f"The reply {chosen.fault}.{offer}", swapped=swapped)
    if named.points:
        note = "Its (0, 0) stands for no coordinates." if chosen else ""
        return replace(said, location=named.points[0], how="place", note=note)
    return replace(said, problem=_problem(text, chosen, named, own))


def _problem(text: str, chosen: Found | None, named: Named, own: Item | None) -> str:
    if chosen:
        return f"The reply {chosen.fault}. {_AGAIN}"
    if not re.search(r"[^\W_]", text):
        return f"The reply is empty. {_AGAIN}"
    if named.name:
        return (
            "The reply gives no coordinates, and the place it names is no town that we know. Look it up, or ask again."
        )
    if refusal(text) or (own and own.silent):
        return "The model says that it cannot tell. Give it more neighbours, ask again, or try another model."
    return "The reply has neither coordinates nor a place that we know. Read it, then ask again, or try another model."


def _swapped(chosen: Found, named: Named) -> tuple[float, float] | None:
    """The coordinates the other way round, if only so they lie at the place named."""
    turned = (chosen.lon, chosen.lat)
    if chosen.broken or not named.points or not (abs(turned[0]) <= 90 and abs(turned[1]) <= 180) or chosen.empty:
        return None
    as_given = abs(chosen.lat) <= 90 and abs(chosen.lon) <= 180 and _near(chosen.point, named)
    return turned if not as_given and _near(turned, named) else None


def _near(point: tuple[float, float], named: Named) -> bool:
    return bool((distance_km(point, named.points) <= AGREE_KM).any())


def _candidates(found: Sequence[Found], items: Sequence[Item]) -> list[tuple[float, float]]:
    others = [other for item in items for other in item.others]
    every = sorted([*found, *others], key=lambda one: one.start)
    return list(dict.fromkeys(one.point for one in every if not one.fault))[:MAX_CANDIDATES]


def _radius(text: str, own: Item | None) -> float | None:
    if own and own.radius_km is not None:
        return own.radius_km
    match = _RADIUS.search(text)
    return kilometres(match["amount"] or match["bare"]) if match else None


def _cut_off(text: str, pair: Found) -> bool:
    """The text ends with this number inside an unfinished JSON object: digits may be missing."""
    return pair.end >= len(text.rstrip()) and text.rfind("{", 0, pair.start) > text.rfind("}")


def _join(*notes: str) -> str:
    return " ".join(filter(None, notes))
