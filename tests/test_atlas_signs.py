"""Drawn photos of signs: the text is of its place, the fonts have it, and the same seed draws the same."""

from __future__ import annotations

from random import Random

import numpy as np
import phonenumbers
import pytest
from PIL import Image

from geoloc_core.geo import distance_km
from geoloc_core.places import gazetteer
from geoloc_core.signs.scripts import SCRIPTS, scripts_of
from index_builder.atlas.writing import forms, sign_photos, sign_places
from index_builder.atlas.writing.boards import paint
from index_builder.atlas.writing.dataset import write
from index_builder.atlas.writing.fonts import LATIN_FACES, has_glyphs, joined, line_mask, runs
from index_builder.atlas.writing.photo import SIZE, draw_signs
from index_builder.atlas.writing.tables import KINDS, phrases, regional, towns
from index_builder.atlas.writing.tables import forms as tables_forms
from index_builder.atlas.writing.texts import KINDS as SIGN_KINDS
from index_builder.atlas.writing.texts import sign_text, sign_texts

PLACES = sign_places(150, 11, "train")


def test_tables_hold_together() -> None:
    assert len(phrases()) >= 70
    for language, kinds in phrases().items():
        assert set(kinds) <= set(KINDS)
        assert {"street", "shop", "notice", "stop", "name"} <= set(kinds), language
    assert sum(sum(map(len, kinds.values())) >= 15 for kinds in phrases().values()) >= 60
    spoken = {language for of in tables_forms().values() for language in of.languages}
    assert spoken | {language for of in regional().values() for language in of} <= set(phrases())
    assert len(tables_forms()) >= 200


def test_typed_towns_and_regions_are_the_gazetteers() -> None:
    all_ = gazetteer().towns
    rows = list(zip(all_.countries.to_pylist(), all_.names.to_pylist(), all_.regions.to_pylist(), strict=True))
    assert not towns().keys() - {(country, name) for country, name, _ in rows}
    known = {(country, region) for country, _, region in rows}
    assert len(regional().keys() & known) >= 0.9 * len(regional())


@pytest.mark.parametrize("language", sorted(phrases()))
def test_fonts_have_every_glyph(language: str) -> None:
    for face in range(len(LATIN_FACES)):
        for texts in phrases()[language].values():
            for text in texts:
                assert has_glyphs(text.replace("{", "").replace("}", ""), language, face), text


def test_fonts_have_what_signs_say() -> None:
    for i, place in enumerate(PLACES):
        for kind in SIGN_KINDS:
            text = sign_text(place, Random(i), kind)
            missing = [line for line in text.lines if not has_glyphs(line, text.language)]
            assert not missing, (place, missing)


def test_a_font_without_a_glyph_is_noticed() -> None:
    assert not has_glyphs("ᏣᎳᎩ", "en")


def test_text_is_of_the_country() -> None:
    for i, place in enumerate(PLACES):
        for text in sign_texts(place, Random(i)):
            assert text.lines
            assert all(line.strip() and "{" not in line and "#" not in line.replace(" #", "") for line in text.lines)
            assert text.misled or text.language in ("", *place.languages)


def test_town_and_neighbours_are_near() -> None:
    all_ = gazetteer().towns
    where = {}
    for code, name, point in zip(all_.countries.to_pylist(), all_.names.to_pylist(), all_.points, strict=True):
        where.setdefault((code, name), []).append(point)
    for place in PLACES:
        here = (place.lat, place.lon)
        assert distance_km(where[place.iso2, place.town], here).min() < 8
        for name, km in place.neighbours:
            assert distance_km(where[place.iso2, name], here).min() < km + 8 <= 130


def test_telephone_numbers_are_valid_and_of_the_town() -> None:
    rng, seen = Random(3), 0
    for place in PLACES:
        number = forms.phone(place, rng)
        if number is None:
            continue
        parsed = phonenumbers.parse(number, place.iso2)
        assert phonenumbers.is_valid_number(parsed), number
        assert parsed.country_code == phonenumbers.country_code_for_region(place.iso2)
        if place.known and place.known.phone:
            area = place.known.phone.replace(" ", "").lstrip("0")
            assert phonenumbers.national_significant_number(parsed).lstrip("0").startswith(area) or _mobile(parsed)
        seen += 1
    assert seen > 0.7 * len(PLACES)


def _mobile(number: phonenumbers.PhoneNumber) -> bool:
    return phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE


def test_splits_share_no_town() -> None:
    train, test = ({(p.iso2, p.town) for p in sign_places(400, 1, split)} for split in ("train", "test"))
    assert train and test and not train & test
    with pytest.raises(ValueError, match="unknown split"):
        sign_places(1, 1, "validation")


def test_arabic_letters_are_joined_and_run_from_right_to_left() -> None:
    assert joined("سلام") == "\ufeb3\ufefc\ufee1"
    assert list(runs("שלום", "he")) == [("hebrew", "םולש")]
    assert next(script for script, _ in runs("Tel. شارع", "ar")) == "arabic"


def test_every_script_of_a_language_is_drawn() -> None:
    drawn = {script for kinds in phrases().values() for text in kinds["notice"] for script in scripts_of(text)}
    assert len(drawn) >= 20 and drawn <= set(SCRIPTS)
    for language, kinds in phrases().items():
        ink = np.asarray(line_mask(kinds["notice"][0], language, 40, 0))
        assert (ink > 128).mean() > 0.01, language


def test_the_same_seed_draws_the_same_and_another_another() -> None:
    one, again = (list(sign_photos(2, 4, "train")) for _ in range(2))
    other = list(sign_photos(2, 5, "train"))
    assert [p.jpeg for p in one] == [p.jpeg for p in again]
    assert [p.jpeg for p in one] != [p.jpeg for p in other]
    assert one[0].image.size == SIZE


def test_a_blank_photo_has_no_letters_and_a_mislead_is_told() -> None:
    place = PLACES[0]
    assert draw_signs(place, Random(1), blank=True).letters == 0
    photos = [draw_signs(place, Random(i), blank=False) for i in range(3)]
    assert all(photo.lines for photo in photos)
    texts = [text for i in range(600) for text in sign_texts(place, Random(i))]
    assert 0.02 < sum(text.misled for text in texts) / 600 < 0.12


def test_a_board_shows_its_text_in_contrast() -> None:
    for kind in SIGN_KINDS:
        board = paint(sign_text(PLACES[1], Random(2), kind), "DE", Random(2))
        grey = np.asarray(board.image.convert("RGB").convert("L"), int)
        assert np.percentile(grey, 98) - np.percentile(grey, 2) > 50
        assert len(board.heights) == len(board.text.lines)


def test_files_and_their_table(tmp_path) -> None:
    assert "2 photos" in write(tmp_path, 2, 1, "test")
    rows = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("file,lat,lon,country") and len(rows) == 3
    with Image.open(tmp_path / "test-1-00001.jpg") as image:
        assert image.size == SIZE
