"""Reading the replies of models: a corpus with expected results, round trips over formats, hostile text, time."""

from __future__ import annotations

import math
import random
import time
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from geoloc_core.geo import distance_km
from geoloc_core.lmm.reading import SCHEMA, Reading, read_reply
from tests.lmm_writings import STYLES

CORPUS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "lmm_replies.toml").read_text())["reply"]
LAT = st.floats(-90, 90).filter(lambda value: abs(value) > 1e-4)
LON = st.floats(-180, 180).filter(lambda value: abs(value) > 1e-4)
TEXT = st.text(st.characters(categories=None), max_size=300)  # lone surrogates and all
SIGNS = "0123456789.,-−–°'\"′″{}[]():;/\n \t\\$*_NSEWO"
WORDS = ["Latitude: ", "lon", "lat", '{"latitude": ', "final answer: ", "null", "<think>", "</think>", "I can't "]
PLACES = ["in Paris, France", "48.8584", "2.2945", "\ud800", "\x00", "\u202e", "NaN", "1e400"]
PIECES = st.sampled_from([*SIGNS, *WORDS, *PLACES])


@pytest.fixture(scope="module", autouse=True)
def gazetteer_loaded() -> None:
    read_reply("Location: Lyon, France")


def check_sound(reading: Reading) -> None:
    """What holds for every reading."""
    points = [point for point in (reading.location, reading.swapped, *reading.candidates) if point is not None]
    assert all(abs(lat) <= 90 and abs(lon) <= 180 for lat, lon in points)
    assert reading.location != (0, 0)
    assert (reading.location is None) == bool(reading.problem) == (not reading.how)
    assert reading.how in ("", "json", "text", "place")
    assert not reading.problem or reading.problem.endswith(".")
    assert reading.radius_km is None or 0 < reading.radius_km <= 20_038
    assert len(reading.place) <= 200 and len(reading.clues) <= 20 and all(len(clue) <= 300 for clue in reading.clues)
    for text in (reading.place, *reading.clues, reading.problem, reading.note):
        assert text == text.strip() and text.isprintable()
        text.encode()


def test_the_corpus_is_large_and_has_many_replies_without_answer() -> None:
    assert len(CORPUS) >= 200
    assert sum("at" not in reply for reply in CORPUS) >= 50
    assert len({reply["text"] for reply in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("reply", CORPUS, ids=[repr(reply["text"][:60]) for reply in CORPUS])
def test_corpus(reply: dict[str, Any]) -> None:
    reading = read_reply(reply["text"])
    check_sound(reading)
    if "at" in reply:
        assert reading.location is not None, reading.problem
        assert distance_km(reply["at"], reading.location) <= reply.get("km", 0.2)
        assert reading.how == reply.get("how", "text")
    else:
        assert reading.location is None
        assert reply["says"] in reading.problem
    assert reading.place == reply.get("place", reading.place)
    assert reading.radius_km == reply.get("radius_km", reading.radius_km)
    assert list(reading.clues) == reply.get("clues", list(reading.clues))
    assert list(reading.swapped or ()) == reply.get("swapped", [])


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=40, deadline=None)
@given(lat=LAT, lon=LON)
def test_round_trip(style: str, lat: float, lon: float) -> None:
    lat, lon = round(lat, 5), round(lon, 5)
    text = STYLES[style](lat, lon)
    reading = read_reply(text)
    assert reading.location is not None, (text, reading.problem)
    assert reading.location == pytest.approx((lat, lon), abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(lat=LAT, lon=LON, style=st.sampled_from(sorted(STYLES)), other=st.sampled_from(sorted(STYLES)))
def test_the_final_answer_wins_whatever_comes_after_it(lat: float, lon: float, style: str, other: str) -> None:
    text = f"Final answer: {STYLES[style](lat, lon)}\n\nAn alternative: {STYLES[other](12.34567, 76.54321)}\n"
    assert read_reply(text).location == pytest.approx((lat, lon), abs=1.1e-5)


@settings(max_examples=400, deadline=None)
@given(TEXT)
def test_random_text(text: str) -> None:
    check_sound(read_reply(text))


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES | TEXT.map(lambda text: text[:3]), max_size=60).map("".join))
def test_random_pieces_of_replies(text: str) -> None:
    check_sound(read_reply(text))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(CORPUS), st.sampled_from(CORPUS), st.randoms(use_true_random=False))
def test_replies_cut_joined_and_scrambled(one: dict[str, Any], two: dict[str, Any], chance: random.Random) -> None:
    letters = list(one["text"] + chance.choice(["", "\n", " "]) + two["text"])
    assume(letters)
    for _ in range(chance.randrange(6)):
        at = chance.randrange(len(letters))
        letters[at] = chance.choice(["", letters[at] * 3, chr(chance.randrange(0x110000)), *'{}"0-.\n'])
    check_sound(read_reply("".join(letters)[: chance.randrange(1, 400)]))


