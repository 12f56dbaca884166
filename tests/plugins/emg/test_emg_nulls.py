"""What trivial answers get beside EMG, on signals for which that is known."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import Emg
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_emg.compare import lags
from mimic_emg.mean_curve import reader
from mimic_emg.nulls import bumps, constant, leave_one_out, limp, noise_ceiling
from mimic_emg.settings import Comparison, MeanEmg

FLEXOR = "elbow_flexor"
TIMES = 0.0025 + np.arange(50) / 200


def emg_of(envelope, trials, **more):
    envelope = np.asarray(envelope, float)[..., None]
    return Emg(rate_hz=200.0, first_s=0.0025, trial_names=trials, muscle_names=[FLEXOR], envelope=envelope, **more)


def muscles_that_do(rollouts, **courses):
    """Rollouts in which every named muscle has a known course (step,), and every other one the last of them."""
    activation = rollouts.activation.copy()
    for i, name in enumerate(rollouts.muscle_names):
        activation[..., i] = courses.get(name, list(courses.values())[-1])
    return attrs.evolve(rollouts, activation=activation)


# --- each null by itself ---


def test_the_best_constant_is_the_median_and_a_limp_body_is_off_by_the_whole():
    recorded = np.array([0.1, 0.2, 0.9, np.nan])
    assert constant(recorded) == pytest.approx({"mae": (0.1 + 0 + 0.7) / 3, "r2_affine": 0})
    assert limp(recorded)["mae"] == pytest.approx(1.2 / 3)


@given(seed=st.integers(0, 200), guess=st.floats(-1, 2))
@settings(max_examples=50, deadline=None)
def test_no_other_constant_comes_closer(seed, guess):
    recorded = np.random.default_rng(seed).uniform(0, 1, 31)
    assert constant(recorded)["mae"] <= np.abs(recorded - guess).mean() + 1e-12


@pytest.mark.slow
def test_noise_does_not_beat_a_constant():
    """Activations that know nothing of the EMG, in 20 draws: the constant does as well in every one."""
    rng = np.random.default_rng(0)
    unbeaten = 0
    for i in range(20):
        course = np.clip(0.5 + 0.2 * rng.standard_normal(121), 0, 1)
        r = muscles_that_do(synthetic_rollouts([121] * 2, seed=i), **{FLEXOR: course})
        seen = emg_of([0.5 + 0.1 * np.sin(2 * np.pi * 4 * TIMES)], ["mean"], averaged_trials=40)
        headline = analyse("emg", rollouts=r, emg=seen).headlines[0]
        unbeaten += "best constant" in headline.unbeaten
    assert unbeaten == 20


def test_the_bumps_percentile_is_that_of_chance():
    """A curve that is a bump itself is reached by bumps that are moved over it; white noise is not."""
    config, there = Comparison(bumps=200), np.ones((101, 50), bool)
    assert len(lags(config)) == 101
    rng = np.random.default_rng(1)
    bump = np.exp(-0.5 * ((TIMES - 0.12) / 0.03) ** 2)
    of_bump = bumps(TIMES, bump, there, config)
    of_noise = [bumps(TIMES, rng.standard_normal(50), there, config) for _ in range(20)]
    assert np.percentile(of_bump[1], 95) > 0.98  # a search finds a bump in a bump wherever it was
    assert np.mean([np.percentile(n[1], 95) for n in of_noise]) < 0.6
    assert (of_bump[1] >= of_bump[0] - 1e-12).all()  # a search never makes it worse
    np.testing.assert_array_equal(of_bump[1], bumps(TIMES, bump, there, config)[1])
    # another bump is as good as 95 % of them in about 5 of 100 cases: the percentile means what it says
    other = [np.exp(-0.5 * ((TIMES - c) / 0.02) ** 2) for c in rng.uniform(TIMES[0], TIMES[-1], 100)]
    r = [np.corrcoef(o, bump)[0, 1] for o in other]
    assert np.mean(np.array(r) > np.percentile(of_bump[0], 95)) < 0.15


def test_bumps_are_where_the_simulation_is():
    """Where the simulation has no value, a bump has none; what is left decides r."""
    there = np.ones((1, 50), bool)
    there[:, 40:] = False
    seen = TIMES.copy()
    changed = np.where(np.arange(50) < 40, seen, 100.0)
    config = Comparison(bumps=20, largest_lag_ms=0)
    np.testing.assert_allclose(bumps(TIMES, seen, there, config)[0], bumps(TIMES, changed, there, config)[0])


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_the_noise_ceiling_is_what_the_true_course_gets(noise):
    """Trials are a known course and noise; a perfect model's r, R² and error are those of that course."""
    rng = np.random.default_rng(3)
    course = 0.5 + 0.4 * np.sin(2 * np.pi * 4 * TIMES)
    of_course, ceilings = [], []
    for _ in range(20):
        trials = course + noise * rng.standard_normal((16, 50))
        mean = trials.mean(0)
        of_course.append((np.abs(mean - course).mean(), np.corrcoef(mean, course)[0, 1]))
        found = noise_ceiling(trials, Comparison())
        ceilings.append((found["mae"], found["r"]))
        assert found["r2_affine"] == pytest.approx(found["r"] ** 2)
    np.testing.assert_allclose(np.mean(ceilings, 0), np.mean(of_course, 0), rtol=0.06)
    assert noise_ceiling(trials[:3], Comparison()) == {}


