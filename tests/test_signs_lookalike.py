"""Cyrillic and Greek that was read as Latin is found and decoded; Latin is left alone."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core.places import gazetteer
from geoloc_core.signs.lookalike import SURE, undisguised, undisguised_writing
from geoloc_core.signs.scripts import scripts_of
from geoloc_core.signs.writing import Line, Writing

WORDS = Path(__file__).parents[1] / "index_builder" / "atlas" / "data" / "words.csv"
FALSE_ALARMS = 0.005


@pytest.mark.parametrize(
    ("read", "script", "meant"),
    [
        ("PECTOPAH", "cyrillic", "РЕСТОРАН"),
        ("AIITEKA", "cyrillic", "АПТЕКА"),
        ("AПTEKA", "cyrillic", "АПТЕКА"),
        ("OTKPbITO", "cyrillic", "ОТКРЫТО"),
        ("3AKPbITO", "cyrillic", "ЗАКРЫТО"),
        ("MAГA3ИH", "cyrillic", "МАГАЗИН"),
        ("nPOAYKTbI", "cyrillic", "ПРОДУКТЫ"),
        ("Ipocnekm", "cyrillic", "Проспект"),
        ("MOCKBA", "cyrillic", "МОСКВА"),
        ("ΦAPMAKEIO", "greek", "ΦΑΡΜΑΚΕΙΟ"),
        ("ΞENOΔOXEIO", "greek", "ΞΕΝΟΔΟΧΕΙΟ"),
        ("TABEPNA", "greek", "ΤΑΒΕΡΝΑ"),
        ("IIAATEIA", "greek", "ΠΛΑΤΕΙΑ"),
    ],
)
def test_disguised_words_are_decoded(read: str, script: str, meant: str) -> None:
    found = undisguised(read)
    assert found[0][:2] == (script, meant)
    assert SURE <= found[0][2] <= 1


@pytest.mark.parametrize(
    "text",
    ["", "BAR", "HOTEL", "TAXI", "COCA COLA", "MOTO", "TOYOTA", "KIA MOTORS", "BMW X3", "TOMATO", "ANTIKA", "PHOTO",
     "IPTC Core, IPTC", "Boucherie Potteau", "APOTEK", "CHECKPOINT", "3M", "100%", "A3 B4 C5", "Ø Æ Å", "北京 HOTEL"],
)  # fmt: skip
def test_latin_is_left_alone(text: str) -> None:
    assert undisguised(text) == []


def test_false_alarms_on_names_and_words_in_latin_letters_are_rare() -> None:
    names = [name for name in gazetteer().towns.names.to_pylist()[::500] if set(scripts_of(name)) == {"latin"}]
    with WORDS.open(encoding="utf-8") as table:
        words = [row["word"] for row in csv.DictReader(table) if row["script"] == "latin"]
    lines = [*names, *(name.upper() for name in names), *words]
    alarms = [line for line in lines if undisguised(line)]
    assert len(lines) > 800
    assert len(alarms) < FALSE_ALARMS * len(lines), alarms


def test_a_writing_keeps_its_lines_numbers_and_says_which_were_decoded() -> None:
    lines = [Line("PECTOPAH", 0.9, reader="rapid"), Line("HOTEL", 0.9, reader="rapid")]
    writing = Writing.of(lines, ("rapid",), ("latin",))
    decoded, other = undisguised_writing(writing).lines
    assert (decoded.text, decoded.reader, decoded.box) == ("РЕСТОРАН", "decoded as Cyrillic", writing.lines[0].box)
    assert decoded.confidence <= 0.9
    assert other == writing.lines[1]
    plain = Writing.of([Line("HOTEL")])
    assert undisguised_writing(plain) is plain
    for by_hand in (Writing.typed("PECTOPAH"), plain.corrected(0, "PECTOPAH")):
        assert undisguised_writing(by_hand) is by_hand


def test_hostile_lines_are_quick() -> None:
    writing = Writing.of([Line("IIIIlluubIII" * 16 + str(n)) for n in range(200)])
    started = time.perf_counter()
    undisguised_writing(writing)
    assert time.perf_counter() - started < 5


@given(st.text(alphabet="ABCEHKMOPTXY34bIlue∂ΦΓ∏/ '.,", max_size=60))
def test_any_text_gives_sound_answers(text: str) -> None:
    for script, decoded, probability in undisguised(text):
        assert script in ("cyrillic", "greek")
        assert decoded and SURE <= probability <= 1
