"""The predictor `geoclip`: its distribution, the search past the gallery, one forward pass for all, the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoloc_core import encoders, predictors
from geoloc_core.__main__ import main
from geoloc_core.encoders import create
from geoloc_core.errors import EncoderMismatch
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.catalogue import STARTER, choose_locations
from geoloc_core.gallery.manifest import Voting
from geoloc_core.geo import LocationDistribution, destination, distance_km
from geoloc_core.geoclip import GeoClip, open_geoclip
from geoloc_core.geoclip.refine import climb, rounds
from geoloc_core.photo import Photo, open_photo
from geoloc_core.prediction import Query
from geoloc_core.predictors.geoclip import GeoClipPredictor
from geoloc_core.predictors.img2loc import Img2Loc
from geoloc_core.predictors.knn import Knn
from geoloc_core.settings import settings
from tests.loopback_hub import LoopbackHub
from tests.small_geoclip import Sees, build_locations, save_small, scattered
from tests.test_img2loc import Scripted, at
from tests.tiny_clip import own_home
from tests.tiny_clip_l14 import open_clip_bytes, save_transformers_clip, stand_in

__all__ = ["own_home"]
GIRONA, SUVA = (41.98, 2.82), (-18.14, 178.44)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> GeoClip:
    return open_geoclip(str(save_small(tmp_path_factory.mktemp("model") / "small")))


@pytest.fixture(scope="module")
def places(small, tmp_path_factory) -> Gallery:
    return Gallery.open(build_locations(tmp_path_factory.mktemp("places") / "places", scattered(1_500), small.name))


@pytest.fixture(scope="module")
def photo(photo_folder) -> Photo:
    return open_photo(photo_folder / "a" / "05.jpg")


@pytest.fixture(scope="module")
def around() -> tuple[GeoClip, np.ndarray]:
    """The published model, and places some km apart around two towns, none nearer to them than 3 km."""
    rng = np.random.default_rng(1)
    near = [destination(town, rng.uniform(0, 360, 60), rng.uniform(3, 200, 60)) for town in (GIRONA, SUVA)]
    return open_geoclip(), np.concatenate([*near, scattered(300, 3)])


def predict(gallery: Gallery, encoder, photo: Photo, **options):
    query = Query(photo)
    return GeoClipPredictor(gallery, encoder, **options).predict(query), query


def test_a_climb_never_falls_stays_within_reach_and_says_what_is_there(small):
    rng = np.random.default_rng(0)
    for reach in (0.3, 12.5, 400):
        query, starts = rng.normal(size=16), scattered(40, seed=int(reach))
        for found in climb(small.encode_locations, query, starts, reach_km=reach):
            assert found.gain >= 0 and found.km <= reach * 1.001
            here = small.encode_locations([(found.lat, found.lon)])[0] @ query.astype(np.float32)
            assert found.similarity == pytest.approx(float(here), abs=1e-5)
    moved = [found.km for found in climb(small.encode_locations, query, starts, reach_km=400)]
    assert np.mean(np.array(moved) > 1) > 0.5
    assert rounds(12.5)[0] == 6.25 and 0.05 < rounds(12.5)[-1] <= 0.1


@pytest.mark.parametrize("pole", [(89.95, 20), (-89.99, 0), (10, 179.99), (10, -179.99)])
def test_a_climb_starts_at_poles_and_the_date_line_too(small, pole):
    (found,) = climb(small.encode_locations, np.ones(16), [pole], reach_km=30)
    assert found.gain >= 0 and distance_km(pole, (found.lat, found.lon)) <= 30.1


def test_refinement_finds_a_place_that_is_not_in_the_gallery(around, photo, tmp_path):
    model, points = around
    gallery = Gallery.open(build_locations(tmp_path / "g", points))
    for town in (GIRONA, SUVA):
        encoder = Sees(model, model.encode_locations([town])[0])
        plain, _ = predict(gallery, encoder, photo, refine=False)
        refined, query = predict(gallery, encoder, photo)
        before, after = (float(distance_km(town, p.distribution.best())) for p in (plain, refined))
        assert before > 2 and after < 0.5
        top = refined.evidence.refined[0]
        assert (top.lat, top.lon) == pytest.approx(refined.distribution.best(), abs=0.01)
        assert top.similarity > 0.999 and top.gain > 0.005 and top.km == pytest.approx(before, rel=0.3)
        assert plain.evidence.refined == () and plain.choices["refinement"].value == "off"
        assert f"{top.from_similarity:.4f} to {top.similarity:.4f}" in refined.choices["refinement"].value
        assert {"search", "predict", "refine"} <= query.seconds.keys()
        assert refined.distribution.radius_km() == pytest.approx(plain.distribution.radius_km(), rel=0.1)


def test_the_distribution_is_the_softmax_blurred_with_a_tenth_of_the_modes_in_peaks(small, places, photo):
    vector = small.encode_locations([GIRONA])[0]
    prediction, query = predict(places, Sees(small, vector), photo, refine=False, kernel_km=300)
    hits = query.two_ended(places, Sees(small, vector), 1000).nearest
    scores = np.exp(small.temperature * hits.similarity.astype(np.float64))
    made, peaks = prediction.distribution, prediction.distribution.kernel_km == 1
    blurred = made.weights[~peaks]
    counted = scores[: len(blurred)]
    assert counted.sum() >= 0.999 * scores.sum() > counted[:-1].sum()
    np.testing.assert_allclose(blurred / blurred.sum(), counted / counted.sum(), rtol=1e-4)
    hill = LocationDistribution(made.points[~peaks], counted, 300)
    modes, peak = hill.top(5), made.weights[peaks]
    assert peak.sum() == pytest.approx(0.1 * sum(mode.mass for mode in modes), rel=1e-3)
    heights = hill.density([(mode.lat, mode.lon) for mode in modes])
    np.testing.assert_allclose(peak / peak[0], heights / heights[0], rtol=1e-3)
    assert set(made.kernel_km[~peaks]) == {300}
    assert np.abs(np.array(made.best()) - made.points[peaks][0]).max() < 0.01


def test_the_kernel_is_the_callers_the_gallerys_or_ours(small, places, tmp_path):
    import shutil

    assert GeoClipPredictor(places, Sees(small, np.ones(16))).kernel_km == 25
    assert GeoClipPredictor(places, Sees(small, np.ones(16)), kernel_km=7).kernel.reason == "asked for"
    tuned = shutil.copytree(places.path, tmp_path / "tuned")
    manifest = json.loads((tuned / "manifest.json").read_text())
    manifest["voting"] = Voting(voters=9, sigma_km=70, exponent=0).model_dump()
    (tuned / "manifest.json").write_text(json.dumps(manifest))
    predictor = GeoClipPredictor(Gallery.open(tuned), Sees(small, np.ones(16)))
    assert (predictor.kernel_km, predictor.kernel.reason) == (70, "measured for this gallery")


def test_evidence_is_the_nearest_and_farthest_locations(small, places, photo):
    prediction, _ = predict(places, create(f"geoclip:{small.name}"), photo, shown=5)
    nearest, farthest = prediction.evidence.nearest, prediction.evidence.farthest
    assert len(nearest) == len(farthest) == 5
    assert nearest[0].similarity > nearest[-1].similarity > farthest[-1].similarity >= farthest[0].similarity
    assert prediction.searched.what == "locations" and prediction.predictor == "geoclip"
    assert predictors.load("geoclip") is GeoClipPredictor


def test_photos_and_another_models_places_are_refused_with_a_remedy(small, places, photo, tmp_path):
    photos = GeoClipPredictor(Gallery.open(STARTER), create("starter"))
    assert not photos.availability() and "index_builder geoclip" in photos.availability().remedy
    with pytest.raises(EncoderMismatch, match="holds photos"):
        photos.predict(Query(photo))
    other = create(f"geoclip:{save_small(tmp_path / 'other', seed=9)}")
    wrong = GeoClipPredictor(places, other)
    assert not wrong.availability() and "made with" in wrong.availability().remedy
    with pytest.raises(EncoderMismatch):
        wrong.predict(Query(photo))
    with pytest.raises(EncoderMismatch, match="no GeoCLIP"):
        GeoClipPredictor(places, create("starter")).predict(Query(photo))


def test_a_model_trained_over_other_weights_is_refused(photo, tmp_path):
    from geoloc_core.errors import EncoderError
    from tests.small_geoclip import SMALL

    folder = save_small(tmp_path / "m", config=SMALL.model_copy(update={"base_id": "open_clip/local/sha256-0/pre-0"}))
    with pytest.raises(EncoderError, match="was trained over"):
        create(f"geoclip:{folder}").encode([photo.image])
    nested = save_small(tmp_path / "n", config=SMALL.model_copy(update={"base": f"geoclip:{folder}"}))
    with pytest.raises(EncoderError, match="builds on another"):
        create(f"geoclip:{nested}").encode([photo.image])


@pytest.fixture
def forwards(monkeypatch) -> list[int]:
    """Photos in each forward pass of the starter encoder's image tower."""
    encoder, counts = create("starter"), []
    encoder.load()
    hook = encoder._model.visual.register_forward_hook(lambda _module, given, _out: counts.append(len(given[0])))
    yield counts
    hook.remove()


