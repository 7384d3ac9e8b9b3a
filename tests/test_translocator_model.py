"""TransLocator's equations against a float64 reference written from the paper, and what its branches pass on."""

from __future__ import annotations

import socket

import numpy as np
import pytest
import torch

from geoloc_core.errors import ModelError
from geoloc_core.translocator import SCENE_KINDS, VARIANTS, variant
from geoloc_core.translocator.backbones import PRETRAINED, make
from geoloc_core.translocator.fusion import AttentiveFusion, FeatureFusion
from geoloc_core.translocator.model import build
from tests import translocator_reference as reference
from tests.small_translocator import CELLS, SIZES, arrays, drawn, images, small

SHAPE = {"depth": SIZES["depth"], "heads": SIZES["heads"], "patch": SIZES["patch"]}


@pytest.mark.parametrize("name", ["vit-base", "vit-mt", "seg", "mff", "scene-3", "scene-16", "scene-365"])
def test_every_row_of_tables_2_and_3_is_what_the_equations_say(name):
    config = small(name, fusion_width=10, attention_width=7) if "mff" in name or "scene" in name else small(name)
    model = drawn(config).double()
    given = images(dtype=torch.float64)[: len(config.names)]
    expected = reference.translocator(
        [image.numpy() for image in given], arrays(model), **SHAPE, mff=config.fusion == "mff"
    )
    with torch.no_grad():
        outputs = model(*given, keep_tokens=True)
    logits = expected["logits"]
    for level, found in zip(("coarse", "middle", "fine"), outputs.cells, strict=True):
        np.testing.assert_allclose(found, logits.pop(level), rtol=1e-9, atol=1e-9)
    assert (outputs.scene is None) == (not config.scenes) == (not logits)
    if outputs.scene is not None:
        assert outputs.scene.shape == (2, config.scenes)
        np.testing.assert_allclose(outputs.scene, logits["scene"], rtol=1e-9, atol=1e-9)
    assert len(outputs.tokens) == 1 + SIZES["depth"] == len(expected["tokens"])
    for found, wanted in zip(outputs.tokens, expected["tokens"], strict=True):
        for branch, tokens in zip(found, wanted, strict=True):
            np.testing.assert_allclose(branch, tokens, rtol=1e-9, atol=1e-9)
    if config.fusion == "mff":
        np.testing.assert_allclose(outputs.attention, expected["attention"], rtol=1e-9)
    else:
        assert outputs.attention is None


def test_equation_4():
    torch.manual_seed(0)
    fusion = FeatureFusion(6, 4).double()
    for value in fusion.parameters():
        torch.nn.init.normal_(value)
    cls = torch.randn(2, 3, 6, dtype=torch.float64)
    wanted = reference.fuse([cls[0].numpy(), cls[1].numpy()], arrays(fusion), "")
    np.testing.assert_allclose(fusion(list(cls)).detach(), wanted, rtol=1e-12)


