"""A published TransLocator opened again: its answers from plain numpy, and folders that cannot be used."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from geoloc_core.cells import Partition
from geoloc_core.errors import CheckpointMisfit, CheckpointMissing, ModelError
from geoloc_core.settings import settings
from geoloc_core.translocator import Card, Inputs, variant
from geoloc_core.translocator.checkpoint import load
from geoloc_core.translocator.opened import SHELF, TransLocator, open_translocator
from geoloc_core.translocator.publish import CELLS, levels_of, publish, read_cells
from geoloc_core.translocator.views import crops
from tests.make_cells import small_partition
from tests.published_translocator import INPUTS, labelled, opened, partition, picture, published
from tests.small_translocator import SIZES, drawn


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setenv("GEOLOC_DTYPE", "float32")
    settings.cache_clear()


def plain_softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def logits_of(
    folder: Path, image, labels, inputs: Inputs, kind: int | None
) -> tuple[list[np.ndarray], torch.nn.Module]:
    """Each level's (crops, n) logits in float64, from the weights on disk, one crop at a time."""
    card, model = load(folder)
    rgb, seg = crops(image, labels if card.config.branches == "rgb+seg" else None, inputs, card.config.image_size)
    model, rows = model.double(), []
    for i in range(len(rgb)):
        given = [torch.from_numpy(x[i : i + 1]).double() for x in (rgb, seg) if x is not None]
        with torch.no_grad():
            kinds = None if kind is None else torch.tensor([kind])
            out = model(*given, kinds=kinds)
        rows.append([level[0].numpy() for level in out.cells])
    return [np.array(level) for level in zip(*rows, strict=True)], out


def reference(levels: list[np.ndarray], parts, most: bool, star: bool) -> np.ndarray:
    """The paper's rules in loops: crops made one, then f* cell by cell."""
    if most:
        made = [np.max([plain_softmax(crop) for crop in level], axis=0) for level in levels]
    else:
        made = [plain_softmax(level.mean(axis=0)) for level in levels]
    found = made[-1].copy()
    if star:
        for cell in range(len(found)):
            middle = parts[2].parent[cell]
            coarse = parts[1].parent[middle]
            found[cell] = made[2][cell] * made[1][middle] * made[0][coarse]
    return found / found.sum()


CASES = [
    ("planet", None, False),
    ("vit-base", None, False),
    ("vit-mt", None, True),
    ("seg", None, False),
    ("mff", None, True),
    ("scene-3", None, False),
    ("scene-16", None, True),
    ("isns", 1, True),
    ("isns", 2, False),
]


@pytest.mark.parametrize(("name", "kind", "star"), CASES)
def test_every_variant_answers_as_plain_numpy_does(name, kind, star, tmp_path):
    model = opened(tmp_path, name)
    image = picture()
    labels = labelled(image)
    found = model.classify(image, labels, kind, hierarchical=star)
    levels, _ = logits_of(tmp_path, image, labels, INPUTS, kind)
    want = reference(levels, partition().parts, name == "isns", star)
    np.testing.assert_allclose(found.probabilities, want, rtol=1e-3, atol=1e-7)
    assert found.probabilities.sum() == pytest.approx(1) and found.level.name == "fine"
    assert found.by == ("f*" if star else "fine") and not found.refined
    assert (found.segmentation is labels) == (model.card.config.branches == "rgb+seg")
    assert (found.scene is not None) == (model.card.config.scenes > 0 or kind is not None)


def test_isns_are_hierarchical_unless_told_otherwise_and_others_are_not(tmp_path):
    image = picture()
    assert opened(tmp_path / "a", "isns").classify(image, kind=0).by == "f*"
    assert opened(tmp_path / "b", "vit-base").classify(image).by == "fine"


def test_planet_has_no_f_star(tmp_path):
    model = opened(tmp_path, "planet")
    assert model.partition.levels == ("fine",) and model.partition.id == model.card.partition
    with pytest.raises(ModelError, match="one scale"):
        model.classify(picture(), hierarchical=True)


