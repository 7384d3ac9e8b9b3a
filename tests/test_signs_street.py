"""Words for streets, whole, run together, abbreviated; and the table they stand in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.places import gazetteer
from geoloc_core.signs import tables, tongues
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.clues.street import StreetFinder
from geoloc_core.signs.writing import Writing

FINDER = StreetFinder()
POSITIONS = {"word", "suffix", "hyphen", "exact", "ending"}


def find(text: str) -> list[Clue]:
    return list(FINDER.find(Writing.typed(text)))


def fits(text: str) -> dict[str, float]:
    """The fits of the surest clue, regions as their country."""
    clue = max(find(text), key=lambda clue: clue.trust)
    found = dict(clue.countries)
    for spot in clue.spots:
        found[spot.country] = max(found.get(spot.country, 0), spot.fit)
    return found


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("NeusserStraße", "DE"),
        ("Hauptstr.12", "DE"),
        ("RUE DE LA PAIX", "FR"),
        ("C/ MAYOR 3", "ES"),
        ("Carrer de Balmes", "ES"),
        ("Rua do Ouro", "PT"),
        ("Via Garibaldi 4", "IT"),
        ("Kerkstraat 9", "NL"),
        ("SVEAVAGEN", "SE"),
        ("Karl Johans gate", "NO"),
        ("Vesterbrogade 3", "DK"),
        ("Mannerheimintie 5", "FI"),
        ("ul. Długa 12", "PL"),
        ("Václavské náměstí", "CZ"),
        ("Andrássy út 10", "HU"),
        ("Strada Lipscani", "RO"),
        ("Atatürk Cad. No:4", "TR"),
        ("ATATURK CADDESI", "TR"),
        ("Jl. Raya Kuta", "ID"),
        ("Lorong 4", "MY"),
        ("đường Lê Lợi", "VN"),
        ("ถนนสุขุมวิท", "TH"),
        ("Teheran-ro 12", "KR"),
        ("西新宿3丁目", "JP"),
        ("улица Ленина", "RU"),
        ("οδός Ερμού", "GR"),
    ],
)
def test_streets_fit_their_country_best_or_nearly(text: str, country: str):
    found = fits(text)
    assert found.get(country, 0) >= 0.6 * max(found.values())


def test_swiss_spelling_is_told_from_german():
    swiss = next(clue for clue in find("Bahnhofstrasse 3") if clue.subject == "strasse")
    assert swiss.countries["CH"] > 5 * swiss.countries["DE"]
    assert not any(clue.subject == "strasse" for clue in find("BAHNHOFSTRASSE"))


def test_words_of_the_same_countries_are_one_clue():
    clues = find("Lindenstraße\nBahnhofstraße\nSchillerplatz\nGoetheallee")
    german = [clue for clue in clues if "DE" in clue.countries]
    assert max(len(clue.lines) for clue in german) == 4


def test_a_short_word_is_believed_more_with_a_full_stop():
    assert max(c.trust for c in find("ul. Nowa")) > max(c.trust for c in find("ul Nowa"))


@pytest.mark.parametrize("text", ["Red Cross", "Coffee to go", "Committee", "iPad", "Sale", "", "12", "Bar"])
def test_ordinary_words_are_no_streets(text: str):
    assert find(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Keep gate closed",
        "Please close the gate",
        "Lunch counter",
        "Must be 21 to enter",
        "bd",
        "LZ 418 BD",
        "Ct",
        "Multa tr. 40",
    ],
)
def test_everyday_words_and_scraps_are_hardly_streets(text: str):
    assert all(clue.trust < 0.25 or {"US", "GB"} & clue.countries.keys() for clue in find(text))


@pytest.mark.parametrize("text", ["Karl Johans gate", "Storgata 5", "tř. Míru 8", "Bd Voltaire", "Móricz tér"])
def test_the_same_words_beside_names_are_streets(text: str):
    assert max(clue.trust for clue in find(text)) >= 0.25


@pytest.mark.parametrize("name", ["streets", "vocabulary"])
def test_the_tables_are_sound(name: str):
    known, languages = set(gazetteer().countries), set(tongues.lands())
    rows = tables.rows(name)
    assert len({(r["form"], r["position"], r["countries"]) for r in rows}) == len(rows)
    for row in rows:
        assert row["form"] == row["form"].strip() != ""
        assert row["position"] in POSITIONS, row
        assert 0 < float(row["trust"]) <= 1, row
        assert row["meaning"] or name == "vocabulary", row
        for code, fit in tables.fits(row["countries"]).items():
            assert code in (languages if code.islower() else known), row
            assert 0 < fit <= 1, row


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_taken(text: str):
    for clue in find(text):
        assert 0 <= clue.trust <= 1 and clue.lines and (clue.countries or clue.spots)
