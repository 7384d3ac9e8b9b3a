"""In which letters it is written: scripts, and letters that few languages have.

Scripts come from the letters that were read, and, of lines that nobody could read, from what they look like
(`Line.scripts`). Plain Latin letters say nothing; "ß" and "ř" do. Readers invent accents and stray characters, so a
letter counts by how often and how surely it was read. The table is assets/signs/scripts.csv.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from geoloc_core.signs.clue import Clue
from geoloc_core.signs.scripts import script_of, scripts_of
from geoloc_core.signs.tables import fits, rows
from geoloc_core.signs.writing import Line, Writing

LEAST_CONFIDENCE = 0.6  # of a line whose letters count
PLAIN_LOOK, PLAIN_READING = 0.9, 0.93  # a look this sure beats a reading less sure than that
LEAST_SHAPE = 0.5  # probability of a script by its look that counts
SHAPE_WORTH = 0.9  # how far a look is trusted at most
LETTERS_TO_TELL = 1.0  # telling letters by which doubt about them falls to a third; readers invent marks
SCRAP, OF_SCRAP = 3, 0.25  # Latin letters of a line that may be noise, and what a telling letter in it is worth
CLASH = 0.3  # what letters of one word are worth that no country has together
HOME = 0.03  # fit of a country that a letter is at home in
LETTERS_TO_BELIEVE = 2  # read letters of a script by which doubt about it falls to a third
STROKES = frozenset("一ー丨口〇のロ二三工十")  # readers make them of lines and boxes; の is also foreign
KANA, HAN, CYRILLIC, LATIN = "kana", "han", "cyrillic", "latin"
JAPANESE_WITHOUT_KANA = 0.93  # share of Japanese signs left with each further character if none of them is kana
LEADING = 2.0  # of simplified, traditional and Japanese forms, the commonest counts if it is so many times the next
DECODED = "decoded"
# Where a country's own Cyrillic letters are missing: the letters, and their share of its text.
MISSED = {
    **dict.fromkeys(("RU", "BY", "KZ", "KG", "MN"), ("ы э ё", 0.025)),
    **dict.fromkeys(("RS", "MK", "BA", "ME"), ("ј љ њ џ", 0.045)),
    "UA": ("і", 0.06),
    "BG": ("ъ", 0.015),
}
LEAST_LEFT = 0.1  # of a country's fit, however long such a text is


@dataclass(frozen=True)
class Row:
    """A row of the table: a whole script, or some letters of it."""

    subject: str
    script: str
    letters: frozenset[str]
    trust: float
    countries: Mapping[str, float]
    sentence: str


@dataclass
class Seen:
    """How much there is of something: letters read, each by its line's confidence, looks, and the lines of both."""

    letters: float = 0.0
    doubt: float = 1.0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int, letters: float = 0.0, look: float = 0.0) -> None:
        """Count a line's letters, or the probability by its look."""
        self.letters += letters
        self.doubt *= 1 - SHAPE_WORTH * look
        self.lines.append(line)


class ScriptFinder:
    """Finds in which letters it is written."""

    name = "script"
    about = "scripts, and letters that few languages have"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for each script but Latin, and for each set of telling letters."""
        scripts, letters = _scripts(writing), _letters(writing)
        return [*self._of_scripts(scripts, letters), *self._of_letters(letters)]

    def _of_scripts(self, scripts: Mapping[str, Seen], letters: Mapping[str, Seen]) -> Iterator[Clue]:
        for row in _table():
            seen = scripts.get(row.script)
            if row.letters or seen is None or (row.script == HAN and KANA in scripts):
                continue
            countries = dict(row.countries)
            if row.script == HAN:
                countries["JP"] *= max(JAPANESE_WITHOUT_KANA**seen.letters, LEAST_LEFT)
            elif row.script == CYRILLIC:
                for country, (subject, share) in MISSED.items():
                    if subject not in letters:
                        countries[country] *= max((1 - share) ** seen.letters, LEAST_LEFT)
            sure = 1 - seen.doubt * math.exp(-seen.letters / LETTERS_TO_BELIEVE)
            yield Clue("script", row.subject, row.sentence, tuple(seen.lines), countries, trust=row.trust * sure)

    def _of_letters(self, letters: Mapping[str, Seen]) -> Iterator[Clue]:
        forms = sorted((letters[row.subject].letters for row in _table() if _is_form(row, letters)), reverse=True)
        for row in _table():
            seen = letters.get(row.subject)
            if seen is None:
                continue
            if row.script == HAN and len(forms) > 1 and not (seen.letters == forms[0] >= LEADING * forms[1]):
                continue
            trust = row.trust * (1 - math.exp(-seen.letters / LETTERS_TO_TELL))
            yield Clue("script", row.subject, row.sentence, tuple(seen.lines), row.countries, trust=trust)


def _scripts(writing: Writing) -> dict[str, Seen]:
    """What there is of each script but Latin; single stray characters are left out."""
    found: dict[str, Seen] = {}
    for number, line in enumerate(writing.lines):
        if _read(line):
            counts: dict[str, int] = {}
            for character in line.text:
                script = None if character in STROKES else script_of(character)
                if script:
                    counts[script] = counts.get(script, 0) + 1
            for script, count in counts.items():
                if count > 1 and count >= 0.2 * line.letters:
                    found.setdefault(script, Seen()).add(number, letters=count * line.confidence)
        elif line.scripts.get(line.look, 0.0) >= LEAST_SHAPE:
            found.setdefault(line.look, Seen()).add(number, look=line.scripts[line.look])
    return found


def _letters(writing: Writing) -> dict[str, Seen]:
    """What there is of each set of telling letters, in lines of which most is in their script."""
    found: dict[str, Seen] = {}
    for number, line in enumerate(writing.lines):
        if not _read(line) or line.reader.startswith(DECODED):
            continue
        for subject, count in _worth(line.text).items():
            worth = min(count, 3) * line.confidence**2
            found.setdefault(subject, Seen()).add(number, letters=worth)
    return found


def _worth(text: str) -> dict[str, float]:
    """What a line's telling letters are worth, by their subjects: less in scraps and in words no country writes."""
    found: dict[str, float] = {}
    letters = sum(c.isalpha() for c in text)
    for word in text.split():
        known = [row for c in word if (row := _by_letter().get(c) or _by_letter().get(c.lower()))]
        worth = OF_SCRAP if letters <= (SCRAP if any(row.script == LATIN for row in known) else 1) else 1.0
        homes = [{code for code, fit in row.countries.items() if fit >= HOME} for row in known]
        if known and not set.intersection(*homes):
            worth *= CLASH
        for row in known:
            found[row.subject] = found.get(row.subject, 0.0) + worth
    return found


def _read(line: Line) -> bool:
    """Whether a line counts by its letters, not its look: if it was read surely, or does not look another script."""
    if not line.letters or line.confidence < LEAST_CONFIDENCE:
        return False
    looks = {name for name, chance in line.scripts.items() if chance >= PLAIN_LOOK}
    return line.confidence >= PLAIN_READING or looks <= set(scripts_of(line.text))


def _is_form(row: Row, letters: Mapping[str, Seen]) -> bool:
    return row.script == HAN and row.subject in letters


@cache
def _table() -> tuple[Row, ...]:
    return tuple(
        Row(
            row["subject"],
            row["script"],
            frozenset(row["letters"]),
            float(row["trust"]),
            fits(row["countries"]),
            row["sentence"],
        )
        for row in rows("scripts")
    )


@cache
def _by_letter() -> dict[str, Row]:
    return {letter: row for row in _table() for letter in row.letters}
