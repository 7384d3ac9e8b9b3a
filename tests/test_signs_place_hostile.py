"""Any text is read for names of places without an error, in bounded time, and gives clues that can be weighed."""

from __future__ import annotations

import random
import string
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.errors import GeolocError
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.clues import load
from geoloc_core.signs.names.store import Names
from geoloc_core.signs.writing import Writing

PIECES = st.sampled_from(
    [
        "Köln",
        "Straße",
        "12 km",
        "Springfield",
        "IL",
        "{{7*7}}",
        "<b>",
        "渋谷",
        "Ville de",
        "\u202e",
        "é",
        "0",
        "กรุงเทพ",
        "…",
    ]
)
LINES = st.lists(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=8).map(" ".join)), max_size=6)


def check(clue: Clue) -> None:
    assert clue.kind == "place" and clue.subject and clue.lines and clue.sentence.endswith(".")
    assert 0 < clue.trust <= 1 and (clue.spots or clue.countries)
    for spot in clue.spots:
        assert -90 <= spot.lat <= 90 and -180 <= spot.lon <= 180
        assert spot.km >= 1 and 0 < spot.fit <= 1.0001
    assert all(len(code) == 2 and 0 < fit <= 1 for code, fit in clue.countries.items())


@settings(max_examples=150, deadline=None)
@given(LINES)
def test_any_text_gives_clues_that_can_be_weighed(lines: list[str]) -> None:
    writing = Writing.typed("\n".join(lines))
    clues = load("place").find(writing)
    assert len(clues) <= 12 and len({clue.key for clue in clues}) == len(clues)
    for clue in clues:
        check(clue)
        assert all(0 <= line < len(writing.lines) for line in clue.lines)


def _random(letters: str, seed: int = 7) -> str:
    source = random.Random(seed)
    return "\n".join("".join(source.choice(letters) for _ in range(200)) for _ in range(200))


@pytest.mark.parametrize(
    "text",
    [
        _random(string.ascii_letters),
        _random(string.ascii_lowercase + "   "),
        _random("".join(map(chr, range(0x4E00, 0x5E00)))),
        _random("a "),
        _random("kø1 -'"),
        "\n".join(["Paris London Köln 50667 Neusser Straße Springfield San José"] * 200),
    ],
    ids=["letters", "words", "han", "short", "signs", "names"],
)
def test_the_largest_writing_takes_bounded_time(text: str) -> None:
    load("place").find(Writing.typed("Lyon"))
    writing = Writing.typed(text)
    start = time.process_time()
    load("place").find(writing)
    assert time.process_time() - start < 2.5  # about 0.5 on an idle core


def test_threads_find_the_same() -> None:
    writing, found = Writing.typed("Stadt Köln\nNeusser Straße"), []
    threads = [threading.Thread(target=lambda: found.append(load("place").find(writing))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(clues == found[0] for clues in found)


def test_missing_tables_say_what_to_do(tmp_path) -> None:
    with pytest.raises(GeolocError, match="Restore assets/signs"):
        Names(tmp_path)
