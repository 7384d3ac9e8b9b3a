"""What language a few words are in: a linear model over hashed letter n-grams, as in Joulin et al., 2017 (fastText).

The n-grams are taken both as written and with case and diacritics folded, because readers of text in photos lose the
marks and signs are written in capitals. `index_builder.signs.language` trains the model and documents on what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from geoloc_core.paths import ASSETS
from geoloc_core.places import fold

MODEL = ASSETS / "signs" / "languages.npz"
BUCKETS = 1 << 17
LONGEST = 5  # letters in an n-gram
MAX_LETTERS = 400  # of one text; more do not change an answer
NO_LANGUAGE = "zxx"  # ISO 639-2: no linguistic content, here also names and brands
_WORD = re.compile(r"[^\W\d_]+(?:['’ʻ·][^\W\d_]+)*")


def words_of(text: str) -> list[str]:
    """Runs of letters, with the apostrophes inside them."""
    return _WORD.findall(text)


def _grams(word: str) -> Iterator[str]:
    yield f"={word}"
    yield from (f"^{word[:2]}", f"^{word[:3]}", f"^{word[:4]}", f"{word[-2:]}$", f"{word[-3:]}$", f"{word[-4:]}$")
    for n in range(1, LONGEST + 1):
        for start in range(len(word) - n + 1):
            yield word[start : start + n]


def features(text: str) -> list[int]:
    """Buckets of the text's n-grams, with repeats."""
    found = []
    for word in words_of(text[:MAX_LETTERS]):
        raw, plain = word.casefold(), fold(word)
        found += [crc32(gram.encode()) % BUCKETS for gram in _grams(plain)]
        if raw != plain:
            found += [crc32(gram.encode()) % BUCKETS for gram in _grams(raw) if not gram.isascii()]
    return found


@dataclass(frozen=True, eq=False)
class Model:
    """The trained weights.

    Attributes:
        codes: the languages, ISO 639-1 where there is one, in the order of the rows of `out`.
        table: (BUCKETS, d) int8, to be multiplied by `scale`.
        scale: (d,) float32.
        out: (n, d) float32.
        bias: (n,) float32.
    """

    codes: tuple[str, ...]
    table: NDArray[np.int8]
    scale: NDArray[np.float32]
    out: NDArray[np.float32]
    bias: NDArray[np.float32]

    def log_probabilities(self, text: str) -> NDArray[np.float32]:
        """(n,) log P(language | text); the bias's where the text holds no letter."""
        found = features(text)
        hidden = self.table[found].sum(axis=0, dtype=np.int32) * self.scale / max(len(found), 1) ** 0.5
        logits = self.out @ hidden + self.bias
        return np.asarray(logits - np.logaddexp.reduce(logits), dtype=np.float32)


@cache
def model() -> Model:
    """The model of `assets/signs`, read once (milliseconds, 3 MB)."""
    with np.load(MODEL, allow_pickle=False) as data:
        return Model(tuple(data["codes"].tolist()), data["table"], data["scale"], data["out"], data["bias"])
