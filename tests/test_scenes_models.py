"""Scene classifiers: CLIP through the embedding that is there anyway, and networks in Places365's published files."""

from __future__ import annotations

import copyreg
import pickle
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from geoloc_core import encoders, scenes
from geoloc_core.encoders.open_clip import OpenClip
from geoloc_core.encoders.text import TextTower
from geoloc_core.errors import CheckpointMisfit, CheckpointMissing, EncoderError
from geoloc_core.photo import open_photo
from geoloc_core.prediction import Query
from geoloc_core.scenes import best_classifier, checkpoint, open_classifier, zero_shot
from geoloc_core.scenes.checkpoint import Places365
from geoloc_core.scenes.places365 import names
from geoloc_core.scenes.zero_shot import PROMPTS, ZeroShot
from geoloc_core.settings import settings
from tests.make_geoclip import make_geoclip, save_readable_clip
from tests.tiny_clip import own_home, photo, save_checkpoint

__all__ = ["own_home"]


@pytest.fixture(autouse=True)
def fresh(own_home, monkeypatch):
    """Own cache on disk, and no classifier yet; names in memory stay, their ids being those of the weights."""
    monkeypatch.setattr(zero_shot, "user_cache_path", lambda _: own_home / "cache")
    scenes._made.clear()
    yield
    scenes._made.clear()


@pytest.fixture
def reader(own_home) -> encoders.Encoder:
    save_readable_clip(own_home / "checkpoints" / "readable")
    return encoders.create("readable")


@pytest.fixture
def query(tmp_path) -> Query:
    photo(3, (90, 60)).save(tmp_path / "photo.png")
    return Query(open_photo(tmp_path / "photo.png"))


def by_open_clip(folder: Path, image) -> np.ndarray:
    """The probabilities as open_clip's own functions give them, from the whole model."""
    import open_clip
    import torch

    model, _, prepare = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    spoken = [name.partition(" (") for name in names(365)]
    with torch.inference_mode():
        texts = [prompt.format(f"{view[:-1]} {head}".strip()) for prompt in PROMPTS for head, _, view in spoken]
        rows = model.eval().encode_text(open_clip.SimpleTokenizer()(texts), normalize=True)
        classes = torch.nn.functional.normalize(rows.reshape(len(PROMPTS), 365, -1).mean(dim=0), dim=1)
        seen = model.encode_image(prepare(image)[None], normalize=True)
        return (model.logit_scale.exp() * seen @ classes.T).softmax(dim=1)[0].numpy()


def test_zero_shot_is_what_open_clip_says(reader, own_home):
    image = photo(1)
    ours = ZeroShot(reader).scenes([image])
    assert ours.shape == (1, 365) and ours.sum() == pytest.approx(1)
    theirs = by_open_clip(own_home / "checkpoints" / "readable", image)
    np.testing.assert_allclose(ours[0], theirs, rtol=1e-3)
    assert theirs.max() > 1.5 / 365  # else anything would have passed


def test_no_prompt_is_cut_off(reader):
    from open_clip.tokenizer import SimpleTokenizer

    texts = [prompt.format(zero_shot._spoken(name)) for name in names(365) for prompt in PROMPTS]
    assert (SimpleTokenizer(context_length=77)(texts) != 0).sum(dim=1).max() <= zero_shot._ROOM
    assert "a photo of the outdoor church." in texts


def test_fewer_tokens_change_no_answer(reader):
    texts = ["a fjord", "a photo of the outdoor church."]
    np.testing.assert_allclose(
        TextTower(reader, "", 24).features(texts), TextTower(reader, "").features(texts), atol=1e-5
    )


def test_many_embeddings_at_once(reader):
    rows = reader.encode([photo(i) for i in range(5)])
    told, model = ZeroShot(reader).of_embedding(rows), ZeroShot(reader)
    assert told.shape == (5, 365)
    np.testing.assert_allclose(model.of_embedding(rows[3]), told[3], atol=1e-12)
    with pytest.raises(EncoderError, match="Give embeddings of readable"):
        model.of_embedding(rows[:, :5])


