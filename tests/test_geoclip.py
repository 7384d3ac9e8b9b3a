"""GeoCLIP's location encoder against the package's own, its file format, and what its places look like."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch

from geoloc_core.errors import CoordinateError, EncoderError, WeightsMissing
from geoloc_core.geo import distance_km
from geoloc_core.geoclip import PUBLISHED, GeoClip, open_geoclip, weights
from geoloc_core.geoclip.model import equal_earth
from geoloc_core.geoclip.weights import WEIGHTS, Folder, Package
from tests.small_geoclip import SMALL, save_small, scattered

POINTS = np.concatenate([scattered(500), [(90, 0), (-90, 10), (0, 0), (12.5, 179.999), (-33, -180)]])
CITIES = [
    *[(51.5074, -0.1278), (48.8566, 2.3522), (52.52, 13.405), (41.9028, 12.4964), (40.4168, -3.7038)],
    *[(41.0082, 28.9784), (55.7558, 37.6173), (30.0444, 31.2357), (-1.2864, 36.8172), (-33.9249, 18.4241)],
    *[(6.5244, 3.3792), (19.076, 72.8777), (28.6139, 77.209), (13.7563, 100.5018), (39.9042, 116.4074)],
    *[(35.6762, 139.6503), (-33.8688, 151.2093), (-36.8509, 174.7645), (40.7128, -74.006), (37.7749, -122.4194)],
    *[(19.4326, -99.1332), (-12.0464, -77.0428), (-23.5505, -46.6333), (-34.6037, -58.3816), (64.1466, -21.9426)],
]  # London to Reykjavik


@pytest.fixture(scope="module")
def package():
    from geoclip import LocationEncoder

    return LocationEncoder().eval()


@pytest.fixture(scope="module")
def published() -> GeoClip:
    return open_geoclip()


@pytest.fixture
def small(tmp_path) -> Path:
    return save_small(tmp_path / "small")


def test_the_projection_is_the_packages():
    from geoclip.model.location_encoder import equal_earth_projection

    points = torch.tensor(POINTS)
    torch.testing.assert_close(equal_earth(points), equal_earth_projection(points), rtol=0, atol=1e-7)
    single = equal_earth_projection(points.float())
    torch.testing.assert_close(equal_earth(points.float()), single, rtol=0, atol=1e-6)
    assert equal_earth(points)[:, 0].abs().max() == pytest.approx(1, abs=0.02)


def test_places_are_encoded_as_the_package_does(package, published):
    with torch.no_grad():
        raw = package(torch.tensor(POINTS, dtype=torch.float32))
        theirs = torch.nn.functional.normalize(raw, dim=1).numpy()
        same = published._loaded().location_encoder(torch.tensor(POINTS, dtype=torch.float32))
    torch.testing.assert_close(same, raw, rtol=0, atol=2e-4)
    ours = published.encode_locations(POINTS)
    assert ours.dtype == np.float32 and (ours * theirs).sum(axis=1).min() > 0.99999
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)


def test_the_image_side_and_the_temperature_are_the_packages(published):
    folder = Package().files()[0].parent
    read = {name: torch.load(folder / f"{name}_weights.pth") for name in ("image_encoder_mlp", "logit_scale")}
    mlp = torch.nn.Sequential(torch.nn.Linear(768, 768), torch.nn.ReLU(), torch.nn.Linear(768, 512))
    mlp.load_state_dict(read["image_encoder_mlp"])
    features = np.random.default_rng(0).normal(size=(4, 768)).astype(np.float32)
    with torch.no_grad():
        theirs = torch.nn.functional.normalize(mlp(torch.tensor(features)), dim=1).numpy()
    np.testing.assert_allclose(published.project(features), theirs, atol=1e-6)
    assert published.temperature == pytest.approx(float(read["logit_scale"].exp()))
    assert (published.dim, published.base, published.config) == (512, "clip-l14", PUBLISHED)


def test_a_row_depends_neither_on_its_batch_nor_on_the_thread(published):
    many, rows = scattered(2_300, seed=2), []
    threads = [threading.Thread(target=lambda: rows.append(published.encode_locations(many))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)
    np.testing.assert_allclose(published.encode_locations(many[-3:]), rows[0][-3:], atol=1e-5)
    assert published.encode_locations([]).shape == (0, 512)
    with pytest.raises(CoordinateError):
        published.encode_locations([(91, 0)])
    with pytest.raises(EncoderError, match="768 features of clip-l14"):
        published.project(np.zeros((1, 512), np.float32))


def test_the_nearest_embeddings_of_cities_lie_near_by(published):
    gallery = np.loadtxt(Package().coordinates, delimiter=",", skiprows=1)[::12]
    similarity = published.encode_locations(CITIES) @ published.encode_locations(gallery).astype(np.float16).T
    away = distance_km(np.array(CITIES)[:, None], gallery)
    found = np.sort(np.take_along_axis(away, np.argsort(-similarity, axis=1)[:, :10], axis=1), axis=1)
    possible = np.sort(away, axis=1)[:, :10]
    farthest = np.take_along_axis(away, np.argsort(similarity, axis=1)[:, :10], axis=1)
    assert len(CITIES) >= 20
    assert (np.median(found, axis=1) <= 1.25 * np.median(possible, axis=1) + 0.5).all()
    assert (found <= 25).mean() > 0.95 * (possible <= 25).mean() > 0.8
    assert np.median(farthest) > 5_000


def test_saved_and_opened_it_is_the_same(small, tmp_path):
    first, again = open_geoclip(str(small)), GeoClip("again", Folder(save_small(tmp_path / "again")))
    rows = first.encode_locations(POINTS)
    np.testing.assert_array_equal(rows, again.encode_locations(POINTS))
    assert rows.shape == (len(POINTS), 16) and first.id == again.id and first.id.startswith("geoclip/sha256-")
    assert open_geoclip(str(small)) is first and first.config == SMALL
    assert first.temperature == pytest.approx(np.exp(4), rel=1e-6)
    assert sorted(file.name for file in small.iterdir()) == ["config.json", WEIGHTS]


def test_the_id_pins_weights_base_and_sizes_but_not_the_title(small, tmp_path):
    def of(**changes) -> str:
        folder = save_small(tmp_path / "x", changes.pop("seed", 0), SMALL.model_copy(update=changes))
        return GeoClip("x", Folder(folder)).id

    own = open_geoclip(str(small)).id
    assert of(title="Other", licence="MIT") == own
    assert len({own, of(seed=1), of(base="clip-l14"), of(base_id="im2gps/1"), open_geoclip().id}) == 5


def test_the_weights_have_the_packages_names(small):
    from safetensors.torch import load_file

    two_scales = {name for name in Package().read() if "LocEnc2" not in name}
    assert set(load_file(small / WEIGHTS)) == two_scales >= {"logit_scale", "image_encoder.mlp.0.weight"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be used"),
        ("[]", "cannot be used"),
        ('{"title": "x"}', "base"),
        ('{"title": "x", "base": "starter", "hidden": 1e9}', "hidden"),
        ('{"title": "x", "base": "starter", "sigmas": []}', "sigmas"),
        ('{"title": "x", "base": "starter", "version": 2}', "version"),
        ('{"title": "x", "base": "starter", "run": "rm"}', "run"),
        (" " * 1_200_000, "too large"),
        ('{"title":' * 5_000, "cannot be used"),
    ],
)
def test_a_hostile_description_is_refused(small, text, words):
    (small / "config.json").write_text(text)
    model = GeoClip("x", Folder(small))
    assert not model.availability() and model.availability().remedy
    with pytest.raises(EncoderError, match=words):
        model.load()


@pytest.mark.parametrize("damage", ["cut", "other", "sizes", "gone", "nan"])
def test_damaged_weights_are_refused(small, damage, tmp_path):
    file = small / WEIGHTS
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "other":
        file.write_bytes(b"PK\x03\x04" + bytes(500))
    elif damage == "sizes":
        file.write_bytes(
            (save_small(tmp_path / "b", config=SMALL.model_copy(update={"hidden": 8})) / WEIGHTS).read_bytes()
        )
    elif damage == "gone":
        file.unlink()
    else:
        from safetensors.torch import load_file, save_file

        save_file({name: value * float("nan") for name, value in load_file(file).items()}, file)
    model = GeoClip("x", Folder(small))
    with pytest.raises(WeightsMissing if damage == "gone" else EncoderError, match=r"again|Give|Set"):
        model.encode_locations([(1, 2)])


def test_a_pickle_in_the_packages_place_is_not_run(tmp_path, monkeypatch):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    folder = tmp_path / "model" / "weights"
    folder.mkdir(parents=True)
    for file in Package().files():
        (folder / file.name).write_bytes(pickle.dumps(Bomb()))
    spec = ModuleSpec("geoclip", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(weights, "find_spec", lambda name: spec)
    with pytest.raises(EncoderError, match="cannot be read as weights"):
        GeoClip("x", Package()).load()
    assert not (tmp_path / "ran").exists()


def test_a_save_that_fails_leaves_no_model(small, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_small(small, seed=3)
    assert not GeoClip("x", Folder(small)).availability()
    assert [file.name for file in small.iterdir()] == [WEIGHTS]


def test_names_ids_and_states_need_no_torch(small):
    code = (
        "import sys\nfrom geoloc_core.geoclip import open_geoclip\n"
        f"for name in ('geoclip', {str(small)!r}):\n"
        "    model = open_geoclip(name)\n"
        "    assert model.availability() and model.id and model.dim\n"
        "print([m for m in ('torch', 'geoclip', 'transformers', 'pandas', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert json.loads((small / "config.json").read_text())["format"] == "geoloc-geoclip"
