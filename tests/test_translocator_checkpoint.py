"""Saving and opening a TransLocator, hostile folders, and weights in other people's layouts."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from safetensors.torch import save as to_bytes

from geoloc_core.errors import CheckpointMisfit, CheckpointMissing, ModelError, WeightsMissing
from geoloc_core.translocator import Card, Inputs, checkpoint, read_card, variant
from geoloc_core.translocator.backbones import make, pretrained
from geoloc_core.translocator.checkpoint import load, save
from geoloc_core.translocator.foreign import adopt
from geoloc_core.translocator.model import build
from tests.small_translocator import SIZES, drawn, images, small

PARTITION = "cells/sha256-0123456789abcdef"


def card(config: Any, **changes: Any) -> Card:
    said = {
        "title": "Small",
        "partition": PARTITION,
        "data": "noise",
        "licence": "Apache-2.0",
        "metrics": {"a_25": 0.5},
    }
    return Card(config=config, **{**said, **changes})


@pytest.fixture
def saved(tmp_path) -> Path:
    model = drawn(small("scene-3"))
    save(tmp_path / "model", model, card(model.config))
    return tmp_path / "model"


def weights(folder: Path) -> Path:
    return next(folder.glob("model-*.safetensors"))


def put(folder: Path, data: bytes) -> None:
    """Other bytes in the weights' place, with a card that says they belong there."""
    digest = hashlib.sha256(data).hexdigest()
    weights(folder).unlink()
    (folder / f"model-{digest[:16]}.safetensors").write_bytes(data)
    said = json.loads((folder / "card.json").read_text())
    said |= {"sha256": digest, "weights": f"model-{digest[:16]}.safetensors"}
    (folder / "card.json").write_text(json.dumps(said))


@pytest.mark.parametrize("name", ["vit-mt", "seg", "mff", "scene-16", "planet", "isns"])
def test_saved_and_opened_it_is_the_same(name, tmp_path):
    config = small(name)
    model, (rgb, seg), kinds = drawn(config), images(), torch.tensor([1, 2])
    written = save(tmp_path / "m", model, card(config, inputs=Inputs(crops=5, segmentation="SegFormer")))
    found, again = load(tmp_path / "m")
    assert found == written == read_card(tmp_path / "m") and found.config == config and not again.training
    assert (found.partition, found.inputs.crops, found.metrics) == (PARTITION, 5, {"a_25": 0.5})
    given = (rgb, seg if config.branches == "rgb+seg" else None, kinds)
    with torch.no_grad():
        for one, two in zip(model(*given).cells, again(*given).cells, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)  # sums differ with where in memory weights lie
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in again.state_dict().items())
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["card.json", written.weights]


def test_16_bits_are_half_as_large_and_nearly_the_same(saved, tmp_path):
    _, model = load(saved)
    save(tmp_path / "half", model, card(model.config), dtype=torch.float16)
    assert weights(tmp_path / "half").stat().st_size < 0.6 * weights(saved).stat().st_size
    _, half = load(tmp_path / "half")
    assert {value.dtype for value in half.parameters()} == {torch.float32}
    with torch.no_grad():
        torch.testing.assert_close(half(*images()).cells, model(*images()).cells, rtol=0.05, atol=0.05)


def test_a_starters_size_stays_under_8_mb(tmp_path):
    sizes = {"backbone": "vit_tiny_patch16_224", "image_size": 112, "width": 128, "depth": 6, "heads": 4}
    config = variant("scene-16", (40, 150, 400), **sizes)
    save(tmp_path, build(config), card(config), dtype=torch.float16)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 8e6


def test_the_state_dict_has_the_documented_names(saved):
    names = set(load_file(weights(saved)))
    parts = ("weight", "bias")
    assert {f"fusion.{k}.{way}.{part}" for k in (0, 1) for way in ("project", "back") for part in parts} <= names
    assert {f"heads.{head}.{part}" for head in ("coarse", "middle", "fine", "scene") for part in parts} <= names
    assert {f"attention.score.{i}.{part}" for i in (0, 2) for part in parts} <= names
    timm = set(make(small("mff")).state_dict())
    assert {name.split(".", 2)[2] for name in names if name.startswith("branches.seg.")} == timm
    assert {name.split(".")[0] for name in names} == {"branches", "fusion", "attention", "heads"}


