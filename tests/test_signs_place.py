"""Names of places in writing: forms, context, namesakes, and words that are no names."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from geoloc_core.geo import distance_km
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.clues import load
from geoloc_core.signs.combine import Weight, Weights, combine
from geoloc_core.signs.names.fuzzy import is_likely
from geoloc_core.signs.names.keys import key, spellings
from geoloc_core.signs.names.store import names
from geoloc_core.signs.names.tokens import tokens_of
from geoloc_core.signs.spread import distribution_of
from geoloc_core.signs.writing import Writing
from tests.place_cases import hits, traps

BELIEVED = Weights({"place": Weight(temperature=1.0, misled=0.1)})


def find(text: str) -> list[Clue]:
    return list(load("place").find(Writing.typed(text)))


@cache
def best(text: str) -> tuple[tuple[float, float], str]:
    belief = combine(find(text), BELIEVED)
    return distribution_of(belief).best(), belief.countries()[0][0]


def first(text: str) -> Clue:
    return find(text)[0]


def named(clue: Clue) -> str:
    return clue.spots[0].name


def test_nearly_all_texts_are_located_to_the_city() -> None:
    """Texts written for it, some misread; 134 of 135 when this was written."""
    near = [distance_km(best(text)[0], at) <= 25 for text, _, at in hits()]
    assert np.mean(near) >= 0.93
    assert np.mean([best(text)[1] == country for text, country, _ in hits()]) >= 0.96


def test_hardly_any_trap_names_a_city() -> None:
    misled = []
    for text, _ in traps():
        belief = combine(find(text), BELIEVED)
        at = belief.ground.points[int(np.argmax(belief.mass))]
        if float(belief.mass[distance_km(belief.ground.points, at) <= 25].sum()) > 0.5:
            misled.append(text)
    assert len(misled) <= 3, misled


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("StadtKöln", "Köln"),
        ("Munchen", "Munich"),
        ("Duesseldorf", "Düsseldorf"),
        ("Neusser Straße", "Neuss"),
        ("NEUSSERSTRASSE", "Neuss"),
        ("Wilhelmsburger", "Wilhelmsburg"),
        ("Krakowska", "Kraków"),
        ("Brněnská", "Brno"),
        ("Московская", "Moscow"),
        ("Helsingin", "Helsinki"),
        ("budapesti", "Budapest"),
        ("Københavns", "Copenhagen"),
        ("Mannhiem Hauptbahnhof", "Mannheim"),
        ("Edinburqh", "Edinburgh"),
        ("l0ndon", "London"),
        ("渋谷区", "Shibuya"),
    ],
)
def test_forms_and_misreadings_lead_to_the_name(text: str, place: str) -> None:
    assert named(first(text)) == place


@pytest.mark.parametrize(
    ("plain", "official"),
    [("Nice", "Ville de Nice"), ("Bath", "City of Bath"), ("Lecce", "Comune di Lecce"), ("Worms", "67547 Worms")],
)
def test_an_office_or_a_postcode_makes_a_name_surer(plain: str, official: str) -> None:
    assert first(official).trust > 2 * max((clue.trust for clue in find(plain)), default=0.01)


@pytest.mark.parametrize("text", ["Paris Coffee", "Texas Grill", "Berlin Döner", "Tokyo Sushi", "Boston Nails"])
def test_food_and_brands_make_a_name_doubtful(text: str) -> None:
    name = text.split(" ")[0]
    assert all(clue.trust < 0.5 * first(name).trust for clue in find(text))


def test_the_region_behind_a_name_settles_which() -> None:
    many, one = first("Portland"), first("Portland, OR")
    assert {spot.country for spot in many.spots} > {"US"}
    assert {(round(spot.lat), round(spot.lon)) for spot in one.spots} == {(46, -123)}


def test_a_street_is_near_the_town_it_is_named_after_not_in_it() -> None:
    town, street = first("Neuss"), first("Neusser Straße")
    assert street.spots[0].km > 5 * town.spots[0].km and "may lead to Neuss" in street.sentence


def test_a_distance_makes_a_ring() -> None:
    clue = first("Lyon 45 km")
    away = distance_km([(s.lat, s.lon) for s in clue.spots[:10]], (45.75, 4.85))
    assert (away > 25).all() and (away < 50).all()


def test_a_place_named_twice_is_one_clue_and_surer() -> None:
    twice = find("Reading\nReading")
    assert len(twice) == 1 and twice[0].lines == (0, 1) and twice[0].trust > first("Reading").trust


def test_a_name_over_two_lines_is_one_name() -> None:
    assert "NEW YORK" in {clue.subject for clue in find("NEW\nYORK")}


def test_longer_names_win() -> None:
    assert [clue.subject for clue in find("Frankfurt am Main")] == ["Frankfurt am Main"]


def test_countries_by_their_own_names_are_surer_than_by_foreign_ones() -> None:
    own, foreign, label = first("Sverige"), first("Sweden"), first("Made in Sweden")
    assert own.countries == foreign.countries == {"SE": 1.0}
    assert own.trust > foreign.trust > label.trust


def test_a_name_in_many_countries_keeps_all() -> None:
    clue = first("Springfield")
    assert len(clue.spots) > 15 and "most of them in the United States" in clue.sentence


def test_each_subject_is_told_once() -> None:
    clues = find("Paris\nPARIS\nParis 12\nLyon\nFrance\nRue de Lyon")
    assert len({clue.key for clue in clues}) == len(clues) <= 12


def test_keys_forget_what_ocr_loses() -> None:
    assert key("Saint-Étienne") == key("SAINT ETIENNE") and spellings("Köln") == {"koln", "koeln"}
    tokens = tokens_of("50667Köln StadtKöln McDonald", 0)
    assert [token.key for token in tokens] == ["50667", "koln", "stadt", "koln", "mcdonald"]


def test_common_words_are_known_and_names_are_not() -> None:
    assert names().share("reading") > 100 * names().share("wilhelmsburg")
    assert names().find(["koln", "xqzv"]).keys() == {"koln"}


@pytest.mark.parametrize(
    "text",
    [
        "Vende dueño\nAlquila",
        "InstituciónEducativaDistrita1",
        "Menú del día\nTamal con chocolate",
        "Accras de morue",
        "Zona de sombrillas\nBalneario",
        "Fermé pour le congé de la 5aint-Jean",
        "Comida típica\nMofongo",
    ],
)
def test_ordinary_and_misread_words_are_hardly_towns(text: str) -> None:
    assert all(clue.trust < 0.35 for clue in find(text))


def test_a_name_is_believed_less_among_words_of_another_language() -> None:
    beside = first("Hamburguesas Chicago\nCarne asada al carbón para llevar").trust
    at_home = first("Chicago\nNo parking on this side of the street").trust
    assert beside < 0.8 * at_home


def test_misread_letters_count_by_how_alike_they_look() -> None:
    assert is_likely("edinburqh", "edinburgh") and is_likely("mannhiem", "mannheim") and is_likely("kocln", "koeln")
    assert not is_likely("mofongo", "monongo") and not is_likely("tamal", "tamale")
