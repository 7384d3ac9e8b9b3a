"""In which countries' languages a line of text is, as a check on what else is taken from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from geoloc_core.signs import tongues
from geoloc_core.signs.ngrams import MAX_LETTERS, NO_LANGUAGE, model, words_of

_LEAST_SHARE = 0.05  # of a language that counts
_FEWEST = 4  # letters
_SURE = 14.0  # letters by which the language is known to two thirds


def agreement(text: str, countries: Iterable[str]) -> tuple[float, float]:
    """How usual the language of a text is in the country of some that has it most; and how sure the language is.

    Both in [0, 1]; the first is relative to where the language is most usual.
    """
    fits, sure = _fits(text[:MAX_LETTERS])
    return max((fits.get(code, 0.0) for code in countries), default=0.0), sure


@lru_cache(maxsize=512)
def _fits(text: str) -> tuple[Mapping[str, float], float]:
    letters = sum(len(word) for word in words_of(text))
    if letters < _FEWEST:
        return {}, 0.0
    codes, p = model().codes, np.exp(model().log_probabilities(text).astype(np.float64))
    fits: dict[str, float] = {}
    known = 0.0
    for i in np.flatnonzero(p >= _LEAST_SHARE):
        if codes[i] != NO_LANGUAGE and codes[i] in tongues.lands():
            known += float(p[i])
            for code, fit in _relative(codes[i]).items():
                fits[code] = fits.get(code, 0.0) + float(p[i]) * fit
    sure = known * (1 - float(np.exp(-letters / _SURE)))
    return MappingProxyType({code: min(fit / known, 1.0) for code, fit in fits.items()}), sure


@lru_cache(maxsize=256)
def _relative(language: str) -> Mapping[str, float]:
    """Countries with the share of signs in the language, in all of the country or a part, over the largest share."""
    fits = tongues.lands()[language].fits()
    top = max(fits.values())
    return {code: fit / top for code, fit in fits.items()}
