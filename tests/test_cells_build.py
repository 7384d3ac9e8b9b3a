"""Adaptive subdivision: against a plain recursion, and what must hold for any photos anywhere."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import s2cell
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.cells import Partition, s2
from geoloc_core.errors import CellsError
from geoloc_core.geo import check_coordinates, distance_km, unit_vectors
from index_builder.cells.build import Built, Limits, build
from tests.make_cells import LIMITS, photos

EDGES = (  # poles, the antimeridian from both sides, corners and borders of the cube's faces, the same place again
    *((90.0, 0.0), (90.0, 77.0), (-90.0, -180.0), (89.9999, -10.0), (-89.9999, 170.0)),
    *((0.0, 180.0), (0.0, -180.0), (12.3, 179.999999), (12.3, -179.999999), (-45.0, 180.0)),
    *((0.0, 0.0), (0.0, 45.0), (0.0, 90.0), (35.264389682754654, 45.0), (45.0, 0.0), (48.8584, 2.2945)),
)
anywhere = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
near = st.builds(
    lambda place, north, east: (max(-90.0, min(90.0, place[0] + north)), place[1] + east),
    st.sampled_from(EDGES),
    st.floats(-1e-3, 1e-3),
    st.floats(-1e-3, 1e-3),
)
places = st.lists(st.one_of(st.sampled_from(EDGES), near, anywhere), min_size=1, max_size=80)
limits = st.builds(
    lambda most, least, depths: Limits(most, least, *depths),
    st.sampled_from([(12, 6, 3), (9, 2), (5,), (40, 20, 10)]),
    st.integers(0, 1),
    st.sampled_from([(2, 30), (0, 30), (2, 6), (4, 4)]),
)


def reference(points: np.ndarray, most: int, limits: Limits) -> dict[int, int]:
    """Cells and their photos, by plain recursion from the shallowest level, with `s2cell` alone."""

    def cut(group: list[list[float]], depth: int) -> dict[int, int]:
        inside = defaultdict(list)
        for lat, lon in group:
            inside[s2cell.lat_lon_to_cell_id(lat, lon, depth)].append([lat, lon])
        found: dict[int, int] = {}
        for cell, held in inside.items():
            if len(held) <= most or depth == limits.deepest:
                found[cell] = len(held)
            else:
                found |= cut(held, depth + 1)
        return found

    return {cell: n for cell, n in cut(points.tolist(), limits.shallowest).items() if n > limits.least}


def built_or_none(points: list[tuple[float, float]], limits: Limits) -> Built | None:
    """None where every cell of a level is dropped, which must then be so."""
    try:
        return build(points, limits)
    except CellsError:
        found = [reference(check_coordinates(points), most, limits) for most in limits.most]
        assert not all(found)
        return None


@settings(max_examples=60, deadline=None)
@given(places, limits)
def test_as_the_plain_recursion_says(points, limits):
    if (made := built_or_none(points, limits)) is None:
        return
    for part, most in zip(made.partition.parts, limits.most, strict=True):
        found = dict(zip(part.ids.tolist(), part.counts.tolist(), strict=True))
        assert found == reference(check_coordinates(points), most, limits)
        assert (np.diff(part.ids.astype(object)) > 0).all()


@settings(max_examples=60, deadline=None)
@given(places, limits)
def test_every_photo_in_one_cell_or_dropped(points, limits):
    if (made := built_or_none(points, limits)) is None:
        return
    leaves, classes = s2.leaf_ids(points), made.partition.assign(points)
    for column, part in enumerate(made.partition.parts):
        held = (s2.firsts(part.ids)[:, None] <= leaves) & (leaves <= s2.lasts(part.ids)[:, None])
        assert (held.sum(axis=0) == (classes[:, column] >= 0)).all(), "in one cell, or in none where it has no class"
        there = np.flatnonzero(classes[:, column] >= 0)
        assert held[classes[there, column], there].all()
        assert len(points) - len(there) == made.dropped[column]
        assert Counter(classes[there, column].tolist()) == dict(enumerate(part.counts.tolist()))


@settings(max_examples=60, deadline=None)
@given(places, limits)
def test_children_lie_inside_their_parents(points, limits):
    if (made := built_or_none(points, limits)) is None:
        return
    parts = made.partition.parts
    assert (parts[0].parent == -1).all()
    for coarser, finer in pairwise(parts):
        assert (finer.parent >= 0).all(), "a cell with enough photos lies in one with at least as many"
        for child, parent in enumerate(finer.parent.tolist()):
            depth = int(coarser.depths[parent])
            assert s2cell.cell_id_to_parent_cell_id(int(finer.ids[child]), depth) == coarser.ids[parent]
    classes = made.partition.assign(points)
    fine = classes[classes[:, -1] >= 0]
    assert (made.partition.lineage[fine[:, -1]] == fine).all(), (
        "a photo's coarser classes are its fine cell's ancestors"
    )


@settings(max_examples=60, deadline=None)
@given(places, limits)
def test_the_limits_hold_and_nothing_is_cut_in_vain(points, limits):
    if (made := built_or_none(points, limits)) is None:
        return
    leaves = s2.leaf_ids(points)
    for part, most in zip(made.partition.parts, limits.most, strict=True):
        assert (part.counts > limits.least).all()
        assert ((part.counts <= most) | (part.depths == limits.deepest)).all()
        assert ((part.depths >= limits.shallowest) & (part.depths <= limits.deepest)).all()
        for cell, depth in zip(part.ids.tolist(), part.depths.tolist(), strict=True):
            if depth > limits.shallowest:
                whole = np.array([s2cell.cell_id_to_parent_cell_id(cell)], np.uint64)
                assert ((s2.firsts(whole) <= leaves) & (leaves <= s2.lasts(whole))).sum() > most


@settings(max_examples=40, deadline=None)
@given(places, limits, st.randoms(use_true_random=False))
def test_order_does_not_matter(points, limits, random):
    made, shuffled = built_or_none(points, limits), list(points)
    random.shuffle(shuffled)
    if made is not None:
        assert build(shuffled, limits).partition.id == made.partition.id, "to the last bit of every mean"


@settings(max_examples=60, deadline=None)
@given(places, limits)
def test_a_cell_is_where_its_photos_are(points, limits):
    if (made := built_or_none(points, limits)) is None:
        return
    classes = made.partition.assign(points)
    for column, part in enumerate(made.partition.parts):
        assert (part.find(s2.leaf_ids(part.points)) == np.arange(len(part))).all(), "it holds its own mean"
        for cell, said in enumerate(part.points):
            mean = unit_vectors(check_coordinates(points)[classes[:, column] == cell]).mean(axis=0)
            gap = np.linalg.norm(mean / np.linalg.norm(mean) - unit_vectors(said)[0])
            assert gap * 6.371e6 < 0.02, "within two centimetres, a leaf's diagonal"


def test_order_does_not_matter_within_a_centimetre():
    rng = np.random.default_rng(0)
    points = np.array([48.8584, 2.2945]) + rng.uniform(0, 1e-9, (300, 2))
    made = build(points, Limits((1000,), 0)).partition
    assert len(set(s2.leaf_ids(points).tolist())) == 1, "one leaf, so the curve does not tell them apart"
    assert {build(rng.permutation(points), Limits((1000,), 0)).partition.id for _ in range(5)} == {made.id}


@pytest.mark.parametrize("lon", [135.0, -135.0])
def test_a_mean_on_a_border_does_not_round_out_of_its_cell(lon):
    """Photos exactly on the border of a face, where cells of level 2 meet: some of these means round to beyond it."""
    rng = np.random.default_rng(0)
    for lat in rng.uniform(-30, 30, 60):
        points = [(lat + north, lon) for north in rng.uniform(-0.01, 0.01, 7)]
        part = build(points, Limits((20,), 0)).partition.level("fine")
        assert len(part) <= 2 and distance_km(part.points, (lat, lon)).max() < 2


def test_mean_across_the_antimeridian_and_the_pole():
    fiji = [(-17.0, 179.9)] * 3 + [(-17.0, -179.7)] * 3
    made = build(fiji, Limits((10,), 0, 0)).partition.level("fine")
    assert len(made) == 1
    assert distance_km(made.points[0], (-17.0, -179.9)) < 0.02, "not at Greenwich; a great circle bulges south"
    pole = [(89.0, lon) for lon in (0.0, 90.0, 180.0, 270.0)]
    assert build(pole, Limits((10,), 0, 0)).partition.level("fine").points[0, 0] == pytest.approx(90)


def test_photos_of_one_place_cannot_be_cut():
    made = build([(48.856918, 2.341209)] * 40, Limits((20, 10), 5))
    assert [(len(part), int(part.counts[0]), int(part.depths[0])) for part in made.partition.parts] == [(1, 40, 30)] * 2


def test_what_is_built_says_so():
    made = build(photos(), LIMITS)
    assert made.partition.sizes == tuple(len(part) for part in made.partition.parts)
    coarse, middle, fine = made.partition.sizes
    assert 20 < coarse < middle < fine
    assert str(made).startswith(f"{coarse:,} coarse, {middle:,} middle, {fine:,} fine cells of 2,000 photos")
    assert made.partition.about.photos == 2_000 and made.partition.about.most == LIMITS.most
    assert all(part.counts.sum() + lost == 2_000 for part, lost in zip(made.partition.parts, made.dropped, strict=True))


@pytest.mark.parametrize(
    ("points", "said"), [([], "No coarse cell"), ([(1, 2)] * 50, "Lower --min"), ([(91, 0)], "latitude lies beyond")]
)
def test_nothing_to_build_from(points, said):
    with pytest.raises(ValueError if "latitude" in said else CellsError, match=said):
        build(points)


@pytest.mark.parametrize("wrong", [{"most": (5, 5)}, {"most": (1, 2)}, {"most": ()}, {"least": 1000}, {"deepest": 31}])
def test_limits_that_cannot_be(wrong):
    with pytest.raises(CellsError, match=r"\. \w+.*\.$|Give"):
        Limits(**wrong)


@pytest.mark.skipif("GEOLOC_MP16_TABLE" not in os.environ, reason="GEOLOC_MP16_TABLE names no table of MP-16's places")
def test_mp16_gives_the_published_numbers():
    """3,298, 7,202 and 12,893 cells, as many as TransLocator has."""
    from index_builder.cells.places import of_table

    made = build(of_table(Path(os.environ["GEOLOC_MP16_TABLE"])).points)
    print(made)
    assert made.partition.sizes == (3_298, 7_202, 12_893)


def test_a_partition_is_one_file_and_the_same_again(tmp_path):
    made = build(photos(), LIMITS).partition
    again = Partition.open(made.save(tmp_path / "cells.parquet"))
    assert again.id == made.id and again.about == made.about and again.levels == made.levels
    assert (again.lineage == made.lineage).all()
