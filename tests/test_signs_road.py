"""Road numbers: the country that writes them so, where they run, and what is no road."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core.places import gazetteer
from geoloc_core.signs import tables
from geoloc_core.signs.clues.road import RoadFinder
from geoloc_core.signs.writing import Writing

FINDER = RoadFinder()


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("B3081", "GB"),
        ("A1(M)", "GB"),
        ("Interstate 10", "US"),
        ("US 66", "US"),
        ("SS16", "IT"),
        ("GI-682", "ES"),
        ("BAB 3", "DE"),
        ("Ausfahrt 12", "DE"),
        ("Fv 17", "NO"),
        ("DW 719", "PL"),
        ("BR-262", "BR"),
        ("MEX 180", "MX"),
        ("NH 66", "IN"),
        ("QL1A", "VN"),
        ("国道246号線", "JP"),
        ("台9線", "TW"),
        ("318国道", "CN"),
        ("SORTIE 5", "FR"),
        ("State Highway 1", "NZ"),
        ("Péage", "FR"),
    ],
)
def test_a_number_names_its_country(text: str, country: str):
    (clue,) = FINDER.find(Writing.typed(text))
    assert country in clue.countries
    best = max(fit for code, fit in clue.countries.items() if code != country) if len(clue.countries) > 1 else 0
    assert max([clue.countries[country], *(spot.fit for spot in clue.spots if spot.country == country)]) >= best
    assert gazetteer().countries[country] in clue.sentence


def test_a_known_road_names_places_beside_it():
    (clue,) = FINDER.find(Writing.typed("M25"))
    assert "London" in {spot.name for spot in clue.spots}
    (clue,) = FINDER.find(Writing.typed("I-95"))
    assert {"Miami", "Boston"} <= {spot.name for spot in clue.spots}


@pytest.mark.parametrize(
    "text",
    [
        "A4 paper",
        "BMW M3",
        "D1 vitamins",
        "CA027",
        "6F2691",
        "CAL 31",
        "XL 38",
        "E-14522",
        "KW1500",
        "CA02776",
        "Galaxy S8",
        "A0276",
        "PB TX 77",
        "10.5",
    ],
)
def test_models_and_codes_are_no_roads(text: str):
    assert not FINDER.find(Writing.typed(text))


@pytest.mark.parametrize("text", ["A4", "M3", "B12", "D1", "R1", "S8", "N7", "E6", "K 9", "P 2"])
def test_a_short_number_alone_is_hardly_believed(text: str):
    assert all(clue.trust <= 0.4 for clue in FINDER.find(Writing.typed(text)))


def test_other_signs_of_a_road_help():
    alone = FINDER.find(Writing.typed("A 57"))[0]
    beside = FINDER.find(Writing.typed("A 57\nKrefeld 12 km"))[0]
    assert beside.trust > alone.trust


def test_a_page_of_codes_is_no_road_sign():
    assert not FINDER.find(Writing.typed("\n".join(f"A{n}" for n in range(1, 20))))


def test_every_row_is_sound():
    rows = tables.rows("roads")
    assert len(rows) >= 300
    for row in rows:
        assert re.fullmatch(row["form"], row["example"].upper()) or row["country"] == "US", row
        assert tables.fits(row["countries"]).keys() <= gazetteer().countries.keys(), row
        assert 0 < float(row["trust"]) <= 1, row
        if row["lat"]:
            assert gazetteer().country(float(row["lat"]), float(row["lon"])) == row["country"], row


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str):
    for clue in FINDER.find(Writing.typed(text)):
        assert 0 < clue.trust <= 1