def test_the_mean_of_the_other_trials_leaves_each_one_out():
    trials = np.array([[1.0, 2.0], [3.0, np.nan], [8.0, np.nan]])
    np.testing.assert_allclose(leave_one_out(trials), [[5.5, np.nan], [4.5, 2.0], [2.0, 2.0]])


# --- in the whole analysis ---


@pytest.fixture(scope="module")
def two_courses():
    """The flexor does a slow sine, every other muscle a faster one; the EMG is half the flexor's."""
    t = np.arange(121) / 400
    slow, fast = 0.5 + 0.3 * np.sin(2 * np.pi * 3 * t), 0.5 + 0.3 * np.sin(2 * np.pi * 9 * t)
    r = muscles_that_do(synthetic_rollouts([121] * 4), **{FLEXOR: slow, "others": fast})
    seen = np.interp(TIMES, t, slow) / 2
    return r, seen


def test_the_right_muscle_is_first_among_all(two_courses):
    r, seen = two_courses
    result = analyse("emg", rollouts=r, emg=emg_of([seen], ["mean"], averaged_trials=9))
    found = result.metrics[FLEXOR]["activation"]
    assert found["rank"] == {"mae": 1, "r2_affine": 1}
    assert found["r2_affine"] == pytest.approx(1, abs=1e-4)
    assert found["nulls"]["other_muscles"]["r2_affine"] < 0.2
    assert set(found["muscles"]) == set(r.muscle_names)
    assert found["mae"] == pytest.approx(seen.mean(), abs=1e-3)  # half of it is missing
    assert "For elbow_flexor, a constant comes closer" in result.sentence
    assert "closer to the EMG of" not in result.sentence
    assert "noise_ceiling" not in found and "no single trials" in result.tables["nulls"].caption


def test_another_muscle_that_resembles_the_emg_more_is_named(two_courses):
    r, seen = two_courses
    result = analyse(
        "emg", Comparison(muscles={FLEXOR: "elbow_extensor"}), rollouts=r, emg=emg_of([2 * seen], ["mean"])
    )
    found = result.metrics[FLEXOR]["activation"]
    assert found["best_other_muscle"] == FLEXOR
    assert found["rank"] == {"mae": 2, "r2_affine": 2}
    assert f"{FLEXOR} comes closer to the EMG of {FLEXOR} than elbow_extensor does" in result.sentence
    assert "best other muscle" in result.headlines[0].unbeaten


def test_single_trials_stand_beside_another_clip_and_the_other_trials():
    """Every clip has a course of its own, which its trial repeats: another clip's does not fit."""
    rng, t = np.random.default_rng(0), np.arange(121) / 400
    r = synthetic_rollouts([121] * 6)
    phase = rng.uniform(0, 2 * np.pi, 6)[:, None]
    activation = r.activation.copy()
    activation[..., r.muscle_names.index(FLEXOR)] = 0.5 + 0.3 * np.sin(2 * np.pi * 4 * t + phase)
    r = attrs.evolve(r, activation=activation)
    seen = 0.5 + 0.3 * np.sin(2 * np.pi * 4 * TIMES + phase)
    result = analyse("emg", rollouts=r, emg=emg_of(seen, r.clip_names))
    of = result.metrics[FLEXOR]["activation"]
    assert of["trials"]["r2_affine"] == pytest.approx(1, abs=1e-3)
    nulls = of["trials"]["nulls"]
    assert nulls["another_clip"]["r2_affine"] < 0.7 and nulls["mean_of_other_trials"]["mae"] > 0.05
    assert nulls["best_constant"]["mae"] == pytest.approx(np.abs(seen - np.median(seen)).mean(), rel=1e-6)
    assert {row[2] for row in result.tables["nulls"].rows if row[1] == "trials"} >= {"another clip", "limp body"}
    assert "noise_ceiling" in of


@pytest.mark.parametrize(("muscle", "median", "rest"), [("triceps", 0.097, 0.319), ("biceps", 0.065, 0.483)])
def test_published_means_beside_a_constant_and_a_limp_body(shared_data, muscle, median, rest):
    """Over 0 to 250 ms, as the published curves are drawn."""
    columns = {m: f"{m}_emg" for m in ("triceps", "biceps")}
    path = shared_data / "published_mean_activation.csv"
    emg = reader(MeanEmg(averaged_trials=46, columns=columns))([path])
    seen = emg.envelope[0, :, emg.muscle_names.index(muscle)]
    assert constant(seen)["mae"] == pytest.approx(median, abs=5e-4)
    assert limp(seen)["mae"] == pytest.approx(rest, abs=5e-4)
