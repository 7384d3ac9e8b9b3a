"""Replies as a distribution: claims of a radius, agreement, and what must not count."""

from __future__ import annotations

import pytest

from geoloc_core.geo import distance_km
from geoloc_core.lmm.reading import Reading
from geoloc_core.lmm.samples import distribution


def reading(lat: float, lon: float, radius_km: float | None = None) -> Reading:
    return Reading((lat, lon), "json", radius_km=radius_km)


def test_the_radius_claimed_is_the_radius_of_the_distribution():
    for claimed in (5.0, 120.0, 900.0):
        found, why = distribution([reading(48, 2, claimed)])
        assert found.radius_km(0.9) == pytest.approx(claimed, rel=0.02)
        assert "claims" in why.reason


@pytest.mark.parametrize(("claimed", "taken"), [(1e-9, 1), (1e9, 5000), (float("inf"), None), (-3, None), (None, None)])
def test_claims_without_sense_are_bounded_or_ignored(claimed: float | None, taken: float | None):
    found, why = distribution([reading(48, 2, claimed)])
    if taken is None:
        assert found.radius_km(0.5) == pytest.approx(200, rel=0.02)
        assert "no radius claimed" in why.reason
    else:
        assert found.kernel_km[0] == pytest.approx(taken / 2.1460, rel=1e-3)


@pytest.mark.parametrize("claim", [None, 30.0])
def test_agreement_shows_as_the_radius(claim: float | None):
    def radius(*lons: float) -> float:
        return distribution([reading(48, lon, claim) for lon in lons])[0].radius_km(0.9)

    alike, near, apart = radius(2, 2, 2, 2), radius(2, 2.3, 2.6, 2.9), radius(2, 20, 60, 140)
    assert alike < near < apart
    assert claim or alike < radius(2)


def test_one_overconfident_reply_does_not_outvote_those_that_agree():
    sure, modest = reading(35.68, 139.69, 1), [reading(45.7, 4.8, 300), reading(45.9, 5.0, 300)]
    assert distance_km(distribution([sure, *modest])[0].best(), (45.8, 4.9)) < 50


def test_a_proposed_swap_is_not_taken():
    proposed = Reading(None, problem="139 is no latitude.", swapped=(35.68, 139.69))
    with pytest.raises(ValueError, match="No reply"):
        distribution([proposed])
    assert len(distribution([proposed, reading(48, 2)])[0].points) == 1