def test_scene_and_attention_are_those_of_the_network(tmp_path):
    model, image = opened(tmp_path, "scene-16"), picture()
    found = model.classify(image, labelled(image), crops=1)
    _, out = logits_of(tmp_path, image, labelled(image), INPUTS.model_copy(update={"crops": 1}), None)
    np.testing.assert_allclose(found.scene.probabilities, plain_softmax(out.scene[0].numpy()), atol=1e-5)
    np.testing.assert_allclose(found.attention, out.attention[0].numpy(), atol=1e-5)
    assert sum(found.attention) == pytest.approx(1) and found.scene.by == model.card.title


def test_the_scene_head_counts_every_crop(tmp_path):
    model, image = opened(tmp_path, "scene-3"), picture()
    rgb, seg = model.views(image, labelled(image))
    logits = model.forward(rgb, seg).scene.numpy().astype(np.float64)
    found = model.classify(image, labelled(image)).scene
    np.testing.assert_allclose(found.probabilities, plain_softmax(logits.mean(axis=0)), atol=1e-5)


@pytest.mark.parametrize("count", [1, 5, 10])
def test_crops_may_be_chosen(count, tmp_path):
    model, image = opened(tmp_path, "vit-base"), picture()
    assert len(model.views(image, None, count)[0]) == count
    inputs = INPUTS.model_copy(update={"crops": count})
    levels, _ = logits_of(tmp_path, image, None, inputs, None)
    want = reference(levels, partition().parts, most=False, star=False)
    np.testing.assert_allclose(model.classify(image, crops=count).probabilities, want, rtol=1e-3, atol=1e-7)
    with pytest.raises(ModelError, match="Choose 1, 5 or 10"):
        model.classify(image, crops=3)


def test_many_photos_at_once_are_combined_each_for_itself(tmp_path):
    model = opened(tmp_path, "mff")
    images = [picture(seed) for seed in range(3)]
    views = [model.views(image, labelled(image)) for image in images]
    out = model.forward(np.concatenate([rgb for rgb, _ in views]), np.concatenate([seg for _, seg in views]))
    logits = [level.numpy().reshape(3, INPUTS.crops, -1) for level in out.cells]
    together, by = model.combine(logits, star=True)
    one = [model.classify(image, labelled(image), hierarchical=True) for image in images]
    np.testing.assert_allclose(together, [each.probabilities for each in one], rtol=1e-3, atol=1e-7)
    assert by == "f*"


def test_a_model_of_two_branches_wants_the_map_and_isns_the_kind(tmp_path):
    with pytest.raises(ModelError, match="Give its labels"):
        opened(tmp_path / "a", "mff").classify(picture())
    with pytest.raises(ModelError, match="Give kinds"):
        opened(tmp_path / "b", "isns").classify(picture())


