"""Text into GeoCLIP's space: as CLIP's authors' and the package's code would put it; and the heat it makes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core import encoders
from geoloc_core.encoders.checkpoints import HubWeights, LocalFolder, Preprocess
from geoloc_core.encoders.geoclip import GeoClipEncoder
from geoloc_core.encoders.open_clip import OpenClip
from geoloc_core.errors import EncoderError, GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.geo import distance_km
from geoloc_core.geoclip import open_geoclip
from geoloc_core.geoclip.heat import MOST, SHARPNESS, PlaceScores, _cells, score
from geoloc_core.geoclip.text import PROMPTS, TextSide, text_side
from geoloc_core.paths import ROOT
from tests.make_geoclip import (
    TEXT,
    build_gallery,
    make_geoclip,
    readable_gallery,
    save_readable_clip,
    save_transformers_clip,
    text_tower_of,
    transformers_tokenizer,
)
from tests.tiny_clip import VISION, own_home, put_into_hf_cache, save_checkpoint

pytestmark = pytest.mark.usefixtures("own_home")
__all__ = ["own_home"]
TEXTS = (
    "terraced rice fields",
    "A café in São Paulo, 1998!",
    "fjord",
    "it's  raining;   cats & dogs",
    "富士山 at dawn",
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return save_transformers_clip(tmp_path_factory.mktemp("hf-clip"))


@pytest.fixture
def side(own_home, clip) -> TextSide:
    return side_over(own_home, clip)


def side_over(own_home, clip, quick_gelu: bool = True) -> TextSide:
    """The published GeoCLIP over the same CLIP, which lies in the hub cache in open_clip's layout."""
    import open_clip
    from safetensors.torch import load_file, save

    config = {"embed_dim": 768, "vision_cfg": VISION, "text_cfg": TEXT}
    (own_home / "Tiny-Readable.json").write_text(json.dumps(config))
    open_clip.add_model_config(own_home / "Tiny-Readable.json")
    whole = load_file(save_readable_clip(own_home / "clip", dim=768) / "open_clip_model.safetensors")
    weights = save({**whole, **text_tower_of(clip)})
    put_into_hf_cache(own_home / "hf", "org/tiny", "open_clip_model.safetensors", weights)
    source = HubWeights("Tiny-Readable", "mine", "org/tiny", Preprocess((32, 32)), quick_gelu=quick_gelu)
    return TextSide(GeoClipEncoder("geoclip", open_geoclip(), OpenClip("clip", source)))


@pytest.fixture(scope="module")
def package(clip):
    """The package's own image encoder with its own weights over the same CLIP."""
    import geoclip

    return geoclip.GeoCLIP(clip_path=str(clip)).eval().image_encoder


def package_says(package, texts) -> np.ndarray:
    import torch

    tokens = transformers_tokenizer()(list(texts), padding=True, return_tensors="pt")
    with torch.inference_mode():
        rows = package.mlp(package.CLIP.get_text_features(**tokens).pooler_output)
        return torch.nn.functional.normalize(rows, dim=1).numpy()


def test_text_lands_where_transformers_and_the_package_put_it(side, package):
    ours, theirs = side.encode(TEXTS), package_says(package, TEXTS)
    assert ours.shape == (5, 512) and ours.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)
    assert (ours * theirs).sum(axis=1).min() >= 0.999999
    others = ours @ ours.T - np.eye(5)
    assert others.max() < 0.999  # else any text's answer would have passed for any other's


def test_gelu_or_normalised_features_would_not_have_passed(own_home, clip, side, package):
    gelu = side_over(own_home, clip, quick_gelu=False).encode(TEXTS)
    assert (gelu * package_says(package, TEXTS)).sum(axis=1).max() < 0.99999
    features = side.features(TEXTS)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert (side._encoder.model.project(unit) * package_says(package, TEXTS)).sum(axis=1).min() < 0.9999


def test_a_description_is_the_mean_of_the_prompts_and_braces_mean_nothing(side):
    rows = side.encode([prompt.replace("{}", "a fjord") for prompt in PROMPTS]).mean(axis=0)
    np.testing.assert_allclose(side.describe("a fjord"), rows / np.linalg.norm(rows), atol=1e-6)
    assert np.isfinite(side.describe("{0.__class__} {{7*7}} " + "x" * 5000)).all()
    assert side.neutral is side.neutral


