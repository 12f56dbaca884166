"""Sweep, EMG and controls of simplex projection: against pyEDM, its validation files and hand-worked values."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from simplex_cases import FLEXOR, LENGTHS, sample, trial, validation

from mimic_core import ConfigError, DataError
from mimic_core.records.emg import Emg
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_simplex import sweep
from mimic_simplex.analysis import forecasts_of, prepare, project
from mimic_simplex.controls import derangement, surrogate
from mimic_simplex.neighbours import Cloud, Stack
from mimic_simplex.peer import pyedm_forecast
from mimic_simplex.settings import Settings, SweepSettings
from mimic_simplex.trials import Signals, trials_of
from mimic_simplex.variables import variables_of


def emg_of(rollouts, rate_hz=200.0, first_s=0.0025, **changes):
    """EMG that is a straight line in time, another slope for each trial and muscle."""
    n = int(np.nanmax(rollouts.n_steps) / rollouts.rate_hz * rate_hz)
    t = first_s + np.arange(n) / rate_hz
    slope = 1 + np.arange(len(rollouts.clip_names))[:, None, None] + 0.5 * np.arange(2)
    return Emg(
        rate_hz=rate_hz,
        first_s=first_s,
        trial_names=rollouts.clip_names,
        muscle_names=("biceps", "triceps"),
        envelope=slope * t[None, :, None],
        **changes,
    )


@pytest.fixture(scope="module")
def rollouts():
    return synthetic_rollouts(LENGTHS)


@hypothesis_settings(max_examples=20, deadline=None)
@given(
    e=st.integers(1, 6),
    tau=st.integers(-4, -1),
    tp=st.integers(0, 9),
    k=st.integers(1, 8),
    coarse=st.booleans(),
    seed=st.integers(0, 999),
)
def test_equals_pyedm_ties_and_left_out_clips_included(e, tau, tp, k, coarse, seed):
    """Values rounded to halves give many vectors at the same distance, which pyEDM takes in a certain order."""
    rng = np.random.default_rng(seed)
    x = [np.cumsum(rng.standard_normal((n, 2)), axis=0) for n in (50, 60, 45, 60)]
    x = [np.round(v * 2) / 2 if coarse else v for v in x]
    for left_out in (False, True):
        trials = [trial(v, v[:, :1] ** 2, str(i), left_out or i < 2, left_out or i >= 2) for i, v in enumerate(x)]
        stack = Stack.of(trials)
        found = Cloud(stack, e, tau).neighbours(tp, k)
        ours = dict(zip(found.row, found.forecast(stack.targets)[:, 0], strict=True))
        rows, theirs = pyedm_forecast(stack, e, tau, tp, k, 0, clip=3 if left_out else None)
        assert len(rows) > 0
        np.testing.assert_allclose([ours[row] for row in rows], theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("file", "name", "column", "library", "predict", "e", "tau", "tp", "first", "last"),
    [
        ("Smplx_E3_block_3sp_valid.csv", "block_3sp", "x_t", (1, 100), (99, 195), 3, -1, 1, 2, 94),
        ("PredictInterval_valid.csv", "block_3sp", "x_t", (1, 150), (149, 198), 3, -1, None, 0, 15),
    ],
)
def test_pyedm_validation_files(file, name, column, library, predict, e, tau, tp, first, last):
    valid = validation(file)
    x, y = sample(name, column, *library), sample(name, column, *predict)
    stack = Stack.of([trial(x, x, "library", predict=False), trial(y, y, "predicted", library=False)])
    cloud = Cloud(stack, e, tau)
    if tp is None:
        ours = [c.r for c in sweep.evaluate(stack, e, tau, range(1, 16))]
        np.testing.assert_allclose(ours, valid["rho"], rtol=0, atol=1e-6)
    else:
        ours = cloud.neighbours(tp, e + 1).forecast(stack.targets)[:, 0]
        theirs = valid["Predictions"].to_numpy()[1 : 1 + len(ours)]
        np.testing.assert_allclose(ours[: last - first], theirs[: last - first], rtol=0, atol=1e-6)


@pytest.mark.parametrize("split", ["leave_one_out", "library"])
def test_leaving_one_out_is_a_library_without_that_clip(rollouts, split):
    s = Settings(split=split, standardize="none", targets=("elbow_flexor",))
    _, trials, _ = prepare(rollouts, None, s)
    assert len(trials) == (8 if split == "leave_one_out" else 6)
    stack = Stack.of(trials)
    _, found = project(stack, s)
    whole = forecasts_of(found, stack)[0]
    for i in range(len(trials)):
        alone = Stack.of([attrs.evolve(t, library=j != i, predict=j == i) for j, t in enumerate(trials)])
        one = forecasts_of(project(alone, s)[1], alone)[0]
        np.testing.assert_allclose(whole.predicted[stack.clip[whole.row] == i], one.predicted, atol=1e-12)


def test_surrogate_by_hand():
    """Two predicted clips: each is forecast from the other, so forecasts swap and observations stay."""
    rng = np.random.default_rng(0)
    library = [trial(v, v, f"l{i}", predict=False) for i, v in enumerate(rng.random((3, 30)))]
    asked = [trial(v, v, name, library=False) for name, v in zip("ab", rng.random((2, 30)), strict=True)]
    stack = Stack.of([*library, *asked])
    cloud = Cloud(stack, 2, -1)
    plain, swapped = (forecasts_of(f, stack)[0] for f in (cloud.neighbours(3, 3), surrogate(cloud, 3, 3, rng)))
    half = len(plain.predicted) // 2
    np.testing.assert_array_equal(swapped.observed, plain.observed)
    np.testing.assert_allclose(swapped.predicted, np.r_[plain.predicted[half:], plain.predicted[:half]])


def test_surrogate_uses_neither_of_the_two_clips_where_clips_are_left_out():
    x = np.random.default_rng(1).random((5, 40))
    stack = Stack.of([trial(v, v, str(i)) for i, v in enumerate(x)])
    cloud = Cloud(stack, 2, -1)
    found = surrogate(cloud, 2, 3, np.random.default_rng(2))
    own = cloud.neighbours(2, 3)
    order = np.random.default_rng(2)
    donor = derangement(5, order)
    assert (stack.clip[found.near] != stack.clip[found.row][:, None]).all()
    assert (stack.clip[found.near] != donor[stack.clip[found.row]][:, None]).all()
    np.testing.assert_array_equal(found.row, own.row)


def test_surrogate_keeps_what_repetition_explains_and_no_more():
    """A target that is the same in all clips is forecast as well; one that follows its own clip is not."""
    rng = np.random.default_rng(3)
    t = np.linspace(0, 1, 60)
    trials = []
    for i in range(12):
        own = np.sin(2 * np.pi * (t + rng.random())) * rng.uniform(0.5, 1.5)
        # the predictors tell both the time and the clip's own course
        trials.append(trial(np.column_stack([3 * t, own]), np.column_stack([t**2, own]), str(i), i < 8, i >= 8))
    stack = Stack.of(trials)
    cloud = Cloud(stack, 2, -1)
    same, own = (f.rho for f in forecasts_of(cloud.neighbours(2, 3), stack))
    other = np.mean([[f.rho for f in forecasts_of(surrogate(cloud, 2, 3, rng), stack)] for _ in range(10)], axis=0)
    assert same > 0.9 and own > 0.9
    assert other[0] > 0.9 and abs(other[1]) < 0.5


def test_surrogate_of_a_single_predicted_clip_is_missing():
    r = synthetic_rollouts((120, 120, 120), split=("train", "train", "held_out"))
    result = analyse("simplex", Settings(shuffles=1, targets=("elbow_flexor",)), rollouts=r)
    assert np.isnan(result.metrics["surrogate"]["elbow_flexor"]["rho"])
    assert np.isfinite(result.metrics["rho"]["elbow_flexor"])


@given(n=st.integers(2, 30), seed=st.integers(0, 99))
def test_derangement_moves_everything(n, seed):
    order = derangement(n, np.random.default_rng(seed))
    assert sorted(order) == list(range(n)) and all(i != j for i, j in enumerate(order))


def test_muscles_and_both_as_predictors(rollouts):
    for predictors, n in (("muscles", 4), ("both", 6)):
        result = analyse("simplex", Settings(predictors=predictors, shuffles=1, surrogates=1), rollouts=rollouts)
        s = result.metrics["settings"]
        assert len(s["joints"]) + len(s["muscles"]) == n
        assert f"{2 * n} coordinates" in result.methods
        assert result.metrics["pyEDM"]["largest_difference"] < 1e-10


def test_emg_is_forecast_at_its_own_instants(rollouts):
    emg = emg_of(rollouts)
    s = Settings(predict="emg", predictors="both", standardize="none", targets=("triceps",))
    names, trials, _ = prepare(rollouts, emg, s)
    assert names.targets == ("emg:triceps",) and len(names.predictors) == 6
    np.testing.assert_allclose(trials[1].time[:3], [0.0025, 0.0075, 0.0125])
    np.testing.assert_allclose(trials[1].targets[:, 0], 2.5 * trials[1].time, atol=1e-12)
    # 2.5 ms is one control step of 400 Hz
    np.testing.assert_array_equal(trials[0].predictors[:, 0], rollouts.of("joint_pos", "shoulder")[0, 1:120:2][:60])


@pytest.mark.parametrize(("rate_hz", "first_s"), [(1000.0, 0.0), (1000.0, 0.0005), (200.0, 0.0), (150.0, 0.004)])
def test_emg_of_any_rate_is_averaged_in_seconds(rollouts, rate_hz, first_s):
    """The mean of a straight line around an instant is its value there; at a lower rate, to within half a sample."""
    s = Settings(predict="emg", targets=("biceps",))
    _, trials, _ = prepare(rollouts, emg_of(rollouts, rate_hz, first_s), s)
    t = trials[0]
    slack = 1e-12 if rate_hz >= 200 else 0.5 / rate_hz
    np.testing.assert_allclose(t.targets[:, 0], t.time, rtol=0, atol=slack)
    assert len(t.time) > 55


def test_rollouts_are_read_between_control_steps(rollouts):
    source = Signals("simplex", rollouts, emg_of(rollouts, first_s=0.001), "activation", "rollout", 200.0)
    t = trials_of(source, ("joint:elbow",), ("emg:biceps",), {rollouts.clip_names[0]: (True, True)})[0]
    q = rollouts.of("joint_pos", "elbow")[0]
    expected = np.interp(t.time, np.arange(120) / 400, q[:120])
    np.testing.assert_allclose(t.predictors[:, 0], expected, atol=1e-12)


def test_clips_without_emg_are_left_out_and_missing_samples_part_a_trial(rollouts):
    emg = emg_of(rollouts)
    envelope = emg.envelope[2:].copy()
    envelope[0, 20:24] = np.nan
    emg = attrs.evolve(emg, trial_names=rollouts.clip_names[2:], envelope=envelope)
    s = Settings(predict="emg", split="leave_one_out", shuffles=1, surrogates=1, targets=("biceps",))
    _, trials, _ = prepare(rollouts, emg, s)
    assert [t.clip for t in trials[:3]] == ["synthetic_02", "synthetic_02", "synthetic_03"]
    assert (trials[0].sample[-1], trials[1].sample[0]) == (19, 24)
    result = analyse("simplex", s, rollouts=rollouts, emg=emg)
    assert result.metrics["n"]["clips_left_out"] == 2 and "2 clips had none" in result.methods
    assert list(result.metrics["rho"]) == ["biceps"]
    assert "synthetic" not in result.metrics
    made_up = attrs.evolve(emg, synthetic=True)
    assert analyse("simplex", s, rollouts=rollouts, emg=made_up).metrics["synthetic"] is True
    of_muscles = analyse("simplex", Settings(shuffles=1, surrogates=1), rollouts=rollouts, emg=made_up)
    assert "synthetic" not in of_muscles.metrics  # nothing of it comes from EMG


@pytest.mark.parametrize(
    ("settings", "change", "error", "says"),
    [
        ({"predict": "emg"}, None, DataError, "no EMG file is given"),
        ({"predict": "emg"}, {"averaged_trials": 46}, DataError, "a mean over 46 trials"),
        ({"predict": "emg"}, {"trial_names": tuple("abcdefgh")}, DataError, "no clip bears the name"),
        ({"predict": "emg", "targets": ("bicep",)}, {}, ConfigError, "did you mean biceps"),
        ({"predictors": "muscles", "muscles": ("elbow",)}, {}, ConfigError, "analyze.simplex.muscles"),
        ({"split": "library"}, "held", DataError, "labelled train"),
    ],
)
def test_errors_of_simplex_are_one_line(rollouts, settings, change, error, says):
    emg = None if change in (None, "held") else attrs.evolve(emg_of(rollouts), **change)
    r = attrs.evolve(rollouts, split=("held_out",) * 8) if change == "held" else rollouts
    with pytest.raises(error) as caught:
        analyse("simplex", Settings(**settings), rollouts=r, emg=emg)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def sweep_settings(**changes):
    few = {"E": (1, 2, 9), "tau": (-1, -6), "Tp": (1, 5, 14), "workers": 1, "check": 2, "variables": (FLEXOR,)}
    return SweepSettings(**{**few, **changes})


@pytest.fixture(scope="module")
def swept(rollouts):
    told = []
    settings = sweep_settings(variables=(FLEXOR, "joint:elbow"))
    result = analyse(
        "simplex_sweep", settings, rollouts=rollouts, progress=lambda done, total, metrics: told.append((done, total))
    )
    return result, told


def test_each_cell_of_the_sweep_is_one_projection(rollouts, swept):
    result, _ = swept
    row = {r[:4]: r for r in result.tables["cells"].rows}[FLEXOR, 2, -6, 5]
    s = Settings(
        predictors="muscles", muscles=("elbow_flexor",), targets=("elbow_flexor",), E=2, tau=-6, split="library",
    )  # fmt: skip
    _, trials, _ = prepare(rollouts, None, s)
    stack = Stack.of(trials)
    one = forecasts_of(project(stack, s)[1], stack)[0]
    assert row[4] == pytest.approx(one.rho, abs=1e-12)
    assert one.rho == pytest.approx(spearmanr(one.observed, one.predicted).statistic, abs=1e-12)
    assert row[6] == len(one.predicted)


def test_sweep_counts_what_is_undefined_and_why(swept):
    result, told = swept
    n = result.metrics["cells"]
    assert (n["each"], n["all"]) == (18, 36) and told[-1] == (12, 12)
    rows = result.tables["cells"].rows
    assert sum(np.isnan(r[4]) for r in rows) == sum(bool(r[7]) for r in rows) == n["undefined"] > 0
    by_reason = result.metrics["undefined"][FLEXOR]
    # E = 9, tau = -6 spans 49 samples; with Tp = 14 no clip of at most 60 samples holds it
    assert by_reason[sweep.NO_LIBRARY] == 1
    best = result.metrics["best"][FLEXOR]
    assert best["rho"] == np.nanmax([r[4] for r in rows if r[0] == FLEXOR])
    assert result.metrics["pyEDM"]["largest_difference"] < 1e-10
    assert "cells have no number" in result.methods


@pytest.mark.parametrize(
    ("lengths", "constant", "e", "tp", "reason"),
    [
        ((20, 20, 30, 30), False, 5, 20, sweep.NO_LIBRARY),
        ((30, 30, 20, 20), False, 5, 20, sweep.NO_PREDICTION),
        ((10, 5, 30, 30), False, 4, 4, sweep.FEW_NEIGHBOURS),
        ((30, 30, 30, 30), True, 2, 1, sweep.CONSTANT),
    ],
)
def test_reasons_for_no_number(lengths, constant, e, tp, reason):
    rng = np.random.default_rng(0)
    values = [np.ones(n) if constant else rng.random(n) for n in lengths]
    stack = Stack.of([trial(v, v, str(i), i < 2, i >= 2) for i, v in enumerate(values)])
    (cell,) = sweep.evaluate(stack, e, -1, (tp,))
    assert cell.undefined == reason and np.isnan(cell.rho)


def test_cells_over_the_ends_of_few_clips_are_left_undefined(rollouts):
    strict = analyse("simplex_sweep", sweep_settings(least=1.0), rollouts=rollouts).metrics
    assert strict["undefined"][FLEXOR][sweep.FEW_PREDICTIONS] > 10
    assert strict["best"][FLEXOR]["E"] == 1 and strict["best"][FLEXOR]["Tp"] == 1


def test_sweep_does_not_touch_held_out_clips(rollouts):
    other = rollouts.activation.copy()
    other[np.array(rollouts.split) == "held_out"] *= 0.5
    results = [
        analyse("simplex_sweep", sweep_settings(check=0), rollouts=r)
        for r in (rollouts, attrs.evolve(rollouts, activation=other))
    ]
    assert results[0].metrics["best"] == results[1].metrics["best"]


def test_sweep_is_the_same_in_several_processes(rollouts):
    small = {"E": (2,), "tau": (-1, -2), "Tp": (1,), "check": 0}
    one, two = (analyse("simplex_sweep", sweep_settings(workers=w, **small), rollouts=rollouts).metrics for w in (1, 2))
    assert one["best"] == two["best"]


def test_variables_of_the_sweep(rollouts):
    emg = emg_of(rollouts)
    source = Signals("simplex_sweep", rollouts, emg, "activation", "rollout", 200.0)
    muscles = tuple(f"muscle:{m}" for m in rollouts.muscle_names)
    assert variables_of(source, ()) == (*muscles, "emg:biceps", "emg:triceps")
    for none in (None, attrs.evolve(emg, averaged_trials=2)):
        without = attrs.evolve(source, emg=none)
        assert variables_of(without, ()) == (*muscles, "joint:shoulder", "joint:elbow")
    for bad, says in (("elbow", "names no variable"), ("joint:elbw", "did you mean elbow")):
        with pytest.raises(ConfigError, match=says):
            variables_of(source, (bad,))
    with pytest.raises(DataError, match="no EMG file"):
        variables_of(attrs.evolve(source, emg=None), ("emg:biceps",))


def test_real_reaches_forecast_from_other_reaches(shared_data):
    """Held-out elbow angles of real reaches, 25 ms ahead from the other reaches: pyEDM's numbers, above chance."""
    import h5py

    files = sorted((shared_data / "mouse_reach").glob("*_ik.h5"))[:8]
    trials = []
    for i, file in enumerate(files):
        with h5py.File(file) as f:
            q = np.asarray(f["qpos"])[:, -1]
        trials.append(trial(q, q, str(i), i < 6, i >= 6))
    stack = Stack.of(trials)
    found = Cloud(stack, 2, -1).neighbours(5, 3)
    ours = found.forecast(stack.targets)[:, 0]
    rows, theirs = pyedm_forecast(stack, 2, -1, 5, 3, 0)
    np.testing.assert_array_equal(rows, found.row)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)
    assert spearmanr(stack.targets[found.row + 5, 0], ours).statistic > 0.3
