"""Prices, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.places import gazetteer
from geoloc_core.signs import tables
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.clues import load
from geoloc_core.signs.writing import Line, Writing

find = load("currency").find


def only(text: str) -> Clue:
    (clue,) = find(Writing.typed(text))
    return clue


@pytest.mark.parametrize(
    ("text", "country"),
    [line.split(" = ") for line in """£3.99 = GB
R$ 12,90 = BR
25 kr = SE
kr 25,- = NO
25:- = SE
149 Kč = CZ
12,99 zł = PL
1990 Ft = HU
15 lei = RO
5 лв = BG
150 руб. = RU
150₽ = RU
99 грн = UA
₺25 = TR
25 TL = TR
₹ 150 = IN
¥1,200 = JP
¥12.50 = CN
1,500円 = JP
15元 = CN
10,000원 = KR
฿50 = TH
50 บาท = TH
25.000đ = VN
Rp 15.000 = ID
RM 5.50 = MY
₱150 = PH
S$5 = SG
HK$25 = HK
NT$100 = TW
CHF 12.50 = CH
1'200.- = CH
R 25.00 = ZA
KSh 100 = KE
₦500 = NG
25 LE = EG
AED 50 = AE
25 DH = MA
₪ 20 = IL
S/ 15.00 = PE
₡1500 = CR
Q 25.00 = GT
3.59 9/10 = US
99p = GB
20 NIS = IL""".splitlines()],
)  # fmt: skip
def test_a_price_fits_the_country_of_its_currency_best(text, country):
    clue = only(text)
    assert clue.countries[country] == max(clue.countries.values()) and clue.trust >= 0.4


@pytest.mark.parametrize(
    "text",
    """R2 D2;5 km;10:00-18:00;S 5;12-18;A$AP;TRY 5;LE 14 JUILLET;1080p;Q7;L 200;KD 5;M 25;DIN 4;5 kn;Room 5;2.-5. Mai
    5.-7. klasse;AMD 5600;SR 71;Route 66;R 25
    100 %;3.5.2020;EUROPE 2000;No.5-7;Karl 5;1.-4.;B/W 5;€;$;Espresso 2,20""".replace("\n", ";").split(";"),
)
def test_numbers_beside_letters_that_are_no_money_are_no_clue(text):
    assert not find(Writing.typed(text.strip()))


def test_the_side_of_the_sign_and_the_decimal_tell_euro_countries_apart():
    irish, german, dutch = only("€2.50").countries, only("2,50 €").countries, only("€ 2,50").countries
    assert irish["IE"] > irish.get("DE", 0) * 5
    assert german["DE"] > german["IE"] * 5
    assert dutch["NL"] > dutch["FR"] * 5


def test_thousands_behind_a_point_make_a_dollar_sign_a_southern_peso():
    southern, northern = only("$3.990").countries, only("$19.99").countries
    assert southern["CL"] > 10 * southern["US"] and northern["US"] > 5 * northern["CL"]


def test_prices_in_one_currency_are_one_clue():
    clue = only("Bier 3,50 €\nWein 4,20 €")
    assert clue.lines == (0, 1) and clue.subject == "3,50 €"


def test_the_table_names_countries_there_are():
    rows = tables.rows("currencies")
    assert len({(row["sign"], row["stands"]) for row in rows}) == len(rows) > 200
    codes = {pair.split(":")[0] for row in rows for pair in row["countries"].split()}
    assert codes <= set(gazetteer().countries)


@given(
    st.lists(st.sampled_from([*"0123456789.,-–: '’$€£¥kRSrpFt/", "kr", "CHF", "9/10", "円", "Rp", "⁹"]), max_size=80)
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_the_clues_are_well_formed(parts):
    for clue in find(Writing.of([Line("".join(parts))])):
        assert set(clue.countries) <= set(gazetteer().countries) and 0 < clue.trust <= 1 and clue.lines == (0,)
        assert all(0 < fit <= 1 for fit in clue.countries.values())
