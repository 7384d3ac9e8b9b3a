"""The TransLocator that ships: small, whole, of drawn photos by its own word, and far better than guessing."""

from __future__ import annotations

import io

import numpy as np
import pytest

from geoloc_core.evaluation.metrics import accuracy, best_constant
from geoloc_core.paths import ASSETS
from geoloc_core.photo import open_photo, read_photo
from geoloc_core.prediction import Query
from geoloc_core.predictors.translocator import TransLocatorPredictor
from geoloc_core.segmentation import open_segmenter
from geoloc_core.segmentation.names import STARTER as SEGMENTER
from geoloc_core.translocator.opened import SHELF, STARTER, open_translocator
from geoloc_core.translocator.publish import CELLS
from index_builder.atlas import draw, sample_places
from index_builder.starter import SIZE

SEED = 77  # of photos that no training, choosing or table has seen


@pytest.fixture(scope="module")
def unseen() -> list[tuple[tuple[float, float], bytes]]:
    photos = []
    for i, (lat, lon) in enumerate(sample_places(64, SEED, "test")):
        buffer = io.BytesIO()
        draw(float(lat), float(lon), seed=SEED, index=i, size=SIZE).image.save(buffer, "JPEG", quality=90)
        photos.append(((float(lat), float(lon)), buffer.getvalue()))
    return photos


def test_it_is_small_and_says_what_it_is():
    folder, card = ASSETS / "checkpoints" / STARTER, open_translocator(STARTER).card
    assert sum(file.stat().st_size for file in folder.iterdir()) < 8_000_000
    assert card.synthetic and "taken by nobody" in card.data and card.licence
    assert card.config.branches == "rgb+seg" and card.config.fusion == "mff" and card.config.scenes
    assert open_translocator(STARTER).partition.id == card.partition and (folder / CELLS).is_file()
    assert SHELF.choose().value == STARTER and open_translocator(STARTER).availability()


def test_unseen_drawn_photos_are_located_far_better_than_by_guessing(unseen):
    """As on the page: its map is what the small segmenter sees."""
    model, segmenter = open_translocator(STARTER), open_segmenter(SEGMENTER)
    truth, told = np.array([place for place, _ in unseen]), []
    for _, jpeg in unseen:
        image = read_photo(jpeg).image
        said = model.classify(image, segmenter.segment([image])[0])
        told.append(said.level.points[int(said.probabilities.argmax())])
    row = accuracy("starter", told, truth)
    constant = best_constant(sample_places(2_000, 1, "train"), truth)
    assert row.within[-1] > 2 * constant.within[-1] > 0.2
    assert row.within[-2] > 2 * constant.within[-2]
    assert row.median_km is not None and row.median_km < 6_000  # a random guess: some 9,000


def test_an_example_tells_scene_segmentation_and_branches():
    photo = open_photo(ASSETS / "examples" / "red-centre-road.jpg")
    said = TransLocatorPredictor(open_translocator(STARTER)).predict(Query(photo)).classified
    assert said is not None and said.segmentation is not None and said.scene is not None
    assert sum(said.attention or ()) == pytest.approx(1, abs=1e-3)
    assert said.probabilities.sum() == pytest.approx(1)
