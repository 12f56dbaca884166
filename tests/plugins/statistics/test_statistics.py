"""Means, intervals and courses against scipy and against the plain sum."""

from __future__ import annotations

import warnings

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mimic_core import DataError
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_statistics import Mean, check_same, half_width, labels, mean_and_sem, mean_course, mean_interval


@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
@settings(max_examples=25, deadline=None)
def test_interval_is_that_of_a_t_test(seed, n):
    values = np.random.default_rng(seed).normal(3.0, 2.0, n)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    found = mean_interval([*values, np.nan])
    np.testing.assert_allclose([found["low"], found["high"]], expected)
    np.testing.assert_allclose(half_width(np.stack([values, values]), axis=1), found["high"] - found["mean"])


def test_mean_and_interval_by_hand():
    """t(0.975, 3) = 3.18245; sd of 1, 2, 3, 4 is √(5/3)."""
    m = Mean.of([1.0, 2.0, 3.0, 4.0])
    assert (m.mean, m.n) == (2.5, 4)
    assert m.sd == pytest.approx(1.2909944)
    assert m.ci95 == pytest.approx(3.182446 * 1.2909944 / 2, rel=1e-6)
    assert Mean.of([2.0]) == Mean(2.0, None, None, 1)


def test_one_value_has_no_interval_and_is_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(half_width(np.ones((1, 3)))).all() and half_width(np.ones((1, 3))).shape == (3,)
        assert mean_interval([2.0]) == {"mean": 2.0}
        assert np.isnan(Mean.of([]).mean)


def test_mean_and_standard_error():
    mean, sem = mean_and_sem(np.array([[1.0, 2, np.nan], [3, np.nan, np.nan], [8, np.nan, 1]]))
    np.testing.assert_allclose(mean, [4, np.nan, np.nan])  # where at least half of the trials have a sample
    np.testing.assert_allclose(sem[0], stats.sem([1, 3, 8]))
    nothing = np.full((5, 2), np.nan)  # trials without any sample do not count
    np.testing.assert_allclose(mean_and_sem(np.vstack([[[1.0, 2.0]], nothing]))[0], [1, 2])
    assert np.isnan(mean_and_sem(nothing)).all()


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_mean_course_is_the_mean_of_the_others(seed, n):
    rng = np.random.default_rng(seed)
    values, among = rng.normal(size=(n, 5, 2)), rng.random(n) < 0.7
    found = mean_course(values, among)
    for i in range(n):
        others = [j for j in range(n) if among[j] and j != i]
        expected = values[others].mean(0) if others else np.full((5, 2), np.nan)
        np.testing.assert_allclose(found[i], expected, rtol=1e-9, atol=1e-12)


def test_rollouts_without_a_seed_are_numbered_and_must_be_alike():
    r = synthetic_rollouts([10, 10])
    assert labels([r, r]) == ("rollouts 1", "rollouts 2")
    check_same([r, r], "muscle_names")
    with pytest.raises(DataError, match="rollouts 2: its rate hz are 200, those of the first are 400"):
        check_same([r, attrs.evolve(r, rate_hz=200.0)], "rate_hz")
