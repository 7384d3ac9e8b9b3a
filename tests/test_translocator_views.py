"""A photo's crops are torchvision's to the last bit, and its segmentation map's lie at the same places."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from geoloc_core.errors import ModelError
from geoloc_core.segmentation import NO_CLASS
from geoloc_core.segmentation.ade20k import colours
from geoloc_core.translocator import Inputs
from geoloc_core.translocator.views import boxes_of, crops

SIDES = st.integers(20, 90)


def photo(w: int, h: int, seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (h // 4 + 2, w // 4 + 2, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((w, h), Image.Resampling.BICUBIC)


def theirs(image: Image.Image, inputs: Inputs, size: int) -> torch.Tensor:
    """torchvision's crops, put into our order: the centre first."""
    how = transforms.InterpolationMode(inputs.interpolation)
    normal = transforms.Compose([transforms.ToTensor(), transforms.Normalize(inputs.mean, inputs.std)])
    resized = transforms.Resize(inputs.resize, how)(image)
    five = [4, 0, 1, 2, 3]
    if inputs.crops == 1:
        return normal(transforms.CenterCrop(size)(resized))[None]
    cut = transforms.FiveCrop(size)(resized) if inputs.crops == 5 else transforms.TenCrop(size)(resized)
    order = five if inputs.crops == 5 else five + [5 + i for i in five]
    return torch.stack([normal(cut[i]) for i in order])


@given(SIDES, SIDES, st.sampled_from([1, 5, 10]), st.sampled_from(["bilinear", "bicubic"]), st.integers(16, 50))
@settings(max_examples=30, deadline=None)
def test_crops_are_torchvisions(w, h, count, interpolation, resize):
    inputs = Inputs(resize=resize, crops=count, interpolation=interpolation)
    found, none = crops(photo(w, h), None, inputs, 16)
    assert none is None and found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, theirs(photo(w, h), inputs, 16).numpy(), rtol=0, atol=1e-6)


def test_other_modes_become_rgb():
    grey = photo(40, 60).convert("L")
    found, _ = crops(grey, None, Inputs(resize=24, crops=1), 16)
    want, _ = crops(grey.convert("RGB"), None, Inputs(resize=24, crops=1), 16)
    np.testing.assert_array_equal(found, want)


@given(SIDES, SIDES, st.sampled_from([1, 5, 10]), st.sampled_from([1, 2, 3]))
@settings(max_examples=20, deadline=None)
def test_the_map_is_cut_where_the_photo_is(w, h, count, smaller):
    """A photo that is its own map in colours, and a map that may be smaller: its colours are cut as nearest would."""
    rng = np.random.default_rng(w * 100 + h)
    labels = rng.integers(0, 150, (max(1, h // smaller), max(1, w // smaller)), dtype=np.uint8)
    inputs = Inputs(resize=24, crops=count)
    rgb, seg = crops(photo(w, h), labels, inputs, 16)
    resized = transforms.Resize(24)(photo(w, h))
    nearest = Image.fromarray(labels).resize(resized.size, Image.Resampling.NEAREST)
    want = theirs(Image.fromarray(colours(np.asarray(nearest))), inputs, 16).numpy()
    assert seg is not None and seg.shape == rgb.shape
    np.testing.assert_allclose(seg, want, rtol=0, atol=1e-6)


def test_no_class_is_black_after_the_same_normalisation():
    inputs = Inputs(resize=16, crops=1)
    _, seg = crops(photo(32, 32), np.full((32, 32), NO_CLASS, np.uint8), inputs, 16)
    black = -np.array(inputs.mean) / np.array(inputs.std)
    np.testing.assert_allclose(seg[0], np.broadcast_to(black[:, None, None], (3, 16, 16)), atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 4_000), (4_000, 3)])
def test_a_strip_is_read_in_its_middle_and_its_map_with_it(shape):
    w, h = shape
    ramp = np.linspace(0, 149, max(shape)).astype(np.uint8)
    labels = np.broadcast_to(ramp[None] if w > h else ramp[:, None], (h, w))
    inputs = Inputs(resize=32, crops=5)
    rgb, seg = crops(Image.fromarray(colours(labels)), labels, inputs, 32)
    assert rgb.shape == seg.shape == (5, 3, 32, 32)
    middle, _ = crops(Image.fromarray(colours(np.full((32, 32), ramp[2_000]))), None, Inputs(resize=32, crops=1), 32)
    np.testing.assert_allclose(seg[0, :, 16, 16], middle[0, :, 16, 16], atol=1e-6)


def test_a_crop_larger_than_the_photo_is_refused():
    with pytest.raises(ModelError, match="Raise the inputs' resize to 32"):
        crops(photo(64, 64), None, Inputs(resize=24), 32)


def test_boxes_stay_inside():
    for size in ((16, 16), (17, 40), (41, 16)):
        for left, top, right, low in boxes_of(size, 16):
            assert 0 <= left < right <= size[0] and 0 <= top < low <= size[1]
