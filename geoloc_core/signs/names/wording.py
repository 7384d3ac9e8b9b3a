"""What a name of a place means, in a sentence for a person."""

from __future__ import annotations

from collections import Counter

from geoloc_core.places import fold
from geoloc_core.signs.names.candidates import COUNTY, LANDMARK, REGION, Place
from geoloc_core.signs.names.mentions import Mention
from geoloc_core.signs.names.nations import called

_DOMINANT = 0.6  # of the people of all namesakes
_LEAST_WEIGHT = 0.1


def meaning(mention: Mention) -> str:
    """For example "“Köln” is Köln, North Rhine-Westphalia, Germany."."""
    text, places = mention.text, mention.places
    first, whole = places[0], sum(p.people * p.weight for p in places)
    where = address(first)
    if mention.around.km:
        return f"“{text}” is {mention.around.km:,.0f} km away by this sign: {where}."
    if "street" in mention.around.kinds:
        return f"“{text}” stands beside a word for a street, which may lead to {where}."
    if len(places) > 1 and first.people * first.weight < _DOMINANT * whole:
        return f"“{text}” is the name of {_several(places)}."
    if mention.derived:
        return f"“{text}” may come from {where}."
    return f"“{text}” is {_sort(first)}{where}."


def address(place: Place) -> str:
    """ "Köln, North Rhine-Westphalia, Germany"."""
    parts = [place.name, place.region or "", called(place.country)]
    kept = [p for i, p in enumerate(parts) if p and fold(p) not in [fold(q) for q in parts[:i]]]
    return ", ".join(kept)


def _sort(place: Place) -> str:
    return {REGION: "the region ", COUNTY: "the area ", LANDMARK: ""}.get(place.level, "")


def _several(places: tuple[Place, ...]) -> str:
    usual = [p for p in places if p.weight >= _LEAST_WEIGHT] or list(places)
    many = "40 or more" if len(usual) >= 40 else str(len(usual))
    if len(usual) <= 2:
        return " and ".join(address(p) for p in usual)
    code, count = Counter(p.country for p in usual).most_common(1)[0]
    most = f", most of them in {called(code)}" if 2 * count > len(usual) else f", of them {address(usual[0])}"
    return f"{many} places{most}"
