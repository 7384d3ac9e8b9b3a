"""The language of a sign's text: what it is, how far it is believed, and what is no language."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.places import fold, gazetteer
from geoloc_core.signs import tongues
from geoloc_core.signs.clues.language import LanguageFinder
from geoloc_core.signs.han import han_languages
from geoloc_core.signs.ngrams import BUCKETS, NO_LANGUAGE, features, model
from geoloc_core.signs.writing import Line, Writing

FINDER = LanguageFinder()
SIGNS = [
    ("de", "Zufahrt bitte freihalten"),
    ("fr", "Sortie de véhicules, stationnement interdit"),
    ("es", "Prohibido estacionar, salida de vehículos"),
    ("ca", "Benvinguts, obert cada dia de dilluns a dissabte"),
    ("eu", "Ongi etorri, udaletxea eta liburutegia"),
    ("pt", "Proibido estacionar, saída de viaturas"),
    ("it", "Vietato l'accesso ai non addetti"),
    ("nl", "Verboden toegang voor onbevoegden"),
    ("sv", "Parkering förbjuden, utfart dygnet runt"),
    ("fi", "Pysäköinti kielletty, huoltoajo sallittu"),
    ("pl", "Zakaz wjazdu, nie dotyczy mieszkańców"),
    ("hu", "Behajtani tilos, kivéve célforgalom"),
    ("tr", "Park etmek yasaktır, garaj girişi"),
    ("cy", "Dim parcio, croeso i Gymru"),
    ("vi", "Cửa hàng tạp hóa, cơm bình dân"),
    ("ru", "Вход воспрещён, посторонним"),
    ("uk", "Вхід заборонено, ласкаво просимо"),
    ("ja", "この先行き止まり"),
    ("ko", "주차금지 구역"),
    ("th", "ห้ามจอดรถ"),
    ("zh", "请勿停车，车辆出入"),
    ("zh-hant", "請勿停車，車輛出入"),
    ("ar", "ممنوع الوقوف أمام المدخل"),
    ("fa", "پارک ممنوع، ورود وسایل نقلیه"),
    ("el", "Απαγορεύεται η στάθμευση"),
    ("he", "אין חניה בשער"),
]


def subjects(text: str) -> list[str]:
    return [clue.subject for clue in FINDER.find(Writing.typed(text))]


@pytest.mark.parametrize(("language", "text"), SIGNS, ids=[language for language, _ in SIGNS])
def test_signs_are_recognised(language: str, text: str):
    assert subjects(text)[0] == language


@pytest.mark.parametrize(("language", "text"), [s for s in SIGNS if s[1][0].isascii()])
def test_capitals_with_their_marks_lost_are_still_within_the_mixture(language: str, text: str):
    clue = FINDER.find(Writing.typed(fold(text).upper()))[0]
    assert tongues.names()[language] in clue.sentence


@pytest.mark.parametrize("text", ["YAMAHA", "COCA COLA", "XKCD", "42", "", "口", "..."])
def test_brands_and_noise_are_no_language(text: str):
    assert subjects(text) == []


def test_english_is_believed_less_and_least_beside_another_language():
    alone = FINDER.find(Writing.typed("Please keep this gate closed at all times, thank you"))[0]
    beside = FINDER.find(Writing.typed("この先行き止まり \nPlease keep this gate closed at all times, thank you"))
    assert alone.subject == "en"
    assert alone.trust < 0.7
    assert beside[0].subject == "ja"
    assert {c.subject: c.trust for c in beside}.get("en", 0.0) < alone.trust


def test_two_languages_of_one_script_are_both_found():
    found = subjects("Dim parcio o flaen y giatiau\nPlease do not park in front of the gates\nCroeso i Gymru")
    assert set(found) >= {"cy", "en"}


def test_a_doubtful_reading_is_believed_less():
    def trust(confidence: float) -> float:
        return FINDER.find(Writing.of([Line("Zufahrt bitte freihalten", confidence)]))[0].trust

    assert trust(0.5) < trust(1.0)


def test_regions_are_spots_in_their_country():
    spots = tongues.lands()["ca"].spots
    assert {"Catalonia", "the Balearic Islands"} <= {spot.name for spot in spots}
    assert tongues.lands()["ca"].countries["ES"] < 0.05 < tongues.lands()["ca"].countries["AD"]


def test_the_table_is_sound():
    known = set(gazetteer().countries)
    for code, lands in tongues.lands().items():
        assert set(lands.countries) <= known, code
        assert all(0 < fit <= 1 for fit in lands.countries.values()), code
        for spot in lands.spots:
            assert spot.country in known
            assert gazetteer().country(spot.lat, spot.lon) == spot.country, spot
            assert spot.km > 0 and 0 < spot.fit <= 1
    assert set(model().codes) - {NO_LANGUAGE} <= set(tongues.lands())


def test_a_column_of_countries_may_name_languages():
    lands = tongues.resolve("de:0.5 CH:0.1")
    assert lands.countries["CH"] == 0.1
    assert lands.countries["DE"] == pytest.approx(0.5 * tongues.lands()["de"].countries["DE"])
    assert all(spot.country != "CH" for spot in lands.spots)


def test_characters_tell_chinese_from_japanese():
    assert max(han_languages("车门开关"), key=han_languages("车门开关").get) == "zh"
    assert max(han_languages("車門開關"), key=han_languages("車門開關").get) == "zh-hant"
    assert max(han_languages("駅前広場"), key=han_languages("駅前広場").get) == "ja"


def test_features_ignore_capitals_and_lost_marks_keep_most_of_them():
    assert features("STRASSE") == features("strasse")
    assert len(set(features("vägen")) & set(features("vagen"))) >= len(set(features("vagen"))) - 1
    assert all(0 <= bucket < BUCKETS for bucket in features("vägen"))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_taken(text: str):
    clues = FINDER.find(Writing.typed(text))
    assert len(clues) <= 3
    for clue in clues:
        assert 0 <= clue.trust <= 1 and clue.kind == "language"
        assert clue.countries and clue.lines


def test_an_unsure_line_beside_much_of_another_language_counts_little():
    lines = ("This image is provided", "as an example of the", "power of embedded", "Extension and", "PLUS metadata")
    clues = LanguageFinder().find(Writing.of(Line(text, 0.95) for text in lines))
    assert clues[0].subject == "en"
    assert all(clue.trust < 0.3 for clue in clues[1:])
