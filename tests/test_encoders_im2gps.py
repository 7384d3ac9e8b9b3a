"""The hand-crafted descriptor: unit rows, no dependence on the batch, and likeness where a person sees it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from geoloc_core.encoders.im2gps import Im2Gps, _lab
from tests.tiny_clip import photo


@pytest.fixture(scope="module")
def encoder():
    return Im2Gps()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "1"])
def test_rows_are_unit_for_every_mode(encoder, mode):
    rows = encoder.encode([photo(1, mode=mode)])
    assert rows.shape == (1, 1024) and rows.dtype == np.float32
    assert np.linalg.norm(rows) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (119, 119, 119), (255, 0, 255)])
@pytest.mark.parametrize("size", [(1, 1), (500, 1), (64, 64)])
def test_flat_and_tiny_photos_have_finite_unit_rows(encoder, colour, size):
    assert np.linalg.norm(encoder.encode([Image.new("RGB", size, colour)])) == pytest.approx(1, abs=1e-6)


def test_a_row_does_not_depend_on_its_batch(encoder):
    photos = [photo(i) for i in range(5)]
    together = encoder.encode(photos)
    for row, one in zip(together, photos, strict=True):
        np.testing.assert_array_equal(encoder.encode([one])[0], row)
    assert encoder.encode([]).shape == (0, 1024)


def test_a_smaller_copy_is_nearer_than_any_other_photo(encoder):
    photos = encoder.encode([photo(i, (640, 480)) for i in range(30)])
    copies = encoder.encode([photo(i, (640, 480)).resize((320, 240)) for i in range(30)])
    np.testing.assert_array_equal((copies @ photos.T).argmax(axis=1), np.arange(30))


def test_gist_tells_the_direction_of_stripes(encoder):
    lines = np.where(np.arange(128) // 4 % 2, 160, 90).astype(np.uint8)
    upright, lying = np.tile(lines, (128, 1)), np.tile(lines[:, None], (1, 128))
    shifted = np.roll(upright, 3, axis=1)
    a, b, c = encoder.encode([Image.fromarray(x) for x in (upright, shifted, lying)])[:, 640:]
    assert a @ b > 0.8 * (a @ a) and a @ c < 0.3 * (a @ a)


def test_lab_of_known_colours():
    for rgb, lab in (
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.2, 80.1, 67.2)),
        ((0, 0, 255), (32.3, 79.2, -107.9)),
    ):
        np.testing.assert_allclose(_lab(Image.new("RGB", (9, 9), rgb))[5, 5], lab, atol=0.1)


def test_it_is_always_available(encoder):
    assert encoder.availability() and encoder.id.startswith("im2gps/1/") and encoder.choices["device"].reason
