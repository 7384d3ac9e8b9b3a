"""Segmenters that are damaged, foreign or hostile: each is refused with what to do, and none runs code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from geoloc_core.errors import ModelError
from geoloc_core.segmentation import names as registry
from geoloc_core.segmentation import open_segmenter
from geoloc_core.segmentation.ade20k import CLASSES, names
from tests.make_segmenter import copied, forgetful, pickle_weights, saved
from tests.tiny_clip import own_home, photo

pytestmark = pytest.mark.usefixtures("own_home", "forgetful")
__all__ = ["copied", "forgetful", "own_home", "saved"]


def edit(file: Path, **changes) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def _cut(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-50])


def _named(*labels: str):
    return lambda folder: edit(folder / "config.json", id2label={str(i): name for i, name in enumerate(labels)})


def _weights(folder: Path, change) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("change", "reason", "remedy"),
    [
        (lambda f: (f / "config.json").unlink(), "holds no config.json", "another folder"),
        (lambda f: (f / "config.json").write_text("{"), "no JSON file", "Save it again"),
        (lambda f: edit(f / "config.json", model_type="vit"), "not one that labels pixels", "semantic segmentation"),
        (
            lambda f: edit(f / "config.json", model_type="x", auto_map={"AutoConfig": "e.C"}),
            "code of its own",
            "nvidia",
        ),
        (lambda f: (f / "preprocessor_config.json").unlink(), "no image processor", "Save it again"),
        (lambda f: (f / "model.safetensors").unlink(), "holds no weights", "Save it again"),
        (_cut, "damaged or cut short", "Save it again"),
        (_named("road", "sky"), "tells 2 classes apart, not ADE20K's 150", "segformer-b0"),
        (_named(*names(), "one more"), "tells 151 classes apart", "segformer-b0"),
        (_named(*reversed(names())), "150 classes that are not ADE20K's", "segformer-b0"),
        (lambda f: edit(f / "config.json", id2label=[1]), "other classes", "segformer-b0"),
    ],
)
def test_a_model_that_cannot_be_used_says_so(copied, change, reason, remedy):
    change(copied)
    state = open_segmenter(str(copied)).availability()
    assert not state and reason in state.reason and remedy in state.remedy
    with pytest.raises(ModelError) as caught:
        open_segmenter(str(copied)).segment([photo()])
    assert reason in str(caught.value) and remedy in str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: _weights(f, lambda t: t.pop(sorted(t)[3])), "1 of its weights are missing.*again"),
        (lambda f: _weights(f, lambda t: t["decode_head.classifier.bias"].fill_(float("nan"))), "no numbers.*DTYPE"),
        (lambda f: edit(f / "config.json", decoder_hidden_size=24), "cannot be loaded.*again"),
        (lambda f: (f / "preprocessor_config.json").write_text("[]"), "no image processor.*again"),
        (lambda f: edit(f / "preprocessor_config.json", image_mean="x"), "(cannot be loaded|failed).*again"),
    ],
)
def test_what_shows_only_when_loading_is_said(copied, change, reason):
    change(copied)
    with pytest.raises(ModelError, match=reason):
        open_segmenter(str(copied)).segment([photo()])


@pytest.mark.parametrize("name", ["", "segformer-b9", "a/b/c", "x y"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ModelError, match="Choose one of segformer-b0"):
        open_segmenter(name)


def test_labels_may_lack_names_or_have_several(copied):
    _named(*(f"LABEL_{i}" for i in range(CLASSES)))(copied)
    assert open_segmenter(str(copied)).availability()
    _named(*(f"{name}, something else" for name in names()))(copied)
    assert open_segmenter(str(copied)).availability()


def test_pickled_weights_are_opened_as_tensors_only(saved, copied):
    expected = open_segmenter(str(saved / "segformer")).segment([photo()])[0]
    pickle_weights(copied)
    assert (open_segmenter(str(copied)).segment([photo()])[0] == expected).all()
    registry._made.clear()
    torch.save({"evil": _Evil(copied / "ran")}, copied / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"cannot be loaded.*again"):
        open_segmenter(str(copied)).segment([photo()])
    assert not (copied / "ran").exists()


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_the_folder_is_never_run(copied):
    (copied / "evil.py").write_text(f"from pathlib import Path\nPath({str(copied / 'ran')!r}).touch()\n")
    own = {"AutoConfig": "evil.C", "AutoModelForSemanticSegmentation": "evil.M", "AutoImageProcessor": "evil.P"}
    edit(copied / "config.json", auto_map=own)
    edit(copied / "preprocessor_config.json", auto_map=own)
    assert open_segmenter(str(copied)).segment([photo()])
    assert not (copied / "ran").exists()