HOSTILE = {
    "braces": "{" * 200_000,
    "open objects": '{"a":' * 40_000,
    "open lists": "[{" * 100_000,
    "objects": '{"latitude": 1, "longitude": 2},' * 10_000,
    "digits": "9" * 200_000,
    "decimals": "1." + "3" * 200_000,
    "huge integer": '{"latitude": ' + "9" * 190_000 + ', "longitude": 1}',
    "pairs": "1.2345, 6.7890\n" * 14_000,
    "commas": "1," * 100_000,
    "degrees": "48° " * 50_000,
    "spaces": " " * 200_000,
    "lines": "\n" * 200_000,
    "labels": "latitude longitude " * 11_000,
    "label and spaces": ("lat" + " " * 50) * 4_000,
    "spaced numbers": "1 2 3 N " * 25_000,
    "names": "in Paris " * 22_000,
    "capitals": "This is " + "A" * 200_000,
    "words": "This is " + "Aa " * 66_000,
    "headings": "Location: Paris or London\n" * 8_000,
    "refusals": "I can't " * 25_000,
    "refusal words": "cannot a b c d " * 13_000,
    "finals": "final answer " * 15_000,
    "thoughts": "<think>" * 30_000,
    "ended thoughts": "</think>" * 25_000,
    "dollars": "$" * 200_000,
    "backslashes": "\\" * 200_000,
    "quotes": "\"'" * 100_000,
    "stars": "*_" * 100_000,
    "expanding characters": "\ufdfa" * 200_000,
    "combining marks": "\u0301\u0323" * 100_000,
    "surrogates": "\ud800" * 200_000,
    "bidirectional": "\u202e1" * 100_000,
    "links": "https://maps.google.com/?q=1.5,2.5&" * 6_000,
    "at signs": "@1.5,2.5" * 25_000,
    "a megabyte of prose": "The photo shows a street in Lisbon. " * 28_000,
    "a megabyte of numbers": "-1.5 +2.5; N3° " * 70_000,
    "zero": "0, 0\n" * 40_000,
    "JSON strings": '{"place": "' + "A, " * 60_000 + '"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_bounded_time(name: str) -> None:
    started = time.process_time()
    check_sound(read_reply(HOSTILE[name]))
    assert time.process_time() - started < 2


def test_a_long_reply_is_read_at_both_ends_and_says_so() -> None:
    for text in ("Answer: 48.8584, 2.2945" + " blah" * 40_000, "blah " * 40_000 + "Answer: 48.8584, 2.2945"):
        reading = read_reply(text)
        assert reading.location == (48.8584, 2.2945)
        assert "looked at" in reading.note


def test_texts_are_clipped_and_harmless() -> None:
    reply = (
        '{"latitude": 1.5, "longitude": 2.5, "place": "\u202eLyon'
        + "x" * 999
        + '", "clues": ['
        + '"\u0007c'
        + "y" * 999
        + '"'
    )
    reading = read_reply(reply + ', "\\ud800\\u202e"' * 40 + "]}")
    check_sound(reading)
    assert reading.place.startswith("Lyonxx") and reading.clues[0].startswith("cyy")


def test_thoughts_count_only_where_nothing_follows() -> None:
    reading = read_reply("<think>It is 48.8584, 2.2945</think>")
    assert reading.location == (48.8584, 2.2945)
    assert "thoughts" in reading.note


def test_swapping_is_offered_and_never_taken() -> None:
    reading = read_reply('{"latitude": 2.3, "longitude": 48.9, "place": "Paris, France"}')
    assert (reading.location, reading.swapped) == ((2.3, 48.9), (48.9, 2.3))
    assert "disagree" in reading.note


def test_the_schema_fits_strict_modes_and_its_answers_are_read() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert (
        set(SCHEMA["required"]) == set(SCHEMA["properties"]) == {"latitude", "longitude", "place", "radius_km", "clues"}
    )
    assert SCHEMA["additionalProperties"] is False
    unsure = {"clues": [], "place": None, "latitude": None, "longitude": None, "radius_km": None}
    jsonschema.validate(unsure, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(unsure | {"zoom": 3}, SCHEMA)


@pytest.mark.parametrize("number", [math.nan, math.inf, 1e308, -1e308, 5e-324])
def test_extreme_floats(number: float) -> None:
    check_sound(read_reply(f'{{"latitude": {number}, "longitude": {number}, "radius_km": {number}}}'))
