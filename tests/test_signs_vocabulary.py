"""Words of signs and shop fronts: met whole, run together or misread, and only then."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.signs import tables
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.clues.vocabulary import VocabularyFinder
from geoloc_core.signs.wordlist import MOST_CLUES
from geoloc_core.signs.writing import Line, Writing

FINDER = VocabularyFinder()


def find(text: str) -> list[Clue]:
    return list(FINDER.find(Writing.typed(text)))


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("VARDCENTRAL", "SE"),
        ("Bensinstasjon", "NO"),
        ("Tabak Trafik", "AT"),
        ("Mairie", "FR"),
        ("Cedezlepassage", "FR"),
        ("ABARROTES LA LUPITA", "MX"),
        ("Botilleria", "CL"),
        ("Borracharia", "BR"),
        ("TALHO", "PT"),
        ("Uscita di sicurezza", "IT"),
        ("VERBODEN TOEGANG", "NL"),
        ("Parkering forbudt", "DK"),
        ("Sklep spożywczy", "PL"),
        ("Gyógyszertár", "HU"),
        ("ECZANESI", "TR"),
        ("Dilarang parkir", "ID"),
        ("Kedai Runcit", "MY"),
        ("MERCERIA ROSSI S.r.l.", "IT"),
        ("Novak d.o.o.", "SI"),
        ("Müller GmbH", "DE"),
        ("Acme Pty Ltd", "AU"),
        ("No parking anytime", "US"),
        ("Off Licence", "GB"),
        ("Garda", "IE"),
        ("bottle store", "ZA"),
        ("Gram Panchayat", "IN"),
        ("株式会社山田", "JP"),
        ("统一停车场收费站", "CN"),
        ("ЕООД", "BG"),
        ("ζαχαροπλαστειο", "GR"),
        ("Shopping Centre", "GB"),
        ("Medical Center", "US"),
        ("Commitno nuisance", "IN"),
        ("Keep left unless\novertaking", "AU"),
        ("P1ayground zone", "CA"),
        ("no hooting", "ZA"),
        ("WARRANT OF FITNESS", "NZ"),
        ("PSRA licence no. 1", "IE"),
    ],
)
def test_words_fit_their_country(text: str, country: str):
    clue = find(text)[0]
    best = max([*clue.countries.values(), *(spot.fit for spot in clue.spots)])
    there = [clue.countries.get(country, 0), *(spot.fit for spot in clue.spots if spot.country == country)]
    assert max(there) >= 0.9 * best


def test_one_misread_letter_is_forgiven_in_a_long_word_at_a_price():
    whole, misread = find("Apotheke")[0], find("Apothcke")[0]
    assert misread.countries == whole.countries
    assert misread.trust < whole.trust


@pytest.mark.parametrize(
    "text",
    ["", "12", "xx", "Marshall", "Bar", "Best", "Pet Society", "gmbhx", "as", "Red Cross", "Lift", "Station\nLigne1"],
)
def test_other_words_are_none(text: str):
    assert find(text) == []


def test_company_forms_keep_their_capitals():
    assert find("Novak GmbH") and not find("novak gmbh")


def test_the_best_few_clues_are_given_once_for_each_set_of_countries():
    words = [row["form"] for row in tables.rows("vocabulary")][::40]
    clues = find("\n".join(words))
    assert len(clues) <= MOST_CLUES
    assert len({tuple(sorted(clue.countries.items())) for clue in clues}) == len(clues)


def test_a_doubtful_reading_is_believed_less():
    sure, doubtful = (FINDER.find(Writing.of([Line("Vårdcentral", c)]))[0].trust for c in (1.0, 0.4))
    assert doubtful < 0.5 * sure


def test_the_table_is_large():
    assert len(tables.rows("vocabulary")) >= 500


def test_a_page_full_of_letters_is_read_in_time():
    find("warm up")
    text = "\n".join("".join(chr(97 + (i * j) % 26) for j in range(9)) + " " + "abcdefghij" * 15 for i in range(200))
    start = time.process_time()
    find(text)
    assert time.process_time() - start < 3


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_taken(text: str):
    for clue in find(text):
        assert 0 <= clue.trust <= 1 and clue.lines and (clue.countries or clue.spots)
