"""Names of towns, districts, regions, countries and landmarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from geoloc_core.signs.clue import Clue
from geoloc_core.signs.names.mentions import Mention, mentions_in
from geoloc_core.signs.names.nations import Nation, called, nations_in
from geoloc_core.signs.names.spots import spots_of
from geoloc_core.signs.names.tokens import runs_of, tokens_of
from geoloc_core.signs.names.wording import meaning
from geoloc_core.signs.writing import Writing

MOST = 12
_AGAIN = 0.3  # how much of the doubt is left for each time that a name is met again


class PlaceNames:
    """Finds names of places; a clue for each distinct place, the surest `MOST`."""

    name = "place"
    about = "names of towns, regions, countries and landmarks"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """The names in a writing; countries' names apart from those of towns."""
        nations = {nation.country: nation for nation in sorted(_nations(writing), key=lambda n: n.trust)}
        clues = [self._country(nation) for nation in nations.values()]
        named = {(line, word) for clue in clues for line in clue.lines for word in (clue.subject,)}
        mentions = [m for m in mentions_in(writing) if not any((line, m.text) in named for line in m.lines)]
        clues += [self._clue(mention) for mention in _distinct(mentions)]
        once = {clue.subject.casefold(): clue for clue in sorted(clues, key=lambda c: c.trust)}
        return sorted(once.values(), key=lambda c: -c.trust)[:MOST]

    def _clue(self, mention: Mention) -> Clue:
        countries, spots = spots_of(mention)
        return Clue(self.name, mention.text, meaning(mention), mention.lines, countries, spots, mention.trust)

    def _country(self, nation: Nation) -> Clue:
        what = "is an adjective for" if nation.adjective else "is a name of"
        sentence = f"“{nation.text}” {what} {called(nation.country)}."
        return Clue(self.name, nation.text, sentence, (nation.line,), {nation.country: 1.0}, (), nation.trust)


def _nations(writing: Writing) -> Iterator[Nation]:
    for i, line in enumerate(writing.lines):
        sentence = tokens_of(line.text, i)
        yield from nations_in(list(runs_of(sentence)), sentence)


def _distinct(mentions: Sequence[Mention]) -> list[Mention]:
    """One mention a place: the surest, a little surer with each other one; no parts of longer names."""
    best: dict[tuple[float, float], Mention] = {}
    for mention in sorted(mentions, key=lambda m: -m.trust):
        if any(_is_part(mention, other) for other in mentions):
            continue
        first = mention.places[0]
        where = (first.lat, first.lon)
        if where in best:
            known = best[where]
            doubt = (1 - known.trust) * (1 - _AGAIN * mention.trust)
            best[where] = replace(known, lines=tuple(sorted({*known.lines, *mention.lines})), trust=1 - doubt)
        else:
            best[where] = mention
    return list(best.values())


def _is_part(mention: Mention, other: Mention) -> bool:
    """Whether the words of a mention are some of another's, in a line of it."""
    words, longer = mention.text.casefold().split(), other.text.casefold().split()
    return len(words) < len(longer) and set(words) <= set(longer) and bool(set(mention.lines) & set(other.lines))
