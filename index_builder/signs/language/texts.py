"""What the model of languages learns from: letter chains of lingua, sentences of Firefox, and words typed by hand.

lingua-language-detector 1.3.5 (Apache 2.0) carries frequencies of n-grams of newspapers as JSON; its detector is as
good as ours on plain text but takes 850 MB and 7 s to load, and loses a quarter of its answers where marks and spaces
are lost. Firefox's language packs (MPL 2.0; Debian's `firefox-esr-l10n-*`) hold ten thousand strings each. `words.txt`
is general knowledge: what stands on signs.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random

from geoloc_core.signs import tables

HERE = Path(__file__).parent
CHAINS = 60_000  # five-letter chains kept of a language, the commonest
COMMON = 25  # a word that so many of Firefox's translations have is a name
_ORDERS = ("unigrams", "bigrams", "trigrams", "quadrigrams", "fivegrams")
_PACK = {"en-GB": "en", "nn-NO": "nb"}  # else what stands before the hyphen
_HOLES = re.compile(r"\{[^}]*\}|%[\d$]*[A-Za-z]|<[^>]*>|&[\w.;]+|https?:\S+|\\u[0-9a-fA-F]{4}|\\n|[#$]\S+")
_STRING = re.compile(r"^\s*\.?[\w.\-\[\]*]+\s*=\s*(.+)$")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CYRILLIC = "абвгдђежзијклљмнњопрстћуфхцчџш"
_LATIN = (*"abvgdđežzijkl", "lj", "m", "n", "nj", *"oprstćufhcč", "dž", "š")
_SERBIAN = {ord(c): latin for c, latin in zip(_CYRILLIC, _LATIN, strict=True)}
_SERBIAN |= {ord(c.upper()): latin.title() for c, latin in zip(_CYRILLIC, _LATIN, strict=True)}


@dataclass(frozen=True)
class Chains:
    """Five-letter chains of a language, their cumulative weights, and what follows four letters with which weight."""

    starts: list[str]
    weights: list[float]
    following: dict[str, tuple[list[str], list[float]]]

    def text(self, letters: int, random: Random) -> str:
        """Letters as they follow one another in the language, without spaces."""
        made = random.choices(self.starts, cum_weights=self.weights)[0]
        while len(made) < letters:
            found = self.following.get(made[-4:])
            made += random.choices(*found)[0] if found else random.choices(self.starts, cum_weights=self.weights)[0]
        return made


def serbian_in_latin(text: str) -> str:
    """Serbian in its other alphabet."""
    return text.translate(_SERBIAN)


def chains(folder: Path) -> Chains:
    """A language's n-gram models of lingua 1.3.5, `folder` being its `language-models/xx`."""
    import brotli

    models: list[dict[str, float]] = []
    for order in _ORDERS:
        ngrams = json.loads(brotli.decompress((folder / f"{order}.json.br").read_bytes()))["ngrams"]
        model = {}
        for fraction, names in ngrams.items():
            over, under = map(int, fraction.split("/"))
            model.update(dict.fromkeys(names.split(" "), over / under))
        models.append(model)
    joint = Counter[str]()
    for chain in models[-1]:
        probability = 1.0
        for n, model in enumerate(models, 1):
            probability *= model.get(chain[:n], 0.0)
        joint[chain] = probability  # type: ignore[assignment]
    best = joint.most_common(CHAINS)
    following: dict[str, tuple[list[str], list[float]]] = defaultdict(lambda: ([], []))
    for chain, probability in best:
        following[chain[:4]][0].append(chain[4])
        following[chain[:4]][1].append(probability)
    return Chains([c for c, _ in best], list(accumulate(p for _, p in best)), dict(following))


def sentences(folder: Path) -> dict[str, list[str]]:
    """Language -> strings of the language packs (`*.xpi`) in a folder, without placeholders and names."""
    packs = {pack: list(_strings(pack)) for pack in sorted(folder.rglob("langpack-*.xpi"))}
    spread = Counter(word for strings in packs.values() for word in {w.casefold() for s in strings for w in s})
    found: dict[str, list[str]] = defaultdict(list)
    for pack, strings in packs.items():
        name = pack.name.removeprefix("langpack-").split("@")[0]
        kept = (" ".join(w for w in s if spread[w.casefold()] < COMMON and w[1:] == w[1:].lower()) for s in strings)
        found[_PACK.get(name, name.split("-")[0])] += dict.fromkeys(s for s in kept if len(s) > 2)
    found["sr"] += [serbian_in_latin(s) for s in found["sr"]]
    return found


def _strings(pack: Path) -> Iterator[list[str]]:
    with zipfile.ZipFile(pack) as files:
        for name in files.namelist():
            if not name.endswith((".ftl", ".properties")):
                continue
            for line in files.read(name).decode("utf-8", "replace").splitlines():
                for part in _HOLES.sub("|", _value(line)).split("|"):
                    if words := _WORD.findall(part):
                        yield words


def _value(line: str) -> str:
    """What a line of a Fluent or properties file says to the reader, be it the continuation of another."""
    if line.startswith(("#", "-", "//")):
        return ""
    if match := _STRING.match(line):
        return match[1]
    return line if line[:1].isspace() and not line.lstrip().startswith((".", "[", "*", "{", "}")) else ""


def sign_words() -> dict[str, list[str]]:
    """Language -> words that stand on its signs: `words.txt`, and the words of the tables that are one language's."""
    found: dict[str, list[str]] = {}
    for line in (HERE / "words.txt").read_text(encoding="utf-8").splitlines():
        language, words = line.split(": ", 1)
        found[language] = [*found.get(language, []), *words.split()]
    for row in (*tables.rows("vocabulary"), *tables.rows("streets")):
        if row["position"] == "word" and (language := _language_of(row)) in found:
            found[language].append(row["form"].lower())
    return found


def street_forms() -> dict[str, list[str]]:
    """Language -> what its streets are called, with a hole for the name: "{}straße", "rue de {}", "{} utca"."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in tables.rows("streets"):
        if row["position"] in ("word", "suffix") and (language := _language_of(row)):
            form = row["form"].lower()
            found[language] += ["{}" + form] * 2 if row["position"] == "suffix" else [form + " {}", "{} " + form]
    return found


def _language_of(row: Mapping[str, str]) -> str:
    """The language whose form it is first of all; empty where countries share it."""
    code = row["countries"].split()[0]
    return code if code.islower() and ":" not in code else ""
