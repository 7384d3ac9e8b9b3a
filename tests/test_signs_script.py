"""Scripts and telling letters point to the countries that write them; plain Latin letters and stray strokes do not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core.signs.clue import Clue
from geoloc_core.signs.clues.script import ScriptFinder
from geoloc_core.signs.scripts import SCRIPTS
from geoloc_core.signs.tables import rows
from geoloc_core.signs.writing import Line, Writing

FINDER = ScriptFinder()


def find(text: str, confidence: float = 1.0) -> dict[str, Clue]:
    lines = [Line(line, confidence) for line in text.splitlines()]
    return {clue.subject: clue for clue in FINDER.find(Writing.of(lines))}


def best(clue: Clue) -> str:
    return max(clue.countries, key=lambda code: clue.countries[code])


@pytest.mark.parametrize(
    ("text", "subject", "country"),
    [
        ("서울 식당", "Hangul", "KR"),
        ("ラーメン 横浜", "Kana", "JP"),
        ("新宿駅前 薬局", "Japanese characters", "JP"),
        ("北京饭店 东风路", "Simplified characters", "CN"),
        ("臺灣鐵路 車站", "Traditional characters", "TW"),
        ("ร้านอาหาร", "Thai letters", "TH"),
        ("ΦΑΡΜΑΚΕΙΟ", "Greek letters", "GR"),
        ("Аптека Київ", "ї є ґ", "UA"),
        ("Нарубљевина", "ј љ њ џ", "MK"),
        ("Дэлгүүр", "ө ү", "MN"),
        ("داروخانه پارس", "پ چ ژ گ", "IR"),
        ("Łódź Główna", "ł", "PL"),
        ("Neusser Straße", "ß", "DE"),
        ("Dvořákova ulice", "ř ů ě", "CZ"),
        ("İSTANBUL CADDESİ", "ğ ı İ ş", "TR"),
        ("Đường Nguyễn Huệ", "ơ ư ạ ấ ệ", "VN"),
        ("São João", "ã õ", "BR"),
        ("Laugavegur Þór", "ð þ", "IS"),
    ],
)
def test_letters_point_to_their_country(text: str, subject: str, country: str) -> None:
    clue = find(text)[subject]
    assert clue.kind == "script"
    assert best(clue) == country
    assert clue.trust > 0.4
    assert clue.sentence.endswith(".")


@pytest.mark.parametrize("text", ["", "HOTEL BAR OPEN 24h", "cafe", "一ー丨", "山", "12:30 €5", "Müller"[0]])
def test_plain_letters_and_strokes_say_nothing(text: str) -> None:
    assert find(text) == {}


def test_unsure_lines_do_not_count() -> None:
    assert find("Straße 서울", confidence=0.3) == {}


def test_more_letters_are_believed_more() -> None:
    once, often = find("Straße")["ß"], find("Straße\nGroße Gasse\nWeiße Maß")["ß"]
    assert often.trust > once.trust + 0.1
    assert once.lines == (0,)
    assert often.lines == (0, 1, 2)


def test_a_line_nobody_could_read_counts_by_its_look() -> None:
    line = Line("", 0.2, scripts={"khmer": 0.9, "thai": 0.1})
    (clue,) = FINDER.find(Writing.of([line]))
    assert (clue.subject, best(clue)) == ("Khmer letters", "KH")
    assert 0.6 < clue.trust < 0.95
    unsure = Line("", 0.2, scripts={"khmer": 0.4, "thai": 0.3, "lao": 0.3})
    assert FINDER.find(Writing.of([unsure])) == []
    assert FINDER.find(Writing.of([Line("", 0.2, scripts={"none": 0.9})])) == []
    assert FINDER.find(Writing.of([Line("", 0.2, scripts={"latin": 0.9})])) == []


def test_a_look_does_not_overrule_what_was_read() -> None:
    assert find("HOTEL") == {}
    assert FINDER.find(Writing.of([Line("HOTEL", 0.95, scripts={"cyrillic": 0.9})])) == []
    (clue,) = FINDER.find(Writing.of([Line("Juß", 0.8, scripts={"arabic": 0.95})]))
    assert clue.subject == "Arabic letters"


def test_characters_without_kana_are_less_and_less_japanese() -> None:
    short, long = (find(text)["Chinese characters"].countries["JP"] for text in ("大山", "大山中村小川本田青木" * 3))
    assert long < short / 2
    assert "Chinese characters" not in find("大山中村のラーメン")


def test_missing_letters_tell_too() -> None:
    text = "Хотел Стара планина ресторант сладкарница книжарница плодове и зеленчуци"
    countries = find(text)["Cyrillic"].countries
    assert countries["BG"] > 1.5 * countries["RU"]
    assert countries["BG"] > 3 * countries["UA"]


def test_letters_that_were_only_decoded_tell_their_script_alone() -> None:
    line = Line("Україна", 0.95, reader="decoded as Cyrillic")
    assert [clue.subject for clue in FINDER.find(Writing.of([line]))] == ["Cyrillic"]


def test_mixed_forms_of_characters_say_neither() -> None:
    found = find("國学会东 廣場 饭店 鐵路")
    assert not {"Simplified characters", "Traditional characters"} & set(found)


def test_the_table_is_sound() -> None:
    letters: dict[str, str] = {}
    for row in rows("scripts"):
        assert row["script"] in SCRIPTS
        assert 0 < float(row["trust"]) <= 1
        for part in row["countries"].split():
            code, _, fit = part.partition(":")
            assert len(code) == 2 and code.isupper() and 0 < float(fit) <= 1
        for letter in row["letters"]:
            assert letters.setdefault(letter, row["subject"]) == row["subject"], letter


@given(st.lists(st.tuples(st.text(max_size=80), st.floats(0, 1)), max_size=20))
def test_any_text_gives_sound_clues(lines: list[tuple[str, float]]) -> None:
    for clue in FINDER.find(Writing.of(Line(text, confidence) for text, confidence in lines)):
        assert 0 < clue.trust <= 1
        assert clue.countries and all(0 < fit <= 1 for fit in clue.countries.values())
        assert json.dumps(clue.lines)


@pytest.mark.parametrize("text", ["Ë", "nßşias]", "oß", "ė"])
def test_marks_that_noise_has_say_little(text: str) -> None:
    assert all(clue.trust < 0.25 for clue in find(text).values())
