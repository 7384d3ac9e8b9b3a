"""GeoCLIP's image side: the package's own answers with one shared CLIP, from a hub cache, offline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoloc_core import encoders
from geoloc_core.encoders.geoclip import GeoClipEncoder
from geoloc_core.encoders.presets import PRESETS, hub_weights
from geoloc_core.encoders.ten_crop import TenCrop, crops
from geoloc_core.errors import EncoderError
from geoloc_core.geoclip import open_geoclip
from geoloc_core.settings import settings
from tests.tiny_clip import own_home, photo
from tests.tiny_clip_l14 import NAME, fill_hub_cache, save_transformers_clip, stand_in

pytestmark = pytest.mark.usefixtures("own_home")
__all__ = ["own_home"]
SAME = 0.99999  # cosine


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return save_transformers_clip(tmp_path_factory.mktemp("hf-clip"))


@pytest.fixture
def geoclip(own_home, clip, monkeypatch) -> GeoClipEncoder:
    """The preset `geoclip` over the small CLIP, which lies in the hub cache."""
    fill_hub_cache(own_home / "hf", stand_in(monkeypatch, own_home), clip)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return encoders.create("geoclip")


@pytest.fixture(scope="module")
def package(clip):
    """The package's own model with its own weights over the same CLIP."""
    import geoclip

    return geoclip.GeoCLIP(clip_path=str(clip)).eval()


def package_says(package, images) -> np.ndarray:
    import torch

    with torch.inference_mode():
        pixels = torch.cat([package.image_encoder.preprocess_image(image.convert("RGB")) for image in images])
        rows = package.image_encoder(pixels)
        return torch.nn.functional.normalize(rows, dim=1).numpy()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8))


def photos() -> list[Image.Image]:
    """Sharp and smooth, wide and tall, larger and smaller than the model's input; none is cut at half a pixel."""
    return [noise(512, 301), photo(1, (640, 426)), photo(2, (300, 900)), photo(3, (90, 60)), photo(4, (224, 224), "L")]


def test_it_answers_as_the_package_does(geoclip, package):
    ours, theirs = geoclip.encode(photos()), package_says(package, photos())
    assert ours.shape == (5, 512)
    assert (ours * theirs).sum(axis=1).min() >= SAME
    others = ours @ ours.T - np.eye(5)
    assert others.max() < 0.99  # else any photo's answer would have passed for any other's


@pytest.mark.parametrize("size", [(640, 427), (427, 640), (90, 64)])
def test_where_the_middle_is_between_two_pixels_the_package_takes_the_other(geoclip, package, size):
    import torch

    image = noise(*size)
    theirs = package.image_encoder.preprocess_image(image)[0].numpy()
    geoclip.load()
    ours = geoclip.root._scale([geoclip.prepare(image)], torch.float32)[0].numpy()
    axis = 2 if size[0] > size[1] else 1
    level = 2.1 / 255 / 0.26  # rounding to whole levels, twice, after normalisation
    assert np.abs(np.take(theirs, range(1, 224), axis) - np.take(ours, range(223), axis)).max() < level
    assert np.abs(theirs - ours).max() > 10 * level


def test_the_whole_of_predict_agrees_with_the_package(geoclip, package, tmp_path, monkeypatch):
    photo(6, (320, 240)).save(tmp_path / "p.png")
    monkeypatch.setattr(package, "gps_gallery", package.gps_gallery[::100])
    gallery, model = package.gps_gallery.numpy(), open_geoclip()
    places, scores = package.predict(str(tmp_path / "p.png"), len(gallery))
    logits = model.temperature * (model.encode_locations(gallery) @ geoclip.encode([photo(6, (320, 240))])[0])
    ours = np.exp(logits - np.logaddexp.reduce(logits))
    order = np.lexsort(gallery.T), np.lexsort(places.numpy().T)
    np.testing.assert_array_equal(gallery[order[0]], places.numpy()[order[1]])
    np.testing.assert_allclose(ours[order[0]], scores.numpy()[order[1]], rtol=0.03)
    assert ours.max() > 5 * np.median(ours)


def test_gelu_or_normalised_features_would_not_have_passed(geoclip, package):
    import open_clip
    import torch

    prepared, theirs = [geoclip.prepare(image) for image in photos()], package_says(package, photos())
    geoclip.load()
    features = geoclip.features(prepared)
    assert ((geoclip.finish(geoclip.root.finish(features)) * theirs).sum(axis=1) < SAME).all()
    plain = open_clip.create_model(NAME, force_quick_gelu=False)
    plain.visual.load_state_dict(geoclip.root._model.visual.state_dict())
    with torch.inference_mode():
        gelu = plain.eval().encode_image(geoclip.root._scale(prepared, torch.float32)).numpy()
    assert ((geoclip.finish(gelu) * theirs).sum(axis=1) < SAME).all()
    assert ((geoclip.finish(features) * theirs).sum(axis=1) >= SAME).all()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_close(own_home, clip, monkeypatch, dtype, package):
    monkeypatch.setenv("GEOLOC_DTYPE", dtype)
    settings.cache_clear()
    fill_hub_cache(own_home / "hf", stand_in(monkeypatch, own_home), clip)
    rows = encoders.create("geoclip").encode(photos())
    assert rows.dtype == np.float32 and (rows * package_says(package, photos())).sum(axis=1).min() > 0.995


def test_ten_crops_are_the_corners_the_centre_and_their_mirror_images(geoclip):
    from torchvision.transforms.v2.functional import ten_crop

    image = photo(8, (320, 256))
    assert sorted(c.tobytes() for c in crops(image)) == sorted(c.tobytes() for c in ten_crop(image, [224]))
    row = TenCrop(geoclip).encode([image, photo(9)])[0]
    np.testing.assert_allclose(row, geoclip.encode(crops(image)).mean(axis=0), atol=1e-5)
    mirrored = TenCrop(geoclip).encode([image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])[0]
    np.testing.assert_allclose(mirrored, row, atol=1e-4)


def test_without_clips_weights_the_reason_and_the_remedy_are_said(own_home, monkeypatch):
    state = encoders.create("geoclip").availability()
    assert not state and "ViT-L-14" in state.reason and "fetch clip-l14" in state.remedy
    assert encoders.for_id(open_geoclip().id, "geoclip").name == "geoclip"  # places need no CLIP


def test_without_the_package_it_says_to_install_it(own_home, monkeypatch):
    from geoloc_core.geoclip import opened, weights

    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    monkeypatch.setattr(opened, "_opened", {})
    state = encoders.create("geoclip").availability()
    assert not state and "not installed" in state.reason and "pip install" in state.remedy


def test_presets_say_what_the_models_say(own_home):
    for name in ("geoclip", "geoclip-starter"):
        encoder, preset = encoders.create(name), PRESETS[name]
        assert (encoder.dim, encoder.root.name) == (preset.dim, preset.base)
        assert preset.reason and preset.licence == encoder.model.config.licence.partition(" ")[0]
    assert hub_weights("geoclip") is PRESETS["clip-l14"].hub
    with pytest.raises(EncoderError, match="geoclip-starter has nothing to fetch"):
        hub_weights("geoclip-starter")
    assert encoders.create("geoclip-starter").availability()
