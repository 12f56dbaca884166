"""Null models of a forecast, each on data where its answer is known."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse
from simplex_cases import FLEXOR, LENGTHS, autoregressive, trial

from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_simplex.findings import Forecast
from mimic_simplex.neighbours import Cloud, Stack
from mimic_simplex.nulls import (
    LINEAR,
    MEAN_COURSE,
    NULLS,
    OTHER_TRIAL,
    OWN_PAST,
    PERSISTENCE,
    SHUFFLED,
    all_beside,
    beside,
    counts,
    linear_map,
    mean_course,
    null_forecasts,
    own_past,
    persistence,
)  # fmt: skip
from mimic_simplex.settings import Settings, SMapSettings, SweepSettings
from mimic_simplex.smap import from_another


def projected(x, y, *, E=2, tp=2, library=None):
    """Stack, cloud and neighbours of trials; the first ``library`` are the library, None: each is left out in turn."""
    trials = [
        trial(a, b, str(i), library is None or i < library, library is None or i >= library)
        for i, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    stack = Stack.of(trials)
    cloud = Cloud(stack, E, -1)
    return stack, cloud, cloud.neighbours(tp, E + 1)


def rho_of(x, y, **settings):
    """Null model → rho of the only target; the projection itself as ``simplex``."""
    stack, cloud, found = projected(x, y, **settings)
    at = found.row + found.Tp
    forecast = Forecast(at, stack.targets[at, 0], found.forecast(stack.targets)[:, 0])
    nulls = null_forecasts(cloud, found, np.random.default_rng(0), 5, 5)
    return {"simplex": forecast.rho} | {n: b["y"].rho for n, b in all_beside({"y": forecast}, nulls, stack).items()}


def test_persistence_is_the_last_value():
    stack, _, found = projected(np.random.default_rng(0).random((4, 30)), np.arange(120.0).reshape(4, 30), library=2)
    np.testing.assert_array_equal(persistence(stack, found)[:, 0], stack.targets[found.row + 2, 0] - 2)


@pytest.mark.parametrize("library", [3, None])
def test_mean_course_is_that_of_the_other_library_clips(library):
    rng = np.random.default_rng(1)
    y = rng.random((5, 20))
    stack, _, found = projected(rng.random((5, 20)), y, library=library)
    at = found.row + 2
    clip, sample = stack.clip[at], stack.sample[at]
    others = {c: np.delete(y, c, 0).mean(0) if library is None else y[:3].mean(0) for c in np.unique(clip)}
    expected = [others[c][s] for c, s in zip(clip, sample, strict=True)]
    np.testing.assert_allclose(mean_course(stack, found)[:, 0], expected)


@pytest.mark.parametrize("library", [6, None])
def test_linear_map_is_that_of_scikit_learn(library):
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(2)
    x = rng.standard_normal((8, 25))
    stack, cloud, found = projected(x, x**2 + rng.random(x.shape), library=library)
    ours = linear_map(cloud, found)[:, 0]
    vector = dict(zip(cloud.row, cloud.vector, strict=True))
    for c in np.unique(stack.clip[found.row]):
        known = [i for i in cloud.library if stack.left[i] >= 2 and stack.clip[i] != c]
        fit = LinearRegression().fit([vector[i] for i in known], stack.targets[np.array(known) + 2, 0])
        rows = found.row[stack.clip[found.row] == c]
        np.testing.assert_allclose(ours[stack.clip[found.row] == c], fit.predict([vector[i] for i in rows]), atol=1e-9)


def test_own_past_finds_an_autoregression_and_nothing_else_does():
    """x' = 0.9 x: two samples on, 0.81 x; predictors are unrelated to it."""
    rng = np.random.default_rng(3)
    y = autoregressive(rng, 40, 60, 0.9)
    _, cloud, found = projected(rng.random(y.shape), y, library=30)
    np.testing.assert_allclose(own_past(cloud, found), 0.81 * cloud.stack.targets[found.row], atol=0.15)
    rho = rho_of(rng.random(y.shape), y, library=30)
    assert rho[OWN_PAST] > 0.75 and max(abs(rho[n]) for n in ("simplex", LINEAR, SHUFFLED, OTHER_TRIAL)) < 0.15


def test_a_course_that_all_trials_share_is_not_beaten():
    rng = np.random.default_rng(4)
    t = np.linspace(0, 1, 60)
    y = np.sin(2 * np.pi * t) + 0.02 * rng.standard_normal((12, 60))
    rho = rho_of(t + 0.02 * rng.standard_normal((12, 60)), y, library=8)
    assert rho[MEAN_COURSE] >= rho["simplex"] > 0.9 and rho[OTHER_TRIAL] > 0.9 and abs(rho[SHUFFLED]) < 0.2