def test_one_forward_pass_serves_knn_geoclip_and_img2loc(small, places, photo, forwards):
    query, geoclip, gallery = Query(photo), create(f"geoclip:{small.name}"), Gallery.open(STARTER)
    lmm = Scripted([at(41, 2)])
    Knn(gallery, create("starter")).predict(query)
    GeoClipPredictor(places, geoclip).predict(query)
    GeoClipPredictor(places, geoclip, refine=False).predict(query)
    Img2Loc(gallery, create("starter"), lmm).predict(query)
    assert forwards == [1]
    for first, second in ((geoclip, create("starter")), (create("starter"), geoclip)):
        query = Query(photo)
        rows = query.embedding(first), query.embedding(second)
        assert [len(row) for row in rows] == [first.dim, second.dim]
        np.testing.assert_allclose(rows[0], first.encode([photo.image])[0], atol=1e-6)
        np.testing.assert_allclose(rows[1], second.encode([photo.image])[0], atol=1e-6)
    assert forwards == [1] * 7


def test_ten_crops_are_one_more_pass_whose_answer_is_not_mixed_up(small, places, photo, forwards):
    query, geoclip = Query(photo), create(f"geoclip:{small.name}")
    one = GeoClipPredictor(places, geoclip).predict(query)
    ten = GeoClipPredictor(places, geoclip, ten_crop=True).predict(query)
    assert sorted(forwards) == [1, 10] and ten.choices["crops"].value == "10"
    assert ten.evidence.nearest[0].similarity != one.evidence.nearest[0].similarity
    again = GeoClipPredictor(places, geoclip).predict(query)
    assert again.evidence.nearest == one.evidence.nearest and len(forwards) == 2


