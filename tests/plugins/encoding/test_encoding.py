"""The encoding analysis on made-up neurons whose code is known."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import ConfigError, DataError, DataWarning
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_encoding.find import COURSE, TIME, TRIAL, partners, shifts
from mimic_encoding.made_up import made_up
from mimic_encoding.neural import COUNTS, SIGNAL, Neural
from mimic_encoding.regression import Rows, deviance, explained, mean_course, predictions
from mimic_encoding.settings import Settings
from mimic_encoding.similarity import similarity
from mimic_encoding.sources import INTENTION, KINEMATICS, MUSCLES, binned, sources_of

FAST = Settings(alphas=(1e-2,), draws=1, folds=3)


def smooth(rng, clips, steps, columns):
    """(clip, step, column) slow random courses, of unit variance."""
    x = np.cumsum(rng.normal(size=(clips, steps, columns)), axis=1)
    x -= x.mean(axis=1, keepdims=True)
    return x / x.std()


def rollouts_of(seed=0, clips=10, steps=160):
    """Rollouts with intention, a layer that depends on it, kinematics and muscles that are unrelated courses."""
    rng = np.random.default_rng(seed)
    r = synthetic_rollouts((steps,) * clips)
    intention = smooth(rng, clips, steps, 4)
    layer = np.tanh(intention @ rng.normal(size=(4, 12)) + 0.5 * smooth(rng, clips, steps, 12))
    joints = smooth(rng, clips, steps, len(r.joint_names))
    return attrs.evolve(
        r,
        record={"intention_mean": intention, "layer/decoder/layer_1": layer},
        joint_pos=joints,
        joint_vel=smooth(rng, clips, steps, len(r.joint_names)),
        activation=1 / (1 + np.exp(-smooth(rng, clips, steps, len(r.actuator_names)))),
    )


def neurons_of(rollouts, code, seed=0, n=6):
    return made_up(rollouts, code, 0.02, n, 30.0, seed)


# -- the answer is known --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [INTENTION, KINEMATICS, MUSCLES])
def test_the_true_code_wins(code):
    r = rollouts_of()
    found = analyse("encoding", FAST, rollouts=r, neural=neurons_of(r, code))
    assert found.metrics["best"] == code
    best = found.metrics["sources"][code]
    assert best["explained"] > max(best["nulls"].values()) + 0.1
    assert not found.headlines[0].unbeaten
    assert code in found.sentence and "made-up" in found.sentence


@pytest.mark.slow
def test_the_true_code_wins_in_95_of_100():
    """Four codes, 25 draws of movement, weights and spikes each."""
    fit = Settings(alphas=(1e-2,), draws=1, folds=3)
    wins = 0
    for seed in range(25):
        r = rollouts_of(seed)
        for code in (INTENTION, KINEMATICS, MUSCLES, "decoder/layer_1"):
            wins += analyse("encoding", fit, rollouts=r, neural=neurons_of(r, code, seed)).metrics["best"] == code
    assert wins >= 95


def test_neurons_that_encode_nothing_are_not_explained():
    r = rollouts_of()
    n = neurons_of(r, INTENTION)
    noise = np.random.default_rng(1).poisson(0.6, n.values.shape).astype(float)
    found = analyse("encoding", FAST, rollouts=r, neural=attrs.evolve(n, values=noise))
    assert max(s["explained"] for s in found.metrics["sources"].values()) < 0.02


def test_a_mean_course_is_no_code_of_single_trials():
    """Neurons that follow time alone are predicted as well by another trial, and the sentence says so."""
    r = rollouts_of()
    n = neurons_of(r, INTENTION)
    ramp = smooth(np.random.default_rng(3), 1, 160, 4)
    r = attrs.evolve(r, record={**r.record, "intention_mean": np.repeat(ramp, 10, axis=0)})
    rate = np.exp(binned(np.tile(ramp[..., :1], (10, 1, 1)), r.rate_hz, n.time, 0.02, np.zeros(1)))
    rate = np.where(np.isfinite(rate), rate, 0.0)
    values = np.random.default_rng(4).poisson(np.tile(rate, (1, 1, 6))).astype(float)
    found = analyse("encoding", FAST, rollouts=r, neural=attrs.evolve(n, values=values))
    assert found.metrics["best"] == INTENTION
    assert TRIAL in found.headlines[0].unbeaten and TRIAL in found.sentence


def test_signals_are_fitted_by_ridge():
    r = rollouts_of()
    x = binned(r.record["intention_mean"], r.rate_hz, 0.01 + 0.02 * np.arange(20), 0.02, np.zeros(1))
    rng = np.random.default_rng(0)
    values = x @ rng.normal(size=(4, 3)) + 0.3 * rng.normal(size=(*x.shape[:2], 3))
    photometry = Neural(
        kind_of_value=SIGNAL,
        rate_hz=50.0,
        first_s=0.01,
        trial_names=r.clip_names,
        neuron_names=("a", "b", "c"),
        values=values,
    )
    found = analyse("encoding", FAST, rollouts=r, neural=photometry)
    assert found.metrics["best"] == INTENTION
    assert found.metrics["sources"][INTENTION]["explained"] > 0.7
    assert "ridge" in found.methods and found.headlines[0].label.startswith("variance")


def test_a_lag_is_found():
    """Neurons that lead the movement by 60 ms are explained better 60 ms later."""
    r = rollouts_of()
    late = np.roll(r.record["intention_mean"], -24, axis=1)  # 60 ms at 400 Hz
    n = neurons_of(attrs.evolve(r, record={**r.record, "intention_mean": late}), INTENTION)
    at = {
        lag: analyse(
            "encoding", attrs.evolve(FAST, lags_ms=(lag,), sources=(INTENTION,)), rollouts=r, neural=n
        ).metrics["sources"][INTENTION]["explained"]
        for lag in (0.0, 60.0)
    }
    assert at[60.0] > at[0.0] + 0.05


# -- its parts ------------------------------------------------------------------------------------------------


def rows_of(y, trials=6, counts=True):
    n = len(y) // trials
    return Rows(y, np.repeat(np.arange(trials), n), np.tile(np.arange(n), trials), counts)


def test_deviance_by_hand():
    """2(y log(y/μ) − y + μ): y = 2, μ = 1 gives 2(2 log 2 − 1); y = 0, μ = 3 gives 6."""
    y, mean = np.array([[2.0], [0.0]]), np.array([[1.0], [3.0]])
    np.testing.assert_allclose(deviance(y, mean, True)[:, 0], [2 * (2 * np.log(2) - 1), 6.0])
    np.testing.assert_allclose(deviance(y, mean, False)[:, 0], [1.0, 9.0])


def test_scores_are_those_of_scikit_learn():
    from sklearn.metrics import d2_tweedie_score

    rng = np.random.default_rng(0)
    y = rng.poisson(2.0, (60, 1)).astype(float)
    rows = rows_of(y)
    folds = rows.folds(3, 0)
    said = np.full_like(y, 1.7)
    base = sum(len(b) * _mean_deviance(y[b], y[a].mean()) for a, b in folds)
    ours = explained(rows, said, folds)[0]
    theirs = 1 - (1 - d2_tweedie_score(y[:, 0], said[:, 0], power=1)) * 60 * _mean_deviance(y, y.mean()) / base
    assert ours == pytest.approx(theirs, abs=1e-12)


def _mean_deviance(y, mean):
    from sklearn.metrics import mean_poisson_deviance

    return mean_poisson_deviance(y[:, 0], np.full(len(y), mean))


def test_the_mean_is_worth_nothing():
    y = np.random.default_rng(0).poisson(2.0, (60, 2)).astype(float)
    rows = rows_of(y)
    folds = rows.folds(3, 0)
    constant_source = predictions(np.ones((60, 3)), rows, folds, (1e-2,), 8)
    np.testing.assert_allclose(explained(rows, constant_source, folds), 0.0, atol=1e-6)
    assert (np.abs(explained(rows, mean_course(rows, folds), folds)) < 0.5).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 6), st.integers(2, 15), st.integers(0, 99))
def test_shuffles_stay_where_they_belong(trials, bins, seed):
    """A turn in time keeps every trial's own rows; a partner is another trial's row of the same bin."""
    rows = rows_of(np.zeros((trials * bins, 1)), trials)
    rng = np.random.default_rng(seed)
    turned, other = shifts(rng, rows), partners(rng, rows)
    assert sorted(turned) == list(range(trials * bins))
    assert (rows.trial[turned] == rows.trial).all()
    assert (turned != np.arange(len(turned))).all()
    assert (rows.trial[other] != rows.trial).all() and (rows.time[other] == rows.time).all()


def test_bins_are_means_and_lags_look_later():
    ramp = np.arange(40.0).reshape(1, 40, 1)  # at 1000 Hz
    found = binned(ramp, 1000.0, np.array([0.005, 0.015]), 0.010, np.array([0.0, 0.010]))
    np.testing.assert_allclose(found[0], [[5.0, 15.0], [15.0, 25.0]])
    assert np.isnan(binned(ramp, 1000.0, np.array([0.1]), 0.01, np.zeros(1))).all()


def test_similarity_of_a_source_with_itself_is_the_highest():
    rng = np.random.default_rng(0)
    same, other = (np.tile(smooth(rng, 1, 24, 6), (8, 1, 1)) for _ in range(2))
    y = same + 0.1 * rng.normal(size=same.shape)
    found = similarity(y, {"same": same, "other": other}, 0)
    assert found.rho["same"] > 0.95 > found.rho["other"]
    assert found.shifted["same"] < found.rho["same"]
    assert found.low <= found.high <= 1
    assert similarity(y[:3], {"same": same[:3]}, 0) is None


# -- what does not fit ----------------------------------------------------------------------------------------


def test_what_is_left_out_is_said():
    r = rollouts_of()
    n = neurons_of(r, INTENTION)
    values = n.values.copy()
    values[..., 2] = 0.0
    values = np.concatenate([values, values[:1]])
    n = attrs.evolve(n, values=values, trial_names=(*n.trial_names, "elsewhere"))
    with pytest.warns(DataWarning, match="made_up_3|elsewhere"):
        found = analyse("encoding", FAST, rollouts=r, neural=n)
    assert found.metrics["left_out"] == {"neurons": ["made_up_3"], "trials": ["elsewhere"]}
    assert "made_up_3" in found.methods and "elsewhere" in found.methods


def test_names_that_do_not_fit():
    r = rollouts_of()
    n = neurons_of(r, INTENTION)
    with pytest.raises(ConfigError, match=r"no source 'intentions'.*intention"):
        analyse("encoding", attrs.evolve(FAST, sources=("intentions",)), rollouts=r, neural=n)
    with pytest.raises(DataError, match=r"0 of its trials .*--clips"):
        analyse("encoding", FAST, rollouts=r, neural=attrs.evolve(n, trial_names=tuple(f"x{i}" for i in range(10))))
    with pytest.raises(ConfigError, match=r"neural.code: no source 'muscels'.*muscles"):
        made_up(r, "muscels", 0.02, 2, 10.0, 0)


def test_sources_of_rollouts():
    found = sources_of(rollouts_of())
    assert set(found) == {"decoder/layer_1", INTENTION, KINEMATICS, MUSCLES}


def test_null_models_stand_beside_every_headline():
    r = rollouts_of()
    found = analyse("encoding", FAST, rollouts=r, neural=neurons_of(r, INTENTION))
    for h in found.headlines:
        assert {TIME, TRIAL, COURSE} <= set(h.nulls)
    assert set(found.tables) == {"score", "neurons", "pairs", "similarity"}
    assert neurons_of(r, INTENTION).kind_of_value == COUNTS