def test_only_the_text_tower_is_read(side, own_home):
    """Without a single tensor of the image tower the text side answers as before."""
    from safetensors.torch import load_file, save_file

    before = side.features(TEXTS)
    file = side._tower.source.weights()
    text = {key: value for key, value in load_file(file).items() if not key.startswith("visual.")}
    half = save_readable_clip(own_home / "half", dim=768)
    save_file(text, half / "open_clip_model.safetensors")
    other = TextSide(GeoClipEncoder("geoclip", open_geoclip(), OpenClip("half", LocalFolder(half))))
    np.testing.assert_allclose(other.features(TEXTS), before, atol=1e-5)
    assert not any("visual" in name for name, _ in other._tower._module.named_parameters())


def test_two_threads_load_one_tower(own_home, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from geoloc_core.encoders import text

    readable_gallery(own_home)
    encoder = encoders.create(f"geoclip:{own_home / 'geoclip'}")
    built, build = [], text._build
    monkeypatch.setattr(text, "_build", lambda *a: built.append(1) or build(*a))
    assert text_side(encoder) is text_side(encoder)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda _: text_side(encoder).encode(["a fjord"]), range(8)))
    assert len(built) == 1 and all(np.array_equal(rows[0], row) for row in rows)


def test_clip_that_is_not_here_is_a_state_with_its_remedy(own_home):
    ready = text_side(encoders.create("geoclip")).availability()
    assert not ready and "fetch clip-l14" in ready.remedy


def test_a_tower_that_cannot_read_is_a_state_with_its_remedy(own_home):
    save_checkpoint(own_home / "checkpoints" / "stub")
    side = text_side(encoders.create(f"geoclip:{make_geoclip(own_home / 'g', 'stub', 24)}"))
    ready = side.availability()
    assert not ready and "never learned to read" in ready.reason and "fetch geoclip" in ready.remedy
    with pytest.raises(EncoderError, match="never learned"):
        side.encode(["a fjord"])
    with pytest.raises(EncoderError, match="no GeoCLIP"):
        text_side(encoders.create("im2gps"))


def test_a_damaged_tower_says_what_to_do(own_home):
    from safetensors.torch import load_file, save_file

    readable_gallery(own_home)
    file = own_home / "checkpoints" / "readable" / "open_clip_model.safetensors"
    tensors = load_file(file)
    del tensors["ln_final.weight"]
    save_file(tensors, file)
    side = text_side(encoders.create(f"geoclip:{own_home / 'geoclip'}"))
    assert side.availability()
    with pytest.raises(EncoderError, match=r"ln_final\.weight.*Fetch or save it again"):
        side.load()
    file.write_bytes(b"no weights")
    assert "Fetch or save it again" in side.availability().remedy


