"""What ships in assets/: small, whole, drawn again the same, and located far better than by guessing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoloc_core.encoders import create
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.catalogue import STARTER
from geoloc_core.geo import distance_km
from geoloc_core.locate import encoder_of, locate
from geoloc_core.paths import ASSETS
from geoloc_core.photo import open_photo, read_photo
from index_builder.atlas import draw, sample_places
from index_builder.atlas.examples import EXAMPLE_SEED, EXAMPLES
from index_builder.starter import SIZE, evaluate_starter

MADE = (STARTER, ASSETS / "examples", ASSETS / "checkpoints" / "starter")


@pytest.fixture(scope="module")
def starter() -> Gallery:
    return Gallery.open(STARTER)


def test_it_is_small_enough_to_ship():
    total = sum(file.stat().st_size for folder in MADE for file in folder.rglob("*") if file.is_file())
    assert total < 12_500_000


def test_it_covers_the_land_and_says_what_it_is(starter: Gallery):
    assert len(starter) == 3000
    assert starter.manifest.synthetic
    assert starter.manifest.licence == "CC0 1.0"
    assert "taken by nobody" in starter.manifest.source
    continents = [(50, 10), (5, 20), (35, 100), (40, -100), (-10, -55), (-25, 135)]
    assert distance_km(np.array(continents)[:, None], starter.coordinates).min(axis=1).max() < 400


def drawn_again(index: int) -> bytes:
    lat, lon = sample_places(3000, 1, "gallery")[index]
    buffer = io.BytesIO()
    draw(float(lat), float(lon), seed=1, index=index, size=SIZE).image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.mark.parametrize("index", [0, 1234, 2999])
def test_a_gallery_photo_is_drawn_again_pixel_for_pixel(starter: Gallery, index: int):
    photo = read_photo(drawn_again(index))
    with Image.open(io.BytesIO(starter.thumbnail(index))) as stored:
        kept = np.asarray(stored.convert("RGB"))
    assert np.array_equal(read_photo(photo.to_jpeg(128, quality=62)).array(), kept)
    vector = create("starter").encode([photo.image])[0]
    stored_vector = np.load(STARTER / "vectors-00000.npy")[index]
    assert float(vector @ stored_vector.astype(np.float32)) > 0.999


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_an_example_is_whole_and_unseen(starter: Gallery, example):
    photo = open_photo(ASSETS / "examples" / f"{example.name}.jpg")
    assert max(photo.size) >= 256
    assert photo.exif.location == pytest.approx((example.lat, example.lon), abs=1e-6)
    assert distance_km((example.lat, example.lon), starter.coordinates).min() > 0.1
    buffer = io.BytesIO()
    again = draw(example.lat, example.lon, seed=EXAMPLE_SEED, index=example.index, size=example.size)
    again.image.save(buffer, "JPEG", quality=88)
    assert np.array_equal(read_photo(buffer.getvalue()).array(), photo.array())


def test_there_are_twelve_examples_and_no_other_file():
    names = {path.name for path in (ASSETS / "examples").iterdir()}
    assert names == {f"{example.name}.jpg" for example in EXAMPLES}
    assert len(names) == 12


def test_an_example_is_answered(starter: Gallery):
    answer = locate(open_photo(ASSETS / "examples" / "tuscan-village.jpg"), starter)
    assert len(answer.nearest) == len(answer.farthest) == 16
    assert answer.synthetic
    assert answer.truth.source == "exif"
    assert encoder_of(starter).id == starter.manifest.made_with.id


def test_unseen_photos_are_located_far_better_than_by_guessing(tmp_path: Path):
    model, constant, chance = evaluate_starter(STARTER, photos=150)
    assert model.within[4] > 1.5 * max(constant.within[4], chance.within[4])
    assert model.within[3] > 2 * max(constant.within[3], chance.within[3])
