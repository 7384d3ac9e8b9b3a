"""Units, dates, opening hours and days of the week: "35 MPH", "31.12.2024", "kl. 10-18", "Ma t/m Vr", "令和6年".

`assets/signs/measures.csv` lists forms by which countries differ, each with how usual it is in which. What all the
world writes ("10:00", "5 kg", "12 km") is not among them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from geoloc_core.signs import tables
from geoloc_core.signs.areas import country_name, listed
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.writing import Writing


@dataclass(frozen=True, eq=False)
class Form:
    """A row of the table.

    Attributes:
        pattern: what it looks like, whatever the case.
        trust: how far it is believed to be what it looks like.
        countries: ISO 3166 alpha-2 -> how usual it is there.
        about: what it is, for a person.
    """

    pattern: re.Pattern[str]
    trust: float
    countries: Mapping[str, float]
    about: str


class MeasureFinder:
    """Finds units, dates and hours in the forms of some countries."""

    name = "measure"
    about = "units, dates and hours"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for each form, however often it is met; of two forms of the same words, the first in the table."""
        found: dict[Form, list[tuple[int, str]]] = defaultdict(list)
        for index, line in enumerate(writing.lines):
            taken: list[tuple[int, int]] = []
            for form in forms():
                match = form.pattern.search(line.text)
                if match and all(match.end() <= start or end <= match.start() for start, end in taken):
                    taken.append(match.span())
                    found[form].append((index, match.group()))
        return [self._clue(form, hits, writing) for form, hits in found.items()]

    def _clue(self, form: Form, hits: Sequence[tuple[int, str]], writing: Writing) -> Clue:
        subject = hits[0][1].strip()
        of = [country_name(code) for code, _ in sorted(form.countries.items(), key=lambda item: -item[1])]
        sentence = f"{subject} ({form.about}) is what one reads in {listed(of)}."
        lines = tuple(index for index, _ in hits)
        trust = form.trust * max(writing.lines[index].confidence for index in lines)
        return Clue(self.name, subject, sentence, lines, form.countries, (), trust)


@cache
def forms() -> tuple[Form, ...]:
    """The table, read once a process."""
    return tuple(
        Form(re.compile(row["form"], re.IGNORECASE), float(row["trust"]), tables.fits(row["countries"]), row["about"])
        for row in tables.rows("measures")
    )
