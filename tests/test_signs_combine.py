"""Clues multiplied over the ground: against a plain reference, and what any answer must keep."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.errors import GeolocError
from geoloc_core.geo import distance_km
from geoloc_core.places import gazetteer
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.combine import Belief, Weight, Weights, combine, learned, relative_fit, weigh
from geoloc_core.signs.found import area_of, judge
from geoloc_core.signs.ground import ground
from geoloc_core.signs.spread import distribution_of
from geoloc_core.signs.writing import Writing

COLOGNE, ZURICH = (50.9375, 6.9603), (47.3769, 8.5417)
GERMAN = Clue("language", "de", "German.", (0,), {"DE": 0.95, "AT": 0.9, "CH": 0.5})
IN_COLOGNE = Clue("place", "Köln", "Köln.", (1,), {}, (Spot(*COLOGNE, 15, 1.0, "Köln", "DE"),))
WEIGHTS = Weights({"language": Weight(0.9, 0.1), "place": Weight(1.0, 0.25)})


def test_prior_is_a_probability_and_knows_where_photos_come_from():
    on = ground()
    assert on.prior.sum() == pytest.approx(1)
    assert (on.prior > 0).all()
    shares = dict(on.shares(on.prior))
    assert len(shares) > 230
    assert shares["US"] > shares["DE"] > shares["LU"] > 0.0005
    assert max(shares.values()) < 0.3


def test_no_clue_leaves_the_prior():
    np.testing.assert_allclose(combine([]).mass, ground().prior)


def test_product_equals_a_plain_reference():
    belief = combine([GERMAN, IN_COLOGNE], WEIGHTS)
    on = belief.ground
    codes = [on.codes[i] for i in on.country]
    expected = on.prior.copy()
    for clue, weight in ((GERMAN, WEIGHTS.of("language")), (IN_COLOGNE, WEIGHTS.of("place"))):
        fit = np.array([clue.countries.get(code, 0.0) for code in codes])
        for spot in clue.spots:
            near = spot.fit * np.exp(-(distance_km((spot.lat, spot.lon), on.points) ** 2) / (2 * spot.km**2))
            fit = np.maximum(fit, np.where([code == spot.country for code in codes], near, 0))
        lift = weight.misled + (1 - weight.misled) * fit / (on.prior @ fit)
        expected = expected * lift**weight.temperature
    expected /= expected.sum()
    np.testing.assert_allclose(belief.mass, expected, rtol=0.02, atol=1e-12)  # the Gaussian is cut at 5 widths


def test_alone_a_clue_is_worth_what_it_can_be_trusted():
    for trust in (0.2, 0.5, 0.9):
        clue = Clue("place", "Köln", "", (0,), {}, IN_COLOGNE.spots, trust)
        belief = combine([clue], WEIGHTS)
        inside = belief.mass[distance_km(COLOGNE, belief.ground.points) < 75].sum()
        assert inside == pytest.approx(trust * 0.75, abs=0.02)


def test_one_misleading_name_does_not_beat_language_and_telephone():
    poster = Clue("place", "Paris", "", (0,), {}, (Spot(48.857, 2.352, 15, 1.0, "Paris", "FR"),), 0.5)
    japanese = Clue("script", "kana", "", (1,), {"JP": 1.0}, (), 0.95)
    belief = combine([poster, japanese], WEIGHTS)
    assert belief.countries()[0][0] == "JP"


def test_a_clue_that_fits_nowhere_changes_nothing():
    clue = Clue("domain", ".xx", "", (0,), {"XX": 1.0})
    np.testing.assert_allclose(combine([clue]).mass, ground().prior)
    assert np.all(relative_fit(ground(), clue) == 1)


def test_a_place_far_from_any_town_joins_the_ground():
    pole = Clue("place", "Amundsen-Scott", "", (0,), {}, (Spot(-89.9, 0.0, 5),))
    belief = combine([pole], WEIGHTS)
    assert len(belief.ground.points) == len(ground().points) + 1
    assert distance_km(distribution_of(belief).best(), (-89.9, 0.0)) < 30


def test_struck_clues_do_not_count_and_are_listed_last():
    clues = (GERMAN, IN_COLOGNE)
    signs = judge(Writing.typed("Bitte\nKöln"), clues, {IN_COLOGNE.key}, WEIGHTS)
    np.testing.assert_allclose(signs.belief.mass, combine([GERMAN], WEIGHTS).mass)
    assert [weighed.clue for weighed in signs.clues] == [GERMAN, IN_COLOGNE]
    assert [weighed.struck for weighed in signs.clues] == [False, True]
    assert not signs.silent
    assert judge(Writing.typed("x"), clues, {clue.key for clue in clues}, WEIGHTS).silent


def test_weighing_says_what_speaks_for_the_place_and_what_against():
    swiss = Clue("domain", ".ch", "", (0,), {"CH": 1.0})
    clues = (GERMAN, swiss, IN_COLOGNE)
    belief = combine(clues, WEIGHTS)
    found = {weighed.clue.kind: weighed for weighed in weigh(clues, belief, ZURICH, (), WEIGHTS)}
    assert found["domain"].lift > 10 > found["language"].lift > 1
    assert found["place"].lift < 1
    assert found["domain"].bits > found["language"].bits > 0


def test_distribution_keeps_all_mass_and_names_a_place_of_the_likeliest_country():
    for clues in ([], [GERMAN], [GERMAN, IN_COLOGNE]):
        belief = combine(clues, WEIGHTS)
        spread = distribution_of(belief)
        assert len(spread.points) < 800
        best = gazetteer().describe(*spread.best())
        assert best.country_code == belief.countries()[0][0]
        for km in (300, 3000):
            exact = belief.mass[distance_km(spread.best(), belief.ground.points) < km].sum()
            nodes, weights = spread._nodes
            assert weights[nodes < km].sum() == pytest.approx(exact, abs=0.06)


def test_without_a_clue_the_radius_is_wide_and_with_a_town_it_is_not():
    assert area_of(GERMAN, Weights()).radius_km() > 300
    assert distribution_of(combine([])).radius_km() > 9000
    sure = Weights({"place": Weight(1.0, 0.01), "language": Weight(1.0, 0.01)})
    assert distribution_of(combine([GERMAN, IN_COLOGNE], sure)).radius_km() < 60


SPOTS = st.builds(
    Spot, st.floats(-90, 90), st.floats(-180, 180), st.floats(0.1, 5000), st.floats(1e-6, 1), st.just(""),
    st.sampled_from([None, "DE", "XX"]),
)  # fmt: skip
CLUES = st.builds(
    Clue, st.sampled_from(["place", "language", "new"]), st.text(max_size=5), st.just(""), st.just((0,)),
    st.dictionaries(st.sampled_from(["DE", "US", "JP", "XX"]), st.floats(0, 1), max_size=3),
    st.lists(SPOTS, max_size=3).map(tuple), st.floats(0, 1),
)  # fmt: skip


@given(st.lists(CLUES, max_size=5))
@settings(max_examples=8, deadline=None)
def test_any_clues_give_a_probability(clues: list[Clue]):
    belief = combine(clues)
    assert belief.mass.sum() == pytest.approx(1)
    assert (belief.mass >= 0).all()
    assert np.isfinite(distribution_of(belief).best()).all()


def test_order_of_clues_does_not_matter():
    a, b = combine([GERMAN, IN_COLOGNE], WEIGHTS), combine([IN_COLOGNE, GERMAN], WEIGHTS)
    np.testing.assert_allclose(a.mass, b.mass)


def test_weights_that_ship_can_be_read_and_say_what_they_were_learned_on(tmp_path):
    assert learned().learned_on
    bad = tmp_path / "weights.json"
    for content in ("", "[]", json.dumps({"learned_on": "x", "kinds": {"place": {"temperature": 1, "misled": 1.5}}})):
        bad.write_text(content, encoding="utf-8")
        learned.cache_clear()
        with pytest.raises(GeolocError, match="Restore"):
            learned(bad)
    learned.cache_clear()


def test_countries_sum_to_one():
    shares = Belief(ground(), ground().prior).countries()
    assert math.fsum(share for _, share in shares) == pytest.approx(1)
    assert shares == sorted(shares, key=lambda pair: -pair[1])
