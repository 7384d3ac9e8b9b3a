"""Number plates: form and district as an OCR gives them; and what has the looks of a plate but is none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core.places import gazetteer
from geoloc_core.signs import tables
from geoloc_core.signs.clues.plate import PlateFinder
from geoloc_core.signs.writing import Line, Writing

FINDER = PlateFinder()


@pytest.mark.parametrize(
    ("text", "country", "town"),
    [
        ("K AB 1234", "DE", "Köln"),
        ("K·AB 1234", "DE", "Köln"),
        ("D K AB 1234", "DE", "Köln"),
        ("HSK-XY 12", "DE", "Meschede"),
        ("AB-123-CD", "FR", None),
        ("1234 AB 75", "FR", "Paris"),
        ("LB12 CDE", "GB", "London"),
        ("141-D-12345", "IE", "Dublin"),
        ("ZH 123 456", "CH", "Zürich"),
        ("34 ABC 123", "TR", "Istanbul"),
        ("WA 12345", "PL", "Warsaw"),
        ("1A2 3456", "CZ", "Prague"),
        ("CJ 12 ABC", "RO", "Cluj-Napoca"),
        ("ZG 1234-AB", "HR", "Zagreb"),
        ("1234 BCD", "ES", None),
        ("M-1234-AB", "ES", "Madrid"),
        ("MH 12 AB 1234", "IN", "Mumbai"),
        ("京A·12345", "CN", "Beijing"),
        ("品川 300", "JP", "Tokyo"),
        ("B 1234 ABC", "ID", "Jakarta"),
        ("A123BC 77", "RU", "Moscow"),
        ("ABC1D23", "BR", None),
        ("AB 12 CD GP", "ZA", "Johannesburg"),
        ("12가 3456", "KR", None),
    ],
)
def test_a_plate_names_country_and_district(text: str, country: str, town: str | None):
    (clue,) = FINDER.find(Writing.typed(text))
    assert country in clue.countries
    if town:
        assert town in {spot.name for spot in clue.spots if spot.country == country}


def test_a_form_of_many_countries_names_them_all():
    (clue,) = FINDER.find(Writing.typed("AB-123-CD"))
    assert {"FR", "IT", "AL"} <= clue.countries.keys()


def test_the_band_settles_the_country():
    alone, band = (FINDER.find(Writing.typed(text))[0] for text in ("AB 123 CD", "I AB 123 CD"))
    assert set(band.countries) == {"IT"}
    assert band.trust > alone.trust
    assert "FR" in FINDER.find(Writing.typed("FAB-123-CD"))[0].countries


def test_letters_read_for_digits_are_put_right():
    (clue,) = FINDER.find(Writing.typed("K AB I234"))
    assert "DE" in clue.countries


@pytest.mark.parametrize(
    "text",
    [
        *(
            "XL 38",
            "A4 2019",
            "BMW 320",
            "CA027",
            "6F2691",
            "CAL 31",
            "CA02776",
            "KW1500",
            "E-14522",
            "T-5912",
            "CA276",
        ),
        *("ISO 9001", "EST. 1887", "SIZE 42", "OPEN 24", "WC 00", "2019 BMW", "ABC1234", "TEL 123456", "100%", "12A"),
        *("ROUTE 66", "DIN 912", "54448445..", "38-1", "104", "62-42", "HELLO", "B 12", "24/7", "2024", "COVID 19"),
    ],
)
def test_codes_and_sizes_are_hardly_believed(text: str):
    assert all(clue.trust <= 0.4 for clue in FINDER.find(Writing.typed(text)))


def test_text_among_other_words_is_no_plate():
    assert not FINDER.find(Writing.typed("see K AB 1234 here"))
    assert not FINDER.find(Writing.typed("\n".join(f"AB 12{n} CD" for n in range(10))))


def test_a_box_that_is_no_plates_is_believed_less():
    def trust(width: float) -> float:
        box = ((0.1, 0.1), (0.1 + width, 0.1), (0.1 + width, 0.15), (0.1, 0.15))
        return FINDER.find(Writing.of([Line("K AB 1234", 1.0, box)]))[0].trust

    assert trust(0.2) > trust(0.03)


def test_every_row_is_sound():
    countries = gazetteer().countries
    forms, districts = tables.rows("plates"), tables.rows("districts")
    for row in forms:
        assert re.fullmatch(row["form"], row["example"]), row
        assert tables.fits(row["countries"]).keys() <= countries.keys(), row
        assert 0 < float(row["trust"]) <= 0.95, row
    for row in districts:
        near = [(float(row["lat"]) + d, float(row["lon"]) + e) for d in (-0.03, 0, 0.03) for e in (-0.05, 0, 0.05)]
        assert row["country"] in {place.country_code for place in gazetteer().describe_many(near)}, row
    assert len({code for row in forms for code in tables.fits(row["countries"])}) >= 60
    assert len({(row["country"], row["code"]) for row in districts}) == len(districts)


@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=100) | st.from_regex(r"[A-Z0-9 -]{4,12}", fullmatch=True)
)
def test_no_text_breaks_it(text: str):
    for clue in FINDER.find(Writing.typed(text)):
        assert 0 < clue.trust <= 1


def test_a_photo_full_of_numbers_shows_hardly_a_plate():
    packet = [Line(str(number)) for number in range(100, 130)]
    clue = next(iter(FINDER.find(Writing.of([Line("K AB 1234"), *packet]))))
    assert clue.trust < 0.1 < next(iter(FINDER.find(Writing.of([Line("K AB 1234")])))).trust
