"""Finds lines in Cyrillic or Greek that a reader of Latin letters took for Latin: "PECTOPAH" is ресторан.

A word as read is explained twice: as Latin, by a trigram model of letters, and as the other script seen through the
reader, a noisy channel: trigrams of that script, times what the reader makes of each letter. That is in the table
assets/signs/lookalikes.csv, from what rapidocr 3.10 read of words drawn in 20 fonts. The line is taken for the other
script where that explains it far better. A decoded word within a letter or two of one in the lexicon becomes that word;
one that is in the Latin lexicon as it stands ("APTEKA" is Polish) counts as Latin.

`index_builder.signs.lookalikes` makes assets/signs/lookalikes.npz: the models of letters and the lexicon.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoloc_core.paths import ASSETS
from geoloc_core.signs.tables import fits, rows
from geoloc_core.signs.writing import CORRECTED, Writing

MODEL = ASSETS / "signs" / "lookalikes.npz"
SCRIPTS = ("cyrillic", "greek")
LONGEST_WORD, MOST_WORDS = 24, 12  # of a line; more are not looked at
MOST_LINES = 40  # of a writing, likewise
LEAST_LETTERS = 4
FLOOR = -5.5  # log probability of a letter after two others, at least: names and readers break every rule
STRANGE, UNLIKELY_CASE, DIGIT_INSIDE = -8.0, -2.0, -3.0  # what Latin pays for a letter it has not, for aBc, for A3B
LATIN_WORD = -4.0  # what a word of the Latin lexicon says
PRIOR = -1.0  # with SURE, one line in a thousand of Latin names of towns is mistaken
SURE = 0.95
BEAM = 12
SHORT = 6  # letters: a shorter word counts only if it is in the lexicon; acronyms look like anything
APART = 2.5  # what a letter costs by which a word of the lexicon differs
WORTHLESS = -4.0  # a word that Latin explains so much better is not looked up
_BETWEEN = re.compile(r"([\s,.;:!?()\"“”«»&-]+)")  # what parts words; other marks may be pieces of letters
_BY_HAND = ("typed", CORRECTED)
NAMES = {"cyrillic": "Cyrillic", "greek": "Greek"}

Choices = Mapping[str, tuple[tuple[str, float], ...]]


@dataclass(frozen=True)
class Letters:
    """A trigram model of letters.

    Attributes:
        index: letter -> its row; 0 is the edge of a word.
        logs: (n, n, n) log probability of the third letter after the first two.
    """

    index: Mapping[str, int]
    logs: NDArray[np.float16]

    def log(self, before: str, letter: str) -> float:
        """Log probability of a letter after the two of `before`; " " is the edge."""
        first, second = (self.index.get(c, 0) for c in before)
        return max(float(self.logs[first, second, self.index.get(letter, 0)]), FLOOR)


@dataclass(frozen=True)
class Model:
    """All that is known of the scripts, Latin among them: letters and words of each."""

    letters: Mapping[str, Letters]
    lexicon: Mapping[str, tuple[str, ...]]

    @classmethod
    def load(cls, path: Path = MODEL) -> Model:
        """Read what `index_builder.signs.lookalikes` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            letters = {
                script: Letters(
                    {c: i for i, c in enumerate(str(stored[f"{script}_alphabet"]))}, stored[f"{script}_logs"]
                )
                for script in ("latin", *SCRIPTS)
            }
            words = {script: tuple(bytes(stored[f"{script}_words"]).decode().split("\n")) for script in letters}
        return cls(letters, words)


def undisguised(text: str) -> list[tuple[str, str, float]]:
    """What a line read as Latin is, if it is probably in another script.

    Returns:
        (script, its text, probability), at most one of a script, the likeliest first; empty for Latin text.
    """
    parts = _BETWEEN.split(text)[: 2 * MOST_WORDS]
    if sum(c.isalpha() for c in text) < LEAST_LETTERS:
        return []
    found: list[tuple[str, str, float]] = []
    for script in SCRIPTS:
        decoded = [_explained(script, word) for word in parts[::2]]
        gain = PRIOR + sum(gain for _, gain in decoded)
        probability = 1 / (1 + math.exp(-max(min(gain, 40.0), -40.0)))
        if probability >= SURE:
            words = iter([word for word, _ in decoded])
            line = "".join(next(words) if i % 2 == 0 else part for i, part in enumerate(parts))
            found.append((script, line.strip(), probability))
    return sorted(found, key=lambda f: -f[2])


def undisguised_writing(writing: Writing) -> Writing:
    """`writing` with the lines that are Cyrillic or Greek in disguise as what they are; all lines keep their numbers.

    What a person typed or corrected stays as it is.
    """
    lines = list(writing.lines)
    read = [i for i, line in enumerate(lines) if line.letters >= LEAST_LETTERS and line.reader not in _BY_HAND]
    for i in read[:MOST_LINES]:
        if found := undisguised(lines[i].text):
            script, text, probability = found[0]
            sure = probability * lines[i].confidence
            reader = f"decoded as {NAMES[script]}"
            lines[i] = replace(lines[i], text=text, confidence=sure, reader=reader, scripts={script: probability})
    return replace(writing, lines=tuple(lines)) if lines != list(writing.lines) else writing


