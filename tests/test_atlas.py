"""The Atlas draws the same world everywhere, on land, true to the facts it claims."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index_builder.atlas import SPLITS, AtlasPhoto, draw, sample_places
from index_builder.atlas.canvas import ADE20K
from index_builder.atlas.examples import EXAMPLE_SEED, EXAMPLES
from index_builder.atlas.facts import countries, country_at, country_codes, sea_km, words
from index_builder.atlas.scenes import SCENES
from index_builder.atlas.signs import text_mask
from index_builder.atlas.world import place_at

ROOT = Path(__file__).parent.parent
GOLDEN = json.loads((Path(__file__).parent / "data" / "atlas_golden.json").read_text(encoding="utf-8"))


def digest(photo: AtlasPhoto) -> str:
    return hashlib.sha256(photo.image.tobytes() + photo.labels.tobytes()).hexdigest()


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["scene"])
def test_pixels_are_the_stored_ones(case: dict) -> None:
    photo = draw(case["lat"], case["lon"], seed=1, index=case["index"], size=(192, 144))
    assert photo.scene == case["scene"]
    assert digest(photo) == case["sha256"]


def test_another_process_draws_the_same_pixels() -> None:
    code = (
        "import hashlib; from index_builder.atlas import draw; p = draw(48.2, 2.3, seed=7, index=5, size=(160, 120));"
        "print(hashlib.sha256(p.image.tobytes() + p.labels.tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(draw(48.2, 2.3, seed=7, index=5, size=(160, 120)))


def test_seed_index_and_place_each_change_the_picture() -> None:
    pictures = {
        digest(draw(lat, 2.3, seed=s, index=i, size=(96, 72)))
        for lat, s, i in ((48.2, 1, 0), (48.2, 2, 0), (48.2, 1, 1), (47.9, 1, 0))
    }
    assert len(pictures) == 4


@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_labels_what_it_draws(scene: str) -> None:
    photo = draw(44.5, 9.0, seed=3, index=1, size=(192, 144), scene=scene)
    assert photo.image.size == (192, 144) and photo.image.mode == "RGB"
    assert photo.labels.shape == (144, 192) and photo.labels.dtype == np.uint8
    present = set(np.unique(photo.labels).tolist())
    assert present <= set(ADE20K.values()), "a pixel was left undrawn or carries an unknown class"
    assert ADE20K["sky"] in present and (photo.labels == ADE20K["sky"]).mean() > 0.02
    wanted = {"street": "building", "coast": "sea", "lake": "lake", "field": "field", "forest": "tree"}
    if scene in wanted:
        assert (photo.labels == ADE20K[wanted[scene]]).mean() > 0.05
    assert photo.setting == ("urban" if scene in ("street", "highway", "village", "skyline") else "natural")


def test_places_lie_on_land_and_are_even_over_it() -> None:
    places = sample_places(4000, 0, "gallery")
    assert places.shape == (4000, 2) and (country_codes(places[:, 0], places[:, 1]) > 0).all()
    assert places[:, 0].min() > -86 and places[:, 0].max() < 84
    tropics = (np.abs(places[:, 0]) < 23.44).mean()
    assert 0.36 < tropics < 0.46, "about two fifths of the ice-free land lies between the tropics"
    assert 0.6 < (places[:, 0] > 0).mean() < 0.76


def test_splits_share_no_place_and_repeat() -> None:
    drawn = {split: {tuple(row) for row in sample_places(500, 0, split).tolist()} for split in SPLITS}
    assert len(set.union(*drawn.values())) == 500 * len(SPLITS)
    np.testing.assert_array_equal(sample_places(50, 0, "test"), sample_places(500, 0, "test")[:50])
    with pytest.raises(ValueError, match="use one of gallery"):
        sample_places(1, 0, "tests")


@pytest.mark.parametrize(
    ("lat", "lon", "iso2"),
    [
        (48.85, 2.35, "FR"),
        (-1.29, 36.82, "KE"),
        (35.0, 135.76, "JP"),
        (-33.87, 151.0, "AU"),
        (66.0, -178.5, "RU"),
        (-17.8, 178.0, "FJ"),
        (-75.0, 40.0, "AQ"),
        (0.0, -140.0, None),
        (72.0, 0.0, None),
        (68.5, -30.0, "GL"),
    ],
)
def test_country_at(lat: float, lon: float, iso2: str | None) -> None:
    country = country_at(lat, lon)
    assert (country.iso2 if country else None) == iso2


def test_sea_is_no_place() -> None:
    with pytest.raises(ValueError, match="point on land"):
        draw(0.0, -140.0, seed=1, index=0)
    assert sea_km(0.0, -140.0) == 0.0 and sea_km(46.3, 86.7) > 2000


def test_facts_of_countries() -> None:
    world = countries()
    assert len(world) > 230
    left = {iso for iso, country in world.items() if country.drives_left}
    assert {"GB", "IE", "JP", "IN", "AU", "ZA", "KE", "TH", "ID", "JM", "CY", "MT"} <= left
    assert not left & {"US", "FR", "DE", "CN", "BR", "RU", "EG", "MM", "PH", "RW", "GI", "NG"}
    scripts = {
        iso: world[iso].scripts for iso in ("RU", "GR", "EG", "IL", "IN", "TH", "KR", "CN", "JP", "GE", "AM", "ET")
    }
    assert [s[0] for s in scripts.values()] == [
        "cyrillic",
        "greek",
        "arabic",
        "hebrew",
        "devanagari",
        "thai",
        "hangul",
        "han",
        "kana",
        "georgian",
        "armenian",
        "ethiopic",
    ]
    assert world["US"].centre_line == "yellow" and world["FR"].centre_line == "white"
    assert world["US"].warning_sign == "diamond" and world["DE"].warning_sign == "triangle"
    assert world["FI"].warning_sign == "yellow_triangle" and world["ZA"].edge_line == "yellow"


@pytest.mark.parametrize(
    ("lat", "lon", "climate"),
    [
        (24.0, 10.0, "desert"),
        (-3.1, -62.0, "tropical"),
        (51.5, -1.0, "temperate"),
        (62.0, 100.0, "boreal"),
        (76.0, -42.0, "ice"),
        (-16.5, -68.1, "highland"),
        (37.4, -5.9, "mediterranean"),
        (-24.0, 130.0, "desert"),
    ],
)
def test_climates_are_roughly_those_of_the_earth(lat: float, lon: float, climate: str) -> None:
    assert place_at(lat, lon).climate == climate


def test_traits_vary_smoothly() -> None:
    here, near = place_at(50.0, 10.0), place_at(50.05, 10.05)
    far = place_at(-20.0, 130.0)
    step = np.array([abs(here[t] - near[t]) for t in here.traits])
    leap = np.array([abs(here[t] - far[t]) for t in here.traits])
    assert step.max() < 0.15 < leap.mean()


def test_fonts_have_every_glyph() -> None:
    missing = {
        script: text_mask("\uffff", script).tobytes()
        for script in {word.script for entries in words().values() for word in entries}
    }
    for entries in words().values():
        for word in entries:
            for character in set(word.drawn) - {" "}:
                assert text_mask(character, word.script).tobytes() != missing[word.script], (word, character)


def test_examples_cover_the_continents() -> None:
    assert len(EXAMPLES) == 12 and len({e.name for e in EXAMPLES}) == 12
    photos = [draw(e.lat, e.lon, seed=EXAMPLE_SEED, index=e.index, size=(96, 72)) for e in EXAMPLES]
    assert len({p.country for p in photos}) >= 10 and len({p.scene for p in photos}) >= 6
