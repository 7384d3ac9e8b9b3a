"""What is written in a photo: lines of text with their boxes, made harmless where they enter.

Text in a photo is as hostile as any: a sign may hold markup, a template, unseen characters or a megabyte. `clean` is
the one door it comes in by, and `Writing` bounds how much there is of it, so that no clue needs to think of that again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

MAX_LINES, MAX_LINE = 200, 200
CORRECTED = "corrected by you"
Box = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
WHOLE: Box = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def clean(text: str, limit: int = MAX_LINE) -> str:
    """`text` on one line, in composed form, without control, bidirectional and other unseen characters."""
    seen = (" " if c.isspace() else c for c in text[: 4 * limit] if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(unicodedata.normalize("NFC", "".join(seen)).split())[:limit]


@dataclass(frozen=True)
class Line:
    """One line of text in a photo.

    Attributes:
        text: as read; empty if a line is there that no reader could read.
        confidence: the reader's own, 0 to 1.
        box: its corners, clockwise from where the text begins, as (x, y) shares of the photo's width and height.
        reader: who read it.
        scripts: what script it is written in by the look of it, name -> probability; empty if nobody looked.
    """

    text: str
    confidence: float = 1.0
    box: Box = WHOLE
    reader: str = ""
    scripts: Mapping[str, float] = field(default_factory=dict)

    @property
    def letters(self) -> int:
        """How many letters were read."""
        return sum(c.isalpha() for c in self.text)

    @property
    def look(self) -> str:
        """The script it most looks to be in; empty if nobody looked."""
        return max(self.scripts, key=self.scripts.__getitem__, default="")


@dataclass(frozen=True)
class Writing:
    """All that is written in a photo, from top to bottom, and who looked for it.

    Attributes:
        lines: at most `MAX_LINES`, the largest and surest kept.
        readers: who looked.
        reads: names of the scripts they can read.
    """

    lines: tuple[Line, ...] = ()
    readers: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()

    @classmethod
    def of(cls, lines: Iterable[Line], readers: Iterable[str] = (), reads: Iterable[str] = ()) -> Writing:
        """The lines made harmless; those with neither text nor a script are dropped."""
        kept = [replace(line, text=clean(line.text)) for line in lines]
        kept = [line for line in kept if line.text or line.scripts]
        if len(kept) > MAX_LINES:
            best = sorted(range(len(kept)), key=lambda i: -kept[i].confidence * _height(kept[i].box))[:MAX_LINES]
            kept = [kept[i] for i in sorted(best)]
        return cls(tuple(kept), tuple(readers), frozenset(reads))

    @classmethod
    def typed(cls, text: str) -> Writing:
        """Text that a person gives, a line each."""
        return cls.of((Line(line, reader="typed") for line in text[: MAX_LINES * MAX_LINE].splitlines()), ("typed",))

    @property
    def letters(self) -> int:
        """How many letters were read in all."""
        return sum(line.letters for line in self.lines)

    @property
    def text(self) -> str:
        """The lines that were read, one below the other."""
        return "\n".join(line.text for line in self.lines if line.text)

    def corrected(self, index: int, text: str) -> Writing:
        """The same with line `index` as a person reads it; an empty text takes its words away, not its number."""
        line = replace(self.lines[index], text=clean(text), confidence=1.0, reader=CORRECTED, scripts={})
        return replace(self, lines=(*self.lines[:index], line, *self.lines[index + 1 :]))


def _height(box: Box) -> float:
    ys = [y for _, y in box]
    return max(ys) - min(ys)