def test_the_id_is_that_of_everything_that_decides_the_answer(saved, tmp_path):
    def of(name: str = "scene-3", seed: int = 0, **changes: Any) -> str:
        model = drawn(small(name), seed)
        return save(tmp_path / "x", model, card(model.config, **changes)).id

    own = read_card(saved).id
    assert own.startswith("translocator/sha256-") and of(title="Other", metrics={}) == own
    others = [of(seed=1), of("mff"), of(partition="cells/other"), of(inputs=Inputs(crops=1))]
    assert len({own, *others}) == 5


def test_a_save_that_breaks_off_leaves_the_old_model_whole(saved, monkeypatch):
    before, calls = read_card(saved), []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == fails:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    for fails in (1, 2):  # of the weights, of the card
        calls.clear()
        with pytest.raises(OSError, match="No space"):
            save(saved, drawn(small("scene-3"), seed=fails), card(small("scene-3")))
        assert load(saved)[0] == before and not list(saved.glob("*.partial"))
    save(saved, drawn(small("scene-3"), seed=9), card(small("scene-3")))
    assert len(list(saved.glob("model-*"))) == 1 and load(saved)[0].id != before.id


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("shape", r"of another shape: heads\.fine\.weight \(9, 47\) for \(9, 48\)"),
        ("extra", r"unknown: heads\.street\.weight"),
        ("missing", r"missing: fusion\.0\.project\.bias"),
        ("nan", r"no numbers in heads\.coarse\.bias"),
        ("pickle", "cannot be read as weights"),
        ("cut", "cannot be read as weights"),
        ("empty", "cannot be read as weights"),
    ],
)
def test_hostile_weights_are_refused_naming_the_key(saved, damage, words, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    tensors = load_file(weights(saved))
    if damage == "shape":
        tensors["heads.fine.weight"] = tensors["heads.fine.weight"][:, :-1].contiguous()
    elif damage == "extra":
        tensors["heads.street.weight"] = torch.zeros(3)
    elif damage == "missing":
        del tensors["fusion.0.project.bias"]
    elif damage == "nan":
        tensors["heads.coarse.bias"][1] = float("nan")
    data = {"pickle": pickle.dumps(Bomb()), "cut": to_bytes(tensors)[:-7], "empty": b""}.get(damage, to_bytes(tensors))
    put(saved, data)
    with pytest.raises(CheckpointMisfit, match=words):
        load(saved)
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_model_or_none_are_refused(saved, tmp_path):
    name = weights(saved).name
    (saved / name).write_bytes((saved / name).read_bytes()[:-1] + b"\0")
    with pytest.raises(CheckpointMisfit, match=r"not the file that card\.json was written for"):
        load(saved)
    (saved / name).unlink()
    with pytest.raises(CheckpointMissing, match=name):
        load(saved)
    with pytest.raises(CheckpointMissing, match=r"no card\.json"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("", "cannot be used"),
        ("[]", "cannot be used"),
        ('{"config":' * 5_000, "cannot be used"),
        (" " * 2_000_000, "too large"),
        ({"weights": "../../model-0123456789abcdef.safetensors"}, "weights"),
        ({"weights": "", "sha256": ""}, "names no weights"),
        ({"format": "geoloc-geoclip"}, "format"),
        ({"version": 2}, "version"),
        ({"run": "rm"}, "run"),
        ({"metrics": {"a_25": "nan"}}, "metrics"),
        ({"config": {"cells": [1, 2, 3], "backbone": "hf-hub:a/b"}}, "backbone"),
        ({"config": {"cells": [1, 2, 10**9]}}, "cells"),
        ({"config": {"cells": [1, 2, 3], "fusion": "mff", "backbone": "resnet101"}}, "set fusion to late"),
        ({"inputs": {"std": [0.1, 0, 0.1]}}, "std"),
    ],
)
def test_a_hostile_card_is_refused(saved, change, words):
    text = change if isinstance(change, str) else json.dumps(json.loads((saved / "card.json").read_text()) | change)
    (saved / "card.json").write_text(text)
    with pytest.raises(CheckpointMisfit, match=words):
        load(saved)