def plain(text: str) -> str:
    """Small letters without accents, as the Latin model has them."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


@lru_cache(maxsize=4096)
def _as_latin(word: str) -> float:
    model, before, total = _model().letters["latin"], "  ", 0.0
    for here, seen in enumerate(word[:LONGEST_WORD]):
        letter = plain(seen)[:1]
        inside = 0 < here < len(word) - 1 and word[here - 1].isalpha() and word[here + 1].isalpha()
        if letter in model.index and letter != " ":
            odd = seen.isupper() and here > 0 and word[here - 1].islower()
            total += model.log(before, letter) + (UNLIKELY_CASE if odd else 0.0)
        elif seen.isalpha() or seen in "∂∏∑∆△":
            total += STRANGE
        elif seen.isdigit() and inside:
            total += DIGIT_INSIDE
        before = before[1] + (letter if letter in model.index else " ")
    return total + model.log(before, " ")


@lru_cache(maxsize=4096)
def _explained(script: str, word: str) -> tuple[str, float]:
    """The likeliest word of `script` behind a word as read, and by how much it explains it better than Latin does."""
    letters = sum(c.isalpha() for c in word)
    if not letters:
        return word, 0.0
    if plain(word) in _latin_words():
        return word, LATIN_WORD
    text, score = _decoded(script, word)
    gain = score - _as_latin(word)
    known, distance = _known(script, text) if gain + letters > WORTHLESS else ("", 0)
    if known:
        gain += max(len(known) - APART * distance, 0.0)
    elif letters < SHORT and plain(word).isascii():
        gain = min(gain, 0.0)
    return _cased(known or text, word), gain


def _decoded(script: str, word: str) -> tuple[str, float]:
    """The likeliest letters of `script` behind a word as read, and their log probability; marks and numbers stay."""
    model, word = _model().letters[script], word[:LONGEST_WORD]
    ends: list[dict[str, tuple[str, float]]] = [{"": ("", 0.0)}, *({} for _ in word)]
    for start in range(len(word)):
        paths = sorted(ends[start].values(), key=lambda path: -path[1])[:BEAM]
        for length, choices in _readings(script, word, start):
            for text, score in paths:
                before = _last_two(text)
                for letter, log in choices:
                    total = score + log + (model.log(before, letter) if letter.isalpha() else 0.0)
                    end, longer = ends[start + length], text + letter
                    if total > end.get(longer[-2:], ("", -math.inf))[1]:
                        end[longer[-2:]] = (longer, total)
    return max(((t, s + model.log(_last_two(t), " ")) for t, s in ends[-1].values()), key=lambda path: path[1])


def _last_two(text: str) -> str:
    return "".join(c if c.isalpha() else " " for c in f"  {text}"[-2:])


def _readings(script: str, word: str, start: int) -> Iterator[tuple[int, tuple[tuple[str, float], ...]]]:
    """How many characters from `start` on may be which letters, with their log probabilities."""
    table = _table(script)
    for length in (3, 2):
        if (piece := word[start : start + length]) in table and len(piece) == length:
            yield length, table[piece]
    seen = word[start]
    stripped = unicodedata.normalize("NFD", seen)[0]
    found = table.get(seen) or table.get(seen.upper() if not seen.isascii() else seen) or table.get(stripped)
    if found:
        yield 1, found
    elif not seen.isalnum():
        yield 1, ((seen, 0.0),)
    elif (own := seen.casefold() if script == "cyrillic" else plain(seen)) in _model().letters[script].index:
        yield 1, ((own, 0.0),)
    else:
        yield 1, ((seen, STRANGE),)


@lru_cache(maxsize=4096)
def _known(script: str, text: str) -> tuple[str, int]:
    """The word of the lexicon nearest to `text`, and how many letters apart; an empty one if none is near."""
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    letters = "".join(c for c in text if c.isalpha())
    allowed = 0 if len(letters) < 4 else 1 if len(letters) < 8 else 2
    found = process.extractOne(letters, _model().lexicon[script], scorer=Levenshtein.distance, score_cutoff=allowed)
    return (str(found[0]), int(found[1])) if found else ("", 0)


def _cased(text: str, word: str) -> str:
    capitals = sum(c.isupper() for c in word) > 0.5 * sum(c.isalpha() for c in word)
    return text.upper() if capitals else text.capitalize() if word[:1].isupper() else text


@cache
def _latin_words() -> frozenset[str]:
    return frozenset(_model().lexicon["latin"])


@cache
def _table(script: str) -> Choices:
    """What the reader's characters may be: letters with their log probabilities."""
    return {
        row["read"]: tuple((letter, math.log(share)) for letter, share in fits(row["meant"]).items())
        for row in rows("lookalikes")
        if row["script"] == script
    }


@cache
def _model() -> Model:
    return Model.load()
