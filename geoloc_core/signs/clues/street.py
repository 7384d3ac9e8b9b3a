"""Words for streets: "Hauptstr.", "Rue de la Gare", "Sveavägen", "Jl. Raya", "ul. Długa", "3丁目".

`assets/signs/streets.csv` says which are written where; it is general knowledge, meant to be corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from geoloc_core.signs.clue import Clue
from geoloc_core.signs.wordlist import Wordlist, clues
from geoloc_core.signs.writing import Writing


class StreetFinder:
    """Finds what streets are called by."""

    name = "street"
    about = "words for streets"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for all words of the same countries."""
        sentence = "{words}{meaning} stands in addresses of {countries}."
        return clues(self.name, _streets().matches(writing), sentence)


@cache
def _streets() -> Wordlist:
    return Wordlist("streets", beside_names=True)
