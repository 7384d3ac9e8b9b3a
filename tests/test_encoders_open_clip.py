"""open_clip encoders on small real checkpoints: same answers as open_clip, honest ids, clear errors, no network."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest
from PIL import Image

from geoloc_core.encoders.checkpoints import HubWeights, LocalFolder, Preprocess, encoder_id, weights_sha256
from geoloc_core.encoders.open_clip import OpenClip
from geoloc_core.encoders.pixels import middle
from geoloc_core.errors import EncoderError, WeightsMissing
from geoloc_core.settings import settings
from tests.tiny_clip import MODEL, TEXT, VISION, own_home, photo, put_into_hf_cache, save_checkpoint

pytestmark = pytest.mark.usefixtures("own_home")
__all__ = ["own_home"]
SQUASH = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "resize_mode": "squash"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("local"), preprocess=SQUASH)


def open_clip_says(name, images, **options):
    import open_clip
    import torch

    model, _, transform = open_clip.create_model_and_transforms(name, **options)
    with torch.inference_mode():
        return model.eval().encode_image(torch.stack([transform(i) for i in images]), normalize=True).numpy()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_local_checkpoint_answers_as_open_clip_does(tmp_path, dtype):
    folder = save_checkpoint(tmp_path / "c", dtype=dtype, preprocess=SQUASH)
    encoder, photos = OpenClip("c", LocalFolder(folder)), [photo(i) for i in range(3)]
    rows = encoder.encode(photos)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(rows, open_clip_says(f"local-dir:{folder}", photos), atol=1e-6)


def test_hub_checkpoint_answers_as_open_clip_does_with_the_tags_quick_gelu(own_home, tmp_path):
    import open_clip

    weights = save_checkpoint(tmp_path / "c") / "open_clip_model.safetensors"
    (tmp_path / "Tiny-Test.json").write_text(json.dumps(MODEL))
    open_clip.add_model_config(tmp_path / "Tiny-Test.json")
    blob = put_into_hf_cache(own_home / "hf", "org/tiny", weights.name, weights.read_bytes())
    pre, photos = Preprocess((32, 32), (0.1,) * 3, (0.2,) * 3, resize_mode="squash"), [photo(i) for i in range(3)]
    encoder = OpenClip("t", HubWeights("Tiny-Test", "mine", "org/tiny", pre, quick_gelu=True))
    assert f"open_clip/Tiny-Test/mine/sha256-{blob.name[:12]}/pre-" in encoder.id
    options = {"image_mean": pre.mean, "image_std": pre.std, "image_resize_mode": "squash", "pretrained": str(weights)}
    rows = encoder.encode(photos)
    np.testing.assert_allclose(rows, open_clip_says("Tiny-Test", photos, force_quick_gelu=True, **options), atol=1e-6)
    assert np.abs(rows - open_clip_says("Tiny-Test", photos, **options)).max() > 1e-4


@pytest.mark.parametrize(
    "model",
    [
        {"vision_cfg": {"image_size": 32, "timm_model_name": "test_vit", "timm_pool": "avg", "timm_proj": "linear"}},
        {
            "vision_cfg": {
                "image_size": 64,
                "timm_model_name": "test_convnext",
                "timm_pool": "avg",
                "timm_proj": "linear",
            }
        },
        {"vision_cfg": {**VISION, "layers": [1, 1, 1, 1], "width": 8}},
        {"vision_cfg": VISION, "custom_text": True, "quick_gelu": True},
        {
            "vision_cfg": {**VISION, "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
            "text_cfg": {**TEXT, "embed_cls": True, "output_tokens": True},
            "multimodal_cfg": {"context_length": 6, "vocab_size": 20, "width": 16, "heads": 2, "layers": 1},
            "custom_text": True,
        },
    ],
    ids=["timm", "timm-conv", "resnet", "custom-text", "coca"],
)
def test_every_kind_of_tower_answers_as_open_clip_does(tmp_path, model):
    if "timm_model_name" in model["vision_cfg"]:
        model["vision_cfg"]["image_size"] = 160
    folder = save_checkpoint(tmp_path / "c", **model)
    photos = [photo(i) for i in range(2)]
    rows = OpenClip("c", LocalFolder(folder)).encode(photos)
    np.testing.assert_allclose(rows, open_clip_says(f"local-dir:{folder}", photos), atol=1e-5)


def test_a_row_does_not_depend_on_its_batch(folder, monkeypatch):
    encoder, photos = OpenClip("c", LocalFolder(folder)), [photo(i) for i in range(19)]
    together = encoder.encode(photos)
    for row, one in zip(together, photos, strict=True):
        np.testing.assert_allclose(encoder.encode([one])[0], row, atol=1e-5)


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "CMYK", "I;16"])
def test_other_modes_are_read_as_rgb(folder, mode):
    image = photo(3).convert("L").convert("I;16") if mode == "I;16" else photo(3).convert(mode)
    encoder = OpenClip("c", LocalFolder(folder))
    np.testing.assert_array_equal(encoder.encode([image]), encoder.encode([image.convert("RGB")]))


def test_a_long_strip_is_cut_to_its_middle_which_is_all_the_model_sees(tmp_path):
    encoder = OpenClip("c", LocalFolder(save_checkpoint(tmp_path / "c")))
    assert encoder.source.preprocess.resize_mode == "shortest"
    for size in ((60_000, 2), (2, 60_000)):
        assert sorted(middle(Image.new("RGB", size)).size) == [2, 32]
    strip = photo(1, (2000, 50))
    np.testing.assert_allclose(
        encoder.encode([strip]), open_clip_says(f"local-dir:{tmp_path / 'c'}", [strip]), atol=1e-3
    )


def test_id_pins_weights_preprocessing_and_architecture_but_not_the_place(tmp_path):
    first = save_checkpoint(tmp_path / "a")
    variants = {
        "moved": save_checkpoint(tmp_path / "b"),
        "weights": save_checkpoint(tmp_path / "w", seed=1),
        "mean": save_checkpoint(tmp_path / "m", preprocess={"mean": [0, 0, 0]}),
        "resize": save_checkpoint(tmp_path / "r", preprocess={"resize_mode": "longest"}),
        "gelu": save_checkpoint(tmp_path / "g", quick_gelu=True),
        "heads": save_checkpoint(tmp_path / "h", vision_cfg={**VISION, "head_width": 8}),
    }
    ids = {name: encoder_id(LocalFolder(path)) for name, path in variants.items()}
    assert ids.pop("moved") == encoder_id(LocalFolder(first))
    assert len({encoder_id(LocalFolder(first)), *ids.values()}) == len(ids) + 1


def test_a_loaded_encoder_keeps_its_id_when_the_file_changes(tmp_path):
    folder = save_checkpoint(tmp_path / "c")
    encoder = OpenClip("c", LocalFolder(folder))
    encoder.load()
    before = encoder.id
    save_checkpoint(folder, seed=1)
    assert encoder.id == before != OpenClip("c", LocalFolder(folder)).id


def test_checksum_is_read_from_the_blobs_name_or_computed_again_after_a_change(own_home, tmp_path):
    blob = put_into_hf_cache(own_home / "hf", "org/x", "w.safetensors", b"data")
    assert weights_sha256(own_home / "hf/models--org--x/snapshots" / ("c" * 40) / "w.safetensors") == blob.name
    plain = tmp_path / "plain"
    plain.write_bytes(b"data")
    assert weights_sha256(plain) == blob.name
    plain.write_bytes(b"other data")
    assert weights_sha256(plain) != blob.name


def test_missing_weights_are_a_state_with_a_remedy(own_home):
    encoder = OpenClip("t", HubWeights("ViT-L-14", "openai", "org/none", Preprocess(), fetch_as="clip-l14"))
    state = encoder.availability()
    assert not state and "python -m geoloc_core fetch clip-l14" in state.remedy and str(own_home) in state.remedy
    for act in (encoder.load, lambda: encoder.id, lambda: encoder.encode([photo()])):
        with pytest.raises(WeightsMissing, match="fetch clip-l14"):
            act()


def _cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def _foreign(path):
    from safetensors.numpy import save_file

    save_file({"embeddings.weight": np.zeros((2, 2), np.float32)}, path)


def _other_shape(path):
    save_checkpoint(path.parent / "wide", vision_cfg={**VISION, "width": 64})
    path.write_bytes((path.parent / "wide" / path.name).read_bytes())


@pytest.mark.parametrize(
    "harm", [_cut, _foreign, _other_shape, lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"x" * 99)]
)
def test_a_damaged_or_foreign_checkpoint_is_refused_in_one_sentence(tmp_path, harm):
    folder = save_checkpoint(tmp_path / "c")
    harm(folder / "open_clip_model.safetensors")
    with pytest.raises(EncoderError, match="again") as caught:
        OpenClip("c", LocalFolder(folder)).load()
    assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"model_cfg": 3}',
        '{"model_cfg": {"vision_cfg": []}}',
        "[" * 5000,
        '{"model_cfg": {"vision_cfg": {}}, "preprocess_cfg": 7}',
    ],
)
def test_a_hostile_configuration_is_refused(tmp_path, text):
    folder = save_checkpoint(tmp_path / "c")
    (folder / "open_clip_config.json").write_text(text)
    encoder = OpenClip("c", LocalFolder(folder))
    assert not encoder.availability()
    with pytest.raises(EncoderError, match="again"):
        encoder.load()


def test_pickles_are_never_run(own_home, tmp_path):
    import pickle

    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    put_into_hf_cache(own_home / "hf", "org/bad", "open_clip_pytorch_model.bin", pickle.dumps({"visual.x": Bomb()}))
    encoder = OpenClip("b", HubWeights("ViT-B-32", "openai", "org/bad", Preprocess()))
    assert encoder.availability()
    with pytest.raises(EncoderError):
        encoder.load()
    assert not (tmp_path / "ran").exists()
    for name in ("open_clip_pytorch_model.bin", "open_clip_config.json"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(WeightsMissing):
        LocalFolder(tmp_path).weights()


def test_no_number_is_an_error_not_an_answer(tmp_path):
    from safetensors.torch import load_file, save_file

    file = save_checkpoint(tmp_path / "c") / "open_clip_model.safetensors"
    state = load_file(file)
    state["visual.ln_post.weight"][3] = float("nan")
    save_file(state, file)
    with pytest.raises(EncoderError, match="GEOLOC_DTYPE=float32"):
        OpenClip("c", LocalFolder(tmp_path / "c")).encode([photo()])


def test_choices_carry_reasons_and_settings_decide(folder, monkeypatch):
    import torch

    monkeypatch.delenv("GEOLOC_DTYPE")
    settings.cache_clear()
    encoder = OpenClip("c", LocalFolder(folder))
    assert encoder.choices == {}
    encoder.load()
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert encoder.choices["device"].value == "cpu"
    assert all(choice.reason for choice in encoder.choices.values())

    monkeypatch.setenv("GEOLOC_DEVICE", "cpu")
    monkeypatch.setenv("GEOLOC_DTYPE", "bfloat16")
    monkeypatch.setenv("GEOLOC_BATCH_SIZE", "3")
    settings.cache_clear()
    half, photos = OpenClip("c", LocalFolder(folder)), [photo(i) for i in range(7)]
    rows = half.encode(photos)
    assert half.choices["dtype"].value == "bfloat16" and "GEOLOC_DTYPE" in half.choices["dtype"].reason
    assert half.choices["batch"].value == "3" and rows.dtype == np.float32
    assert (rows * encoder.encode(photos)).sum(axis=1).min() > 0.99


def test_a_device_that_is_not_there_is_refused_with_a_remedy(folder, monkeypatch):
    import torch

    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    monkeypatch.setenv("GEOLOC_DEVICE", absent)
    settings.cache_clear()
    with pytest.raises(EncoderError, match="GEOLOC_DEVICE=auto"):
        OpenClip("c", LocalFolder(folder)).load()


def test_many_threads_load_one_model(folder):
    encoder, built, rows = OpenClip("c", LocalFolder(folder)), [], []
    build = encoder._build
    encoder._build = lambda *args: built.append(1) or time.sleep(0.05) or build(*args)
    threads = [threading.Thread(target=lambda: rows.append(encoder.encode([photo()]))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1 and len(rows) == 6 and all((row == rows[0]).all() for row in rows)


def test_a_text_tower_that_would_be_fetched_is_never_asked_for(tmp_path):
    folder = save_checkpoint(tmp_path / "c", custom_text=True)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"] = {"hf_model_name": "org/roberta", "hf_tokenizer_name": "org/roberta"}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert OpenClip("c", LocalFolder(folder)).encode([photo()]).shape == (1, 24)


def test_loading_gives_no_false_alarm(folder, caplog):
    OpenClip("c", LocalFolder(folder)).load()
    assert not [r for r in caplog.records if r.levelname == "WARNING"]
