"""Telephone numbers: whose they are, and what is none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.geo import distance_km
from geoloc_core.places import gazetteer
from geoloc_core.signs import phonebook
from geoloc_core.signs.areas import mass, placed, share
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.clues import load
from geoloc_core.signs.writing import Line, Writing

find = load("phone").find
KEYS = st.sampled_from([*"+0123456789() ./-OIlTe:l☎€", "Tel ", "00", "+49", "1914-1918"])


def only(text: str) -> Clue:
    (clue,) = find(Writing.typed(text))
    return clue


def best_country(clue: Clue) -> str:
    """The country that gains most: fit times how many photos there are."""
    score = {code: fit * mass(code) for code, fit in clue.countries.items()}
    for spot in clue.spots:
        score[spot.country or ""] = score.get(spot.country or "", 0) + spot.fit * share(spot) * mass(spot.country or "")
    return max(score, key=lambda code: score[code])


@pytest.mark.parametrize(
    ("text", "country", "place"),
    [
        ("+46 8 123 456 78", "SE", (59.33, 18.06)),
        ("0046 8 1234567", "SE", (59.33, 18.06)),
        ("(+49) 221 123456", "DE", (50.94, 6.96)),
        ("+49 (0) 30 123456", "DE", (52.52, 13.40)),
        ("Tel. +39 055 234567", "IT", (43.77, 11.25)),
        ("+420 222 123 456", "CZ", (50.09, 14.42)),
        ("+1 415 555 0132", "US", (37.77, -122.42)),
        ("+86 10 6234 5678", "CN", (39.9, 116.4)),
        ("+7 (812) 123-45-67", "RU", (59.94, 30.31)),
    ],
)
def test_an_international_number_names_country_and_town(text, country, place):
    clue = only(text)
    assert set(clue.countries) == {country} and clue.trust > 0.8
    assert distance_km((clue.spots[0].lat, clue.spots[0].lon), place) < 40
    assert gazetteer().countries[country] in clue.sentence


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("020 7946 0958", "GB"),
        ("(415) 555-0132", "US"),
        ("Tel. 0221/123456", "DE"),
        ("01 42 68 53 00", "FR"),
        ("Tél. O1 42 68 53 OO", "FR"),
        ("Tel. 06 12 34 56 78", "FR"),
        ("TEL 03-3211-1234", "JP"),
        ("☎ 06-6345-1234", "JP"),
        ("电话：010-62345678", "CN"),
        ("138 1234 5678", "CN"),
        ("8 (495) 123-45-67", "RU"),
        ("(11) 3456-7890", "BR"),
        ("1300 123 456", "AU"),
        ("Tel. 08-123 456 78", "SE"),
        ("Tel: 91 123 45 67", "PL"),
        ("1-800-555-2368", "US"),
        ("01 42 68 53 00 - 06 12 34 56 78", "FR"),
    ],
)
def test_a_national_number_fits_the_country_that_writes_it_so(text, country):
    assert best_country(find(Writing.typed(text))[0]) == country


def test_the_area_of_a_national_number_is_a_spot_of_its_country():
    spots = {spot.country: spot for spot in only("Tel. 0221/123456").spots}
    assert distance_km((spots["DE"].lat, spots["DE"].lon), (50.94, 6.96)) < 15


def test_a_number_split_over_two_lines_is_one_number():
    clue = only("Tel 020\n7946 0958")
    assert clue.lines == (0, 1) and best_country(clue) == "GB"


def test_a_word_beside_it_makes_a_number_surer():
    assert only("Tel. 0221/123456").trust > only("0221/123456").trust


@pytest.mark.parametrize(
    "text",
    """10:00-18:00;10.00-18.00;1914-1918;12.05.2021;2021-05-12;48.8584, 2.2945;52.520008;€ 1.234.567;Rp 15.000.000
    114 55 Stockholm;50667 Köln;DE 123456789;IBAN DE89 3704 0044 0532 0130 00;ISBN 978-3-16-148410-0;HRB 12345678
    B-MA 1234;5 901234 123457;1000-1800;9-12 14-18;Mo-Fr 8-12 13-17 Sa 9-12;E-14522;54448445..;3.500.000 kg;1 000 000
    2019 2020 2021;100 200 300 400;No. 1234567890;12-34-56;Bus 100 200 300;CA02776 110 143 896 758""".replace(
        "\n", ";"
    ).split(";"),
)
def test_dates_hours_prices_and_other_numbers_are_no_telephone_numbers(text):
    assert not find(Writing.typed(text.strip()))


def test_emergency_numbers_need_a_word_and_say_little():
    clue = only("Call 911 in an emergency")
    assert clue.countries["US"] == 1 and clue.trust <= 0.5 and "GB" not in clue.countries
    assert not find(Writing.typed("Route 911")) and not find(Writing.typed("Notruf 112"))


def test_countries_with_and_without_areas_are_weighed_by_their_own_fit():
    towns = {"DE": (1.0, (Spot(50.94, 6.96, 12, country="DE"),)), "FR": (1.0, ())}
    countries, spots = placed(towns)
    inside = {"FR": countries["FR"], "DE": countries["DE"] + spots[0].fit * share(spots[0])}
    assert inside["DE"] == pytest.approx(inside["FR"], rel=0.01)


def test_the_table_agrees_with_the_package_it_is_made_from():
    from phonenumbers import parse
    from phonenumbers.geocoder import description_for_number

    for number in ("442079460958", "33142685300", "46812345678", "390552345678", "13105551234", "81332111234"):
        area = phonebook.area(number)
        text = description_for_number(parse(f"+{number}"), "en")
        assert area and area.name.split(",")[0] in text


@given(st.lists(st.lists(KEYS, max_size=40).map("".join), max_size=6))
@settings(max_examples=60, deadline=None)
def test_whatever_is_written_the_clues_are_well_formed(lines):
    writing = Writing.of(Line(text) for text in lines)
    for clue in find(writing):
        assert set(clue.countries) <= set(gazetteer().countries) and 0 < clue.trust <= 1
        assert all(0 < fit <= 1 for fit in (*clue.countries.values(), *(spot.fit for spot in clue.spots)))
        assert all(0 <= line < len(writing.lines) for line in clue.lines)


@pytest.mark.parametrize("unit", ["0", "0 ", "+4", "(0", "Tel. 0-", "11 ", "O"])
def test_hostile_lines_take_no_longer_than_others(unit):
    find(Writing.typed("Tel. 0221/123456"))
    writing = Writing.of([Line((unit * 200)[:200])] * 200)
    began = time.perf_counter()
    find(writing)
    assert time.perf_counter() - began < 5
