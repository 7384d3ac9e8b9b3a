"""Equation 8 against plain float64, what it teaches, and f* against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.errors import ModelError
from geoloc_core.translocator.hierarchy import hierarchical, over_crops, softmax
from geoloc_core.translocator.losses import Weights, loss
from geoloc_core.translocator.model import Outputs, build
from tests import translocator_reference as reference
from tests.small_translocator import images, small

RNG = np.random.default_rng(0)
LOGITS = [RNG.normal(size=(5, n)) * 3 for n in (4, 6, 9, 3)]
LABELS = np.array([[0, 5, 8], [3, 0, -1], [1, -1, -1], [2, 2, 2], [0, 1, 7]])
SCENES = np.array([0, 2, -1, 1, 1])


def outputs(scene: bool = True) -> Outputs:
    given = [torch.tensor(part, requires_grad=True) for part in LOGITS]
    return Outputs(tuple(given[:3]), given[3] if scene else None)


@pytest.mark.parametrize("weights", [None, Weights(0.1, 0.6, 0.5)])
def test_equation_8(weights):
    found = loss(outputs(), torch.tensor(LABELS), torch.tensor(SCENES), weights)
    parts = [reference.cross_entropy(a, b) for a, b in zip(LOGITS, [*LABELS.T, SCENES], strict=True)]
    named = {} if weights is None else {"alpha": 0.1, "beta": 0.6, "gamma": 0.5}
    np.testing.assert_allclose([part.item() for part in (*found.cells, found.scene)], parts, rtol=1e-5)
    assert found.total.item() == pytest.approx(reference.total_loss(*parts, **named), rel=1e-5)
    bare = loss(outputs(scene=False), torch.tensor(LABELS))
    assert bare.scene is None and bare.total.item() == pytest.approx(0.5 * parts[0] + 0.3 * parts[1] + 0.2 * parts[2])


def test_a_level_alone_counts_whole():
    fine = torch.tensor(LOGITS[2])
    found = loss(Outputs((fine,)), torch.tensor(LABELS[:, 2:]))
    assert found.total.item() == pytest.approx(reference.cross_entropy(LOGITS[2], LABELS[:, 2]), rel=1e-5)


def test_photos_no_cell_holds_teach_nothing():
    given = outputs()
    found = loss(given, torch.full((5, 3), -1), torch.full((5,), -1))
    found.total.backward()
    assert found.total.item() == 0
    assert all(not part.grad.any() for part in (*given.cells, given.scene))


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ModelError, match=r"\(b, 3\), not \(5, 2\)"):
        loss(outputs(), torch.tensor(LABELS[:, :2]))
    with pytest.raises(ModelError, match="Give scene labels"):
        loss(outputs(), torch.tensor(LABELS))


@pytest.mark.parametrize("mixed", [False, True])
def test_the_loss_reaches_every_head_and_every_weight(mixed):
    torch.manual_seed(0)
    model = build(small("scene-3"))
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        found = loss(model(*images(5)), torch.tensor(LABELS), torch.tensor(SCENES))
    assert found.total.dtype == torch.float32
    found.total.backward()
    untaught = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert untaught == []
    assert len(model.heads) == 4


def test_without_gamma_the_scene_head_learns_nothing():
    model = build(small("scene-3"))
    loss(model(*images(5)), torch.tensor(LABELS), torch.tensor(SCENES), Weights(gamma=0)).total.backward()
    assert not model.heads["scene"].weight.grad.any() and model.heads["fine"].weight.grad.any()


def test_a_small_network_learns_from_the_segmentation_alone():
    """With grey photos, only the other branch can tell the places apart."""
    torch.manual_seed(0)
    model = build(small("mff"))
    _, seg = images(4)
    labels = torch.tensor([[0, 0, 0], [1, 1, 1], [2, 2, 2], [3, 3, 3]])
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        found = loss(model(torch.zeros_like(seg), seg), labels)
        found.total.backward()
        optimiser.step()
    assert float(found.total.detach()) < 0.1


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_f_star_is_the_plain_loops(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, 3)
    probabilities = [softmax(rng.normal(size=(3, n)) * 4) for n in sizes]
    parents = [np.full(sizes[0], -1), rng.integers(-1, sizes[0], sizes[1]), rng.integers(-1, sizes[1], sizes[2])]
    found = hierarchical(probabilities, parents)
    np.testing.assert_allclose(found, reference.f_star(probabilities, parents), rtol=1e-12)
    assert found.dtype == np.float64 and found.shape == (3, sizes[2])


def test_f_star_can_differ_from_the_finest_level_alone():
    fine, middle, coarse = [[0.5, 0.4, 0.1]], [[0.2, 0.8]], [[1.0]]
    parents = [np.array([-1]), np.array([0, 0]), np.array([0, 1, 1])]
    assert np.argmax(fine) == 0
    np.testing.assert_allclose(hierarchical([coarse, middle, fine], parents), [[0.1, 0.32, 0.08]])
    np.testing.assert_array_equal(hierarchical([fine], [np.full(3, -1)]), fine)


@pytest.mark.parametrize("above", [[0, 1], [0, 1, 2], [0, 1, -2]])
def test_parents_of_another_partition_are_refused(above):
    with pytest.raises(ModelError, match="Give the partition"):
        hierarchical([[[0.2, 0.8]], [[0.5, 0.4, 0.1]]], [np.array([-1, -1]), np.array(above)])


def test_crops_become_one_by_their_mean_logits_or_highest_probabilities():
    logits = RNG.normal(size=(2, 5, 7))
    np.testing.assert_allclose(over_crops(logits), reference.softmax(logits.sum(axis=1) / 5), rtol=1e-12)
    highest = [[max(reference.softmax(crop)[i] for crop in photo) for i in range(7)] for photo in logits]
    np.testing.assert_allclose(over_crops(logits, "max"), highest, rtol=1e-12)
    np.testing.assert_allclose(softmax([1e4, 0.0]), [1, 0])
    with pytest.raises(ModelError, match="Choose mean or max"):
        over_crops(logits, "median")
