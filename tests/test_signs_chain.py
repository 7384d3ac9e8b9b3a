"""Chains of shops and companies: where they are met, and that no common word is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core.places import gazetteer
from geoloc_core.signs import tables
from geoloc_core.signs.brands import brands, is_brand
from geoloc_core.signs.clues.chain import KINDS, ChainFinder
from geoloc_core.signs.writing import Writing

FINDER = ChainFinder()


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("REWE", "DE"),
        ("Albert Heijn to go", "NL"),
        ("SYSTEMBOLAGET", "SE"),
        ("Systembo1aget", "SE"),
        ("ZABKA", "PL"),
        ("FarmaciasSimilares", "MX"),
        ("Banco de Chile", "CL"),
        ("セブン-イレブン新宿店", "JP"),
        ("中国建设银行", "CN"),
        ("SAINSBURYS Local", "GB"),
        ("E.LECLERC", "FR"),
        ("Tim Hortons", "CA"),
        ("BUNNINGS warehouse", "AU"),
        ("Safaricom M-PESA", "KE"),
        ("DB", "DE"),
    ],
)
def test_a_chain_names_its_country(text: str, country: str):
    clue = FINDER.find(Writing.typed(text))[0]
    best = max([*clue.countries.items(), *((spot.country, spot.fit) for spot in clue.spots)], key=lambda item: item[1])
    assert best[0] == country
    assert clue.kind == "chain"
    assert gazetteer().countries[country] in clue.sentence


def test_a_citys_company_names_the_city():
    clue = FINDER.find(Writing.typed("Berliner Sparkasse"))[0]
    assert (clue.spots[0].name, clue.spots[0].country) == ("Berlin", "DE")
    assert clue.countries["DE"] < clue.spots[0].fit


@pytest.mark.parametrize(
    "text",
    ["next exit", "old boots", "target practice", "Max Mustermann", "McDonald's", "TOYOTA", "Shell", "a", "DM", "12"],
)
def test_common_words_and_brands_of_the_world_are_no_chains(text: str):
    assert not FINDER.find(Writing.typed(text))


@pytest.mark.parametrize("text", ["NEXT", "Target", "Boots", "COOP", "Liverpool", "Claro"])
def test_words_that_are_also_names_are_hardly_believed(text: str):
    (clue,) = FINDER.find(Writing.typed(text))
    assert clue.trust <= 0.3


def test_a_chain_on_two_lines_is_one_clue():
    (clue,) = FINDER.find(Writing.typed("REWE\nRewe City"))
    assert clue.lines == (0, 1)


def test_every_row_is_sound():
    countries, seen = gazetteer().countries, set()
    rows = tables.rows("chains")
    for row in rows:
        fits = tables.fits(row["countries"])
        assert fits, row
        assert fits.keys() <= countries.keys(), row
        assert all(0 < fit <= 1 for fit in fits.values()), row
        assert row["kind"] in KINDS, row
        assert row["word"] in {"own", "shared", "common"}, row
        assert row["source"], row
        assert not seen & {*row["names"].split(";")}, row
        seen |= {*row["names"].split(";")}
        if row["town"]:
            assert gazetteer().country(float(row["lat"]), float(row["lon"])) == row["countries"][:2], row
    assert len(rows) >= 500
    assert len({code for row in rows for code in tables.fits(row["countries"])}) >= 70


def test_brands_of_the_world_are_known_however_written():
    assert len(brands()) >= 400
    assert all(is_brand(text) for text in ["COCA-COLA®", "Mc Donald’s", "MARSHALL", "Marshal1 Amplification", "h&m"])
    assert not any(is_brand(text) for text in ["REWE", "Köln", "", "x"])


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str):
    for clue in FINDER.find(Writing.typed(text)):
        assert 0 < clue.trust <= 1
