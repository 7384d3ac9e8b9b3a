"""Words on signs that belong to few countries: authorities, notices, shops, forms of companies ("Trafik", "Kft.").

`assets/signs/vocabulary.csv` says which are written where; it is general knowledge, meant to be corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from geoloc_core.signs.clue import Clue
from geoloc_core.signs.wordlist import Wordlist, clues
from geoloc_core.signs.writing import Writing


class VocabularyFinder:
    """Finds the words of signs and shop fronts."""

    name = "vocabulary"
    about = "words of signs and shop fronts"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for all words of the same countries."""
        return clues(self.name, _words().matches(writing), "{words}{meaning} is written on signs in {countries}.")


@cache
def _words() -> Wordlist:
    return Wordlist("vocabulary")
