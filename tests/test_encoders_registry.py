"""Names to encoders, galleries' ids to encoders, and presets that agree with open_clip."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from geoloc_core import encoders
from geoloc_core.encoders.presets import PRESETS, pretrained
from geoloc_core.errors import EncoderError, EncoderMismatch, WeightsMissing
from tests.tiny_clip import own_home, put_into_hf_cache, save_checkpoint

pytestmark = pytest.mark.usefixtures("own_home")
__all__ = ["own_home"]


def test_importing_encoders_and_asking_for_states_needs_no_torch():
    code = (
        "import sys, geoloc_core.encoders as e\n"
        "for name in e.names(): e.create(name).availability()\n"
        "print([m for m in ('torch', 'open_clip', 'timm', 'transformers', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("preset", [p for p in PRESETS.values() if p.hub], ids=lambda p: p.name)
def test_presets_say_what_open_clip_says(preset):
    import open_clip

    hub = preset.hub
    facts, config = open_clip.get_pretrained_cfg(hub.model, hub.tag), open_clip.get_model_config(hub.model)
    assert facts["hf_hub"] == f"{hub.repo}/"
    assert config["embed_dim"] == preset.dim
    assert (config["vision_cfg"]["image_size"],) * 2 == hub.preprocess.size
    assert {k: facts[k] for k in ("mean", "std", "interpolation", "resize_mode")} == {
        k: getattr(hub.preprocess, k) for k in ("mean", "std", "interpolation", "resize_mode")
    }
    assert hub.quick_gelu == facts.get("quick_gelu", False)
    assert preset.reason and preset.licence and preset.download_bytes > 1e8 and hub.name == preset.name


def test_a_pair_outside_the_presets_is_read_from_open_clip():
    pair = pretrained("ViT-B-32-quickgelu", "openai")
    assert (
        pair.repo == "timm/vit_base_patch32_clip_224.openai" and pair.quick_gelu and pair.preprocess.size == (224, 224)
    )
    assert pretrained("ViTamin-S", "datacomp1b").files == ("pytorch_model.safetensors", "pytorch_model.bin")
    assert pretrained("ViT-L-14", "openai") is PRESETS["clip-l14"].hub
    with pytest.raises(EncoderError, match="laion2b_s34b_b79k"):
        pretrained("ViT-B-32", "openia")


@pytest.mark.parametrize("name", ["clip-l15", "", "open_clip:", "open_clip:ViT-L-14", "../etc", "open_clip:No/no"])
def test_an_unknown_name_lists_what_exists(name):
    with pytest.raises(EncoderError) as caught:
        encoders.create(name)
    assert "clip-l14" in str(caught.value) or "open_clip knows no" in str(caught.value)
    if name == "clip-l15":
        assert "Did you mean clip-l14?" in str(caught.value)


def test_one_process_makes_one_encoder(own_home):
    save_checkpoint(own_home / "checkpoints" / "mine")
    made = []
    threads = [threading.Thread(target=lambda: made.append(encoders.create("mine"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(encoder) for encoder in made}) == 1 and "mine" in encoders.names()
    by_path = encoders.create(f"open_clip:{own_home / 'checkpoints' / 'mine'}")
    assert by_path.id == made[0].id


def test_a_gallerys_encoder_is_found_by_id_even_when_the_hint_is_wrong(own_home):
    a, b = (save_checkpoint(own_home / "checkpoints" / name, seed=i) for i, name in enumerate("ab"))
    id_b = encoders.create("b").id
    assert encoders.for_id(id_b, "b").name == "b"
    for hint in ("a", "im2gps", "clip-l14", "no such encoder", ""):
        assert encoders.for_id(id_b, hint).name == "b"
    assert encoders.for_id(encoders.create("im2gps").id, "").name == "im2gps"
    for file in b.iterdir():
        file.unlink()
    encoders._made.clear()
    with pytest.raises(EncoderMismatch, match="build the gallery again"):
        encoders.for_id(id_b, "a")
    assert a.is_dir()


def test_a_gallery_of_weights_that_are_not_here_says_how_to_get_them(own_home):
    preset = PRESETS["clip-l14"]
    blob = put_into_hf_cache(own_home / "hf", preset.hub.repo, preset.hub.files[0], b"weights")
    made_with = encoders.create("clip-l14").id
    assert made_with.startswith(f"open_clip/ViT-L-14/openai/sha256-{blob.name[:12]}/pre-")
    assert encoders.for_id(made_with).name == "clip-l14"
    blob.unlink()
    for hint in ("clip-l14", "", "im2gps"):
        with pytest.raises(WeightsMissing, match="fetch clip-l14"):
            encoders.for_id(made_with, hint)
    put_into_hf_cache(own_home / "hf", preset.hub.repo, preset.hub.files[0], b"other weights")
    with pytest.raises(EncoderMismatch, match="clip-l14"):
        encoders.for_id(made_with, "clip-l14")


def test_weights_may_lie_in_the_checkpoints_folder(own_home):
    preset = PRESETS["siglip2"]
    folder = own_home / "checkpoints" / "siglip2"
    folder.mkdir(parents=True)
    assert not encoders.create("siglip2").availability()
    (folder / preset.hub.files[0]).write_bytes(b"weights")
    assert encoders.create("siglip2").availability()
