"""Trains assets/signs/languages.npz: short texts with the noise of readers, a linear model over hashed n-grams.

    python -m index_builder.signs.language --lingua lingua/language-models --packs firefox-l10n

It needs, for the build only, the pip packages brotli and lingua-language-detector 1.3.5 (of that an unpacked wheel, not
an installation: it is not imported) and Debian's `firefox-esr-l10n-*` 153.7.0esr, unpacked. Ten minutes on two cores.
One class is no language: towns of the whole world, brands, letters in disorder. The same inputs, of which
vocabulary.csv and streets.csv are two, give the same file to the byte on the same machine.
"""

from __future__ import annotations

import argparse
import logging
import string
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from geoloc_core.files import replacing
from geoloc_core.places import fold, gazetteer
from geoloc_core.signs.ngrams import BUCKETS, MODEL, NO_LANGUAGE, features
from index_builder.signs.language.texts import (
    HERE,
    Chains,
    chains,
    sentences,
    serbian_in_latin,
    sign_words,
    street_forms,
)

log = logging.getLogger(__name__)

WIDTH, ROUNDS, SAMPLES, BATCH = 24, 9, 600, 384
RATE, LAST_RATE, SMOOTHING = 6e-3, 3e-4, 0.02
FOLDED, RUN_TOGETHER, MISREAD_SHARE = 0.45, 0.25, 0.4  # of the texts
OFTEN = {NO_LANGUAGE: 4, "en": 4, "de": 2, "fr": 2, "es": 2, "it": 2, "pt": 2, "nl": 2}  # commoner on signs
MISREAD = {
    "o": "0", "i": "l", "l": "i", "m": "rn", "n": "m", "e": "c", "a": "o", "u": "v", "g": "q", "s": "5", "t": "f",
    "h": "b", "c": "o", "r": "n",
}  # fmt: skip
DISORDER = (*[string.ascii_lowercase] * 3, "bcdfghjklmnpqrstvwxz")


class Sampler:
    """Short texts of a language as a reader might give them."""

    def __init__(self, lingua: Path, packs: Path, seed: int = 7) -> None:
        self._random = Random(seed)
        self._words, self._sentences, self._streets = sign_words(), sentences(packs), street_forms()
        self.languages = [*self._words, NO_LANGUAGE]
        folders = {path.name: path for path in lingua.iterdir()}
        self._chains: dict[str, Chains] = {lang: chains(folders[lang]) for lang in self._words if lang in folders}
        self._towns = [str(name) for name in gazetteer().towns.names.to_pylist()]
        self._brands = (HERE / "brands.txt").read_text(encoding="utf-8").split("\n")[:-1]

    def text(self, language: str) -> str:
        """A text of the language, or of none."""
        if language == NO_LANGUAGE:
            return self._noisy(self._nothing())
        makers: list[Callable[[str], str]] = []
        makers += [self._span] * 5 if self._sentences.get(language) else []
        makers += [self._chain] * 4 if language in self._chains else []
        makers += [self._street] * 2 if makers and self._streets.get(language) else []
        makers += [self._few_words] * (6 if language == "en" else 2 if makers else 1)
        return self._noisy(self._random.choice(makers)(language))

    def _span(self, language: str) -> str:
        words = self._random.choice(self._sentences[language]).split()
        many = self._random.choice((1, 2, 2, 3, 3, 4, 5, 6))
        start = self._random.randint(0, max(0, len(words) - many))
        return " ".join(words[start : start + many])

    def _chain(self, language: str) -> str:
        made = self._chains[language].text(self._random.randint(4, 22), self._random)
        return serbian_in_latin(made) if language == "sr" and self._random.random() < 0.5 else made

    def _street(self, language: str) -> str:
        if language in self._chains:
            name = self._chains[language].text(self._random.randint(4, 10), self._random)
        else:
            name = self._random.choice(self._random.choice(self._sentences[language]).split())
        return self._random.choice(self._streets[language]).format(name)

    def _few_words(self, language: str) -> str:
        return " ".join(self._random.choices(self._words[language], k=self._random.choice((1, 2, 2, 3, 4))))

    def _nothing(self) -> str:
        random, kind = self._random, self._random.random()
        if kind < 0.35:
            return random.choice(self._towns)
        if kind < 0.55:
            return " ".join(random.choices(self._brands, k=random.choice((1, 1, 2))))
        if kind < 0.9:
            return "".join(random.choices(random.choice(DISORDER), k=random.randint(2, 12)))
        letters = list(self._few_words(random.choice(self.languages[:-1])))
        random.shuffle(letters)
        return "".join(letters)

    def _noisy(self, text: str) -> str:
        random = self._random
        if random.random() < FOLDED:
            text = fold(text)
        if random.random() < RUN_TOGETHER:
            text = text.replace(" ", "")
        if random.random() < MISREAD_SHARE:
            text = "".join(self._misread(c) if random.random() < 0.06 else c for c in text)
        return text

    def _misread(self, character: str) -> str:
        return MISREAD.get(character.lower(), character) if self._random.random() < 0.5 else ""


