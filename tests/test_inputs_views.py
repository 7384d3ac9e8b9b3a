"""Batches of training sets: photo and map stay together through augmentation, and nothing depends on chance unsaid."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError
from torch.utils.data import DataLoader

from geoloc_core.cells import Partition
from geoloc_core.errors import ModelError
from geoloc_core.segmentation import NO_CLASS
from geoloc_core.segmentation.ade20k import palette
from geoloc_core.translocator import Config, Inputs, variant
from geoloc_core.translocator.views import crops
from index_builder.cells.build import Limits, build
from index_builder.inputs import TrainingSet
from index_builder.inputs.parts import Row, to_jpeg, to_png
from index_builder.inputs.writing import About, open_set
from index_builder.translocator.augment import Augment, geometry, lit, moved, moved_labels
from index_builder.translocator.views import Batch, Batches, eval_batch, labels_of

SIDE, VIEW, COUNT = 64, 48, 30
INPUTS = Inputs(resize=SIDE, crops=5)
SMALL = {"backbone": "vit_tiny_patch16_224", "image_size": VIEW, "width": 32, "depth": 2, "heads": 2, "patch": 16}
STILL = {"brightness": 0, "contrast": 0, "saturation": 0, "grey": 0, "blur": 0}


def blocks(seed: int, size: tuple[int, int] = (84, 64)) -> NDArray[np.uint8]:
    """A map of square blocks, four across its shorter side, of a few classes and of none."""
    chosen = np.random.default_rng(seed).choice(np.array([2, 4, 6, 20, 26, NO_CLASS], np.uint8), (24, 24))
    side = min(size) // 4
    return np.kron(chosen, np.ones((side, side), np.uint8))[: size[1], : size[0]]


def inner(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pixels whose neighbours, two in each direction, are all of one class; none on the rim."""
    kept = np.zeros(labels.shape, bool)
    around = np.lib.stride_tricks.sliding_window_view(labels, (5, 5))
    kept[2:-2, 2:-2] = (around == labels[2:-2, 2:-2, None, None]).all(axis=(2, 3))
    return kept


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """Photos whose colours are those of their maps."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("sets") / "set"
    rows = [
        Row(
            f"{number}",
            float(rng.uniform(-60, 70)),
            float(rng.uniform(-180, 180)),
            to_jpeg(Image.fromarray(palette()[blocks(number)])),
            to_png(blocks(number), (84, 64), SIDE),
            (number % 3, number % 16, number),
        )
        for number in range(COUNT)
    ]
    with open_set(folder, {}) as writer:
        writer.write(0, rows, "0")
        writer.publish(1, About(SIDE, "blocks", "CC0", "none"))
    return TrainingSet.open(folder)


@pytest.fixture(scope="module")
def partition(photos: TrainingSet) -> Partition:
    return build(photos.places, Limits((20, 10, 6), 2, 2, 30)).partition


def config(partition: Partition, name: str = "mff", **changes: object) -> Config:
    return variant(name, partition.sizes, **SMALL | changes)


def batches(photos: TrainingSet, partition: Partition, name: str = "scene-16", **changes: object) -> Batches:
    return Batches(photos, partition, config(partition, name), INPUTS, Augment(**changes), 1)


@given(st.integers(0, 10**6), st.tuples(st.integers(40, 200), st.integers(40, 200)), st.floats(0.2, 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_photo_and_map_move_together(seed: int, size: tuple[int, int], least: float, mirrored: bool):
    augment = Augment(least_area=least, ratio=1.2 if least < 0.8 else 1, degrees=30, shear=15, mirror=mirrored)
    labels = blocks(seed, size)
    matrix = geometry(augment, np.random.default_rng(seed), size, VIEW)
    view = np.asarray(moved(Image.fromarray(palette()[labels]), matrix, VIEW), int)
    seen = moved_labels(labels, matrix, VIEW)
    wrong = np.abs(view - palette()[seen]).max(axis=2) > 2
    sure = inner(seen)
    assert sure.mean() > 0.15
    assert wrong[sure].mean() < 0.005  # a corner of a block may pass between the pixels of a view
    other = moved_labels(labels, matrix + np.array([[0, 0, 8], [0, 0, 0]]), VIEW)
    assert (np.abs(view - palette()[other]).max(axis=2) > 2).mean() > wrong.mean() or len(np.unique(labels)) == 1


def test_views_lie_inside_the_photo_where_they_fit():
    white = Image.new("RGB", (84, 64), "white")
    augment = Augment(least_area=0.4, ratio=1.2, degrees=10, shear=5)
    rng = np.random.default_rng(3)
    matrices = [geometry(augment, rng, white.size, VIEW) for _ in range(300)]
    areas = np.array([abs(np.linalg.det(matrix[:, :2])) * VIEW**2 for matrix in matrices]) / 64**2
    assert 0.39 < areas.min() < 0.45 and 0.95 < areas.max() <= 1.01
    dark = np.array([np.asarray(moved(white, matrix, VIEW)).min() == 0 for matrix in matrices])
    assert not dark[areas < 0.6].any() and dark[areas > 0.9].any()
    reached = np.array([matrix @ [0, 0, 1] for matrix in matrices])
    assert np.ptp(reached, axis=0).min() > 15  # all over the photo


def test_nothing_to_do_is_the_photo_itself():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (VIEW, VIEW, 3), dtype=np.uint8)
    still = Augment.none()
    matrix = geometry(still, np.random.default_rng(1), (VIEW, VIEW), VIEW)
    view = moved(Image.fromarray(pixels), matrix, VIEW)
    assert np.array_equal(np.asarray(view), pixels)
    assert np.allclose(lit(view, still, rng), pixels.transpose(2, 0, 1) / 255, atol=1e-6)
    large = Image.fromarray(np.kron(pixels, np.ones((3, 3, 1), np.uint8)))
    shrunk = moved(large, geometry(still, np.random.default_rng(1), large.size, VIEW), VIEW)
    assert np.abs(np.asarray(shrunk, int) - pixels).max() <= 1
    mirrored = geometry(Augment(**still.model_dump() | {"mirror": 1}), np.random.default_rng(1), (VIEW, VIEW), VIEW)
    assert np.array_equal(np.asarray(moved(Image.fromarray(pixels), mirrored, VIEW)), pixels[:, ::-1])


class Fixed:
    """Gives the numbers it was made with."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = numbers

    def random(self, count: int) -> NDArray[np.float64]:
        assert count == len(self.numbers)
        return np.array(self.numbers)


