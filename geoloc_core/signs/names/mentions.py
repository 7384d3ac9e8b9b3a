"""Finds names of places in writing: as they stand, glued to other words, inflected, or with a letter misread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

from geoloc_core.signs.brands import is_brand
from geoloc_core.signs.names.around import Around, is_office, said_around, unglued, words_around
from geoloc_core.signs.names.belief import trust
from geoloc_core.signs.names.candidates import LANDMARK, OWN_NAMES, Place, abbreviations, places_of
from geoloc_core.signs.names.forms import forms_of
from geoloc_core.signs.names.fuzzy import is_likely, misread
from geoloc_core.signs.names.keys import key, unmistaken
from geoloc_core.signs.names.spoken import spoken_around
from geoloc_core.signs.names.store import names
from geoloc_core.signs.names.tokens import Run, Token, runs_of, tokens_of
from geoloc_core.signs.writing import Writing

LEAST_TRUST = 0.02
MAX_TOKENS, MAX_RUNS = 800, 4000  # of a photo; a map may be full of words
MAX_MENTIONS = 100
_FOREIGN = 0.02
_BRANDED, _FEW = 0.1, 4  # what a name beside a brand's is worth, where so few lines are written
_SHORT = 2  # words of a line that may go on in the next


@dataclass(frozen=True)
class Mention:
    """A name that was found.

    Attributes:
        text: as it stands on the sign.
        lines: the lines it stands in.
        places: what it may mean, the most populous first.
        around: what stands around it.
        trust: probability that it is one of the places' name and the sign stands there.
        derived: it is an inflected or derived form.
    """

    text: str
    lines: tuple[int, ...]
    places: tuple[Place, ...]
    around: Around
    trust: float
    derived: bool = False


def mentions_in(writing: Writing) -> list[Mention]:
    """The names in a writing; no two of them share a word."""
    sentences = _sentences(writing)
    left = MAX_RUNS
    runs: list[list[Run]] = []
    for sentence in sentences:
        runs.append(list(islice(runs_of(sentence), left)))
        left -= len(runs[-1])
    found = places_of(k for own in runs for run in own for k in (run.key, unmistaken(run.key)))
    mentions: list[Mention] = []
    for sentence, own in zip(sentences, runs, strict=True):
        joined = len({t.line for t in sentence}) > 1
        mentions += _exact(sentence, own, found, joined)
    taken = {(i, word) for m in mentions for i in m.lines for word in (key(m.text), *map(key, m.text.split()))}
    mentions += _others([s for s in sentences if len({t.line for t in s}) == 1], taken)
    best = sorted((m for m in mentions if m.trust >= LEAST_TRUST), key=lambda m: -m.trust)[:MAX_MENTIONS]
    heard = [replace(m, trust=_heard(m, writing)) for m in best]
    return sorted((m for m in heard if m.trust >= LEAST_TRUST), key=lambda m: -m.trust)


def _heard(mention: Mention, writing: Writing) -> float:
    """The trust in a mention, less where the other words are in a language foreign to its places, or a brand's name."""
    rest = writing.text.replace(mention.text, " ")
    odds = mention.trust / (1 - mention.trust) * spoken_around(mention.places, rest)
    if "alone" in mention.around.kinds and _is_of_a_brand(mention, writing):
        odds *= _BRANDED
    return odds / (1 + odds)


def _is_of_a_brand(mention: Mention, writing: Writing) -> bool:
    """Whether little is written but the name and a brand's above or below it ("L'Oréal", "Paris")."""
    lines = [i for i, line in enumerate(writing.lines) if line.text]
    beside = {i + step for i in mention.lines for step in (-1, 1)} & set(lines)
    return len(lines) <= _FEW and any(is_brand(writing.lines[i].text) for i in beside)


def _sentences(writing: Writing) -> list[list[Token]]:
    """The words of each line, and of two short lines in a row together."""
    lines = [tokens_of(line.text, i) for i, line in enumerate(writing.lines)]
    pairs = pairwise(lines)
    joined = [[*a, *b] for a, b in pairs if 0 < len(a) <= _SHORT and 0 < len(b) <= _SHORT]
    sentences, total = [], 0
    for sentence in (*lines, *joined):
        total += len(sentence)
        if total > MAX_TOKENS:
            break
        sentences.append(sentence)
    return sentences


def _exact(
    sentence: list[Token], runs: Sequence[Run], found: dict[str, tuple[Place, ...]], joined: bool
) -> Iterator[Mention]:
    """Names that stand there as they are, the longest first."""
    used: set[int] = set()
    for run in sorted(runs, key=lambda r: -len(r.key)):
        meant = run.key if run.key in found else unmistaken(run.key)
        places = found.get(meant, ())
        span = sentence[run.start : run.stop]
        if joined and len({t.line for t in span}) == 1:
            continue
        words = [t.key for t in span]
        part = len(words) == 1 and run.key != words[0]
        places = places if part or len(words) == 1 else tuple(p for p in places if _written_apart(p, run))
        if not places or used & set(range(run.start, run.stop)) or _is_nothing(run, part):
            continue
        if len(words) > 1 and is_office(words[0]) and "".join(words[1:]) in found:
            continue  # "Město Brno" is a place, but the sign means the town of Brno
        used |= set(range(run.start, run.stop))
        yield _mention(run, sentence, places, [meant] if part or meant != run.key else words)


