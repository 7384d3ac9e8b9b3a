"""Postcodes: own forms, and digits with the town that has them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.geo import distance_km
from geoloc_core.places import gazetteer
from geoloc_core.signs import postcodes
from geoloc_core.signs.areas import mass
from geoloc_core.signs.clues import load
from geoloc_core.signs.writing import Line, Writing

find = load("postcode").find


@pytest.mark.parametrize(
    ("text", "country", "place"),
    [
        ("50667 Köln", "DE", (50.94, 6.96)),
        ("D-50667 Koln", "DE", (50.94, 6.96)),
        ("50667\nKöln", "DE", (50.94, 6.96)),
        ("1060 Wien", "AT", (48.21, 16.37)),
        ("75001 Paris", "FR", (48.86, 2.35)),
        ("114 55 Stockholm", "SE", (59.33, 18.06)),
        ("00-950 Warszawa", "PL", (52.23, 21.01)),
        ("110 00 Praha 1", "CZ", (50.09, 14.42)),
        ("Austin, TX 78701", "US", (30.27, -97.74)),
        ("Springfield, OH 45502", "US", (39.92, -83.81)),
        ("Poole BH15 1SX", "GB", (50.71, -1.98)),
        ("LONDON SEI 9GF", "GB", (51.5, -0.1)),
        ("St Helier JE2 3AB", "JE", (49.19, -2.1)),
        ("Toronto ON M5V 2T6", "CA", (43.7, -79.4)),
        ("Sydney NSW 2000", "AU", (-33.87, 151.21)),
        ("1012 AB Amsterdam", "NL", (52.37, 4.9)),
        ("CEP 20040-002 Rio", "BR", (-22.9, -43.2)),
        ("〒150-0002 東京都渋谷区", "JP", (35.69, 139.69)),
        ("Mumbai - 400001", "IN", (19.07, 72.88)),
        ("Singapore 238801", "SG", (1.3, 103.85)),
        ("Dublin 2 D02 X285", "IE", (53.34, -6.26)),
        ("1000-001 Lisboa", "PT", (38.72, -9.14)),
        ("1207 Genève", "CH", (46.2, 6.15)),
        ("20121 Milano MI", "IT", (45.46, 9.19)),
        ("28013 Madrid", "ES", (40.42, -3.7)),
        ("1000 Bruxelles", "BE", (50.85, 4.35)),
        ("34000 Beyoğlu İstanbul", "TR", (41.01, 28.97)),
        ("Bangkok 10110", "TH", (13.75, 100.5)),
        ("Cape Town 8001", "ZA", (-33.92, 18.42)),
        ("LT-01103", "LT", (54.69, 25.28)),
        ("17489 Greifswald", "DE", (54.1, 13.38)),
    ],
)
def test_a_postcode_names_country_and_town(text, country, place):
    (clue,) = find(Writing.typed(text))
    heaviest = max(clue.spots, key=lambda spot: spot.fit * mass(spot.country or ""))
    assert heaviest.country == country and clue.trust >= 0.8
    assert distance_km((heaviest.lat, heaviest.lon), place) < 40
    assert gazetteer().countries[country] in clue.sentence


@pytest.mark.parametrize(
    "text",
    """2019 Weihnachten;1984 Orwell;since 1950 Nice Bar;10000 steps;12345 Main Street;100 000 people;PO 12345;1914-1918
    E-14522;KW1500;Nikon D5000;M5 3AB12;12 34 56;1200 KG;Opened 1999 Paris;Size 4000 Bar;150-0002;tel 555-1234;CA 92
    1000 Grand Prix;50000 Volt;3500 Kcal;No 4711 Köln;2000 Watt;A4 5BC;CL500 AMG
    TX 12345;10667 Köln;75001 Wien""".replace("\n", ";").split(";"),
)  # fmt: skip
def test_years_amounts_and_codes_without_their_town_are_no_clue(text):
    assert not find(Writing.typed(text.strip()))


def test_the_same_digits_go_to_the_country_that_has_the_town():
    italy, spain = (find(Writing.typed(text))[0] for text in ("30100 Venezia", "30100 Murcia"))
    assert set(italy.countries) == {"IT"} and set(spain.countries) == {"ES"}


def test_a_year_before_a_town_is_trusted_less():
    (year,), (code,) = find(Writing.typed("2000 Antwerpen")), find(Writing.typed("2100 København"))
    assert year.trust < code.trust


def test_the_longest_prefix_counts():
    assert postcodes.area("AU", "4870").name == "Cairns"  # type: ignore[union-attr]
    assert postcodes.area("AU", "4810").name == "Townsville"  # type: ignore[union-attr]
    assert postcodes.area("US", "78701") is None


def test_the_table_names_countries_there_are():
    rows = postcodes._rows()
    assert len(rows) > 3000 and {row["country"] for row in rows} <= set(gazetteer().countries)
    assert all(abs(float(row["lat"])) < 90 and float(row["km"]) > 0 for row in rows)


PARTS = [
    "50667 ",
    "Köln",
    "1000 ",
    "Paris ",
    "D-",
    "SW1A",
    " 1AA",
    "M5V ",
    "2T6",
    "〒",
    "150-0002",
    ", TX ",
    "78701",
    "00-950 ",
    "a",
    "-",
    "\n",
    "東京都",
]


@given(st.lists(st.sampled_from(PARTS), max_size=30))
@settings(max_examples=100, deadline=None)
def test_whatever_is_written_the_clues_are_well_formed(parts):
    writing = Writing.typed("".join(parts))
    for clue in find(writing):
        assert set(clue.countries) <= set(gazetteer().countries) and 0 < clue.trust <= 1
        assert all(0 < fit <= 1 for fit in (*clue.countries.values(), *(spot.fit for spot in clue.spots)))
        assert all(0 <= line < len(writing.lines) for line in clue.lines)


def test_two_hundred_hostile_lines_take_a_moment():
    find(Writing.typed("50667 Köln"))
    writing = Writing.of([Line("1000 Aa Bb Cc Dd " * 12), Line("A1 " * 66), Line("12345 " * 33)] * 66)
    began = time.perf_counter()
    find(writing)
    assert time.perf_counter() - began < 5
