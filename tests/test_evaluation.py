"""Measures and baselines against counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from geoloc_core.evaluation.metrics import accuracy, best_constant, random_gallery_point, table
from geoloc_core.geo import THRESHOLDS_KM, destination, distance_km


def test_a_photo_at_the_threshold_counts():
    truth = np.array([(10.0, 20.0)] * 5)
    predicted = np.array([destination((10.0, 20.0), 45, r - 1e-6) for r in THRESHOLDS_KM])
    assert accuracy("x", predicted, truth).within == (0.2, 0.4, 0.6, 0.8, 1.0)


def test_random_baseline_is_the_exact_expectation():
    rng = np.random.default_rng(0)
    gallery = np.column_stack([rng.uniform(-10, 10, 60), rng.uniform(-10, 10, 60)])
    truth = gallery[:20] + 0.1
    errors = distance_km(truth[:, None], gallery[None])
    expected = [(errors <= r).mean() for r in THRESHOLDS_KM]
    assert random_gallery_point(gallery, truth).within == pytest.approx(expected)


def test_constant_baseline_sits_in_the_crowd():
    gallery = np.array([(50.0, 10.0)] * 8 + [(-30.0, 140.0)] * 3)
    truth = np.array([(50.1, 10.0), (-30.0, 140.0)])
    assert best_constant(gallery, truth).within == (0.0, 0.5, 0.5, 0.5, 0.5)


def test_table_is_markdown_in_percent():
    lines = table([accuracy("model", [(0, 0)], [(0, 1)])]).splitlines()
    assert lines[2] == "| model | 1 | 100.0 | 0.0 | 0.0 | 100.0 | 100.0 | 100.0 | 111 km |"
    assert len({line.count("|") for line in lines}) == 1
