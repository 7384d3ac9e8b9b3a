"""Whether the rest of a photo's writing is in a language of the place that a name may mean.

"Choco" in a Spanish menu is squid from Cádiz as soon as a region of Colombia; "Roma" beside German words is a pizzeria.
A foreign city's name is the likelier an ordinary word or a label, the fewer of that country's signs are in the language
around it.
"""

from __future__ import annotations

from collections.abc import Sequence

from geoloc_core.signs.heard import agreement
from geoloc_core.signs.names.candidates import Place

_LEAST = 0.05  # of a name's odds is left where nobody writes the language
_POWER = 0.5  # of the share of signs: names of places stand on those of few words most


def spoken_around(places: Sequence[Place], rest: str) -> float:
    """Factor for the odds that a name means one of `places`, by the language of the other words; at most 1."""
    people = [place.people * place.weight + 1 for place in places]
    fits = [agreement(rest, (place.country,)) for place in places]
    spoken = sum(n * fit**_POWER for n, (fit, _) in zip(people, fits, strict=True)) / sum(people)
    return 1 - fits[0][1] * (1 - max(spoken, _LEAST))
