"""Web and e-mail addresses, as OCR reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.places import gazetteer
from geoloc_core.signs import tables
from geoloc_core.signs.clues import load
from geoloc_core.signs.writing import Line, Writing

find = load("domain").find


@pytest.mark.parametrize(
    ("text", "country"),
    [line.rsplit(" = ", 1) for line in """www.stadtbad.de = DE
WWW.STADTBAD.DE = DE
www.x-shop.co.uk = GB
info@boulangerie.fr = FR
info®hotel.hr = HR
xyz.nl/menu = NL
www,laden,de = DE
www laden de = DE
wwwladen.de = DE
www.laden. de = DE
laden.de = DE
www.foo.com.au = AU
www.foo.comau = AU
foo.com.br = BR
https://www.city.kyoto.lg.jp = JP
kurs@schule.ch Tel 044 = CH
http://gov.pl = PL
Mail: a.b@gmx.at = AT
vvww.shop.it = IT
www.shop.deTel.123 = DE
университет.рф = RU
www.магазин.рф = RU""".splitlines()],
)  # fmt: skip
def test_an_address_names_its_country(text, country):
    (clue,) = find(Writing.typed(text))
    assert max(clue.countries, key=lambda code: clue.countries[code]) == country and clue.trust >= 0.5
    assert gazetteer().countries[country] in clue.sentence and not clue.spots


@pytest.mark.parametrize(
    ("text", "lat"),
    [("www.berlin.berlin", 52.5), ("coolplace.nyc", 40.7), ("café.bzh", 48.1), ("www.visit.london", 51.5)],
)
def test_a_city_s_own_ending_is_a_spot(text, lat):
    (clue,) = find(Writing.typed(text))
    assert clue.spots[0].lat == pytest.approx(lat, abs=0.3)
    assert clue.spots[0].fit > max(clue.countries.values())


@pytest.mark.parametrize(
    "text",
    """St.de Maria;e.g. this;12.de;Dr.me;10 p.m. a.m.;No.1;Smith inc.;OPEN.NO PARKING;Hello.In the park;geschlossen.So
    facebook.com/laden;youtu.be/abc;www.shop.com;Str.12;5.50;3.14.15;Tel.no 12;max.es;www;Nr.in;J.R.R. Tolkien
    Eintritt frei.es gibt;U.S.A.;Ph.D.;i.de;a.it b.it;Fri.is;1.de 2.de 3.fr;bit.ly/x;www.corn""".replace(
        "\n", ";"
    ).split(";"),
)
def test_abbreviations_sentences_and_addresses_of_the_whole_world_are_no_clue(text):
    assert not find(Writing.typed(text.strip()))


def test_addresses_with_one_ending_are_one_clue():
    (clue,) = find(Writing.typed("www.a-laden.de\nTel\ninfo@b-laden.de"))
    assert clue.lines == (0, 2)


def test_a_bare_name_is_trusted_less_than_one_with_www():
    (bare,), (full,) = find(Writing.typed("laden.de")), find(Writing.typed("www.laden.de"))
    assert bare.trust < full.trust


def test_the_table_names_countries_there_are():
    rows = tables.rows("domains")
    assert len(rows) > 300 and len({row["ending"] for row in rows}) == len(rows)
    codes = {pair.split(":")[0] for row in rows for pair in row["countries"].split()}
    assert codes <= set(gazetteer().countries)


@given(
    st.lists(
        st.sampled_from(["www", ".", ",", " ", "@", "de", "co", "uk", "berlin", "a", "-", "/", "Ä", "http://"]),
        max_size=60,
    )
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_written_the_clues_are_well_formed(parts):
    for clue in find(Writing.of([Line("".join(parts))])):
        assert set(clue.countries) <= set(gazetteer().countries) and 0 < clue.trust <= 1 and clue.lines == (0,)
        assert all(0 < fit <= 1 for fit in (*clue.countries.values(), *(spot.fit for spot in clue.spots)))