def test_a_scene_costs_no_second_forward_pass(reader, query, own_home, monkeypatch):
    passes, forward = [], OpenClip.features
    monkeypatch.setattr(OpenClip, "features", lambda self, some: passes.append(len(some)) or forward(self, some))
    query.embedding(reader)
    classifier = open_classifier("zero-shot:readable")
    scene = query.scene(classifier)
    assert query.scene(classifier) is scene and passes == [1]
    assert scene.by == "zero-shot:readable" and len(scene.probabilities) == 365 and query.seconds["scene"] >= 0
    geoclip = encoders.create(f"geoclip:{make_geoclip(own_home / 'g', 'readable')}")
    again = query.scene(ZeroShot(geoclip))  # through what it builds on
    assert passes == [1] and np.array_equal(again.probabilities, scene.probabilities)


def test_names_are_embedded_once_and_kept(reader, own_home, monkeypatch):
    made, rows = [], np.random.default_rng(0).normal(size=(365 * len(PROMPTS), 32))
    monkeypatch.setattr(TextTower, "features", lambda self, texts: made.append(len(texts)) or rows[: len(texts)])
    monkeypatch.setattr(zero_shot, "_said", {})
    first = ZeroShot(reader)._names()
    ZeroShot(reader).load()
    zero_shot._said.clear()  # as another process
    np.testing.assert_array_equal(ZeroShot(reader)._names(), first)
    assert made == [730]
    (kept,) = (own_home / "cache" / "scenes").iterdir()
    for damage in (b"", b"\x93NUMPY" + b"x" * 50, kept.read_bytes()[:-9]):
        zero_shot._said.clear()
        kept.write_bytes(damage)
        np.testing.assert_array_equal(ZeroShot(reader)._names(), first)
    assert made == [730] * 4


def test_a_cache_that_cannot_be_written_only_costs_time(reader, own_home, monkeypatch):
    (own_home / "cache").write_text("a file where the folder would be")
    monkeypatch.setattr(TextTower, "features", lambda self, texts: np.ones((len(texts), 32)))
    monkeypatch.setattr(zero_shot, "_said", {})
    np.testing.assert_allclose(ZeroShot(reader).scenes([photo()]), 1 / 365)


def test_other_weights_are_another_classifier(reader, own_home):
    save_readable_clip(own_home / "checkpoints" / "other", seed=1)
    one, two = ZeroShot(reader), ZeroShot(encoders.create("other"))
    assert one.id != two.id and one.id == ZeroShot(reader).id


def test_encoders_that_cannot_read_are_a_state_with_a_remedy(own_home):
    save_checkpoint(own_home / "checkpoints" / "stub")
    for name, reason in (
        ("starter", "never learned to read"),
        ("stub", "never learned to read"),
        ("im2gps", "no text tower"),
        ("clip-l14", "not on this machine"),
    ):
        ready = open_classifier(f"zero-shot:{name}").availability()
        assert not ready and reason in ready.reason and "fetch clip-l14" in ready.remedy
    with pytest.raises(EncoderError, match="never learned"):
        open_classifier("zero-shot:starter").load()


def test_a_readable_gallery_encoder_is_taken(reader):
    choice = best_classifier("readable")
    assert choice and choice.value == "zero-shot:readable" and open_classifier(choice.value).availability()


def save_published(file: Path, arch: str = "resnet18", python2: bool = True, change=lambda tensors: None):
    """As CSAIL's file was saved: by PyTorch 0.2 under Python 2, without counters of batches; or as it would be now."""
    import torch
    import torchvision

    torch.manual_seed(0)
    model = getattr(torchvision.models, arch)(num_classes=365).eval()
    state = model.state_dict().items()
    tensors = OrderedDict((f"module.{key}", value) for key, value in state if "num_batches" not in key or not python2)
    change(tensors)
    whole = {"epoch": 90, "arch": arch, "state_dict": tensors, "best_prec1": 54.1}
    file.parent.mkdir(parents=True, exist_ok=True)
    if not python2:
        torch.save(whole, file)
        return model

    def old_tensor(value):
        storage = value._typed_storage()
        return torch._utils._rebuild_tensor, (storage, value.storage_offset(), tuple(value.shape), value.stride())

    class Pickler(pickle.Pickler):
        dispatch_table = {  # noqa: RUF012
            **copyreg.dispatch_table,
            OrderedDict: lambda table: (OrderedDict, ([list(pair) for pair in table.items()],)),
            torch.Tensor: old_tensor,
        }

    module = types.SimpleNamespace(
        Pickler=Pickler, dump=lambda what, out, protocol: Pickler(out, protocol).dump(what), __name__="pickle2"
    )
    torch.save(whole, file, pickle_module=module, pickle_protocol=2, _use_new_zipfile_serialization=False)
    return model


