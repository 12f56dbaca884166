"""The hierarchical bootstrap: its intervals hold the true mean as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from mimic_tracking.bootstrap import bootstrap_interval

REPEATS = 300


def covered(draw, truth: float, **how) -> float:
    """Share of data sets whose interval holds the truth."""
    found = []
    for seed in range(REPEATS):
        values, groups = draw(np.random.default_rng(seed))
        low, high = bootstrap_interval(values, groups, draws=600, seed=seed, **how)
        found.append(low <= truth <= high)
    return float(np.mean(found))


@pytest.mark.parametrize("n", [5, 20])
def test_trials_of_one_animal(n):
    assert 0.91 <= covered(lambda rng: (rng.normal(3.0, 1.0, n), ["a"] * n), 3.0) <= 0.985


def animals(rng: np.random.Generator, n_animals: int = 8, n_trials: int = 10):
    """Trials that differ by 0.5 within an animal, animals that differ by 1."""
    names = np.repeat(np.arange(n_animals), n_trials)
    return 3.0 + rng.normal(0, 1.0, n_animals)[names] + rng.normal(0, 0.5, len(names)), names.tolist()


def test_trials_of_several_animals():
    assert 0.91 <= covered(animals, 3.0) <= 0.99
    alike = covered(lambda rng: (animals(rng)[0], [0] * 80), 3.0)
    assert alike < 0.6  # as if all trials were independent


def test_weights_count():
    values, weights = np.repeat([0.0, 1.0], 10), np.repeat([9.0, 1.0], 10)
    low, high = bootstrap_interval(values, ["a"] * 20, weights)
    assert low < 0.1 < high < 0.5
    assert bootstrap_interval(values, ["a"] * 20) == bootstrap_interval(values, ["a"] * 20, 7.0 * np.ones(20))


def test_few():
    assert np.isnan(bootstrap_interval(np.array([1.0]), ["a"])).all()
    assert np.isnan(bootstrap_interval(np.array([]), [])).all()
    two = bootstrap_interval(np.array([1.0, 1.0, 5.0, 5.0]), ["a", "a", "b", "b"])
    assert two == (1.0, 5.0)  # two animals say hardly anything
    assert bootstrap_interval(np.full(4, 2.0), list("abcd")) == (2.0, 2.0)
