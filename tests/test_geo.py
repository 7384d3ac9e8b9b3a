"""geo.py against plain formulas, a geodesic library, and brute force over the sphere."""

from __future__ import annotations

import numpy as np
import pytest
from geopy.distance import geodesic, great_circle
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core.errors import CoordinateError
from geoloc_core.geo import (
    EARTH_RADIUS_KM,
    LocationDistribution,
    check_coordinates,
    destination,
    distance_km,
    from_unit_vectors,
    unit_vectors,
    wrap_longitude,
)

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180, exclude_max=True)
points = st.tuples(latitudes, longitudes)
HALF_ROUND_KM = np.pi * EARTH_RADIUS_KM


def sphere_points(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(-180, 180, count)])


@given(points, points)
def test_distance_is_the_great_circle(a, b):
    assert distance_km(a, b) == pytest.approx(great_circle(a, b).km, abs=1e-3)


@given(points, points)
def test_distance_is_within_half_a_percent_of_the_ellipsoid(a, b):
    exact = geodesic(a, b).km
    assert abs(distance_km(a, b) - exact) <= 0.006 * exact + 1e-6


@given(points, points)
def test_distance_is_symmetric_and_bounded(a, b):
    there, back = distance_km(a, b), distance_km(b, a)
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there <= HALF_ROUND_KM + 1e-6


@given(points)
def test_unit_vectors_round_trip(point):
    again = from_unit_vectors(unit_vectors([point]))[0]
    assert distance_km(point, again) < 1e-6


@given(points, st.floats(0, 360), st.floats(0, 20_000))
def test_destination_lies_as_far_as_asked(start, bearing, km):
    assert distance_km(start, destination(start, bearing, km)) == pytest.approx(km, abs=1e-2)


@given(st.floats(-1e6, 1e6))
def test_wrapped_longitudes_are_the_same_meridian(lon):
    wrapped = float(wrap_longitude(lon))
    assert -180 <= wrapped < 180
    assert np.cos(np.radians(wrapped)) == pytest.approx(np.cos(np.radians(lon)), abs=1e-6)


@pytest.mark.parametrize("bad", [(91, 0), (-90.01, 0), (float("nan"), 0), (0, float("inf")), (1, 2, 3)])
def test_impossible_coordinates_are_refused(bad):
    with pytest.raises(CoordinateError):
        check_coordinates(bad)


@pytest.mark.parametrize(
    ("weights", "kernel"), [([0.0], 1), ([-1.0], 1), ([np.nan], 1), ([1.0], 0), ([1.0], np.inf), ([1, 1], 1)]
)
def test_impossible_distributions_are_refused(weights, kernel):
    with pytest.raises(ValueError):
        LocationDistribution([(0, 0)], weights, kernel)


@pytest.mark.parametrize("kernel_km", [30.0, 445.0, 3000.0])
def test_density_integrates_to_one(kernel_km):
    distribution = LocationDistribution(sphere_points(7, seed=1), np.arange(1, 8), kernel_km)
    if kernel_km < 100:  # importance sampling: uniform points would miss narrow kernels
        distribution = LocationDistribution([(89.9, 10)], None, kernel_km)
        near = destination((90, 0), np.linspace(0, 360, 200, endpoint=False)[:, None], np.linspace(0.5, 400, 400))
        ring = np.sin(np.linspace(0.5, 400, 400) / EARTH_RADIUS_KM) * EARTH_RADIUS_KM
        density = distribution.density(near.reshape(-1, 2)).reshape(200, 400).mean(axis=0)
        total = np.trapezoid(density * 2 * np.pi * ring, np.linspace(0.5, 400, 400))
    else:
        total = distribution.density(sphere_points(400_000)).mean() * 4 * np.pi * EARTH_RADIUS_KM**2
    assert total == pytest.approx(1, rel=0.02)


def test_one_point_has_the_radius_of_its_kernel():
    radius = LocationDistribution([(41.4, 2.17)], kernel_km=10).radius_km(0.9)
    assert radius == pytest.approx(10 * np.sqrt(-2 * np.log(0.1)), rel=0.01)


@given(st.lists(points, min_size=1, max_size=8), st.floats(0.05, 0.95), st.floats(20, 2000))
def test_radius_holds_the_mass_it_says(places, mass, kernel_km):
    """Against plain sampling: draw from the distribution and count."""
    distribution = LocationDistribution(places, None, kernel_km)
    rng = np.random.default_rng(0)
    chosen = np.array(places)[rng.integers(0, len(places), 4000)]
    kappa = (EARTH_RADIUS_KM / kernel_km) ** 2
    fall = -np.log1p(rng.random(4000) * np.expm1(-2 * kappa)) / kappa
    samples = destination(chosen, rng.uniform(0, 360, 4000), EARTH_RADIUS_KM * np.arccos(1 - fall))
    inside = (distance_km(distribution.best(), samples) <= distribution.radius_km(mass)).mean()
    assert inside == pytest.approx(mass, abs=0.05)


@given(st.lists(points, min_size=1, max_size=12), st.floats(50, 1500))
def test_best_is_no_worse_than_anything_else(places, kernel_km):
    """The mode beats every given point and a fine net around the globe."""
    distribution = LocationDistribution(places, None, kernel_km)
    net = np.vstack([np.array(places), sphere_points(2000)])
    top = distribution.density([distribution.best()])[0]
    assert top >= distribution.density(net).max() * (1 - 1e-6)


def test_modes_across_the_date_line_are_one():
    distribution = LocationDistribution([(-17, 179.9), (-17, -179.9), (50, 0)], [1, 1, 1.5], 100)
    best, second = distribution.top(2)
    assert abs(best.lon) > 179.9
    assert best.mass == pytest.approx(2 / 3.5)
    assert (second.lat, second.lon) == pytest.approx((50, 0), abs=1e-6)


def test_the_pole_is_an_ordinary_place():
    distribution = LocationDistribution([(89, 0), (89, 90), (89, 180), (89, -90)], None, 200)
    assert distribution.best()[0] == pytest.approx(90, abs=0.01)
