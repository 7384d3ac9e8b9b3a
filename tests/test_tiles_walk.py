"""The walk down the tiles: against looking at every tile, at the map's edges, with tiles missing, and in time."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.errors import NoAnswer, TileError
from geoloc_core.geo import distance_km
from geoloc_core.tiles.how import How
from geoloc_core.tiles.tile import EDGE, ZOOMS, Tile, bounds, centre, children, covering, parent, tile_at, width_km
from geoloc_core.tiles.walk import walk
from geoloc_core.tiles.walked import Ended, Walk
from tests.tile_walks import Fake, exhaustive, hashed, towards

SMALL = (0, 2, 4)  # every tile of which is soon looked at
seeds = st.integers(0, 10_000)
formulas = st.sampled_from(["last", "mean", "chain"])


def ways(found: Walk) -> list[Tile]:
    return [step.tile for step in found.best]


@settings(max_examples=12, deadline=None)
@given(seeds, formulas, st.floats(1, 100))
def test_a_wide_beam_finds_what_looking_at_every_tile_finds(seed, by, temperature):
    cosine = hashed(seed)
    paths = exhaustive(cosine, SMALL, by, temperature)
    found = walk(Fake(cosine), How(k=1024, by=by, zooms=SMALL, temperature=temperature))
    last = found.rungs[-1]
    assert set(last.tiles) == set(paths)
    np.testing.assert_allclose(last.paths, [paths[tile] for tile in last.tiles], rtol=1e-9, atol=1e-9)
    assert ways(found)[-1] == max(paths, key=paths.__getitem__) and found.named == centre(ways(found)[-1])


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 40), formulas, st.sampled_from([3, 1 << 20]))
def test_a_beam_keeps_the_best_k_and_opens_no_tile_twice(seed, k, by, levels):
    fake = Fake(hashed(seed, levels))
    found = walk(fake, How(k=k, by=by, zooms=(2, 4, 6, 8), temperature=10))
    assert len(fake.asked) == len(set(fake.asked)) == found.opened == 16 + 16 * min(k, 16) + 2 * 16 * k
    for above, below in zip(found.rungs, found.rungs[1:], strict=False):
        assert list(below.tiles) == [child for i in above.kept for child in children(above.tiles[i])]
        assert all(parent(tile) == above.tiles[i] for tile, i in zip(below.tiles, below.parents, strict=True))
        others = np.setdiff1d(np.arange(len(above.tiles)), above.kept)
        assert not len(others) or above.paths[above.kept].min() >= above.paths[others].max()
    assert found.ended is Ended.DONE and found.best[-1].rank == 1
    assert [tile.z for tile in ways(found)] == [2, 4, 6, 8]


def test_equal_scores_are_told_apart_by_place_and_always_alike():
    found = walk(Fake(lambda tile: 0.5), How(k=3, zooms=(2, 4)))
    first = found.rungs[0]
    assert [first.tiles[i] for i in first.kept] == [Tile(0, 0, 2), Tile(1, 0, 2), Tile(2, 0, 2)]
    again = walk(Fake(lambda tile: 0.5), How(k=3, zooms=(2, 4)))
    assert ways(found) == ways(again) == [Tile(0, 0, 2), Tile(0, 0, 4)]


def test_chain_is_a_probability_over_the_last_zooms_tiles():
    found = walk(Fake(hashed(1)), How(k=1024, by="chain", zooms=SMALL, temperature=7))
    assert np.exp(found.rungs[-1].paths).sum() == pytest.approx(1)
    assert np.exp(found.rungs[0].paths).sum() == pytest.approx(1)


def test_paths_that_began_better_can_win_though_the_last_tile_is_worse():
    """Two tiles: one of a good way with a fair end, one of a poor way with a better end."""
    cosines = {(0, 1): 0.9, (1, 1): 0.1, (0, 3): 0.5, (4, 3): 0.6}
    fake = Fake(lambda tile: cosines.get((tile.x, tile.z), -1.0) if tile.y == 0 else -1.0)
    ends = {by: ways(walk(fake, How(k=2, by=by, zooms=(1, 3)))) for by in ("last", "mean", "chain")}
    assert ends["last"] == [Tile(1, 0, 1), Tile(4, 0, 3)]
    assert ends["mean"] == ends["chain"] == [Tile(0, 0, 1), Tile(0, 0, 3)]


@pytest.mark.parametrize(
    "place", [(-17.0, 179.9999), (-17.0, -179.9999), (EDGE, 10.0), (-EDGE, -170.0), (89.0, 0.0), (51.5, -0.1)]
)
def test_a_walk_reaches_zoom_16_at_the_date_line_and_the_maps_edge(place):
    found = walk(Fake(towards(place)), How(k=4))
    assert [rung.zoom for rung in found.rungs] == list(ZOOMS)
    assert ways(found) == [tile_at(*place, zoom) for zoom in ZOOMS]
    south, west, north, east = bounds(found.best[-1].tile)
    assert south <= min(EDGE, max(-EDGE, place[0])) <= north and west <= place[1] <= east
    assert distance_km(found.named, (min(EDGE, max(-EDGE, place[0])), place[1])) < 0.75 * width_km(ways(found)[-1])
    assert found.opened == 256 + 6 * 64


@pytest.mark.parametrize(
    "region", [(-20.0, 176.0, -15.0, -178.0), (35.0, -10.0, 44.0, 4.0), (80.0, -180.0, 90.0, 180.0)]
)
def test_a_region_is_never_left_and_all_of_it_can_be_reached(region):
    fake = Fake(hashed(3))
    found = walk(fake, How(k=500, zooms=(4, 6), region=region))
    for rung in found.rungs:
        assert set(rung.tiles) == set(covering(region, rung.zoom))
    narrow = walk(Fake(towards((-41.0, 174.0))), How(k=2, region=region))
    assert all(step.tile in covering(region, step.tile.z) for step in narrow.best[:4])


def test_places_beside_stay_in_the_beam_and_can_win():
    place, away = (48.85, 2.35), (-33.9, 151.2)
    plain = towards(away)

    def late(tile: Tile) -> float:
        return 2.0 if tile == tile_at(*place, 16) else plain(tile) - 0.5 * (tile == tile_at(*place, tile.z))

    without, held = walk(Fake(late), How(k=4)), walk(Fake(late), How(k=4, beside=(place, away)))
    assert ways(without)[-1] == tile_at(*away, 16)
    assert ways(held) == [tile_at(*place, zoom) for zoom in ZOOMS]
    assert [len(rung.kept) for rung in held.rungs[:-1]] == [5] * 6, "k + 1: the other place is among the k"
    assert held.best[0].rank == 256 and held.best[-1].rank == 1
    assert len(held.leaves) == 4 and held.leaves[0][0] == ways(held)[-1]


def test_a_place_beside_is_reached_though_tiles_on_its_way_are_missing():
    place = (48.85, 2.35)
    gaps = {tile_at(*place, 6), tile_at(*place, 10)}

    def cosine(tile: Tile) -> float:
        return math.nan if tile in gaps else 20.0 if tile == tile_at(*place, 12) else hashed(5)(tile)

    for by in ("last", "mean"):
        found = walk(Fake(cosine), How(k=4, zooms=(4, 6, 8, 10, 12), beside=(place,), by=by, temperature=50))
        assert ways(found) == [tile_at(*place, zoom) for zoom in (4, 6, 8, 10, 12)]
        assert [step.score is None for step in found.best] == [False, True, False, True, False]
        assert found.failed == 2 and "2 more could not be had (2 not there)" in str(found)
    found = walk(Fake(cosine), How(k=4, zooms=(4, 6, 8, 10, 12), beside=(place,), by="chain"))
    assert tile_at(*place, 12) in found.rungs[-1].tiles and found.failed == 2


def test_missing_tiles_are_skipped_and_counted():
    whole, holes = hashed(2), hashed(9)
    fake = Fake(lambda tile: math.nan if holes(tile) < -0.4 else whole(tile))
    found = walk(fake, How(k=8))
    missing = [tile for tile in fake.asked if holes(tile) < -0.4]
    assert len(missing) > 100 and found.failed == len(missing) and found.ended is Ended.DONE
    assert not {tile for rung in found.rungs for tile in (rung.tiles[i] for i in rung.kept)} & set(missing)
    assert all(len(rung.order) == len(rung.tiles) - rung.failed for rung in found.rungs)


def test_blank_tiles_are_no_failures_and_weigh_nothing():
    sea, whole = hashed(9), hashed(2)
    found = walk(Fake(lambda tile: math.inf if sea(tile) < 0 else whole(tile)), How(k=8, by="chain"))
    assert found.failed == 0 and found.compared < 0.7 * found.opened and found.ended is Ended.DONE
    assert found.counts["encoded"] == found.compared
    for rung in found.rungs:
        blank = np.exp(rung.paths[rung.scored.blank])
        assert len(blank) and blank.sum() < 1e-3 * np.exp(rung.paths[rung.had]).sum()
    place = (10.0, 20.0)
    held = walk(
        Fake(lambda tile: math.inf if tile.z < 8 and tile == tile_at(*place, tile.z) else towards(place)(tile)),
        How(beside=(place,)),
    )
    assert ways(held) == [tile_at(*place, zoom) for zoom in ZOOMS]


def test_a_source_that_dies_leaves_the_answer_of_the_last_zoom_reached():
    fake = Fake(lambda tile: math.nan if tile.z >= 10 else hashed()(tile))
    found = walk(fake, How(k=4))
    assert found.ended is Ended.NO_TILES and [rung.zoom for rung in found.rungs] == [4, 6, 8]
    assert found.left is not None and found.left.zoom == 10 and found.failed == 64
    assert str(found).endswith(
        "It ended at zoom 8 instead of 16: no tile of the next zoom could be had or shows anything."
    )
    assert found.distribution().best() == pytest.approx(found.named)
    with pytest.raises(NoAnswer, match=r"No tile of zoom 4 .* Choose"):
        walk(Fake(lambda tile: math.nan))


def test_a_budget_ends_the_walk_in_time_with_the_answer_so_far():
    plain, slow = walk(Fake(towards((10, 20)))), Fake(towards((10, 20)), batch=32, delay_s=0.01)
    found = walk(slow, How(budget_s=0.2))
    assert slow.batches <= 8 + 20 + 1, "the first zoom, and batches that fit into the time; all would be 56"
    assert found.ended is Ended.TIME and 1 <= len(found.rungs) < 7
    assert ways(found) == ways(plain)[: len(found.rungs)]
    assert found.failed == 0 and "the time was up" in str(found)
    assert [rung.zoom for rung in walk(slow, How(budget_s=0)).rungs] == [4], "the first zoom is always finished"


def test_a_person_can_stop_it():
    cancel = threading.Event()
    fake = Fake(towards((10, 20)))
    fake.cosine = lambda tile: (cancel.set() if tile.z == 8 else None) or towards((10, 20))(tile)
    found = walk(fake, How(k=16), cancel=cancel)
    assert found.ended is Ended.CANCELLED and [rung.zoom for rung in found.rungs] == [4, 6]
    assert found.left is not None and found.left.scored.skipped == 192 and found.opened == 256 + 256 + 64
    with pytest.raises(NoAnswer, match="Let it run"):
        walk(Fake(hashed()), cancel=cancel)


def test_looking_ahead_is_mostly_right_and_tells_nothing_twice():
    told: list[Tile] = []
    fake = Fake(hashed(4), batch=16)
    walk(fake, How(k=16, zooms=(4, 6, 8, 10), beside=((1.0, 2.0),)), prefetch=told.extend)
    deeper = [tile for tile in told if tile.z > 4]
    assert len(told) == len(set(told)) == len(deeper) and max(tile.z for tile in told) == 10
    right = len(set(told) & set(fake.asked))
    assert right >= 0.95 * (len(fake.asked) - 256), "all but a few had been told"
    assert right >= 0.6 * len(told), "and not much else"


def test_the_distribution_weighs_the_last_beam():
    found = walk(Fake(hashed(6)), How(k=16, temperature=20))
    tiles, weights = zip(*found.leaves, strict=True)
    cosines = np.array([hashed(6)(tile) for tile in tiles])
    np.testing.assert_allclose(weights, np.exp(20 * cosines) / np.exp(20 * cosines).sum())
    spread = found.distribution()
    assert len(spread.points) == 16 and spread.best() == pytest.approx(found.named)
    rng = np.random.default_rng(0)
    even = rng.uniform(-0.5, 0.5, 100_000) * width_km(tiles[0])
    assert spread.kernel_km[0] == pytest.approx(np.std(even), rel=0.01)


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"by": "product"},
        {"zooms": ()},
        {"zooms": (4, 5)},
        {"zooms": (24, 26)},
        {"temperature": 0},
        {"temperature": math.nan},
        {"budget_s": -1},
        {"budget_s": math.nan},
    ],
)
def test_what_makes_no_sense_is_refused_with_a_remedy(wrong):
    with pytest.raises(TileError, match=r"\. (Set|Choose|Give) "):
        How(**wrong)


def test_too_many_tiles_to_begin_with_are_refused_at_once():
    for region in (None, (-10.0, 170.0, 60.0, -20.0)):
        with pytest.raises(TileError, match="smaller region"):
            walk(Fake(hashed()), How(zooms=(16,), region=region))