def test_a_card_that_asks_for_another_network_is_refused(saved):
    said = json.loads((saved / "card.json").read_text())
    said["config"] |= {"depth": 2, "scenes": 16}
    (saved / "card.json").write_text(json.dumps(said))
    with pytest.raises(CheckpointMisfit, match=r"unknown: .*blocks\.2.* more; of another shape: heads\.scene\.weight"):
        load(saved)


def single(seed: int = 3) -> dict[str, torch.Tensor]:
    """A timm network's own state dict, with a head for 1000 classes."""
    import timm

    torch.manual_seed(seed)
    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 3}
    return timm.create_model("vit_tiny_patch16_224", num_classes=1000, **sizes).state_dict()


def branch_cls(model: Any, branch: str, image: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.branches[branch](image)


def test_timms_weights_go_into_the_branches_asked_for(tmp_path):
    given = single()
    save_file(given, tmp_path / "vit.safetensors")
    both, one = build(small("mff")), build(small("mff"))
    done = adopt(both, tmp_path / "vit.safetensors")
    assert done.branches == ("rgb", "seg") and done.heads == () and set(done.left_out) == {"head.weight", "head.bias"}
    before = one.branches["rgb"].state_dict()["cls_token"].clone()
    assert adopt(one, tmp_path / "vit.safetensors", ["seg"]).branches == ("seg",)
    for branch in (both.branches["rgb"], both.branches["seg"], one.branches["seg"]):
        assert all(torch.equal(value, given[key]) for key, value in branch.state_dict().items())
    assert torch.equal(one.branches["rgb"].state_dict()["cls_token"], before)


def test_both_branches_can_start_from_a_trained_vit_mt(tmp_path):
    trained = drawn(small("vit-mt"), seed=4)
    save(tmp_path, trained, card(trained.config))
    model = build(small("scene-365"))
    done = adopt(model, weights(tmp_path))
    assert set(done.left_out) == {f"heads.{key}" for key in trained.heads.state_dict()}
    for branch in model.branches.values():
        for key, value in trained.branches["rgb"].state_dict().items():
            assert torch.equal(branch.state_dict()[key], value)
    save(tmp_path, model, card(model.config))
    with pytest.raises(CheckpointMisfit, match=r"branch rgb do not fit. unknown: attention.* more"):
        adopt(model, weights(tmp_path))


def test_positions_are_interpolated_for_another_image_size(tmp_path):
    save_file(single(), tmp_path / "vit.safetensors")
    larger = build(small("vit-base", image_size=64))
    adopt(larger, tmp_path / "vit.safetensors")
    positions = larger.branches["rgb"].pos_embed
    assert positions.shape == (1, 65, 24)
    torch.testing.assert_close(positions[:, 0], single()["pos_embed"][:, 0])


def transformers_vit(folder: Path) -> Any:
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(5)
    sizes = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 96}
    model = ViTModel(ViTConfig(**sizes, image_size=32, patch_size=8, layer_norm_eps=1e-6)).eval()
    for value in model.parameters():
        torch.nn.init.normal_(value, std=0.3)
    model.save_pretrained(folder)
    return model


def test_transformers_weights_answer_as_there(tmp_path):
    theirs = transformers_vit(tmp_path)
    ours = build(small("mff")).eval()
    done = adopt(ours, tmp_path / "model.safetensors")
    assert set(done.left_out) == {"pooler.dense.weight", "pooler.dense.bias"}
    rgb, _ = images()
    with torch.no_grad():
        wanted = theirs(rgb).last_hidden_state[:, 0]
    torch.testing.assert_close(branch_cls(ours, "seg", rgb), wanted, rtol=1e-4, atol=1e-4)


