"""The small segmenter: what ships labels drawn photos, its training learns, its figures are right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geoloc_core.paths import ASSETS
from geoloc_core.segmentation import open_segmenter
from geoloc_core.segmentation.names import STARTER
from index_builder.segmenter.evaluate import confusion, evaluate, quality
from index_builder.segmenter.lessons import HEIGHT, WIDTH, Lessons, _draw
from index_builder.segmenter.train import Recipe, _views, fresh, save, train
from tests.tiny_clip import own_home

__all__ = ["own_home"]
PLACES = [(48.8, 2.3), (35.0, 135.7), (-33.9, 151.2), (19.4, -99.1), (-1.3, 36.8), (61.2, 24.9), (40.7, -74.0)]
PLACES += [(28.6, 77.2), (-22.9, -43.3), (30.1, 31.2), (55.7, 37.6), (14.6, 121.0)]


@pytest.fixture(scope="module")
def drawn():
    """12 photos that no training has seen."""
    pairs = [_draw((lat, lon, 7, 43_900_000 + i)) for i, (lat, lon) in enumerate(PLACES)]
    return Lessons(np.stack([photo for photo, _ in pairs]), np.stack([labels for _, labels in pairs]))


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_what_ships_is_small_and_beats_the_commonest_class_by_far(drawn):
    folder = ASSETS / "checkpoints" / STARTER
    assert sum(file.stat().st_size for file in folder.iterdir()) < 1_500_000
    got = evaluate(open_segmenter(STARTER), drawn)
    assert got.photos == 12 and got.accuracy > 0.7 > got.constant + 0.2
    assert got.mean_iou > 4 * got.constant_iou and got.iou["sky"] > 0.7


def test_labels_are_drawn_with_their_photos(drawn):
    assert drawn.photos.shape == (12, HEIGHT, WIDTH, 3) and drawn.labels.shape == (12, HEIGHT, WIDTH)
    assert len(np.unique(drawn.labels)) > 8 and drawn.labels.max() < 150


def test_photo_and_labels_are_cut_out_alike():
    """A photo that is its own map: what is seen of both agrees but for edges."""
    blocks = np.kron(np.arange(12).reshape(3, 4) % 2, np.ones((48, 48), int)).astype(np.uint8)
    lessons = Lessons(np.repeat(255 * blocks[None, ..., None], 3, 3), blocks[None])
    torch.manual_seed(1)
    for _ in range(5):
        photos, labels = _views(lessons, np.zeros(1, int))
        bright = torch.nn.functional.interpolate(photos, size=labels.shape[1:], mode="bilinear").mean(1)
        assert ((bright > bright.mean()).long() == labels).float().mean() > 0.85


def test_training_learns_and_saves_what_can_be_opened(drawn, tmp_path, own_home):
    model = fresh()
    losses = [epoch.loss for epoch in train(drawn, Recipe(epochs=15, batch_size=4), model)]
    assert losses[-1] < 0.75 * losses[0]
    out = tmp_path / "made"
    save(model, out)
    first = open_segmenter(str(out)).id
    save(fresh(2), out)
    assert open_segmenter(str(out)).id != first
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "made"))) == ["made"]
    with pytest.raises(ValueError, match="Draw more"):
        next(train(drawn, Recipe(batch_size=13), model))


def test_figures_are_those_of_their_definition():
    truth, said = np.array([[0, 0, 0, 2], [2, 255, 1, 1]], np.uint8), np.array([[0, 0, 2, 2], [2, 2, 1, 0]], np.uint8)
    got = quality(confusion([truth], [said]), 1)
    assert got.accuracy == pytest.approx(5 / 7) and got.constant == pytest.approx(3 / 7)
    assert got.iou == pytest.approx({"wall": 2 / 4, "building": 1 / 2, "sky": 2 / 3})
    assert got.mean_iou == pytest.approx((1 / 2 + 1 / 2 + 2 / 3) / 3) and got.constant_iou == pytest.approx(1 / 7)