def test_availability_imports_no_torch(own_home):
    readable_gallery(own_home)
    script = (
        "import sys; from geoloc_core import encoders; from geoloc_core.geoclip.text import text_side;"
        f"assert text_side(encoders.create('geoclip:{own_home / 'geoclip'}')).availability();"
        "assert not {'torch', 'open_clip', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


@pytest.fixture
def gallery(own_home) -> Gallery:
    save_readable_clip(own_home / "checkpoints" / "readable")
    return Gallery.open(build_gallery(own_home / "places", make_geoclip(own_home / "geoclip", "readable")))


def rows(count: int, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(count, 32)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def test_scores_are_what_the_text_adds_in_standard_deviations(gallery):
    text, neutral, photo = rows(3)
    vectors = gallery.vectors(np.arange(len(gallery))).astype(np.float64)
    found = score(gallery, text=text, neutral=neutral).scores
    np.testing.assert_allclose(found, standard(vectors @ (text - neutral)), atol=1e-4)
    np.testing.assert_allclose(score(gallery, photo=photo).scores, standard(vectors @ photo), atol=1e-4)
    assert abs(found.mean()) < 1e-9 and abs(found.std() - 1) < 1e-9


def test_what_all_texts_share_is_no_heat(gallery):
    """A text that leans to some places before it says anything: without the neutral one, that is all one would see."""
    text, neutral, lean = rows(3)
    leaning = score(gallery, text=text + 9 * lean, neutral=neutral + 9 * lean).scores
    np.testing.assert_allclose(leaning, score(gallery, text=text, neutral=neutral).scores, atol=1e-3)
    with pytest.raises(GeolocError, match="score alike"):
        score(gallery, text=neutral, neutral=neutral)


def test_a_mixture_weighs_both_alike_however_faint_the_text(gallery):
    text, neutral, photo = rows(3)
    faint = neutral + 0.01 * (text - neutral)
    options = {"text": faint, "neutral": neutral, "photo": photo}
    words, picture = score(gallery, text=faint, neutral=neutral).scores, score(gallery, photo=photo).scores
    np.testing.assert_allclose(score(gallery, **options, photo_weight=0).scores, words, atol=1e-4)
    np.testing.assert_allclose(score(gallery, **options, photo_weight=1).scores, picture, atol=1e-4)
    both = score(gallery, **options, photo_weight=0.5).scores
    assert abs(np.mean(both * words) - np.mean(both * picture)) < 1e-4
    more = score(gallery, **options, photo_weight=0.8).scores
    assert np.mean(more * picture) > np.mean(more * words)


def test_what_cannot_be_scored_says_so(gallery, small_gallery):
    text, neutral, photo = rows(3)
    for options in ({}, {"text": text}, {"photo": photo, "text": text, "neutral": neutral, "photo_weight": 1.5}):
        with pytest.raises(GeolocError, match="Give a text with its neutral one"):
            score(gallery, **options)
    with pytest.raises(GeolocError, match="gallery of locations"):
        score(Gallery.open(small_gallery), photo=photo)


def test_many_locations_in_one_place_are_no_hotter_than_one():
    crowd = np.column_stack([np.full(500, 48.85), np.linspace(2.3, 2.4, 500)])
    alone, cold = [[-33.9, 18.4]], [[60.0, 100.0], [0.0, -60.0]]
    places = np.vstack([crowd, alone, cold])
    found = PlaceScores(places, np.array([2.0] * 501 + [-2.0] * 2))
    city, lonely, taiga = found.density(np.array([[48.85, 2.35], [-33.9, 18.4], [60.0, 100.0]]))
    assert city == pytest.approx(lonely, rel=0.01)
    assert lonely / taiga == pytest.approx(np.exp(4 * SHARPNESS), rel=0.01)
    assert found.density(np.array([[0.0, 170.0]]))[0] == 0


def test_the_heat_is_the_distributions_where_there_is_any():
    rng = np.random.default_rng(3)
    places = np.column_stack([rng.uniform(-60, 75, 400), rng.uniform(-180, 180, 400)])
    found = PlaceScores(places, rng.normal(size=400) * 3)
    at = np.column_stack([rng.uniform(-85, 85, 500), rng.uniform(-180, 180, 500)])
    whole = found.heat.density(at)
    assert (found.density(at) == 0).any()
    np.testing.assert_allclose(found.density(at), whole, atol=whole.max() * 0.003)
    assert found.heat.weights.max() / found.heat.weights.min() <= np.exp(SHARPNESS * (MOST - found.scores.min())) * 1.01


def test_the_best_places_lie_apart_and_in_order():
    rng = np.random.default_rng(4)
    places = np.column_stack([rng.uniform(-60, 75, 3000), rng.uniform(-180, 180, 3000)])
    found = PlaceScores(places, rng.normal(size=3000))
    top = found.top(10)
    assert top[0].row == found.scores.argmax() and len(top) == 10
    assert [t.score for t in top] == sorted((t.score for t in top), reverse=True)
    at = np.array([(t.lat, t.lon) for t in top])
    apart = distance_km(at[:, None], at[None]) + 1e9 * np.eye(10)
    assert apart.min() >= 300
    assert len(PlaceScores(np.zeros((5, 2)), np.arange(5.0)).top(10)) == 1


def test_the_map_shows_the_best_places_beside_one_another_over_the_date_line():
    from geoloc_core.maps import Marker, score_map, world_heat

    places = np.array([[-17.7, 178.0], [-13.8, -172.0]])
    heat = world_heat(PlaceScores(places, np.array([1.0, 0.5])).density)
    assert heat.east - heat.west == 360 and heat.south < -84 and heat.north > 84
    best = [Marker(lat, lon, i, 1.0 / i, f"place {i}") for i, (lat, lon) in enumerate(places.tolist(), start=1)]
    drawn = score_map(heat, best, "{{7*7}}").get_root().render()
    assert "{{7*7}}" not in drawn and ">49<" not in drawn
    fit = next(line for line in drawn.splitlines() if "GeolocMap.fit" in line)
    (south, west), (north, east) = json.loads(fit[fit.index("{") : fit.rindex("}") + 1])["bounds"]
    assert 150 < west % 360 < 178 and 188 < east % 360 < 210 and east - west < 60 and south > -35 and north < 0
    everywhere = score_map(heat, [], "world").get_root().render()
    assert '"bounds":[[-56.0,-170.0],[74.0,180.0]]' in everywhere


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-3, 3), st.floats(-3, 3))
def test_places_of_one_cell_lie_near_one_another(lat: float, lon: float, north: float, east: float):
    a = np.array([lat, lon])
    b = np.array([np.clip(lat + north, -90, 90), np.clip(lon + east / max(np.cos(np.radians(lat)), 0.02), -180, 180)])
    first, second = _cells(np.array([a, b]), 200)
    assert first != second or distance_km(a, b) < 200 * 2.3
