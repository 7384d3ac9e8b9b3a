"""The two halves of encoding, batches that do not fit, and what is chosen for a device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from geoloc_core.encoders import create, device
from geoloc_core.encoders.base import READ_MARGIN
from geoloc_core.encoders.checkpoints import WEIGHTS, LocalFolder, Preprocess
from geoloc_core.encoders.open_clip import OpenClip
from geoloc_core.encoders.pixels import Scale, resizer
from geoloc_core.encoders.presets import PRESETS
from geoloc_core.errors import EncoderError, WeightsMissing
from geoloc_core.photo import read_photo
from geoloc_core.settings import settings
from tests.make_photos import detailed_jpeg
from tests.tiny_clip import own_home, photo, save_checkpoint

pytestmark = pytest.mark.usefixtures("own_home")
__all__ = ["own_home"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("local"))


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_pixels_then_scale_are_open_clips_transform_to_the_last_bit(mode, size):
    from open_clip.transform import PreprocessCfg, image_transform_v2

    cfg = PreprocessCfg(size=size, resize_mode=mode, interpolation="bilinear")
    described = Preprocess(size, interpolation="bilinear", resize_mode=mode)
    images = [photo(1), photo(2, (33, 200)), photo(3, (20, 20), "L")]
    whole = torch.stack([image_transform_v2(cfg, is_train=False)(image) for image in images])
    prepared = [resizer(described)(image) for image in images]
    assert {(one.dtype, one.shape) for one in prepared} == {(np.dtype(np.uint8), (*size, 3))}
    assert torch.equal(Scale.on("cpu", described)(prepared, torch.float32), whole)


def test_preparing_needs_no_weights_and_embedding_does(tmp_path):
    folder = save_checkpoint(tmp_path / "c")
    expected = OpenClip("c", LocalFolder(folder)).encode([photo(1), photo(2)])
    weights = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).unlink()
    encoder = OpenClip("c", LocalFolder(folder))
    prepared = [encoder.prepare(photo(1)), encoder.prepare(photo(2))]
    assert (encoder.side, encoder.dim) == (32, 24)
    with pytest.raises(WeightsMissing):
        encoder.embed(prepared)
    (folder / WEIGHTS).write_bytes(weights)
    np.testing.assert_array_equal(encoder.embed(prepared), expected)


def test_side_and_dim_are_known_for_presets_without_their_weights():
    for name in ("clip-l14", "siglip2", "mobileclip2", "im2gps", "starter"):
        assert create(name).dim == PRESETS[name].dim and create(name).side in (128, 224, 256, 384)


def test_a_hostile_embed_dim_is_refused(tmp_path):
    (tmp_path / "open_clip_config.json").write_text('{"model_cfg": {"vision_cfg": {}, "embed_dim": []}}')
    with pytest.raises(EncoderError, match="embed_dim"):
        _ = LocalFolder(tmp_path).dim


GPU, CPU = torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory: x")


@pytest.mark.parametrize("error", [GPU, CPU])
def test_photos_that_do_not_fit_are_sent_in_smaller_batches_from_then_on(folder, error):
    encoder, photos = OpenClip("c", LocalFolder(folder)), [photo(i) for i in range(23)]
    expected = encoder.encode(photos)
    real, sent = encoder._model.encode_image, []

    def small_memory(batch):
        sent.append(len(batch))
        if len(batch) > 5:
            raise error
        return real(batch)

    encoder._model.encode_image = small_memory
    np.testing.assert_allclose(encoder.encode(photos), expected, atol=1e-6)
    assert encoder.batch == 4 and "8 photos at once did not fit" in encoder.choices["batch"].reason
    assert sent[:3] == [16, 8, 4] and max(sent[2:]) == 4 and sum(sent[2:]) == 23


def test_a_device_too_small_for_one_photo_is_an_error_with_a_remedy_and_other_errors_stay(folder):
    encoder = OpenClip("c", LocalFolder(folder))
    encoder.load()

    def fail(batch):
        raise errors[0]

    encoder._model.encode_image = fail
    errors = [GPU]
    with pytest.raises(EncoderError, match="GEOLOC_DEVICE=cpu"):
        encoder.encode([photo(0), photo(1)])
    errors = [RuntimeError("shapes differ")]
    with pytest.raises(RuntimeError, match="shapes differ"):
        encoder.encode([photo(0)])


def test_a_batch_is_sized_to_the_free_memory_of_the_gpu():
    sizes = {free: int(device.batch_for(free, 10e6).value) for free in (1e6, 1e9, 2.6e9, 80e9)}
    assert sizes == {1e6: 1, 1e9: 32, 2.6e9: 128, 80e9: 256}
    assert "10.0 MB a photo" in device.batch_for(1e9, 10e6).reason


@pytest.mark.parametrize(
    ("has", "dtype"), [("amx_bf16", "bfloat16"), ("avx512_bf16", "bfloat16"), ("avx512_vnni", "float32")]
)
def test_a_cpu_gets_16_bits_only_where_it_multiplies_them(monkeypatch, has, dtype):
    monkeypatch.setenv("GEOLOC_DTYPE", "auto")
    settings.cache_clear()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {has: True})
    assert device.choose_dtype("cpu").value == dtype


@pytest.mark.parametrize(("name", "tolerance"), [("starter", 0.999), ("im2gps", 0.995)])
def test_a_photo_read_reduced_is_embedded_as_the_whole_photo(name, tolerance):
    encoder = create(name)
    jpegs = [detailed_jpeg(seed) for seed in range(2)]
    whole = encoder.encode([read_photo(jpeg).image for jpeg in jpegs])
    reduced = [read_photo(jpeg, enough_side=READ_MARGIN * encoder.side).image for jpeg in jpegs]
    assert all(image.width < 2400 / 3.9 for image in reduced)
    rows = encoder.encode(reduced)
    assert (whole * rows).sum(axis=1).min() >= tolerance
    np.testing.assert_array_equal((whole @ rows.T).argmax(axis=1), np.arange(2))


def test_flat_prepared_rows_of_the_descriptor_are_its_embeddings():
    encoder = create("im2gps")
    images = [photo(1), Image.new("L", (9, 9), 7)]
    np.testing.assert_array_equal(encoder.embed([encoder.prepare(i) for i in images]), encoder.encode(images))