def test_the_authors_single_branch_brings_its_heads_but_not_the_untrained_one(tmp_path):
    transformers_vit(tmp_path)
    heads = {1: 4, 2: 6, 3: 9, 4: 3}
    given = {f"module.vit.{key}": value for key, value in load_file(tmp_path / "model.safetensors").items()}
    given |= {f"module.classifier_{i}.weight": torch.randn(n, 24) for i, n in heads.items()}
    given |= {f"module.classifier_{i}.bias": torch.randn(n) for i, n in heads.items()}
    torch.save({"Model_state_dict": given, "optimizer_state_dict": {"state": {}}}, tmp_path / "ViT.tar")
    ours = build(small("vit-mt", scenes=3)).eval()
    untouched = ours.heads["scene"].weight.detach().clone()
    done = adopt(ours, tmp_path / "ViT.tar")
    assert done.heads == ("coarse", "middle", "fine")
    assert {"classifier_4.weight", "classifier_4.bias"} < set(done.left_out)
    for i, level in enumerate(("coarse", "middle", "fine"), 1):
        assert torch.equal(ours.heads[level].weight, given[f"module.classifier_{i}.weight"])
    assert torch.equal(ours.heads["scene"].weight, untouched)
    two = adopt(build(small("mff")), tmp_path / "ViT.tar")
    assert two.heads == () and "classifier_1.weight" in two.left_out
    with pytest.raises(CheckpointMisfit, match=r"for the heads do not fit.*fine\.weight \(9, 24\) for \(8, 24\)"):
        adopt(build(variant("vit-mt", (4, 6, 8), **SIZES)), tmp_path / "ViT.tar")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"blocks.2.norm1.bias": None}, r"rgb do not fit. missing: blocks\.2\.norm1\.bias"),
        ({"blocks.3.norm1.bias": torch.zeros(24)}, r"unknown: blocks\.3\.norm1\.bias"),
        ({"norm.weight": torch.zeros(25)}, r"norm\.weight \(25,\) for \(24,\)"),
        ({"pos_embed": torch.zeros(1, 12, 24)}, r"pos_embed \(1, 12, 24\) for \(1, 17, 24\)"),
    ],
)
def test_what_does_not_fit_changes_nothing_and_is_named(change, words, tmp_path):
    given = {key: value for key, value in (single() | change).items() if value is not None}
    save_file(given, tmp_path / "vit.safetensors")
    model = build(small("mff"))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointMisfit, match=words):
        adopt(model, tmp_path / "vit.safetensors")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_foreign_pickles_and_rubbish_are_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    model = build(small("mff"))
    torch.save({"state_dict": Bomb()}, tmp_path / "bomb.ckpt")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Bomb(), protocol=2))
    (tmp_path / "cut.safetensors").write_bytes(to_bytes(single())[:-9])
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    for name in ("bomb.ckpt", "bare.pth", "cut.safetensors", "none.pth"):
        with pytest.raises(CheckpointMisfit, match="cannot be read as weights"):
            adopt(model, tmp_path / name)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(CheckpointMissing):
        adopt(model, tmp_path / "nowhere.pth")
    with pytest.raises(ModelError, match=r"no branch depth. Choose of rgb, seg"):
        adopt(model, tmp_path / "none.pth", ["depth"])


def test_pretrained_weights_are_fetched_only_when_told_to(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissing, match="Allow the download"):
        pretrained("vit_base_patch16_224")
    with pytest.raises(ModelError, match="Choose one of"):
        pretrained("vit_giant")


def test_descriptions_need_no_torch(saved):
    code = (
        "import sys\nfrom pathlib import Path\nfrom geoloc_core.translocator import read_card, hierarchy, variant\n"
        f"assert read_card(Path({str(saved)!r})).id\n"
        "print([m for m in ('torch', 'timm', 'transformers', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