def test_equations_5_to_7():
    torch.manual_seed(0)
    fusion = AttentiveFusion(6, 5).double()
    for value in fusion.parameters():
        torch.nn.init.normal_(value)
    rgb, seg = torch.randn(2, 3, 6, dtype=torch.float64)
    features, weights = (part.detach().numpy() for part in fusion([rgb, seg]))
    wanted, scores = reference.attend([rgb.numpy(), seg.numpy()], arrays(fusion), "")
    np.testing.assert_allclose(features, wanted, rtol=1e-12)
    np.testing.assert_allclose(weights, scores, rtol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(features[:, :6], (1 + weights[:, [0]]) * rgb.numpy(), rtol=1e-12)
    np.testing.assert_allclose(features[:, 6:], (1 + weights[:, [1]]) * seg.numpy(), rtol=1e-12)


@pytest.mark.parametrize(("name", "heard"), [("mff", True), ("seg", False)])
def test_segmentation_reaches_the_photos_patches_from_the_second_layer_on(name, heard):
    model = drawn(small(name))
    (rgb, seg), (_, other) = images(), images(seed=1)
    with torch.no_grad():
        one, two = (model(rgb, given, keep_tokens=True).tokens for given in (seg, other))
    changed = [not torch.equal(a[0][:, 1:], b[0][:, 1:]) for a, b in zip(one, two, strict=True)]
    assert changed == [False, False, heard, heard]  # before the first layer, then after each
    assert (not torch.equal(one[1][0][:, 0], two[1][0][:, 0])) == heard
    assert not torch.equal(one[0][1], two[0][1])


def test_the_photo_reaches_the_segmentations_patches_alike():
    model = drawn(small("mff"))
    (rgb, seg), (other, _) = images(), images(seed=1)
    with torch.no_grad():
        one, two = (model(given, seg, keep_tokens=True).tokens for given in (rgb, other))
    assert [not torch.equal(a[1][:, 1:], b[1][:, 1:]) for a, b in zip(one, two, strict=True)] == [0, 0, 1, 1]


def test_fused_branches_go_on_with_one_token_which_starts_as_their_mean():
    torch.manual_seed(0)
    model = build(small("mff")).eval()
    with torch.no_grad():
        tokens = model(*images(), keep_tokens=True).tokens
        single = [
            block(x)[:, 0] for block, x in zip((b.blocks[0] for b in model.branches.values()), tokens[0], strict=True)
        ]
    assert torch.equal(tokens[1][0][:, 0], tokens[1][1][:, 0])
    torch.testing.assert_close(tokens[1][0][:, 0], (single[0] + single[1]) / 2, rtol=1e-4, atol=1e-5)
    assert not torch.equal(tokens[-1][0][:, 0], tokens[-1][1][:, 0])
    assert (
        float(model.heads["fine"].weight.detach().std()) == pytest.approx(0.02, rel=0.15)
        and not model.heads["fine"].bias.any()
    )


def test_one_branch_is_timms_own_network():
    config = small("vit-base")
    model = drawn(config)
    alone = make(config).eval()
    alone.load_state_dict(model.branches["rgb"].state_dict())
    rgb, _ = images(5)
    with torch.no_grad():
        for level, logits in zip(config.levels, model(rgb).cells, strict=True):
            torch.testing.assert_close(logits, model.heads[level](alone(rgb)))


def test_attention_maps_are_those_the_layers_use():
    model = drawn(small("mff"))
    with torch.no_grad():
        tokens = model(*images(), keep_tokens=True).tokens
        maps = model.attention_maps(tokens)
        assert len(maps) == SIZES["depth"] and maps[0][0].shape == (2, 3, 17, 17)
        block, x = model.branches["seg"].blocks[1], tokens[1][1]
        values = block.attn.qkv(block.norm1(x)).reshape(2, 17, 3, 3, 8).permute(2, 0, 3, 1, 4)[2]
        mixed = (maps[1][1] @ values).transpose(1, 2).reshape(2, 17, 24)
        torch.testing.assert_close(block.attn.proj(mixed), block.attn(block.norm1(x)))


def test_isns_send_a_photo_through_the_network_of_its_kind_alone():
    model = drawn(small("isns"))
    rgb, _ = images(6)
    kinds = torch.tensor([2, 0, 2, 1, 0, 0])
    logits = model(rgb, kinds=kinds).cells
    for i, kind in enumerate(kinds):
        own = model.networks[SCENE_KINDS[kind]](rgb[i : i + 1]).cells
        for level, part in zip(logits, own, strict=True):
            torch.testing.assert_close(level[i : i + 1], part)
    only = model(rgb[:2], kinds=torch.tensor([1, 1])).cells
    only[0].sum().backward()
    assert model.networks["natural"].heads["coarse"].weight.grad is not None
    assert model.networks["indoor"].heads["coarse"].weight.grad is None
    for wrong in (None, torch.tensor([0, 3]), torch.tensor([0])):
        with pytest.raises(ModelError, match="Give kinds"):
            model(rgb[:2], kinds=wrong)
    with pytest.raises(ModelError, match="Ask the one"):
        model(rgb, kinds=kinds, keep_tokens=True)


@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant_trains_without_a_network_connection(name, monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    sizes = {"backbone": "resnet18", "image_size": 32} if name in {"resnet101", "efficientnet-b4"} else SIZES
    config = variant(name, CELLS, **sizes)
    rgb, seg = images(3)
    outputs = build(config)(rgb, seg if config.branches == "rgb+seg" else None, torch.tensor([0, 1, 2]))
    assert [logits.shape for logits in outputs.cells] == [(3, n) for n in (CELLS[2:] if name == "planet" else CELLS)]
    sum(logits.sum() for logits in outputs.cells).backward()


def test_two_convolutional_branches_can_be_fused_late():
    model = build(variant("seg", CELLS, backbone="resnet18", image_size=32)).eval()
    (rgb, seg), (_, other) = images(), images(seed=1)
    assert model.heads["fine"].in_features == 2 * 512
    with torch.no_grad():
        assert not torch.equal(model(rgb, seg).cells[2], model(rgb, other).cells[2])


def test_published_sizes():
    with torch.device("meta"):
        full = build(variant("scene-365", (3298, 7202, 12893)))
        widths = {
            name: build(variant(name, CELLS)).heads["fine"].in_features for name in ("resnet101", "efficientnet-b4")
        }
    assert widths == {"resnet101": 2048, "efficientnet-b4": 1792}
    assert full.heads["fine"].weight.shape == (12893, 1536) and full.heads["scene"].out_features == 365
    assert sum(value.numel() for value in full.branches.parameters()) == 2 * 85_798_656
    assert set(PRETRAINED) >= {"vit_base_patch16_224", "resnet101", "efficientnet_b4"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "resnet101", "width": None, "depth": None, "heads": None, "patch": None}, "set fusion to late"),
        ({"backbone": "resnet18", "fusion": "late"}, "leave width"),
        ({"branches": "rgb"}, "one branch takes the fusion none"),
        ({"fusion": "none"}, "two take late or mff"),
        ({"levels": ("coarse", "fine")}, "levels must be all"),
        ({"scenes": 4}, "scenes"),
        ({"scene_networks": True}, "set scenes to 0"),
        ({"width": 25}, "multiple of heads"),
        ({"image_size": 33}, "multiple of patch"),
        ({"backbone": "hf-hub:someone/model"}, "backbone"),
        ({"backbone": "../model"}, "backbone"),
        ({"depht": 3}, "depht"),
    ],
)
def test_what_has_no_meaning_is_refused(changes, words):
    with pytest.raises(ModelError, match=words):
        small("scene-365", **changes)