def _mention(run: Run, sentence: Sequence[Token], places: tuple[Place, ...], words: list[str]) -> Mention:
    around = said_around(run, sentence)
    chosen = _settled(places, around)
    ways = ("region",) if chosen != places else ()
    chosen = spoken_there(chosen, around)
    lines = tuple(sorted({t.line for t in sentence[run.start : run.stop]}))
    return Mention(run.text, lines, chosen, around, trust(words, chosen, around, ways))


def spoken_there(places: tuple[Place, ...], around: Around) -> tuple[Place, ...]:
    """The places with less weight for those where nobody speaks as the sign does ("Comune di Verona" in Wisconsin)."""
    if not around.countries or not any(p.country in around.countries for p in places):
        return places
    told = [p if p.country in around.countries else replace(p, weight=p.weight * _FOREIGN) for p in places]
    return tuple(sorted(told, key=lambda p: -p.people * p.weight))


def _is_nothing(run: Run, part: bool) -> bool:
    """Whether a run is a word that the table of surroundings knows, a number, or a brand."""
    short = len(run.key) < 3 and run.key.isascii()
    return short or run.key.isdigit() or (run.key in words_around() and not part) or is_brand(run.text)


def _written_apart(place: Place, run: Run) -> bool:
    """Whether a place whose key the words make together is written in several words ("New York", not "Hamm-oor")."""
    same = key(place.name) == run.key
    return (
        not same
        or place.level == LANDMARK
        or len(place.name) > len(run.key)
        or any(not c.isalpha() for c in place.name)
    )


def _settled(places: tuple[Place, ...], around: Around) -> tuple[Place, ...]:
    """Those of the places that lie in the region named behind the name ("Portland, OR"), if there are any."""
    following = around.following
    for n in (1, 2, 3):
        regions = abbreviations().get("".join(following[:n]), frozenset()) if len(following) >= n else frozenset()
        inside = tuple(p for p in places if (p.country, key(p.region or "")) in regions)
        if inside:
            return inside
    return places


def _others(sentences: Sequence[list[Token]], taken: set[tuple[int, str]]) -> Iterator[Mention]:
    """Names in words that are none as they stand."""
    left = [
        (sentence, i)
        for sentence in sentences
        for i, t in enumerate(sentence)
        if (t.line, t.key) not in taken and len(t.key) >= 5 and t.key.isalpha() and t.key not in words_around()
    ]
    guesses = {t.key: _guesses(t.key) for sentence, i in left for t in (sentence[i],)}
    found = places_of(k for own in guesses.values() for k, _, _ in own)
    unread: list[tuple[list[Token], int]] = []
    for sentence, i in left:
        best = _best_guess(sentence, i, guesses[sentence[i].key], found)
        if best is not None and best.trust >= LEAST_TRUST:
            yield best
        elif not names().share(sentence[i].key) and sentence[i].whole:
            unread.append((sentence, i))
    corrected = misread([s[i].key for s, i in unread])
    right = places_of(k for own in corrected.values() for k in own)
    for sentence, i in unread:
        word = sentence[i].key
        own = [(k, "fuzzy" if is_likely(word, k) else "unlikely", ()) for k in corrected.get(word, ())]
        if (best := _best_guess(sentence, i, own, right)) is not None:
            yield best


Guess = tuple[str, str, tuple[str, ...]]  # key, how it was found, countries it counts for (none: all) or kinds


def _guesses(word: str) -> list[Guess]:
    own: list[Guess] = [(form.key, "derived", form.countries) for form in forms_of(word)]
    for inner, kind in unglued(word):
        own.append((inner, f"glued {kind}", ()))
        own += [(form.key, f"derived {kind}", form.countries) for form in forms_of(inner)]
    return own


def _best_guess(
    sentence: list[Token], i: int, guesses: Sequence[Guess], found: dict[str, tuple[Place, ...]]
) -> Mention | None:
    if not any(spelt in found for spelt, _, _ in guesses):
        return None
    run = Run(i, i + 1, sentence[i].key, sentence[i].text)
    around = said_around(run, sentence)
    best: Mention | None = None
    for spelt, how, countries in guesses:
        way, _, kind = how.partition(" ")
        places = tuple(p for p in found.get(spelt, ()) if not countries or p.country in countries)
        if way in ("fuzzy", "unlikely"):
            places = tuple(p for p in places if p.weight in OWN_NAMES)  # others are near too many words
        if not places:
            continue
        seen = Around(around.kinds | ({kind} if kind else frozenset()), around.km, around.following)
        word = run.key if way == "derived" and not kind else spelt
        mention = Mention(
            run.text, (sentence[i].line,), places, seen, trust([word], places, seen, (way,)), way == "derived"
        )
        if best is None or mention.trust > best.trust:
            best = mention
    return best
