"""Words of a photo's writing, and the runs of words that may be one name.

OCR runs words together: "StadtKöln" parts at the capital, "50667Köln" at the digits. Scripts that write no spaces give
every run of a few characters, as nobody says where a word ends in "運河駅東口".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from geoloc_core.signs.names.keys import key
from geoloc_core.signs.scripts import script_of

MAX_WORDS, MAX_KEY = 5, 30
MAX_TOKENS = 40  # of a line
_WORD = re.compile(r"[^\W_]+(?:['’`][^\W_]+)*")
_PARTS = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_SPACELESS = frozenset(("han", "kana", "thai", "lao", "khmer", "myanmar", "tibetan"))
_RUNS = {"han": (2, 6), "kana": (3, 8), "thai": (4, 18)}
_LONGEST_RUN = 40
_PARTICLES = frozenset(("Mc", "Mac", "De", "Di", "La", "Le", "Van", "Fitz", "O"))


@dataclass(frozen=True)
class Token:
    """One word.

    Attributes:
        text: as read.
        key: as names are compared.
        line: index of the writing's line.
        whole: it is a word as read, no part of one that runs into another.
    """

    text: str
    key: str
    line: int
    whole: bool = True


@dataclass(frozen=True)
class Run:
    """Some tokens in a row of one line (or of two short ones), that may be a name.

    Attributes:
        start: index of its first token in the sentence.
        stop: index after its last.
        key: theirs, joined.
        text: as read, without what stands around.
    """

    start: int
    stop: int
    key: str
    text: str


def tokens_of(text: str, line: int) -> list[Token]:
    """The words of a line, the first `MAX_TOKENS`."""
    words = (
        (part, match.group())
        for match in islice(_WORD.finditer(text), MAX_TOKENS)
        for part in _PARTS.split(match.group())
    )
    parts = ((piece, piece == whole) for word, whole in words for piece in _humps(word))
    return [Token(part, k, line, whole) for part, whole in islice(parts, MAX_TOKENS) if (k := key(part))]


def _humps(word: str) -> list[str]:
    """A word parted where a capital follows a small letter, unless the first part is a particle ("McDonald")."""
    cuts = [i for i in range(1, len(word)) if word[i].isupper() and word[i - 1].islower()]
    if not cuts or word[: cuts[0]] in _PARTICLES or len(cuts) > 6:
        return [word]
    pieces = [word[a:b] for a, b in zip([0, *cuts], [*cuts, len(word)], strict=True)]
    return pieces if all(len(piece) > 1 for piece in pieces) else [word]


def runs_of(sentence: Sequence[Token]) -> Iterator[Run]:
    """All runs of words that may be a name: by words where the script has spaces, else by characters."""
    for start, first in enumerate(sentence):
        joined = ""
        for stop in range(start + 1, min(start + MAX_WORDS, len(sentence)) + 1):
            joined += sentence[stop - 1].key
            if len(joined) > MAX_KEY:
                break
            yield Run(start, stop, joined, " ".join(t.text for t in sentence[start:stop]))
        yield from (Run(start, start + 1, key(part), part) for part in _spaceless(first.text))


def _spaceless(word: str) -> Iterator[str]:
    """Parts of a word in a script without spaces, one script each, not the whole word."""
    script = script_of(word[0])
    if script not in _SPACELESS and not any(script_of(c) in _SPACELESS for c in word[:2]):
        return
    scripts = [script_of(c) for c in word[:_LONGEST_RUN]]
    for start, own in enumerate(scripts):
        shortest, longest = _RUNS.get(own or "", (3, 12))
        for stop in range(start + 1, min(start + longest, len(scripts)) + 1):
            if scripts[stop - 1] not in (own, None) and not {scripts[stop - 1], own} <= {"han", "kana"}:
                break
            if stop - start >= shortest and stop - start < len(word):
                yield word[start:stop]
