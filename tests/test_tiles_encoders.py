"""Map encoders: trunk and tails are what whole encoders are, one pass serves all; files that are not what they say."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from geoloc_core import encoders as photo_encoders
from geoloc_core import shelf
from geoloc_core.encoders import create
from geoloc_core.errors import CheckpointMisfit, CheckpointMissing, ModelError, WeightsMissing
from geoloc_core.tiles import encoders
from geoloc_core.tiles.encoders import SHELF, open_tiles
from geoloc_core.tiles.encoders.network import Tail, Trunk
from tests.tiny_clip import own_home, save_checkpoint
from tests.tiny_tiles import picture, publish_tiny, save_base

__all__ = ["own_home"]

PICTURES = [picture(seed) for seed in range(5)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    save_base(root)
    publish_tiny(root)
    return root


@pytest.fixture
def home(made: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(encoders, "_opened", {})
    monkeypatch.setattr(shelf, "ASSETS", own_home / "none")
    shutil.copytree(made, own_home, dirs_exist_ok=True)
    return own_home


@pytest.fixture
def family(home: Path) -> Path:
    return home / "checkpoints" / "tiny"


def whole(tower: torch.nn.Module, tail: Tail) -> torch.nn.Module:
    """The full encoder that trunk and tail stand for."""
    full = copy.deepcopy(tower)
    for place, block in enumerate(tail.blocks, start=-len(tail.blocks)):
        full.transformer.resblocks[place] = copy.deepcopy(block)
    full.ln_post, full.proj = copy.deepcopy(tail.ln_post), copy.deepcopy(tail.proj)
    return full


@pytest.mark.parametrize(
    "vision",
    [{}, {"pool_type": "avg"}, {"pool_type": "avg", "final_ln_after_pool": True}, {"ls_init_value": 0.3}],
    ids=["first token", "mean", "norm last", "layer scale"],
)
@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_trunk_and_tail_are_the_whole_tower(home: Path, vision: dict, blocks: int):
    save_base(home, **vision)
    tower = create("base").tower.double()
    tail = Tail(tower, blocks).double()
    for value in tail.parameters():
        value.data += 0.05 * torch.randn_like(value)
    pixels = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(tail(Trunk(tower, blocks)(pixels)), whole(tower, tail)(pixels), rtol=0, atol=1e-12)


def test_tails_learn_and_the_trunk_does_not(home: Path):
    tower = create("base").tower
    trunk, tail = Trunk(tower, 2), Tail(tower, 2).requires_grad_(True)
    tail(trunk(torch.randn(2, 3, 32, 32))).square().sum().backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in tail.parameters())
    assert all(value.grad is None for value in tower.parameters())


def test_each_zoom_answers_as_its_own_full_encoder(home: Path, family: Path):
    tails, opened, base = publish_tiny(home), open_tiles("tiny"), create("base")
    assert (opened.zooms, opened.dim, opened.base, opened.synthetic) == ((4, 5, 6), 24, base, False)
    for zoom, tail in tails.items():
        rows = base.finish(base.through(whole(base.tower, tail), [base.prepare(one) for one in PICTURES]))
        np.testing.assert_allclose(opened.encode(zoom, PICTURES), rows, atol=1e-5)
    assert np.abs(opened.encode(4, PICTURES) - opened.encode(6, PICTURES)).max() > 0.01


def test_the_trunk_runs_once_however_many_zooms_ask(home: Path, family: Path):
    opened, passed = open_tiles("tiny"), []
    opened.load()
    opened.base.tower.conv1.register_forward_hook(lambda module, given, out: passed.append(len(given[0])))
    alone = {4: opened.encode(4, PICTURES[:3]), 6: opened.encode(6, PICTURES[2:])}
    passed.clear()
    both = opened.encode_many({4: PICTURES[:3], 6: PICTURES[2:]})
    assert sum(passed) == 5  # of six asked for, the third twice
    for zoom, rows in both.items():
        np.testing.assert_allclose(rows, alone[zoom], atol=1e-6)
    assert opened.encode_many({4: [], 6: PICTURES[:1]})[4].shape == (0, 24)


def test_untuned_encoders_are_the_photo_encoder_at_every_zoom(home: Path):
    plain, base = open_tiles("untuned:base"), create("base")
    assert open_tiles("untuned:base") is plain and plain.availability() and base.id in plain.id
    many = plain.encode_many({4: PICTURES, 15: PICTURES[:1]})
    np.testing.assert_allclose(many[4], base.encode(PICTURES), atol=1e-6)
    np.testing.assert_allclose(many[15][0], base.encode(PICTURES)[0], atol=1e-6)
    assert open_tiles("untuned:im2gps").encode(4, PICTURES).shape == (5, 1024)


def test_half_the_bytes_answer_nearly_the_same(home: Path, family: Path):
    exact = open_tiles("tiny").encode(4, PICTURES)
    publish_tiny(home, "half", dtype=torch.float16)
    half = open_tiles("half")
    np.testing.assert_allclose(half.encode(4, PICTURES), exact, atol=5e-3)
    assert half.id != open_tiles("tiny").id
    size, whole_size = (next(path.glob("tails-*")).stat().st_size for path in (half.folder, family))
    assert size < 0.6 * whole_size


def test_a_new_one_replaces_the_old_and_what_is_loaded_stays(home: Path, family: Path):
    opened = open_tiles("tiny")
    before, identity = opened.encode(4, PICTURES), opened.id
    publish_tiny(home, zooms=(8,), synthetic=True)
    assert opened.id == identity and (opened.encode(4, PICTURES) == before).all()
    assert len(list(family.iterdir())) == 2
    encoders._opened.clear()
    assert open_tiles("tiny").zooms == (8,) and open_tiles("tiny").id != identity


def test_names_and_the_choice(home: Path, family: Path):
    (home / "checkpoints" / "other").mkdir()
    (home / "checkpoints" / "other" / "card.json").write_text('{"format": "geoloc-translocator"}')
    publish_tiny(home, "drawn", synthetic=True)
    assert SHELF.names() == ("drawn", "tiny")
    assert SHELF.choose().value == "tiny" and SHELF.choose("x").value == "x"
    assert open_tiles("tiny") is open_tiles(str(family)) and open_tiles("tiny").availability()
    with pytest.raises(ModelError, match="no encoder for zoom 7"):
        open_tiles("tiny").encode(7, PICTURES)


def card_says(**changes: object) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        card = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps({**card, **changes}))

    return harm


def weights_become(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        import hashlib

        file = next(folder.glob("tails-*"))
        tensors = load_file(file)
        change(tensors)
        save_file(tensors, file)
        card_says(sha256=hashlib.sha256(file.read_bytes()).hexdigest())(folder)

    return harm


def forget(folder: Path) -> None:
    next(folder.glob("tails-*")).unlink()


def flip(folder: Path) -> None:
    file = next(folder.glob("tails-*"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors["zoom4.proj"][0, 0] = float("nan")


def wide(tensors: dict[str, torch.Tensor]) -> None:
    tensors["zoom6.proj"] = torch.zeros(32, 25)


@pytest.mark.parametrize(
    ("harm", "error", "words"),
    [
        (lambda folder: (folder / "card.json").unlink(), CheckpointMissing, "no card.json"),
        (lambda folder: (folder / "card.json").write_text("{"), CheckpointMisfit, "cannot be used"),
        (lambda folder: (folder / "card.json").write_bytes(b" " * 1_000_001), CheckpointMisfit, "too large"),
        (card_says(format="geoloc-translocator"), CheckpointMisfit, "format"),
        (card_says(weights="../../secret.safetensors"), CheckpointMisfit, "weights"),
        (card_says(weights=""), CheckpointMisfit, "names no weights"),
        (card_says(zooms=[6, 4]), CheckpointMisfit, "ascend"),
        (card_says(zooms=[4, 5, 99]), CheckpointMisfit, "zooms"),
        (card_says(side=512), CheckpointMisfit, "side"),
        (card_says(metrics={"loss": "NaN"}), CheckpointMisfit, "metrics"),
        (card_says(zooms=[4, 5, 6, 8]), CheckpointMisfit, "zoom8"),
        (card_says(zooms=[4, 5]), CheckpointMisfit, "unknown: zoom6"),
        (card_says(blocks=3), CheckpointMisfit, r"blocks\.2"),
        (card_says(blocks=4), ModelError, "Of 4 blocks"),
        (card_says(base="open_clip/local/sha256-0/pre-0"), CheckpointMisfit, "stands on the encoder"),
        (card_says(base="im2gps"), CheckpointMisfit, "stands on"),
        (forget, CheckpointMissing, "There is no tails-"),
        (flip, CheckpointMisfit, "was written for"),
        (weights_become(nan), CheckpointMisfit, "no numbers, such as in zoom4.proj"),
        (weights_become(wide), CheckpointMisfit, r"zoom6\.proj \(32, 25\)"),
    ],
)
def test_what_does_not_belong_together_is_refused(family: Path, harm: Callable, error: type, words: str):
    harm(family)
    with pytest.raises(error, match=words) as caught:
        open_tiles(str(family)).encode(4, PICTURES)
    assert str(caught.value).endswith(".")


def test_lacks_are_told_before_loading(home: Path, family: Path):
    assert not (state := open_tiles("nothing").availability()) and "train tiles" in state.remedy
    forget(family)
    assert "tails-" in open_tiles("tiny").availability().reason
    publish_tiny(home)
    (home / "checkpoints" / "base" / "open_clip_model.safetensors").unlink()
    photo_encoders._made.clear()
    assert not open_tiles("tiny").availability()
    with pytest.raises((WeightsMissing, CheckpointMisfit)):
        open_tiles("tiny").load()


def test_other_weights_under_the_same_name_are_no_base(home: Path, family: Path):
    save_checkpoint(home / "checkpoints" / "base", seed=9)
    photo_encoders._made.clear()
    with pytest.raises(CheckpointMisfit, match="stands on the encoder"):
        open_tiles("tiny").load()
