"""Grad-CAM and attention rollout: against references written out in float64, and on networks whose gaze is known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from geoloc_core.cells import Partition
from geoloc_core.errors import ModelError
from geoloc_core.translocator import VARIANTS, Card, Config, Inputs, variant
from geoloc_core.translocator.interpret import grad_cam, interpret, joint_rollout, one_network, rollout
from geoloc_core.translocator.model import Network, build
from geoloc_core.translocator.opened import TransLocator
from geoloc_core.translocator.overlay import INFERNO, overlay
from geoloc_core.translocator.publish import levels_of, publish
from tests import translocator_reference as reference
from tests.make_cells import small_partition
from tests.small_translocator import SIZES, arrays, drawn, images, small

GRID, PATCH, HEADS = 4, SIZES["patch"], SIZES["heads"]
SHAPE = {"depth": SIZES["depth"], "heads": HEADS, "patch": PATCH}
VITS = ["vit-base", "vit-mt", "seg", "mff", "scene-16"]


def given_to(config: Config, count: int = 1) -> list[torch.Tensor]:
    return list(images(count, config.image_size, dtype=torch.float64)[: len(config.names)])


def said_by_reference(config: Config, model: Network, given: list[torch.Tensor]) -> dict[str, Any]:
    pictures = [image.numpy() for image in given]
    return reference.translocator(pictures, arrays(model), **SHAPE, mff=config.fusion == "mff")


def written_out(config: Config, model: Network, given: list[torch.Tensor], cell: int) -> list[np.ndarray]:
    """Grad-CAM by autograd through the last layer, the fusion and the fine head, written from their equations."""
    weight = {key: value.detach() for key, value in model.state_dict().items()}

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.layer_norm(x, x.shape[-1:], weight[f"{name}.weight"], weight[f"{name}.bias"], 1e-6)

    def line(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ weight[f"{name}.weight"].T + weight[f"{name}.bias"]

    seen, cls = [], []
    last = said_by_reference(config, model, given)["tokens"][-2]
    for name, tokens in zip(config.names, last, strict=True):
        x, at = torch.tensor(tokens[0]), f"branches.{name}.blocks.{SHAPE['depth'] - 1}"
        seen.append(norm(x, f"{at}.norm1").requires_grad_())
        q, k, v = line(seen[-1], f"{at}.attn.qkv").chunk(3, dim=-1)
        size = q.shape[-1] // HEADS
        parts = [slice(h * size, (h + 1) * size) for h in range(HEADS)]
        heads = [(q[:, p] @ k[:, p].T / size**0.5).softmax(dim=-1) @ v[:, p] for p in parts]
        x = x + line(torch.cat(heads, dim=-1), f"{at}.attn.proj")
        hidden = line(norm(x, f"{at}.norm2"), f"{at}.mlp.fc1")
        x = x + line(hidden * (1 + torch.erf(hidden / 2**0.5)) / 2, f"{at}.mlp.fc2")
        cls.append(norm(x[0], f"branches.{name}.norm"))
    if config.fusion == "mff":
        hidden = line(torch.cat(cls), "attention.score.0")
        scores = line(hidden * (1 + torch.erf(hidden / 2**0.5)) / 2, "attention.score.2").softmax(dim=0)
        cls = [(1 + score) * token for score, token in zip(scores, cls, strict=True)]
    line(torch.cat(cls), "heads.fine")[cell].backward()
    maps = []
    for x in seen:
        assert x.grad is not None
        alpha = x.grad[1:].mean(dim=0)
        maps.append(sum(alpha[c] * x[1:, c] for c in range(x.shape[1])).clamp(min=0).detach().reshape(GRID, GRID))
    return [found.numpy() for found in maps]


@pytest.mark.parametrize("name", VITS)
def test_grad_cam_is_what_its_equations_say(name):
    config = small(name)
    model = drawn(config).double()
    given = given_to(config)
    lit = 0.0
    for cell in (0, 4, 8):
        found = grad_cam(model, given, cell)
        assert tuple(found) == config.names
        for mine, wanted in zip(found.values(), written_out(config, model, given, cell), strict=True):
            assert mine.shape == (GRID, GRID)
            np.testing.assert_allclose(mine, wanted, rtol=1e-8, atol=1e-12)
            lit += float(mine.max())
    assert lit > 0
    assert all(value.grad is None for value in model.parameters()), "nothing is left on a network that others use"


def attention_matrix(x: np.ndarray, weights: Any, block: str) -> np.ndarray:
    q, k, _ = np.split(
        reference.linear(reference.layer_norm(x, weights, f"{block}.norm1"), weights, f"{block}.attn.qkv"), 3, -1
    )
    size = q.shape[-1] // HEADS
    parts = [slice(h * size, (h + 1) * size) for h in range(HEADS)]
    return np.mean([reference.softmax(q[:, p] @ k[:, p].T / size**0.5) for p in parts], axis=0)


def brute_force(config: Config, model: Network, given: list[torch.Tensor]) -> np.ndarray:
    """The row over the tokens of all branches, by the product of whole matrices."""
    weights, said = arrays(model), said_by_reference(config, model, given)
    count, n = len(config.names), GRID**2 + 1
    product = np.eye(count * n)
    fusion = np.eye(count * n)
    for a in range(count):
        fusion[a * n] = 0
        fusion[a * n, ::n] = 1 / count
    for k in range(SHAPE["depth"]):
        layer = np.zeros((count * n, count * n))
        for b, name in enumerate(config.names):
            own = slice(b * n, (b + 1) * n)
            layer[own, own] = attention_matrix(said["tokens"][k][b][0], weights, f"branches.{name}.blocks.{k}")
        product = (layer + np.eye(count * n)) / 2 @ product
        if config.fusion == "mff" and k < SHAPE["depth"] - 1:
            product = fusion @ product
    np.testing.assert_allclose(product.sum(axis=1), 1, rtol=1e-12)
    shares = 1 + said["attention"][0] if config.fusion == "mff" else np.ones(count)
    return shares / shares.sum() @ product[::n]


@pytest.mark.parametrize("name", VITS)
def test_rollout_is_the_product_of_the_joint_matrices(name):
    config = small(name)
    model = drawn(config).double()
    given = given_to(config)
    with torch.no_grad():
        outputs = model(*given, keep_tokens=True)
        rows = joint_rollout(model, outputs.tokens, outputs.attention)
    wanted = brute_force(config, model, given)
    assert float(torch.cat(rows).sum()) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(torch.cat(rows), wanted, rtol=1e-9)
    assert all((row > 0).all() for row in rows)
    for (branch, grid), row in zip(rollout(model, given).items(), rows, strict=True):
        assert branch in config.names
        assert torch.equal(grid.flatten(), row[1:])


def test_branches_roll_out_into_each_other_only_where_they_are_fused():
    given = given_to(small("mff"))
    other = given_to(small("mff"))[0].flip(-1)
    for name, heard in (("mff", True), ("seg", False)):
        model = drawn(small(name)).double()
        one, two = (rollout(model, [photo, given[1]])["seg"] for photo in (given[0], other))
        assert (not torch.equal(one, two)) == heard


def seeker(name: str) -> Network:
    """A network whose last layer attends to the brightest patch, and whose fine cell 0 is the brighter the likelier."""
    model = build(small(name)).eval()
    with torch.no_grad():
        for value in model.parameters():
            value.zero_()
        for key, module in model.named_modules():
            if key.endswith(("norm", "norm1", "norm2")) and isinstance(module, torch.nn.LayerNorm):
                module.weight.fill_(1)
        for layer in model.fusion:
            layer.project.weight.copy_(torch.eye(len(layer.project.weight)))
            layer.back.weight.copy_(torch.eye(len(layer.back.weight)) / 2)
        for branch in model.branches.values():
            width = branch.num_features
            branch.patch_embed.proj.weight[0] = 1 / 192  # channel 0 is a patch's brightness, channel 1 its opposite
            branch.patch_embed.proj.weight[1] = -1 / 192
            qkv = branch.blocks[-1].attn.qkv
            qkv.bias[0 : width : width // HEADS] = 10
            qkv.weight[width : 2 * width : width // HEADS, 0] = 5
            qkv.weight[2 * width, 0] = 1
            branch.blocks[-1].attn.proj.weight[0, 0] = 1
        model.heads["fine"].weight[0, ::width] = 1
    return model


@pytest.mark.parametrize("name", ["vit-base", "seg", "mff"])
@pytest.mark.parametrize("patches", [(0, 15), (6, 9)])
def test_a_network_that_looks_at_one_patch_lights_it_up(name, patches):
    model = seeker(name)
    given = [torch.full((1, 3, 32, 32), -0.1) for _ in model.config.names]
    for image, patch in zip(given, patches, strict=False):
        row, column = (PATCH * i for i in divmod(patch, GRID))
        image[:, :, row : row + PATCH, column : column + PATCH] = 1
    for found in (grad_cam(model, given, 0), rollout(model, given)):
        for grid, patch in zip(found.values(), patches, strict=False):
            others = np.delete(grid.numpy().flatten(), patch)
            assert float(grid.flatten()[patch]) > 3 * others.max()
    assert all(not grid.any() for grid in grad_cam(model, given, 1).values()), "nothing speaks for the other cells"


@pytest.mark.parametrize(("name", "backbone"), [("resnet101", "resnet18"), ("planet", "efficientnet_b0")])
def test_a_cnn_is_explained_over_its_last_feature_map(name, backbone):
    config = small(name, backbone=backbone, image_size=64, width=None, depth=None, heads=None, patch=None)
    torch.manual_seed(0)
    model = build(config).eval().double()
    net, given = model.branches["rgb"], given_to(config)
    for cell in range(3):
        features = net.forward_features(given[0]).detach().requires_grad_()
        (features.mean(dim=(2, 3)) @ model.heads["fine"].weight[cell]).sum().backward()
        alpha = features.grad[0].mean(dim=(1, 2))
        wanted = (alpha[:, None, None] * features[0]).sum(dim=0).clamp(min=0).detach()
        assert wanted.shape == (2, 2)
        torch.testing.assert_close(grad_cam(model, given, cell)["rgb"], wanted)
    with pytest.raises(ModelError, match="Take Grad-CAM"):
        rollout(model, given)


@pytest.fixture(scope="module")
def cells() -> Partition:
    return small_partition()


def published(folder: Path, name: str, cells: Partition) -> TransLocator:
    cnn = name in ("resnet101", "efficientnet-b4", "planet", "isns")
    sizes = {"backbone": "resnet18", "image_size": 32} if cnn else SIZES
    config = variant(name, cells.sizes, **sizes)
    model = build(config).eval() if cnn else drawn(config)
    level = levels_of(cells, config)
    publish(folder, model, Card(title="t", config=config, partition=level.id, inputs=Inputs(resize=40)), level)
    return TransLocator(folder)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_explains_itself_over_the_centre_crop(name, cells, tmp_path, monkeypatch):
    monkeypatch.setenv("GEOLOC_DTYPE", "float32")
    opened = published(tmp_path, name, cells)
    config = opened.card.config
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8))
    labels = np.zeros((60, 90), np.uint8) if len(config.names) > 1 else None
    kind = 1 if config.scene_networks else None
    classified = opened.classify(photo, labels, kind, hierarchical=False, crops=1)
    for method in ("grad-cam", "rollout") if config.is_vit else ("grad-cam",):
        found = interpret(opened, photo, labels, method, kind=kind)
        assert tuple(found.maps) == config.names and found.method == method
        assert found.cell == int(classified.probabilities.argmax())
        assert found.probability == pytest.approx(float(classified.probabilities.max()), rel=1e-4)
        for values in found.maps.values():
            assert values.shape == (32, 32) and values.dtype == np.float64
            assert values.min() >= 0 and values.max() <= 1
        other = interpret(opened, photo, labels, method, cell=(found.cell + 1) % config.cells[-1], kind=kind)
        assert other.probability <= found.probability and other.cell != found.cell
    left, top, right, bottom = found.box
    assert (right - left) * 90 * 40 / 60 == pytest.approx(32) == (bottom - top) * 40
    assert left + right == pytest.approx(1) == top + bottom


def test_what_cannot_be_explained_is_refused(cells, tmp_path):
    photo = Image.new("RGB", (64, 64))
    with pytest.raises(ModelError, match=f"no cell {cells.sizes[-1]}"):
        interpret(published(tmp_path / "one", "vit-base", cells), photo, None, cell=cells.sizes[-1])
    with pytest.raises(ModelError, match="segmentation map"):
        interpret(published(tmp_path / "two", "mff", cells), photo, None)
    isns = published(tmp_path / "isns", "isns", cells)
    with pytest.raises(ModelError, match="Say the photo's kind"):
        one_network(isns.network, None)


def test_a_map_of_nothing_is_black_and_one_of_everything_bright():
    photo = Image.new("RGB", (60, 40), (100, 100, 100))
    nothing, everything = (np.asarray(overlay(photo, np.full((4, 4), v))) for v in (0.0, 1.0))
    np.testing.assert_allclose(nothing[0, 0], (100 + INFERNO[0]) / 2, atol=1)
    np.testing.assert_allclose(everything[20, 30], (100 + INFERNO[-1]) / 2, atol=1)
    boxed = np.asarray(overlay(photo, np.ones((4, 4)), (1 / 6, 0, 5 / 6, 1)))
    assert boxed.shape == (40, 60, 3) and boxed[5, 3].tolist() == [35, 35, 35]
    np.testing.assert_allclose(boxed[5, 10], everything[0, 0], atol=1)
    light = np.asarray(overlay(photo, np.linspace(0, 1, 17)[None])).astype(float)[0] @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(light) >= -0.6).all(), "the higher, the lighter"


def test_it_is_quick():
    config = small("scene-16", image_size=112, patch=16, width=128, depth=6, heads=4)
    model, given = drawn(config), [x.float() for x in given_to(config)]
    for explain in (lambda: grad_cam(model, given, 0), lambda: rollout(model, given)):
        seconds = []
        for _ in range(6):
            start = time.perf_counter()
            explain()
            seconds.append(time.perf_counter() - start)
        assert min(seconds) < 0.5, seconds
