"""The languages of the text: Catalan is not Spanish, and "Utfart" is Swedish.

Scripts of one language speak for themselves; Latin, Cyrillic, Arabic and Devanagari letters are judged by
`geoloc_core.signs.ngrams`, Chinese characters by `geoloc_core.signs.han`. Where languages are hard to tell apart
(Danish and Norwegian), the clue is a mixture of them. `assets/signs/languages.csv` says where they stand on signs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from geoloc_core.signs import tongues
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.han import han_languages
from geoloc_core.signs.ngrams import NO_LANGUAGE, model
from geoloc_core.signs.scripts import script_of, scripts_of
from geoloc_core.signs.writing import Line, Writing

MOST = 3  # languages of a photo
FEWEST = 4  # letters of a line of Latin, Cyrillic, Arabic or Devanagari text
_ONLY = {
    "hangul": "ko", "greek": "el", "hebrew": "he", "thai": "th", "lao": "lo", "khmer": "km", "myanmar": "my",
    "bengali": "bn", "gujarati": "gu", "gurmukhi": "pa", "tamil": "ta", "telugu": "te", "kannada": "kn",
    "malayalam": "ml", "sinhala": "si", "oriya": "or", "georgian": "ka", "armenian": "hy", "ethiopic": "am",
    "tibetan": "bo", "thaana": "dv",
}  # fmt: skip
_SHARED = {
    "cyrillic": frozenset({"ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "tg", "mn"}),
    "arabic": frozenset({"ar", "fa", "ur", "ps"}),
    "devanagari": frozenset({"hi", "mr", "ne"}),
}
_RARE = frozenset({
    "af", "co", "rm", "fo", "fy", "br", "lb", "gd", "ht", "haw", "sm", "xh", "zu", "yo", "mg",
    "ku", "so", "gl", "sq", "mt", "cy", "ga", "eu", "mi",
})  # fmt: skip
_RARE_PRIOR = -0.7  # log, of a language that few signs are in
_WORST = -4.0  # log probability that one line can speak against a language: it may be a name, or misread
_SHARPNESS = 0.8  # of the model's log probabilities; calibrated on texts of the tests
_WORDS = 2.5  # how much commoner lines of words are than names, against what the model was trained on
_OWN = 2.0  # log probability by which a line may prefer another language and still be put down to this one
_MIXED = 0.06  # share from which a language counts in a mixture
_SURE, _FEW_BESIDE = 0.8, 2.0  # an unsure language counts whole if it has half the letters of the main one
_ENGLISH, _ENGLISH_BESIDE = 0.65, 0.3  # most trust in English: it is on signs everywhere, the more beside another


class LanguageFinder:
    """Finds the languages of the text."""

    name = "language"
    about = "the language of the text"

    def find(self, writing: Writing) -> Sequence[Clue]:
        """A clue for each language, the surest first."""
        found = [*_single(writing), *_han(writing), *_modelled(writing)]
        found = [
            (top, shares, lines, trust * _stray(trust, lines, found, writing)) for top, shares, lines, trust in found
        ]
        others = any(top != "en" and trust > 0.5 for top, _, _, trust in found)
        clues = [_clue(top, shares, lines, _tempered(top, trust, others)) for top, shares, lines, trust in found]
        return sorted((clue for clue in clues if clue.trust >= 0.1), key=lambda clue: -clue.trust)[:MOST]


Finding = tuple[str, Mapping[str, float], tuple[int, ...], float]  # top language, shares of the mixture, lines, trust


def _stray(trust: float, lines: Sequence[int], found: Sequence[Finding], writing: Writing) -> float:
    """What is left of an unsure finding in few letters beside a language of many: a name, or a line misread."""
    counts = [sum(writing.lines[i].letters for i in own) for _, _, own, _ in found]
    own = sum(writing.lines[i].letters for i in lines)
    return 1.0 if trust >= _SURE else min(1.0, _FEW_BESIDE * own / max(counts))


def _tempered(top: str, trust: float, others: bool) -> float:
    if top != "en":
        return trust
    return min(trust, _ENGLISH_BESIDE if others else _ENGLISH)


def _clue(top: str, shares: Mapping[str, float], lines: tuple[int, ...], trust: float) -> Clue:
    countries: dict[str, float] = defaultdict(float)
    spots: list[Spot] = []
    for language, share in shares.items():
        lands = tongues.lands()[language].times(share)
        for code, fit in lands.countries.items():
            countries[code] += fit
        spots += lands.spots
    names = [tongues.names()[language] for language in shares]
    else_ = f", or else {' or '.join(names[1:])}" if len(names) > 1 else ""
    return Clue("language", top, f"The text is {names[0]}{else_}.", lines, dict(countries), tuple(spots), trust)


def _surely(lines: Sequence[Line]) -> float:
    return max((min(max(line.confidence, 0.0), 1.0) for line in lines), default=0.0)


def _single(writing: Writing) -> Iterator[Finding]:
    """Scripts of one language."""
    for script, language in _ONLY.items():
        counts = [(i, scripts_of(line.text)[script]) for i, line in enumerate(writing.lines) if line.text]
        lines = tuple(i for i, count in counts if count)
        letters = sum(count for _, count in counts)
        if letters >= 2:
            sure = _surely([writing.lines[i] for i in lines])
            yield language, {language: 1.0}, lines, sure * (0.97 if letters >= 5 else 0.75)


def _han(writing: Writing) -> Iterator[Finding]:
    """Chinese, simplified or not, or Japanese."""
    lines = tuple(i for i, line in enumerate(writing.lines) if {"han", "kana"} & scripts_of(line.text).keys())
    text = "".join(writing.lines[i].text for i in lines)
    letters = sum(script_of(c) in ("han", "kana") for c in text)
    if letters >= 2:
        shares = _kept(han_languages(text))
        sure = _surely([writing.lines[i] for i in lines])
        yield next(iter(shares)), shares, lines, sure * (0.96 if letters >= 5 else 0.85 if letters >= 3 else 0.6)


def _kept(shares: Mapping[str, float]) -> dict[str, float]:
    """The few languages that count, the largest first, summing to 1."""
    best = sorted(shares.items(), key=lambda item: -item[1])[:3]
    kept = {language: share for language, share in best if share >= _MIXED or language == best[0][0]}
    return {language: share / sum(kept.values()) for language, share in kept.items()}


def _modelled(writing: Writing) -> Iterator[Finding]:
    """Languages that share a script, by their n-grams; one after the other, each taking the lines that it explains."""
    for script in ("latin", *_SHARED):
        texts = {i: _letters(line.text, script) for i, line in enumerate(writing.lines)}
        texts = {i: text for i, text in texts.items() if sum(c.isalpha() for c in text) >= FEWEST}
        scores = {i: _scores(text, script) for i, text in texts.items()}
        nothing = model().codes.index(NO_LANGUAGE)
        named = {i: float(np.exp(score[nothing])) for i, score in scores.items()}
        left = [i for i in scores if named[i] < 0.5]
        for _ in range(MOST):
            if not left:
                break
            finding, left = _next(left, scores, named, writing)
            yield finding


def _next(
    left: list[int], scores: Mapping[int, NDArray[np.float64]], named: Mapping[int, float], writing: Writing
) -> tuple[Finding, list[int]]:
    codes = model().codes
    score = np.stack([scores[i] for i in left])
    score[:, codes.index(NO_LANGUAGE)] = -np.inf
    score -= score.max(axis=1, keepdims=True)
    best = int(np.maximum(score, _WORST).sum(axis=0).argmax())
    own = score[:, best] >= -_OWN
    if not own.any():
        own = score.max(axis=0)[best] == score[:, best]
    lines = [i for i, is_own in zip(left, own, strict=True) if is_own]
    total = score[own].sum(axis=0)
    p = np.exp(total - total.max())
    p[codes.index(NO_LANGUAGE)] = 0.0
    p /= p.sum()
    shares = _kept({codes[i]: float(p[i]) for i in np.argsort(-p)[:3]})
    letters = sum(writing.lines[i].letters for i in lines)
    names = float(np.prod([named[i] for i in lines]))
    real = _WORDS * (1 - names) / (names + _WORDS * (1 - names))
    within = sum(float(p[codes.index(language)]) for language in shares)
    trust = _surely([writing.lines[i] for i in lines]) * real * within * min(1.0, 0.45 + letters / 30)
    rest = [i for i, is_own in zip(left, own, strict=True) if not is_own]
    return (next(iter(shares)), shares, tuple(lines), min(trust, 0.96)), rest


def _letters(text: str, script: str) -> str:
    """The words of a line that are in a script."""
    return " ".join(word for word in text.split() if scripts_of(word)[script])


def _scores(text: str, script: str) -> NDArray[np.float64]:
    """(n,) log probabilities of the model's languages that are written in the script."""
    allowed, prior = _prior(script)
    score = model().log_probabilities(text).astype(np.float64) * _SHARPNESS + prior
    score[~allowed] = -np.inf
    return np.asarray(score - np.logaddexp.reduce(score), dtype=np.float64)


@cache
def _prior(script: str) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    elsewhere = frozenset().union(*_SHARED.values()) - {"sr"}
    codes = model().codes
    if script == "latin":
        allowed = np.array([code not in elsewhere for code in codes])
    else:
        allowed = np.array([code in _SHARED[script] for code in codes])
    prior = np.array([_RARE_PRIOR * (code in _RARE) for code in codes])
    return allowed, prior