@pytest.mark.parametrize("amounts", [(0.9, 0.5, 0.5), (0.5, 0.1, 0.5), (0.5, 0.5, 0.95), (0.2, 0.8, 0.3)])
def test_light_is_torchvisions(amounts: Sequence[float]):
    from torchvision.transforms.v2 import functional

    pixels = np.random.default_rng(5).integers(90, 160, (VIEW, VIEW, 3), dtype=np.uint8)
    augment = Augment(brightness=0.3, contrast=0.3, saturation=0.3)
    ours = lit(Image.fromarray(pixels), augment, Fixed(*amounts, 1, 1, 0))  # type: ignore[arg-type]
    wanted = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    for adjust, amount in zip(
        (functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation), amounts, strict=True
    ):
        wanted = adjust(wanted, 1 + 0.3 * (2 * amount - 1))
    assert np.allclose(ours, wanted.numpy(), atol=2e-3)


def test_grey_and_blur():
    view = Image.fromarray(palette()[blocks(1)][:VIEW, :VIEW])
    grey = lit(view, Augment(grey=1, blur=0), np.random.default_rng(0))
    assert np.abs(grey - grey[0]).max() < 1e-5
    soft = lit(view, Augment(**STILL | {"blur": 1}), np.random.default_rng(0))
    assert np.abs(np.diff(soft)).max() < np.abs(np.diff(lit(view, Augment(**STILL), np.random.default_rng(0)))).max()