def by_torchvision(model, images) -> np.ndarray:
    """As the publishers' script asks it."""
    import torch
    from torchvision import transforms

    prepare = transforms.Compose(
        [
            transforms.Resize((256, 256)),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    with torch.inference_mode():
        return model(torch.stack([prepare(image.convert("RGB")) for image in images])).softmax(dim=1).numpy()


@pytest.mark.parametrize(("arch", "python2"), [("resnet18", True), ("resnet18", False), ("resnet50", True)])
def test_a_published_file_answers_as_torchvision_does(arch, python2, own_home):
    model = save_published(settings().checkpoints / f"{arch}_places365.pth.tar", arch, python2)
    classifier = open_classifier(f"places365:{arch}")
    assert classifier.availability() and classifier.encoder is None and classifier.id.startswith("places365/sha256-")
    images = [photo(1, (300, 200)), photo(2, (64, 90), "L")]
    told = classifier.scenes(images)
    assert told.shape == (2, 365)
    np.testing.assert_allclose(told, by_torchvision(model, images), rtol=2e-4)
    assert abs(np.log(told[0] / told[1])).max() > 1e-3


def test_more_photos_than_a_batch(own_home, monkeypatch):
    save_published(own_home / "own.pth.tar")
    monkeypatch.setattr(checkpoint, "_BATCH", 2)
    classifier = Places365(str(own_home / "own.pth.tar"))
    images = [photo(i, (80, 60)) for i in range(3)]
    told = classifier.of_images(images)
    assert told.shape == (3, 365)
    np.testing.assert_allclose(told[2], classifier.of_images(images[2:])[0], rtol=1e-4)


def test_a_query_asks_it_once(query, own_home):
    save_published(own_home / "own.pth.tar")
    classifier = open_classifier(f"places365:{own_home / 'own.pth.tar'}")
    assert query.scene(classifier) is query.scene(classifier)
    assert "encode" not in query.seconds


def test_a_missing_file_says_where_to_get_it_and_where_to_put_it(own_home):
    ready = open_classifier("places365:resnet18").availability()
    assert not ready and "models_places365/resnet18_places365.pth.tar" in ready.remedy
    assert str(settings().checkpoints) in ready.remedy
    with pytest.raises(CheckpointMissing, match="Give a file such as"):
        Places365(str(own_home / "nothing.pth.tar")).load()


class Trap:
    """Runs code wherever it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_code_in_a_file_is_refused_and_not_run(own_home):
    import torch

    mark, file = own_home / "ran", own_home / "bad.pth.tar"
    saves = (
        lambda: torch.save({"state_dict": {}, "best_prec1": Trap(mark)}, file),
        lambda: torch.save({"state_dict": Trap(mark)}, file, _use_new_zipfile_serialization=False),
        lambda: file.write_bytes(pickle.dumps(Trap(mark))),
    )
    for save in saves:
        save()
        with pytest.raises(CheckpointMisfit, match="cannot be read as weights"):
            Places365(str(file)).load()
        assert not mark.exists()
    pickle.loads(file.read_bytes())  # noqa: S301
    assert mark.exists()  # it is a trap indeed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("module.conv1.weight"), r"missing: conv1\.weight"),
        (lambda t: t.update({"module.fc.weight": t["module.fc.weight"][:205]}), r"fc\.weight \(205, 512\) for \(365"),
        (lambda t: t.update({"module.extra": t["module.fc.bias"]}), "unknown: extra"),
        (lambda t: t.update({"module.fc.bias": t["module.fc.bias"] / 0}), r"no numbers in fc\.bias"),
        (lambda t: t.clear(), "missing: "),
    ],
)
def test_weights_that_do_not_fit_are_named(change, said, own_home):
    file = own_home / "own.pth.tar"
    save_published(file, change=change)
    with pytest.raises(CheckpointMisfit, match=said):
        Places365(str(file)).load()


@pytest.mark.parametrize("data", [b"", b"no weights", b"PK\x03\x04 torn", b"\x80\x02K\x01."])
def test_a_file_of_something_else_is_refused(data, own_home):
    (own_home / "own.pth.tar").write_bytes(data)
    with pytest.raises(CheckpointMisfit, match="cannot be read as weights"):
        Places365(str(own_home / "own.pth.tar")).load()
