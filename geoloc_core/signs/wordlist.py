"""Words of a table found in writing as it comes off a photo: capitals, marks lost, words run together, letters misread.

A row of a table says by its position how its form is met:

    word     as a word or words of their own; if it is long, also run together with others or with one letter misread;
             many letters in several words also across lines, and with letters read as what they look like
    suffix   as the end of a longer word ("-straße")
    hyphen   as the end of a longer word after a hyphen ("Teheran-ro")
    exact    as it is spelt, capitals and full stops included ("GmbH", "S.r.l.")
    ending   as it is spelt, at a word's end

A word that is an everyday one elsewhere ("gate" in English) is believed little in a line of another language, and an
ending of a few letters only in a capitalised word that is no everyday one itself ("Counter" is no square in Hungary).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from geoloc_core.places import fold
from geoloc_core.signs import tables
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.everyday import doubt_of_ending, doubt_of_word, is_everyday, is_scrap
from geoloc_core.signs.scripts import script_of
from geoloc_core.signs.tongues import Lands, resolve
from geoloc_core.signs.writing import Line, Writing

LONG = 8  # letters from which a form is sought inside longer words and with one letter misread
MOST_WORDS = 4  # in a form that is sought word by word
PHRASE, LONG_PHRASE = 10, 14  # letters of words together that are sought in the run of all lines; anywhere in a word
MOST_CLUES = 8
MOST_MISREAD = 150  # words of a photo that are looked up with a letter misread
_JOINED, _MISREAD, _FULL_STOP, _BARE = 0.9, 0.65, 0.85, 0.75
_ALIKE = str.maketrans("01i58qeh", "ollsbgcb")  # letters and digits that readers take for one another
_KEY = 6  # letters by which phrases are looked up
_STEM = 3  # letters before a suffix
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_UNSPACED = frozenset({"han", "kana", "hangul", "thai", "lao", "khmer", "myanmar"})


@dataclass(frozen=True)
class Entry:
    """A row of a table. `form` is as the table spells it."""

    form: str
    position: str
    lands: Lands
    trust: float
    meaning: str

    @property
    def shown(self) -> str:
        """The form for a person."""
        return f"-{self.form}" if self.position in ("suffix", "hyphen") else self.form


@dataclass(frozen=True)
class Match:
    """An entry met in a line, and how far the meeting is believed."""

    entry: Entry
    line: int
    trust: float


class Wordlist:
    """A table of words and where they stand on signs.

    Args:
        table: its name.
        beside_names: its words stand beside names, so that a short one alone is noise.
    """

    def __init__(self, table: str, beside_names: bool = False) -> None:
        self._table, self._beside_names = table, beside_names

    @cached_property
    def _by_position(self) -> dict[str, dict[str, Entry]]:
        found: dict[str, dict[str, Entry]] = defaultdict(dict)
        for row in tables.rows(self._table):
            position, form = row["position"], row["form"]
            if position == "word" and any(script_of(c) in _UNSPACED for c in form):
                position = "unspaced"
            entry = Entry(form, row["position"], resolve(row["countries"]), float(row["trust"]), row["meaning"])
            key = form if position in ("exact", "ending") else " ".join(_words(form))
            old = found[position].get(key)
            if old:
                entry = Entry(old.form, old.position, Lands.either(old.lands, entry.lands), old.trust, old.meaning)
            found[position][key] = entry
        return found

    @cached_property
    def _long(self) -> dict[str, Entry]:
        words = self._by_position["word"].items()
        return {form.replace(" ", ""): entry for form, entry in words if len(form.replace(" ", "")) >= LONG}

    @cached_property
    def _long_by_start(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for form in self._long:
            found[form[:_KEY]].append(form)
        return dict(found)

    @cached_property
    def _long_by_length(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = defaultdict(list)
        for form in self._long:
            found[len(form)].append(form)
        return dict(found)

    @cached_property
    def _phrases(self) -> dict[str, list[tuple[str, Entry]]]:
        """Forms of many letters in several words, without spaces and by their look, the longest first."""
        found: dict[str, list[tuple[str, Entry]]] = defaultdict(list)
        for form, entry in self._by_position["word"].items():
            look = form.replace(" ", "").translate(_ALIKE)
            if " " in form and len(look) >= PHRASE:
                found[look[:_KEY]].append((look, entry))
        for phrases in found.values():
            phrases.sort(key=lambda phrase: -len(phrase[0]))
        return dict(found)

    @cached_property
    def _spelt(self) -> re.Pattern[str]:
        forms = sorted(self._by_position["exact"], key=len, reverse=True)
        return re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, forms)) or '(?!)'})(?![\w])")

    def matches(self, writing: Writing) -> list[Match]:
        """All entries met, line by line."""
        found, unknown = [], 0
        for index, line in enumerate(writing.lines):
            words = _words(line.text)
            used: set[int] = set()
            hits = [*self._spaced(words, line.text, used), *self._written(line.text)]
            written = _WORD.findall(line.text)
            written = written if len(written) == len(words) else [word.title() for word in words]
            for word, as_written in ((words[i], written[i]) for i in range(len(words)) if i not in used):
                inside = list(self._inside(word, as_written))
                if not inside and len(word) >= LONG and unknown < MOST_MISREAD and not is_everyday(word):
                    unknown += 1
                    inside = list(self._misread(word))
                hits += inside
            found += [Match(entry, index, trust * _surely(line)) for entry, trust in hits]
        met = {id(match.entry) for match in found}
        return [*found, *(match for match in self._phrased(writing) if id(match.entry) not in met)]

    def _phrased(self, writing: Writing) -> Iterator[Match]:
        """Phrases in the run of all lines, whose spaces and line ends say little."""
        run = ""
        starts: dict[int, int] = {}
        ends: set[int] = set()
        for index, line in enumerate(writing.lines):
            for word in _words(line.text):
                starts[len(run)] = index
                run += word.translate(_ALIKE)
                ends.add(len(run))
        line_of, until = 0, 0
        for start in range(len(run)):
            line_of = starts.get(start, line_of)
            for look, entry in self._phrases.get(run[start : start + _KEY], ()) if start >= until else ():
                end = start + len(look)
                whole = start in starts and end in ends
                if run.startswith(look, start) and (whole or len(look) >= LONG_PHRASE):
                    until = end
                    yield Match(entry, line_of, _JOINED * entry.trust * _surely(writing.lines[line_of]))
                    break

    def _spaced(self, words: Sequence[str], text: str, used: set[int]) -> Iterator[tuple[Entry, float]]:
        """Words of their own, the longest run of words first; `used` takes their places."""
        forms = self._by_position["word"]
        for many in range(min(MOST_WORDS, len(words)), 0, -1):
            for start in range(len(words) - many + 1):
                places = range(start, start + many)
                entry = forms.get(" ".join(words[start : start + many]))
                if entry and used.isdisjoint(places) and not (self._beside_names and is_scrap(entry.form, words, text)):
                    used.update(places)
                    yield entry, _trust(entry, text) * doubt_of_word(entry.form, entry.lands.best(), text)

    def _written(self, text: str) -> Iterator[tuple[Entry, float]]:
        """Forms that are sought in the line rather than among its words."""
        by = self._by_position
        yield from ((by["exact"][form], by["exact"][form].trust) for form in dict.fromkeys(self._spelt.findall(text)))
        plain = fold(text)
        for form, entry in by["hyphen"].items():
            if re.search(rf"\w\w-{re.escape(form)}\b", plain):
                yield entry, 0.85
        for form, entry in by["ending"].items():
            if re.search(rf"\w{_STEM * '.'}{re.escape(form)}\b", text):
                yield entry, entry.trust
        if any(script_of(c) in _UNSPACED for c in text):
            hits = [form for form in by["unspaced"] if form in plain]
            whole = (form for form in hits if not any(form != other and form in other for other in hits))
            yield from ((by["unspaced"][form], by["unspaced"][form].trust) for form in whole)

    def _inside(self, word: str, written: str) -> Iterator[tuple[Entry, float]]:
        """The longest suffix of a word, and long forms that it holds."""
        ends = self._by_position["suffix"]
        word, written = word.rstrip("0123456789"), written.rstrip("0123456789")
        for start in range(_STEM, len(word)):
            if (entry := ends.get(word[start:])) and (left := doubt_of_ending(entry.form, written)):
                yield entry, entry.trust * left
                return
        if len(word) > LONG:
            by, starts = self._long_by_start, range(len(word) - LONG + 1)
            held = [f for at in starts for f in by.get(word[at : at + _KEY], ()) if word.startswith(f, at)]
            if held:
                yield self._long[max(held, key=len)], _JOINED * self._long[max(held, key=len)].trust

    def _misread(self, word: str) -> Iterator[tuple[Entry, float]]:
        forms = [form for n in (-1, 0, 1) for form in self._long_by_length.get(len(word) + n, ())]
        near = process.extract(word, forms, scorer=Levenshtein.distance, score_cutoff=1, limit=3)
        if len({self._long[form].lands.best() for form, *_ in near}) == 1:
            yield self._long[near[0][0]], _MISREAD * self._long[near[0][0]].trust


def clues(kind: str, matches: Iterable[Match], sentence: str) -> list[Clue]:
    """Matches as clues: one for all words of the same countries, because such words come together; the best few.

    Args:
        kind: of the clues.
        matches: as `Wordlist.matches` gives them.
        sentence: with places for {words}, {meaning} and {countries}.
    """
    groups: dict[tuple[str, ...], list[Match]] = defaultdict(list)
    for match in matches:
        groups[match.entry.lands.best()].append(match)
    found = [_clue(kind, best, group, sentence) for best, group in groups.items() if best]
    return sorted(found, key=lambda clue: -clue.trust / (1 + sum(clue.countries.values())))[:MOST_CLUES]


def _clue(kind: str, best: tuple[str, ...], group: list[Match], sentence: str) -> Clue:
    surest: dict[str, Match] = {}
    for match in sorted(group, key=lambda m: -m.trust):
        surest.setdefault(match.entry.shown, match)
    first, *more = surest.values()
    doubt = 1 - first.trust
    for match in more[:4]:
        doubt *= 1 - match.trust / 2
    words = ", ".join(f"“{shown}”" for shown in list(surest)[:3])
    meaning = f" ({first.entry.meaning})" if first.entry.meaning else ""
    text = sentence.format(words=words, meaning=meaning, countries=_listed(first.entry.lands.countries, best))
    lines = tuple(sorted({match.line for match in group}))
    lands = first.entry.lands
    return Clue(kind, ", ".join(list(surest)[:3]), text, lines, lands.countries, lands.spots, min(1 - doubt, 0.97))


def _listed(fits: Mapping[str, float], codes: Sequence[str]) -> str:
    """The countries, those first where the word is met most often; last those where only a part speaks so."""
    from geoloc_core.signs.areas import country_name, listed, mass

    return listed([country_name(code) for code in sorted(codes, key=lambda code: -fits.get(code, 0.0) * mass(code))])


def _words(text: str) -> list[str]:
    return [word.replace("’", "'") for word in _WORD.findall(fold(text))]


def _surely(line: Line) -> float:
    return min(max(line.confidence, 0.0), 1.0)


def _trust(entry: Entry, text: str) -> float:
    """A short word is surer with the full stop of an abbreviation behind it."""
    if len(entry.form.rstrip(".")) > 4:
        return entry.trust
    form = entry.form.rstrip(".").casefold()
    return max(entry.trust, _FULL_STOP) if f"{form}." in text.casefold() else entry.trust * _BARE