def test_batch_agrees_with_its_map(photos: TrainingSet, partition: Partition):
    batch = batches(photos, partition, **STILL)(0, range(COUNT))
    assert batch.rgb.shape == batch.seg.shape == (COUNT, 3, VIEW, VIEW)
    assert batch.rgb.dtype == batch.seg.dtype == torch.float32
    apart = (batch.rgb - batch.seg).abs().mean(dim=(1, 2, 3))
    wrong = (batch.rgb - batch.seg.roll(1, 0)).abs().mean(dim=(1, 2, 3))
    assert apart.max() < 0.6 * wrong.min()
    mean, std = torch.tensor(INPUTS.mean), torch.tensor(INPUTS.std)
    colours = {tuple(row) for row in (palette()[[2, 4, 6, 20, 26, NO_CLASS]]).tolist()}
    back = ((batch.seg[0].permute(1, 2, 0) * std + mean) * 255).round().int().reshape(-1, 3)
    assert {tuple(row) for row in back.tolist()} <= colours


def test_a_row_looks_the_same_in_whichever_batch(photos: TrainingSet, partition: Partition):
    make = batches(photos, partition)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - that nobody touches it
    one, other = make(3, [4, 7, 9]), deepcopy(make)(3, np.array([7]))
    assert torch.equal(one.rgb[1], other.rgb[0]) and torch.equal(one.seg[1], other.seg[0])
    assert torch.equal(one.cells[1], other.cells[0]) and one.scenes[1] == other.scenes[0]
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
    assert not torch.equal(make(4, [7]).rgb, other.rgb)
    assert not torch.equal(Batches(photos, partition, make.config, INPUTS, make.augment, 2)(3, [7]).rgb, other.rgb)
    assert not torch.equal(make(3, [7, 7, 8]).rgb[2], other.rgb[0])


def test_labels(photos: TrainingSet, partition: Partition):
    rows = [5, 0, 29, 11]
    cells = partition.assign(photos.places[rows])
    batch = batches(photos, partition)(0, rows)
    assert batch.cells.tolist() == cells.tolist() and (cells >= 0).any()
    assert batch.scenes.tolist() == [row % 16 for row in rows] and batch.kinds is None
    assert set(batch.tensors()) == {"rgb", "seg", "cells", "scenes"}
    cnn = {"width": None, "depth": None, "heads": None, "patch": None, "backbone": "resnet18"}
    planet = labels_of(photos, rows, partition, config(partition, "planet", **cnn))
    assert planet[0].tolist() == cells[:, 2:].tolist() and planet[1] is planet[2] is None
    assert labels_of(photos, rows, partition, config(partition, "isns", **cnn))[2].tolist() == [r % 3 for r in rows]
    alone = Batches(photos, partition, config(partition, "vit-base"), INPUTS, Augment(), 1)(0, rows)
    assert alone.seg is None and set(alone.tensors()) == {"rgb", "cells"}
    with pytest.raises(ModelError, match="configured for"):
        labels_of(photos, rows, partition, variant("mff", (1, 2, 3), **SMALL))


def test_judged_by_the_crops_of_an_answer(photos: TrainingSet, partition: Partition):
    batch = eval_batch(photos, [3, 8], partition, config(partition), INPUTS)
    assert batch.rgb.shape == batch.seg.shape == (10, 3, VIEW, VIEW) and batch.cells.shape == (2, 3)
    rgb, seg = crops(photos.photo(8), photos.labels(8), INPUTS, VIEW)
    assert np.array_equal(batch.rgb[5:].numpy(), rgb) and np.array_equal(batch.seg[5:].numpy(), seg)


def test_augmentations_that_cannot_be():
    for wrong in ({"least_area": 0.9, "ratio": 2}, {"mirror": 2}, {"least_area": 0}, {"hue": 1}):
        with pytest.raises(ValidationError):
            Augment(**wrong)


class Asked:
    """Batches by number, for torch's loader."""

    def __init__(self, make: Batches) -> None:
        self.make = make

    def __len__(self) -> int:
        return 4

    def __getitem__(self, number: int) -> Batch:
        return self.make(0, [2 * number, 2 * number + 1])


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_batches_in_other_processes(photos: TrainingSet, partition: Partition, how: str):
    make = batches(photos, partition)
    make(0, [0])
    for number, batch in enumerate(
        DataLoader(Asked(make), batch_size=None, num_workers=1, multiprocessing_context=how)
    ):
        here = make(0, [2 * number, 2 * number + 1])
        assert torch.equal(batch.rgb, here.rgb) and torch.equal(batch.cells, here.cells)