def test_what_timm_cannot_build_is_refused():
    with pytest.raises(ModelError, match=r"There is no variant 'vit'. Choose one of resnet101"):
        variant("vit", CELLS)
    with pytest.raises(ModelError, match="has no model vit_nothing"):
        build(small("mff", backbone="vit_nothing"))
    with pytest.raises(ModelError, match="cells must hold a number for each"):
        variant("mff", CELLS[:2])
    with pytest.raises(ModelError, match="no plain vision transformer"), torch.device("meta"):
        build(variant("mff", CELLS, backbone="vit_small_patch16_18x2_224"))
    with pytest.raises(ModelError, match=r"class token\. Change its sizes"), torch.device("meta"):
        build(variant("mff", CELLS, backbone="vit_base_patch16_siglip_224"))
    with pytest.raises(ModelError, match="timm cannot build"), torch.device("meta"):
        build(variant("mff", CELLS, width=31))


def test_inputs_of_another_number_or_size_are_refused():
    rgb, seg = images()
    both, one = build(small("mff")), build(small("vit-base"))
    with pytest.raises(ModelError, match="segmentation maps"):
        both(rgb)
    with pytest.raises(ModelError, match="photos alone"):
        one(rgb, seg)
    with pytest.raises(ModelError, match=r"\(2, 3, 32, 32\), not \(1, 3, 32, 32\)"):
        both(rgb, seg[:1])
    with pytest.raises(ModelError, match="Resize"):
        one(rgb[:, :, :16])