def test_img2loc_gets_the_nearest_and_farthest_locations(small, places, photo, forwards):
    lmm, query = Scripted([at(41, 2)]), Query(photo)
    geoclip = create(f"geoclip:{small.name}")
    prediction = Img2Loc(places, geoclip, lmm).predict(query)
    found = query.shown(places, geoclip, 16, 16)
    for neighbour in (*found.nearest[:3], *found.farthest[:3]):
        assert f"{neighbour.lat:.4f}"[:6] in lmm.asked[0].prompt
    assert "compares photos with places found that these 16" in lmm.asked[0].prompt
    assert "photos searched" not in lmm.asked[0].prompt and "look most like it" not in lmm.asked[0].prompt
    assert prediction.distribution.best() == pytest.approx((41, 2), abs=0.01)
    assert prediction.evidence.nearest and forwards == [1]


def test_the_largest_ready_gallery_of_locations_is_chosen(small, places, tmp_path, monkeypatch):
    monkeypatch.setenv("GEOLOC_GALLERIES", str(tmp_path))
    settings.cache_clear()
    build_locations(tmp_path / "few", scattered(30), small.name)
    build_locations(tmp_path / "more", scattered(60), small.name)
    build_locations(tmp_path / "clip", scattered(90))  # the published model, whose CLIP is not on this machine
    path, choice = choose_locations(None, settings())
    assert path.name == "more" and "largest" in choice.reason
    assert choose_locations("few", settings())[0].name == "few"


def test_the_command_locates_without_a_photo_gallery(small, photo_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GEOLOC_GALLERIES", str(tmp_path))
    settings.cache_clear()
    build_locations(tmp_path / "places", scattered(200), small.name)
    capsys.readouterr()
    command = ["locate", str(photo_folder / "a" / "05.jpg"), "--predictor", "geoclip"]
    assert main([*command, "--json"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert "places" in said.err and "refinement: similarity" in said.err and document
    assert main([*command, "--no-refine", "--ten-crop"]) == 0
    said = capsys.readouterr()
    assert "refinement: off" in said.err and "crops: 10" in said.err
    assert main(["locate", command[1], "--no-refine"]) == 2
    assert main([*command, "--gallery", "starter"]) == 2
    assert "index_builder geoclip" in capsys.readouterr().err


@pytest.mark.usefixtures("own_home")
def test_from_fetching_to_locating_with_clips_layout(own_home, tmp_path, monkeypatch, capsys):
    clip = stand_in(monkeypatch, own_home)
    data = open_clip_bytes(save_transformers_clip(tmp_path / "hf-clip"))
    hub = LoopbackHub({f"{clip.hub.repo}/{clip.hub.files[0]}": data})
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("GEOLOC_GALLERIES", str(tmp_path / "galleries"))
    settings.cache_clear()
    (tmp_path / "galleries").mkdir()
    build_locations(tmp_path / "galleries" / "world", scattered(100))
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (300, 400, 3), dtype=np.uint8)).save(tmp_path / "p.jpg")
    locate = ["locate", str(tmp_path / "p.jpg"), "--predictor", "geoclip", "--gallery", "world"]
    assert main(locate) == 2
    assert "fetch clip-l14" in capsys.readouterr().err
    hub.behaviour = "cut"
    assert main(["fetch", "geoclip"]) == 2
    hub.behaviour = ""
    assert main(["fetch", "geoclip"]) == 0
    assert hub.ranges[0] == 0 < hub.ranges[1] and clip.hub.files[0] in capsys.readouterr().out
    hub.close()
    assert main(["fetch", "geoclip"]) == 0  # nothing is missing: nobody is asked
    assert "nothing is missing" in capsys.readouterr().out
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    encoders._made.clear()
    assert main(locate) == 0
    assert "within" in capsys.readouterr().out
    assert Path(create("geoclip").root.source.weights()).read_bytes() == data
