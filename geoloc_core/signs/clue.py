"""A clue: something recognised in a photo's writing, and how well it would fit where.

A clue is a likelihood: `countries` and `spots` say how probable it is to meet such a thing there, up to a common
factor. A place that neither names has a fit of 0; being misled (a poster of Paris in Tokyo) is not the clue's business:
`geoloc_core.signs.combine` allows every kind of clue a share for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Spot:
    """A place that a clue names.

    Attributes:
        lat: degrees.
        lon: degrees.
        km: how far around it the clue still fits well: the standard deviation of a Gaussian on the tangent plane.
        fit: relative to the clue's other spots and countries.
        name: what it is called, for a person.
        country: ISO 3166 alpha-2; the fit ends at that country's border. None: it does not.
    """

    lat: float
    lon: float
    km: float
    fit: float = 1.0
    name: str = ""
    country: str | None = None


@dataclass(frozen=True)
class Clue:
    """Something recognised in the writing.

    Attributes:
        kind: the file in `geoloc_core.signs.clues` that found it.
        subject: what was recognised, as it stands on the sign.
        sentence: what it means, for a person: "The phone number +46 8 123 45 is Stockholm's."
        lines: indices of the writing's lines that it rests on.
        countries: ISO 3166 alpha-2 -> fit, in [0, 1]; everywhere in the country alike.
        spots: places, where the clue is finer than a country. A place's fit is the largest that any of both gives.
        trust: probability that the thing was recognised rightly, as far as the clue itself can tell.
    """

    kind: str
    subject: str
    sentence: str
    lines: tuple[int, ...]
    countries: Mapping[str, float] = field(default_factory=dict)
    spots: tuple[Spot, ...] = ()
    trust: float = 1.0

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the other clues of a photo."""
        return self.kind, self.subject
