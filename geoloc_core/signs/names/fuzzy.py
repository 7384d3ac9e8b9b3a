"""Names that a misread word may have been: one letter wrong, missing, too many or out of order, or a pair read as one.

All words at one edit are looked up at once, which costs the same however many names there are; how many words are tried
is bounded, as a photo may hold any number of unreadable ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from geoloc_core.signs.names.store import names

MAX_WORDS = 60
_LONGEST = 24
_LEAST = 5  # letters; shorter words are a letter away from too many others
_LONG = 8  # letters from which a word is hardly a letter away from another by chance
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_LOOK_ALIKE = (("rn", "m"), ("m", "rn"), ("cl", "d"), ("d", "cl"), ("vv", "w"), ("ii", "u"), ("li", "h"), ("nn", "m"))

_ALIKE = (
    "ao", "ae", "oe", "ce", "co", "oq", "gq", "il", "it", "lt", "ij", "ft", "hn", "hb", "nu", "mn", "uv", "vy", "rn",
    "sz", "ns", "pr", "og",
)  # fmt: skip
_LIKELY = frozenset(pair for a, b in map(tuple, _ALIKE) for pair in ((a, b), (b, a)))


def is_likely(word: str, name: str) -> bool:
    """Whether a reader easily takes `name` for `word`: letters that look alike, or swapped ones in a long word."""
    if len(word) == len(name):
        wrong = [pair for pair in zip(word, name, strict=True) if pair[0] != pair[1]]
        swapped = len(wrong) == 2 and wrong[0] == wrong[1][::-1]
        return (swapped and len(word) >= _LONG) or (len(wrong) == 1 and wrong[0] in _LIKELY)
    if any(seen in word and word.replace(seen, meant, 1) == name for seen, meant in _LOOK_ALIKE):
        return True
    shorter, longer = sorted((word, name), key=len)
    doubled = any(longer[i] == longer[i - 1] and longer[:i] + longer[i + 1 :] == shorter for i in range(1, len(longer)))
    return doubled or len(shorter) >= _LONG


def misread(words: Sequence[str]) -> dict[str, list[str]]:
    """Word (a key) -> the names it may be, for those that may be any; the first `MAX_WORDS` long enough are tried."""
    asked = [w for w in dict.fromkeys(words) if _LEAST <= len(w) <= _LONGEST and w.isascii() and w.isalpha()]
    asked = sorted(asked, key=len, reverse=True)[:MAX_WORDS]
    near = {word: edits(word) for word in asked}
    known = names().find(candidate for own in near.values() for candidate in own)
    found = {word: [c for c in own if c in known] for word, own in near.items()}
    return {word: own for word, own in found.items() if own}


def edits(word: str) -> set[str]:
    """The words one edit away, or one pair of letters that OCR confuses."""
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    out = {a + b[1:] for a, b in cuts if b}
    out |= {a + c + b[1:] for a, b in cuts if b for c in _ALPHABET}
    out |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    out |= {a + c + b for a, b in cuts for c in _ALPHABET}
    for seen, meant in _LOOK_ALIKE:
        out |= {a + meant + b[len(seen) :] for a, b in cuts if b.startswith(seen)}
    return out - {word}
