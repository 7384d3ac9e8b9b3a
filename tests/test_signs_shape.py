"""The classifier of scripts knows drawn lines it never saw, says nothing when unsure, and takes any image."""

from __future__ import annotations

import csv
import json
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from geoloc_core.signs.scripts import SCRIPTS
from geoloc_core.signs.shape import CARD, HIGH, MODEL, NONE, WIDTHS, scripts_by_shape, windows
from index_builder.signs.script.fonts import Font
from index_builder.signs.script.lines import Drawn, Painter, photographed
from index_builder.signs.script.nothing import crop
from index_builder.signs.script.words import Words, clusters

ATLAS = Path(__file__).parents[1] / "index_builder" / "atlas"
SHARED = {"cyrillic": "latin", "greek": "latin"}  # scripts in a font named for another
HARD = ("cyrillic", "greek", "latin", "thai", "khmer", "bengali", "devanagari")  # often left without an answer
EACH = 12


@cache
def painter() -> Painter:
    words: dict[str, list[str]] = {}
    with (ATLAS / "data" / "words.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            words.setdefault(row["script"], []).append((row["drawn"] or row["word"]).replace(" ", ""))
    fonts: dict[str, list[Font]] = {}
    for script in words:
        (path,) = (ATLAS / "fonts").glob(f"{SHARED.get(script, script)}.*tf")
        fonts[script] = [Font(path, script)]
    return Painter({script: Words(script, tuple(found)) for script, found in words.items()}, fonts)


def line(script: str, rng: Random) -> Image.Image:
    """Three words of a script, 28 pixels high, in a box a little larger; the fonts have no space to put between."""
    drawn = None
    while drawn is None:
        drawn = painter()._mask("".join(rng.choices(painter().words[script].words, k=3)), script, rng)
    edge = round(0.12 * drawn.height)
    return photographed(drawn.crop((-edge, -edge, drawn.width + edge, drawn.height + edge)), 28, rng)


@cache
def judged() -> list[tuple[str, dict[str, float]]]:
    rng = Random(5)
    drawn = [(script, line(script, rng)) for script in sorted(painter().words) for _ in range(EACH)]
    return list(zip([s for s, _ in drawn], scripts_by_shape([image for _, image in drawn]), strict=True))


def best(found: dict[str, float]) -> str | None:
    return max(found, key=lambda name: found[name]) if found else None


def test_what_it_says_is_right() -> None:
    said = [(script, best(found)) for script, found in judged() if found]
    assert len(said) > 0.5 * len(judged())
    wrong = Counter(pair for pair in said if pair[0] != pair[1])
    assert wrong.total() < 0.06 * len(said), wrong


@pytest.mark.parametrize("script", sorted(set(painter().words) - set(HARD)))
def test_each_script_is_known(script: str) -> None:
    known = sum(best(found) == script for name, found in judged() if name == script)
    assert known >= 0.5 * EACH


def test_patterns_are_seldom_taken_for_a_script() -> None:
    rng = Random(9)
    found = scripts_by_shape([crop(rng, []).image for _ in range(80)])
    assert sum(best(each) not in (None, NONE) for each in found) <= 5


def test_probabilities() -> None:
    for _, found in judged():
        assert set(found) <= {*SCRIPTS, NONE}
        assert list(found.values()) == sorted(found.values(), reverse=True)
        assert not found or 0.5 < sum(found.values()) <= 1 + 1e-6


def test_answers_do_not_depend_on_the_company() -> None:
    rng = Random(3)
    lines = [line("thai", rng), line("hangul", rng), line("arabic", rng)]
    together, alone = scripts_by_shape(lines), [scripts_by_shape([each])[0] for each in lines]
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert scripts_by_shape(lines) == together
    assert scripts_by_shape([]) == []


@pytest.mark.parametrize("size", [(1, 1), (5000, 4), (4, 5000), (1, 300), (3, 2), (6, 6), (4000, 3000)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "1", "P"])
def test_any_size_and_mode(size: tuple[int, int], mode: str) -> None:
    (found,) = scripts_by_shape([Image.new(mode, size)])
    assert best(found) in (None, NONE) or min(size) >= 6
    if min(size) < 6:
        assert found == {}


@pytest.mark.parametrize("size", [(30, 30), (100, 20), (400, 40), (9000, 30), (5, 900)])
def test_windows_have_the_widths_of_the_network(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (size[1], size[0]), dtype=np.uint8)
    seen = list(windows(Image.fromarray(pixels)))
    assert 1 <= len(seen) <= 3
    for window in seen:
        assert window.shape[0] == HIGH and window.shape[1] in WIDTHS
        assert abs(window.mean()) < 1e-4


def test_marks_stay_with_their_letter() -> None:
    assert clusters("ที่นี่") == ["ที่", "นี่"]
    assert clusters("क्षेत्र") == ["क्षे", "त्र"]


def test_a_line_knows_what_it_says() -> None:
    rng = Random(1)
    for _ in range(20):
        drawn: Drawn = painter().line("georgian", rng)
        assert sum(drawn.shares.values()) == pytest.approx(1)
        assert drawn.image.mode == "L" and drawn.image.height == drawn.height


def test_the_card_tells_what_it_is() -> None:
    card = json.loads(CARD.read_text("utf-8"))
    assert MODEL.stat().st_size < 1_000_000
    assert card["classes"][-1] == NONE and set(card["classes"][:-1]) <= set(SCRIPTS)
    assert card["unseen_fonts"]["right_of_answered"] > 0.9
    assert 0.3 < card["threshold"] < 1
