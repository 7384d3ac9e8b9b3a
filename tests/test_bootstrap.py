"""Bootstrap intervals against a plain loop, and their coverage on photos whose true accuracy is known."""

from __future__ import annotations

import numpy as np
import pytest

from geoloc_core.evaluation.bootstrap import Interval, bootstrap, difference, table
from geoloc_core.evaluation.metrics import best_constant, errors_km, guesses_without_model
from geoloc_core.geo import THRESHOLDS_KM, distance_km


def plain(errors: np.ndarray, groups: list[str], resamples: int, seed: int) -> np.ndarray:
    """(resamples, 6): shares and median of photos drawn group by group, one list at a time."""
    units = sorted(set(groups))
    members = [[e for e, g in zip(errors, groups, strict=True) if g == unit] for unit in units]
    rng = np.random.default_rng(seed)
    rows = []
    for picks in rng.integers(len(units), size=(resamples, len(units))):
        drawn = [error for pick in picks for error in members[pick]]
        rows.append([100 * sum(e <= r for e in drawn) / len(drawn) for r in THRESHOLDS_KM] + [np.median(drawn)])
    return np.array(rows)


def some_errors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(5, 3, n)


@pytest.mark.parametrize("grouped", [False, True])
def test_intervals_are_those_of_a_plain_loop(grouped: bool):
    errors = some_errors(41)
    errors[3] = np.inf
    groups = [f"walk {i % 7 % 5}" for i in range(41)] if grouped else [f"{i:02d}" for i in range(41)]
    row = bootstrap("x", errors, groups if grouped else None, resamples=300, seed=5)
    drawn = plain(errors, groups, 300, 5)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0, method="inverted_cdf")
    found = [*row.within, row.median_km]
    assert [i.low for i in found if i] == pytest.approx(low)
    assert [i.high for i in found if i] == pytest.approx(high)
    assert [i.value for i in row.within] == pytest.approx([100 * (errors <= r).mean() for r in THRESHOLDS_KM])
    assert row.groups == (5 if grouped else 0)


def test_differences_are_paired():
    errors, groups = some_errors(60), [i // 6 for i in range(60)]
    than = errors * np.where(np.arange(60) % 9 == 0, 40, 1.0)
    row = difference("x", errors, than, groups, resamples=200, seed=1)
    names = [str(g) for g in groups]
    drawn = plain(errors, names, 200, 1) - plain(than, names, 200, 1)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0, method="inverted_cdf")
    assert row.median_km is not None
    assert [i.low for i in (*row.within, row.median_km)] == pytest.approx(low)
    assert [i.high for i in (*row.within, row.median_km)] == pytest.approx(high)
    same = difference("same", errors, errors, groups)
    assert all((i.value, i.low, i.high) == (0, 0, 0) for i in same.within)


def test_95_percent_intervals_hold_the_truth_95_percent_of_the_time():
    rng, truth, held, whole = np.random.default_rng(2), 40.0, 0, 0
    for seed in range(300):  # 20 walks of 10 photos; a walk's photos are right or wrong together, mostly
        walk = np.repeat(rng.random(20) < truth / 100, 10)
        right = np.where(rng.random(200) < 0.9, walk, rng.random(200) < truth / 100)
        errors = np.where(right, 10.0, 5000.0)
        alone = bootstrap("x", errors, resamples=300, seed=seed).within[1]
        grouped = bootstrap("x", errors, np.repeat(np.arange(20), 10).tolist(), resamples=300, seed=seed).within[1]
        held += alone.low <= truth <= alone.high
        whole += grouped.low <= truth <= grouped.high
    assert 0.88 <= whole / 300 <= 0.98, "percentile intervals of 20 groups are a little too narrow"
    assert held / 300 < 0.6, "photos of a walk are no strangers"


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    errors = some_errors(30)
    whole = bootstrap("x", errors, resamples=50)
    monkeypatch.setattr("geoloc_core.evaluation.bootstrap._BLOCK", 30 * 7)
    assert bootstrap("x", errors, resamples=50) == whole


def test_the_constant_guess_has_no_median():
    gallery = np.array([(50.0, 10.0)] * 8 + [(-30.0, 140.0)] * 3)
    truth = np.array([(50.1, 10.0), (-30.0, 140.0)])
    row = bootstrap("constant", distance_km(truth[:, None], guesses_without_model(gallery)))
    assert [i.value for i in row.within] == [100 * share for share in best_constant(gallery, truth).within]
    assert row.median_km is None
    assert table([row]).splitlines()[2].endswith("|  |")


def test_no_answer_is_no_hit_and_an_infinite_median_is_left_blank():
    row = bootstrap("x", errors_km([None, None, (0, 0)], [(0, 0)] * 3), resamples=200)
    assert row.within[0].value == pytest.approx(100 / 3)
    assert "inf" not in table([row])


def test_the_table_reads_as_wished():
    assert str(Interval(41.04, 38.06, 44.0)) == "41.0 (38.1 to 44.0)"
    rows = table([difference("+ Seg", np.full(9, 10.0), np.full(9, 500.0))], signed=True).splitlines()
    assert rows[2].startswith("| + Seg | +0.0 (+0.0 to +0.0) | **+100.0** (+100.0 to +100.0) |")


@pytest.mark.parametrize("errors", [[], [[1.0, 2.0]], [np.nan]])
def test_what_are_no_errors_is_refused(errors: list[float]):
    with pytest.raises(ValueError, match="Give"):
        bootstrap("x", errors)
    with pytest.raises(ValueError, match="Give each photo one"):
        bootstrap("x", [1.0], ["a", "b"])