def train(sampler: Sampler, out: Path = MODEL) -> None:
    """Trains on fresh samples each round and writes the weights, the table as 8-bit integers."""
    import torch

    torch.manual_seed(7)
    table = torch.nn.EmbeddingBag(BUCKETS, WIDTH, mode="sum")
    torch.nn.init.normal_(table.weight, std=0.05)
    last = torch.nn.Linear(WIDTH, len(sampler.languages))
    optimiser = torch.optim.Adam([*table.parameters(), *last.parameters()])
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    shuffle = np.random.default_rng(7)
    for turn in range(ROUNDS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - turn / ROUNDS) + LAST_RATE
        total, batches = 0.0, _batches(sampler, shuffle)
        for bags, wanted in batches:
            sizes = torch.tensor([len(bag) for bag in bags])
            starts = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)[:-1]])
            hidden = table(torch.from_numpy(np.concatenate(bags)), starts) / sizes.sqrt()[:, None]
            loss = loss_of(last(hidden), torch.tensor(wanted))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        log.info("round %d of %d: loss %.3f", turn + 1, ROUNDS, total / len(batches))
    weights = (parameter.detach().numpy() for parameter in (table.weight, last.weight, last.bias))
    _write(out, sampler.languages, *weights)


def _batches(sampler: Sampler, shuffle: np.random.Generator) -> list[tuple[list[NDArray[np.int64]], list[int]]]:
    pairs = [
        (np.array(found), index)
        for index, language in enumerate(sampler.languages)
        for _ in range(SAMPLES * OFTEN.get(language, 1))
        if (found := features(sampler.text(language)))
    ]
    parts = np.array_split(shuffle.permutation(len(pairs)), max(len(pairs) // BATCH, 1))
    return [([pairs[row][0] for row in rows], [pairs[row][1] for row in rows]) for rows in parts]


def _write(
    out: Path, languages: list[str], table: NDArray[np.float32], last: NDArray[np.float32], bias: NDArray[np.float32]
) -> None:
    scale = np.quantile(np.abs(table), 0.9995, axis=0).astype(np.float32) / 127
    small = np.clip(np.round(table / scale), -127, 127).astype(np.int8)
    with replacing(out) as stream:
        np.savez_compressed(stream, codes=np.array(languages), table=small, scale=scale, out=last, bias=bias)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains the model that tells the language of a few words.")
    parser.add_argument("--lingua", type=Path, required=True, help="language-models of lingua-language-detector 1.3.5")
    parser.add_argument("--packs", type=Path, required=True, help="folder with Firefox's langpack-*.xpi")
    parser.add_argument("--out", type=Path, default=MODEL)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train(Sampler(asked.lingua, asked.packs), asked.out)
