"""What was read and what it means, as plain JSON types and as lines for a terminal."""

from __future__ import annotations

import json
from typing import Any

from geoloc_core.places import gazetteer
from geoloc_core.signs.combine import Weighed
from geoloc_core.signs.found import Signs

_LISTED = 5
_TOLD_LINES, _TOLD_CLUES = 30, 12


def signs_record(signs: Signs) -> dict[str, Any]:
    """Everything that was read, each clue with what it came to, and the countries left."""
    return {
        "headline": signs.headline,
        "silent": signs.silent,
        "readers": list(signs.writing.readers),
        "scripts_read": sorted(signs.writing.reads),
        "letters": signs.writing.letters,
        "lines": [
            {
                "text": line.text,
                "confidence": round(line.confidence, 4),
                "reader": line.reader,
                "box": [[round(x, 4), round(y, 4)] for x, y in line.box],
                "scripts": {script: round(share, 4) for script, share in line.scripts.items()},
            }
            for line in signs.writing.lines
        ],
        "clues": [_clue(weighed) for weighed in signs.clues],
        "countries": {code: round(share, 4) for code, share in signs.countries.items()},
        "weights": signs.learned_on,
    }


def _clue(weighed: Weighed) -> dict[str, Any]:
    clue = weighed.clue
    return {
        "kind": clue.kind,
        "subject": clue.subject,
        "sentence": clue.sentence,
        "lines": list(clue.lines),
        "trust": round(clue.trust, 4),
        "bits": round(weighed.bits, 3),
        "lift": round(weighed.lift, 4),
        "struck": weighed.struck,
    }


def in_words(signs: Signs) -> str:
    """What was read, the countries left, and each clue with how much it speaks for the answer."""
    said = [signs.headline] if not signs.silent else []
    said += [f"  “{line.text}”" for line in signs.writing.lines if line.text]
    if not signs.silent:
        names = gazetteer().countries
        ranked = list(signs.countries.items())[:_LISTED]
        said.append("countries: " + ", ".join(f"{names.get(code, code)} {share:.0%}" for code, share in ranked))
    for weighed in signs.clues:
        how = "left out" if weighed.struck else times(weighed.lift)
        said.append(f"{weighed.clue.kind}: {weighed.clue.sentence} ({how})")
    return "\n".join(said)


def told(signs: Signs) -> str:
    """The same for a model's prompt, in quotation marks and bounded: empty if nothing was read."""
    lines = [json.dumps(line.text, ensure_ascii=False) for line in signs.writing.lines if line.text]
    clues = [weighed.clue.sentence for weighed in signs.clues if not weighed.struck]
    return "\n".join(f"- {said}" for said in (*lines[:_TOLD_LINES], *clues[:_TOLD_CLUES]))


def times(lift: float) -> str:
    """A factor in words: "×12 for this place", "×3 against it"."""
    if lift >= 1:
        return f"×{lift:,.0f} for this place" if lift >= 10 else f"×{lift:.1f} for this place"
    return f"×{1 / lift:,.0f} against it" if lift <= 0.1 else f"×{1 / lift:.1f} against it"
