"""Places365's categories, groups and kinds; and which of them the Atlas's scenes are."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core import scenes
from geoloc_core.errors import EncoderError, GeolocError, ModelError
from geoloc_core.paths import ROOT
from geoloc_core.scenes import Scene, best_classifier, open_classifier, places365
from geoloc_core.scenes.places365 import GROUPS, KINDS, group, membership, names, number, summed
from geoloc_core.settings import settings
from geoloc_core.translocator import SCENE_KINDS
from index_builder.atlas.scenes import SCENES, URBAN, places365_of

IN_GROUP = (44, 35, 31, 16, 17, 30, 33, 14, 31, 32, 25, 31, 36, 11, 37, 37)  # of the published table
SIZES = st.sampled_from([3, 16, 365])


@pytest.fixture(autouse=True)
def forget():
    scenes._made.clear()
    yield
    scenes._made.clear()


def test_every_category_is_in_a_group_and_the_counts_are_the_published_ones():
    in_groups, in_kinds = membership(16) > 0, membership(3) > 0
    assert in_groups.any(axis=1).all() and in_kinds.any(axis=1).all()
    assert tuple(in_groups.sum(axis=0)) == IN_GROUP
    assert tuple(in_kinds.sum(axis=0)) == (159, 80, 159)
    assert (in_kinds.sum(axis=1) == 2).sum() == 33 and (in_groups.sum(axis=1) > 1).sum() == 63


def test_order_and_names():
    assert names(3) == KINDS == SCENE_KINDS and names(16) == tuple(name for name, _ in GROUPS)
    said = names(365)
    assert len(set(said)) == 365 and len(set(names(16))) == 16
    assert [said[i] for i in (0, 2, 49, 91, 232, 319, 364)] == [
        *("airfield", "airport terminal", "beach house", "church (outdoor)", "mountain", "street", "Zen garden"),
    ]
    assert not any(set(name) & set("_/") for name in said)


@pytest.mark.parametrize(
    ("category", "groups", "kinds"),
    [
        ("beach", ["water, ice, snow"], ["natural"]),
        ("kitchen", ["home or hotel"], ["indoor"]),
        ("barn", ["forest, field, jungle", "nature with man-made elements", "houses, gardens, farms"], KINDS[1:]),
        ("bus_station/indoor", ["vehicle interior or station", "roads, bridges, boats, airports"], KINDS[::2]),
    ],
)
def test_what_a_category_belongs_to(category, groups, kinds):
    alone = np.eye(365)[number(category)]
    for n, wanted in ((16, groups), (3, kinds)):
        shares = dict(zip(names(n), summed(alone, n), strict=True))
        assert {name for name, share in shares.items() if share} == set(wanted)
        assert all(shares[name] == pytest.approx(1 / len(wanted)) for name in wanted)
        assert names(n)[group(n)[number(category)]] == wanted[0]


def test_a_kind_is_that_of_one_of_the_groups():
    parent = np.array([kind for _, kind in GROUPS])
    of_groups = np.stack([(membership(16)[:, parent == kind] > 0).any(axis=1) for kind in range(3)], axis=1)
    np.testing.assert_array_equal(of_groups, membership(3) > 0)
    np.testing.assert_array_equal(group(365), np.arange(365))
    assert group(3).dtype == np.int64


@given(st.lists(st.lists(st.floats(0, 1), min_size=5, max_size=5), min_size=1, max_size=4), SIZES, st.integers(0, 99))
def test_sums_are_kept(values, n, seed):
    rows = np.zeros((len(values), 365))
    rows[:, np.random.default_rng(seed).choice(365, 5, replace=False)] = values
    out = summed(rows, n)
    assert out.shape == (len(values), n) and (out >= 0).all()
    np.testing.assert_allclose(out.sum(axis=1), rows.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(summed(rows[0], n), out[0], atol=1e-15)


def test_tables_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        membership(16)[0] = 0
    with pytest.raises(ValueError, match="16 groups"):
        names(17)
    with pytest.raises(KeyError):
        number("moon")


def test_a_damaged_table_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(places365, "TABLE", tmp_path / "places365.csv")
    good = (ROOT / "assets" / "scenes" / "places365.csv").read_text()
    for text in ("", "a,b\n1,2\n", good[:-200], good.replace(",10\n", ",16\n", 1), good.replace(",10\n", ",\n", 1)):
        (tmp_path / "places365.csv").write_text(text)
        with pytest.raises(GeolocError, match="Restore assets/scenes"):
            places365._rows.__wrapped__()


def test_the_likeliest_scenes_by_name():
    probabilities = np.zeros(365)
    probabilities[[number("coast"), number("beach")]] = 3, 1
    assert Scene(probabilities, "x").top(2) == [("coast", 0.75), ("beach", 0.25)]
    assert Scene(summed(probabilities, 3), "x").top(1) == [("natural", 1.0)]


def test_the_atlas_has_scenes_of_many_groups_and_of_its_own_kinds():
    rows = {scene: places365_of(scene) for scene in SCENES}
    assert len(set(rows.values())) == len(SCENES)
    assert len({group(16)[row] for row in rows.values()}) >= 6
    for scene, row in rows.items():
        assert names(3)[group(3)[row]] == ("urban" if scene in URBAN else "natural"), scene
    with pytest.raises(KeyError):
        places365_of("moon")


def test_names_of_classifiers(monkeypatch):
    assert open_classifier("places365:resnet18") is open_classifier("places365:resnet18")
    for wrong in ("", "resnet18", "places365:", "places:resnet18"):
        with pytest.raises(ModelError, match="Choose places365:resnet50"):
            open_classifier(wrong)
    with pytest.raises(EncoderError, match="no encoder"):
        open_classifier("zero-shot:nothing")
    monkeypatch.setenv("GEOLOC_SCENES", "zero-shot:siglip2")
    settings.cache_clear()
    choice = best_classifier()
    assert choice and choice.value == "zero-shot:siglip2" and "GEOLOC_SCENES" in choice.reason


def test_the_best_is_what_is_here():
    assert best_classifier() is None and best_classifier("starter") is None
    folder = settings().checkpoints
    folder.mkdir(parents=True)
    for which in ("resnet18", "resnet50"):
        (folder / f"{which}_places365.pth.tar").write_bytes(b"there")
        choice = best_classifier()
        assert choice and choice.value == f"places365:{which}"


def test_neither_importing_nor_asking_loads_a_model():
    script = (
        "import sys; from geoloc_core.scenes import best_classifier, open_classifier, places365;"
        "places365.names(365); best_classifier('starter'); open_classifier('zero-shot:starter').availability();"
        "assert not {'torch', 'open_clip', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