def test_it_is_loaded_once_by_however_many_threads(tmp_path):
    model, found = opened(tmp_path, "vit-base"), []
    assert not model.choices and model.availability()
    threads = [threading.Thread(target=lambda: found.append(model.network)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1 and not found[0].training
    assert set(model.choices) == {"device", "dtype"} and all(choice.reason for choice in model.choices.values())


def test_16_bits_answer_nearly_the_same(tmp_path, monkeypatch):
    image = picture()
    published(tmp_path, "vit-base")
    plain = TransLocator(tmp_path).classify(image).probabilities
    monkeypatch.setenv("GEOLOC_DTYPE", "bfloat16")
    settings.cache_clear()
    half = TransLocator(tmp_path)
    assert 0 < np.abs(half.classify(image).probabilities - plain).max() < 0.1
    assert half.choices["dtype"].value == "bfloat16" and next(half.network.parameters()).dtype == torch.float32


def test_names_are_of_both_folders_and_only_of_models(tmp_path, monkeypatch):
    monkeypatch.setenv("GEOLOC_CHECKPOINTS", str(tmp_path))
    settings.cache_clear()
    published(tmp_path / "real", "vit-base")
    published(tmp_path / "drawn", "vit-base", seed=1, synthetic=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "card.json").write_text('{"format": "something-else"}')
    assert [name for name in SHELF.names() if name != "translocator-starter"] == ["drawn", "real"]
    assert SHELF.choose().value == "real" and "real photos" in SHELF.choose().reason
    assert SHELF.choose("drawn").reason == "asked for"
    assert open_translocator("real") is open_translocator(str(tmp_path / "real"))
    assert open_translocator("real").id == open_translocator("real").card.id != open_translocator("drawn").id


def test_without_a_model_there_is_a_remedy():
    gone = open_translocator("atlantis")
    state = gone.availability()
    assert not state and "train" in state.remedy
    with pytest.raises(CheckpointMissing, match=r"card\.json"):
        gone.load()


def damaged(folder: Path, how: str) -> None:
    card = json.loads((folder / "card.json").read_text())
    weights = folder / card["weights"]
    if how == "other partition":
        small_partition().save(folder / CELLS)
    elif how == "same sizes, other cells":
        parts = Partition.open(folder / CELLS).parts
        first = parts[0]
        nudged = first.points.copy()
        nudged[0] += 1e-7
        Partition([type(first)(first.name, first.ids, nudged, first.counts), *parts[1:]]).save(folder / CELLS)
    elif how == "no cells":
        (folder / CELLS).unlink()
    elif how == "cells are noise":
        (folder / CELLS).write_bytes(b"PAR1" + bytes(1_000))
    elif how == "truncated weights":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "no weights":
        weights.unlink()
    elif how == "card of another partition":
        (folder / "card.json").write_text(json.dumps(card | {"partition": "cells/sha256-0"}))
    elif how == "card of other counts":
        card["config"]["cells"][2] += 1
        (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ("other partition", CheckpointMisfit, "cells apart"),
        ("same sizes, other cells", CheckpointMisfit, "The card names the cells"),
        ("no cells", CheckpointMissing, "no cells.parquet"),
        ("cells are noise", CheckpointMisfit, "cannot be used as geo-cells"),
        ("truncated weights", CheckpointMisfit, "not the file"),
        ("no weights", CheckpointMissing, "There is no model-"),
        ("card of another partition", CheckpointMisfit, "The card names the cells"),
        ("card of other counts", CheckpointMisfit, "do not fit"),
    ],
)
def test_a_hostile_folder_is_refused_and_says_what_to_do(how, error, words, tmp_path):
    folder = published(tmp_path / "m", "vit-base")
    damaged(folder, how)
    with pytest.raises(error, match=words) as caught:
        TransLocator(folder).classify(picture())
    assert str(caught.value).rstrip().endswith(".")
    if how not in ("truncated weights",):  # which only reading the whole file tells
        state = TransLocator(folder).availability()
        assert not state and state.remedy


def test_publishing_refuses_what_does_not_belong_together(tmp_path):
    whole = partition()
    config = variant("vit-base", whole.sizes, **SIZES)
    model, card = drawn(config), Card(title="Small", config=config, partition=whole.id)
    with pytest.raises(CheckpointMisfit, match="The card names the cells"):
        publish(tmp_path / "a", model, card.model_copy(update={"partition": "cells/sha256-1"}), whole)
    with pytest.raises(CheckpointMisfit, match="cells apart"):
        publish(tmp_path / "a", model, card, small_partition())
    with pytest.raises(CheckpointMisfit, match="cells apart"):
        publish(tmp_path / "a", drawn(variant("planet", whole.sizes, **SIZES)), card, whole)
    assert not (tmp_path / "a").exists()


def test_publishing_over_a_model_leaves_no_card_beside_other_cells(tmp_path, monkeypatch):
    folder = published(tmp_path, "vit-base")
    other = levels_of(partition(), variant("planet", partition().sizes, **SIZES))
    config = variant("planet", partition().sizes, **SIZES)
    card = Card(title="Other", config=config, partition=other.id)

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("geoloc_core.translocator.checkpoint.save", full)
    with pytest.raises(OSError, match="No space"):
        publish(folder, drawn(config), card, other)
    assert not (folder / "card.json").exists() and not TransLocator(folder).availability()
    monkeypatch.undo()
    written = publish(folder, drawn(config), card, other)
    assert read_cells(folder, written).id == other.id and TransLocator(folder).availability()
    assert len(list(folder.iterdir())) == 3


def test_importing_needs_no_torch():
    import subprocess
    import sys

    code = "import sys, geoloc_core.predictors.translocator; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
