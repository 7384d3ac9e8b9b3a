"""What sign reading found in a photo: the writing, the clues with what each came to, and the countries left."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

from geoloc_core.geo import LocationDistribution
from geoloc_core.signs import clues as kinds
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.combine import Belief, Weighed, Weights, combine, learned, weigh
from geoloc_core.signs.lookalike import undisguised_writing
from geoloc_core.signs.spread import distribution_of
from geoloc_core.signs.writing import Writing

Struck = Collection[tuple[str, str]]


@dataclass(frozen=True)
class Signs:
    """What was read and what it means.

    Attributes:
        writing: the lines, as corrected.
        found: the clues in them.
        struck: keys of clues that somebody does not believe.
        belief: what the others say together.
        weights: how far each kind of clue is believed; None as learned.
    """

    writing: Writing
    found: tuple[Clue, ...]
    struck: frozenset[tuple[str, str]]
    belief: Belief = field(repr=False, compare=False)
    weights: Weights | None = field(default=None, repr=False)

    @cached_property
    def distribution(self) -> LocationDistribution:
        """Where the photo was taken, going by the clues."""
        return distribution_of(self.belief)

    @cached_property
    def clues(self) -> tuple[Weighed, ...]:
        """The clues with what each came to, those that speak most for the answer first, struck ones last."""
        return weigh(self.found, self.belief, self.distribution.best(), self.struck, self.weights)

    @cached_property
    def countries(self) -> dict[str, float]:
        """ISO 3166 alpha-2 -> probability, the likeliest first, at least 1 % each."""
        return {code: share for code, share in self.belief.countries() if share >= 0.01}

    @property
    def learned_on(self) -> str:
        """What the weights of the clues were learned on."""
        return (self.weights or learned()).learned_on

    @property
    def silent(self) -> bool:
        """No clue counts: the answer is only where photos come from."""
        return all(clue.key in self.struck for clue in self.found)

    @property
    def headline(self) -> str:
        """In one sentence what became of the reading."""
        read = sum(bool(line.text) for line in self.writing.lines)
        if not self.writing.lines:
            return "There is nothing to read in this photo."
        if not read and self.silent:
            return "There is writing in this photo, but none that could be read."
        lines = f"{read} line{'s' * (read != 1)} of text could be read"
        if self.silent:
            return f"{lines}, but nothing in them points to a place."
        used = sum(clue.key not in self.struck for clue in self.found)
        return f"{lines}; {used} clue{'s' * (used > 1)} in what is written."


def study(writing: Writing, struck: Struck = (), weights: Weights | None = None) -> Signs:
    """Find the clues in a writing and multiply those that are not struck.

    Args:
        writing: what was read; lines that are Cyrillic or Greek taken for Latin become what they are.
        struck: keys of clues that somebody does not believe.
        weights: how far each kind is believed; by default as learned.
    """
    plain = undisguised_writing(writing)
    return judge(plain, kinds.find(plain), struck, weights)


def judge(writing: Writing, clues: tuple[Clue, ...], struck: Struck = (), weights: Weights | None = None) -> Signs:
    """The same for clues that have been found before."""
    belief = combine([clue for clue in clues if clue.key not in struck], weights)
    return Signs(writing, clues, frozenset(struck), belief, weights)


def area_of(clue: Clue, weights: Weights | None = None) -> LocationDistribution:
    """Where a clue alone points, believed as far as its kind is."""
    return distribution_of(combine([clue], weights))
