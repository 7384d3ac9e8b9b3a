"""Units, dates and hours: each in the countries that write them so; none in what everybody writes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core.places import gazetteer
from geoloc_core.signs import tables
from geoloc_core.signs.clues.measure import MeasureFinder
from geoloc_core.signs.writing import Writing

FINDER = MeasureFinder()


@pytest.mark.parametrize(
    ("text", "usual", "unusual"),
    [
        ("SPEED LIMIT 35", "US", "GB"),
        ("30 MPH", "GB", "IE"),
        ("200 yds", "GB", "FR"),
        ("31.12.2024", "DE", "GB"),
        ("12/31/2024", "US", "GB"),
        ("31/12/2024", "FR", "US"),
        ("2024. 12. 31.", "HU", "DE"),
        ("10.00 - 18.00 Uhr", "DE", "NL"),
        ("kl. 10-18", "SE", "DE"),
        ("10h - 18h", "FR", "GB"),
        ("8am - 5pm", "US", "DE"),
        ("ma t/m vr", "NL", "DE"),
        ("Mån-Fre 10-18", "SE", "NO"),
        ("Pn-Pt 8-16", "PL", "CZ"),
        ("Po-Pá 8-16", "CZ", "PL"),
        ("H-P 8-16", "HU", "GB"),
        ("令和6年", "JP", "CN"),
        ("Δευ-Παρ", "GR", "BG"),
    ],
)
def test_a_form_is_usual_where_it_is_written(text: str, usual: str, unusual: str):
    clues = FINDER.find(Writing.typed(text))
    assert clues
    assert all(clue.countries.get(usual, 0) > clue.countries.get(unusual, 0) for clue in clues)


@pytest.mark.parametrize("text", ["12 km", "5 kg", "13:37", "10/11/2012", "100 m", "CA027", "H-P", "E-R", "", "24"])
def test_what_everybody_writes_says_nothing(text: str):
    assert not FINDER.find(Writing.typed(text))


def test_a_form_met_twice_is_one_clue():
    (clue,) = FINDER.find(Writing.typed("30 MPH\n40 MPH"))
    assert clue.lines == (0, 1)


def test_every_row_is_sound():
    for row in tables.rows("measures"):
        assert re.search(row["form"], row["example"], re.IGNORECASE), row
        fits = tables.fits(row["countries"])
        assert fits.keys() <= gazetteer().countries.keys(), (row, fits.keys() - gazetteer().countries.keys())
        assert all(0 < fit <= 1 for fit in fits.values()), row
        assert 0 < float(row["trust"]) <= 1, row


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str):
    for clue in FINDER.find(Writing.typed(text)):
        assert 0 < clue.trust <= 1
