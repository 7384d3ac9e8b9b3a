"""How many characters of drawn signs are read rightly, by script and by how tall they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.fuzz import partial_ratio_alignment

from geoloc_core.places import fold
from geoloc_core.signs.scripts import scripts_of
from index_builder.signs.readings import Reading

_TALL = (("below 12 px", 0, 12), ("12 to 20 px", 12, 20), ("20 to 35 px", 20, 35), ("35 px or more", 35, 1e9))


def line_accuracy(drawn: str, read: Sequence[str]) -> float:
    """Share of a line's characters that the best of the lines read has, but for case and spaces; 0 to 1.

    A line that was read together with its neighbour counts by the part that fits.
    """
    true = drawn.casefold().replace(" ", "")
    best = 0.0
    for text in read:
        found = text.casefold().replace(" ", "")
        if len(found) > len(true):
            part = partial_ratio_alignment(true, found)
            found = found[part.dest_start : part.dest_end] if part else ""
        best = max(best, 1 - Levenshtein.distance(true, found) / len(true))
    return max(best, 0.0)


def character_accuracy(readings: Sequence[Reading]) -> str:
    """A Markdown table: percent of characters read, a row a script, a column a height, with the number of lines."""
    cells: dict[tuple[str, str], list[float]] = defaultdict(list)
    plain: list[tuple[float, float]] = []
    for reading in readings:
        read = [line.text for line in reading.writing.lines if line.text]
        for line in reading.drawn:
            scripts = scripts_of(line.text)
            if not (line.whole and scripts):
                continue
            tall = next(name for name, least, most in _TALL if least <= line.height < most)
            right = line_accuracy(line.text, read)
            cells[scripts.most_common(1)[0][0], tall].append(right)
            if not line.text.isascii() and "latin" in scripts:
                plain.append((right, line_accuracy(fold(line.text), [fold(text) for text in read])))
    names = [name for name, _, _ in _TALL]
    lines = ["| characters read, % (lines) | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for script in sorted({script for script, _ in cells}):
        lines.append(f"| {script} | " + " | ".join(_cell(cells.get((script, name))) for name in names) + " |")
    if plain:
        exact, folded = 100 * np.mean(plain, axis=0)
        lines.append(f"\nLatin lines with diacritics: {exact:.1f} % as written, {folded:.1f} % without regard to them.")
    return "\n".join(lines)


def _cell(values: list[float] | None) -> str:
    return f"{100 * np.mean(values):.1f} ({len(values)})" if values else ""