def test_a_linear_function_is_not_beaten_and_a_bent_one_is():
    rng = np.random.default_rng(5)
    x = autoregressive(rng, 30, 62, 0.9)
    for y, linear in ((x[:, :-2] + 0.2 * rng.standard_normal((30, 60)), True), (x[:, :-2] ** 2, False)):
        rho = rho_of(x[:, 2:], y, library=20, E=3)
        assert (rho[LINEAR] >= rho["simplex"]) == linear and rho["simplex"] > 0.75
        assert linear or abs(rho[LINEAR]) < 0.3


def test_a_slow_signal_is_not_beaten_by_what_moves_on_its_own():
    rng = np.random.default_rng(6)
    y = np.cumsum(rng.standard_normal((12, 60)), axis=1)
    rho = rho_of(y + 2 * rng.standard_normal(y.shape), y, library=8)
    assert rho[PERSISTENCE] > rho["simplex"] > 0


def forecast_of(observed, predicted):
    return Forecast(np.arange(len(observed)), observed, predicted)


def test_interval_over_trials_covers_what_is_true_on_average():
    """Of two forecasts that are equally good the difference is 0, in about 95 of 100 intervals."""
    covered, clip = 0, np.repeat(np.arange(10), 30)
    for seed in range(100):
        y, a, b = np.random.default_rng(seed).standard_normal((3, 300))
        found = beside(forecast_of(y, y + a), [forecast_of(y, y + b)], clip, np.arange(10))
        covered += found.low <= 0 <= found.high
        assert found.low < found.more < found.high
    assert 88 <= covered <= 100
    better = beside(forecast_of(y, y + 0.1 * a), [forecast_of(y, b)], clip, np.arange(10))
    assert better.low > 0 and counts({"x": {"y": better}}) == {"x": {"above": 1, "clearly": 1, "of": 1}}
    alone = beside(forecast_of(y, a), [forecast_of(y, b)], np.zeros(300, int), np.zeros(1, int))
    assert np.isnan(alone.low) and np.isfinite(alone.more)
    assert counts({"x": {"y": beside(forecast_of(y, a), [], clip, np.arange(10))}})["x"]["of"] == 0


def test_smap_from_another_clip_at_the_same_time():
    clip, sample = np.repeat([3, 5, 9], 4), np.tile(np.arange(1, 5), 3)
    found = from_another(10.0 * clip + sample, clip, sample, np.random.default_rng(0))
    np.testing.assert_array_equal(found % 10, sample)
    assert (found // 10 != clip).all()
    assert np.isnan(from_another(np.ones(4), np.zeros(4, int), np.arange(4), np.random.default_rng(0))).all()


@pytest.fixture(scope="module")
def rollouts():
    return synthetic_rollouts(LENGTHS)


def test_smap_stands_beside_its_null_models(rollouts):
    s = SMapSettings(variables=(FLEXOR,), theta=(0.0, 2.0), resamples=200, shuffles=2, workers=1)
    result = analyse("smap", s, rollouts=rollouts)
    (headline,) = result.headlines
    m = result.metrics[FLEXOR]
    assert headline.value == m["rho_apart"] and headline.nulls == m["nulls"] and set(m["nulls"]) == set(NULLS)
    assert m["nulls"][LINEAR] == pytest.approx(m["rho_linear"])
    # From its own past, the linear map of the delay vectors is the autoregression.
    assert m["nulls"][OWN_PAST] == pytest.approx(m["nulls"][LINEAR], abs=1e-6)
    assert "Local maps forecast better than one linear map in 0 of 1 variables (1 undecided" in result.sentence
    joints = analyse("smap", attrs.evolve(s, predictors="joints"), rollouts=rollouts).metrics[FLEXOR]["nulls"]
    assert joints[OWN_PAST] == pytest.approx(m["nulls"][OWN_PAST], abs=1e-6) and joints[LINEAR] != joints[OWN_PAST]


def test_sweep_stands_beside_its_null_models(rollouts):
    s = SweepSettings(variables=(FLEXOR,), E=(2,), tau=(-1,), Tp=(5,), check=0, workers=1)
    result = analyse("simplex_sweep", s, rollouts=rollouts)
    (headline,) = result.headlines
    assert headline.value == result.metrics["best"][FLEXOR]["rho"]
    alone = {"predictors": "muscles", "muscles": ("elbow_flexor",), "targets": ("elbow_flexor",), "split": "library"}
    same = analyse("simplex", Settings(**alone), rollouts=rollouts).headlines[0]
    assert headline.value == pytest.approx(same.value)
    for name in (PERSISTENCE, MEAN_COURSE, LINEAR, OWN_PAST):
        assert headline.nulls[name] == pytest.approx(same.nulls[name], abs=1e-9)
