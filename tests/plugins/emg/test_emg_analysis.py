"""Recorded beside simulated muscles: time bases, measures, and what the analysis says."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest
from analysis_cases import analyse, training_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mimic_core import ConfigError, DataError, Emg
from mimic_core.records.emg import muscle_pairs
from mimic_core.testing.rollouts import MAX_FORCE_N, synthetic_rollouts
from mimic_emg.compare import agreement, lags, pearson, simulated
from mimic_emg.mean_curve import reader
from mimic_emg.settings import Comparison, MeanEmg

FLEXOR = "elbow_flexor"


def with_signal(values, signal="activation", rate_hz=400.0, clips=1):
    """Rollouts whose elbow flexor has the same known values (step,) in every clip."""
    r = synthetic_rollouts([len(values)] * clips, rate_hz=rate_hz)
    array = getattr(r, signal).copy()
    array[..., r.actuator_names.index(FLEXOR)] = values
    return attrs.evolve(r, **{signal: array})


def emg_of(envelope, rate_hz=200.0, first_s=0.0025, trials=None, muscle=FLEXOR, **more):
    envelope = np.asarray(envelope, float)[..., None]
    names = trials or [f"synthetic_{i:02d}" for i in range(len(envelope))]
    return Emg(rate_hz=rate_hz, first_s=first_s, trial_names=names, muscle_names=[muscle], envelope=envelope, **more)


def test_states_are_interpolated_in_seconds():
    r = with_signal(np.arange(81) / 400, rate_hz=400.0)  # the activation is the time
    found = simulated(r, FLEXOR, "activation", np.array([-0.001, 0.0, 0.0031, 0.1, 0.2, 0.2001]), 0.005)
    np.testing.assert_allclose(found[0], [np.nan, 0.0, 0.0031, 0.1, 0.2, np.nan])


def test_excitation_is_averaged_over_the_period_of_a_sample():
    u = np.arange(9.0)
    u[0] = np.nan  # nothing was applied before the first instant
    r = with_signal(u, "excitation", rate_hz=400.0)
    # entry k holds from (k - 1) to k control steps of 2.5 ms; samples of 5 ms are centred at 2.5, 7.5, …
    found = simulated(r, FLEXOR, "excitation", np.array([0.0025, 0.0075, 0.003125, 0.0, 0.02, 0.021]), 0.005)
    np.testing.assert_allclose(found[0], [1.5, 3.5, (0.75 + 2 + 0.25 * 3) / 2, 1.0, 8.0, np.nan], atol=1e-12)


def test_force_is_a_share_of_the_maximum(mouse):
    r = synthetic_rollouts([81])
    muscle = attrs.evolve(mouse.muscles[0], name=FLEXOR, max_isometric_force=2 * MAX_FORCE_N)
    r = attrs.evolve(r, body=attrs.evolve(mouse, muscles=(muscle,), emg_muscles={}))
    activation = simulated(r, FLEXOR, "activation", np.arange(40) / 200, 0.005)
    result = analyse("emg", Comparison(signal="force"), rollouts=r, emg=emg_of(activation / 2, first_s=0))
    assert result.metrics[FLEXOR]["force"]["mae"] == pytest.approx(0, abs=1e-9)
    assert "maximum isometric force" in result.methods
    training = training_of({"actuation": {"name": "hill", "force_scale": 2.0}})
    stronger = attrs.evolve(r, muscle_force=2 * r.muscle_force, training=training)
    scaled = analyse("emg", Comparison(signal="force"), rollouts=stronger, emg=emg_of(activation / 2, first_s=0))
    assert scaled.metrics[FLEXOR]["force"]["mae"] == pytest.approx(0, abs=1e-9)
    without = analyse(
        "emg",
        Comparison(signal="force"),
        rollouts=attrs.evolve(r, body=None),
        emg=emg_of(activation / np.percentile(activation, 98), first_s=0),
    )
    assert without.metrics[FLEXOR]["force"]["mae"] == pytest.approx(0, abs=1e-9)
    assert "98th percentile over all clips" in without.methods


@pytest.mark.parametrize("late_ms", [-20.0, 0.0, 12.5])
def test_lag_of_shifted_sinusoids(late_ms):
    """Positive: the simulation is later."""
    t = np.arange(201) / 400
    r = with_signal(0.5 + 0.4 * np.sin(2 * np.pi * 5 * (t - late_ms / 1e3)))
    times = 0.0025 + np.arange(90) / 200
    emg = emg_of([0.5 + 0.4 * np.sin(2 * np.pi * 5 * times)])
    found = analyse("emg", Comparison(lag_step_ms=0.5), rollouts=r, emg=emg).metrics[FLEXOR]["activation"]
    assert found["lag_ms"] == pytest.approx(late_ms, abs=0.5)
    assert found["r_at_lag"] == pytest.approx(1, abs=1e-3)
    assert found["r"] == pytest.approx(np.cos(2 * np.pi * 5 * late_ms / 1e3), abs=0.05)
    assert found["trials"]["lag_ms"] == found["lag_ms"]


def test_a_short_trial_has_its_lag_beside_a_long_one():
    """One of 20 samples, one of 90; both are 10 ms late."""
    times = 0.0025 + np.arange(90) / 200
    t = np.arange(201) / 400
    r = with_signal(0.5 + 0.4 * np.sin(2 * np.pi * 5 * (t - 0.01)), clips=2)
    seen = np.tile(0.5 + 0.4 * np.sin(2 * np.pi * 5 * times), (2, 1))
    seen[0, 20:] = np.nan
    result = analyse("emg", Comparison(), rollouts=r, emg=emg_of(seen))
    found = [row[-2:] for row in result.tables["by_trial"].rows]
    np.testing.assert_allclose([lag for lag, _ in found], [10, 10], atol=1)
    np.testing.assert_allclose([r for _, r in found], [1, 1], atol=1e-3)


def test_measures_by_hand():
    recorded = np.array([0.1, 0.2, 0.4, 0.5, np.nan])
    now = np.array([0.2, 0.2, 0.2, 0.6, 0.9])
    found = agreement(now[None], recorded, np.array([0.0]))
    assert found["mae"] == pytest.approx((0.1 + 0 + 0.2 + 0.1) / 4)
    assert found["rmse"] == pytest.approx(np.sqrt((0.01 + 0 + 0.04 + 0.01) / 4))
    assert found["r"] == pytest.approx(stats.pearsonr(now[:4], recorded[:4]).statistic)
    constant = agreement(np.full((1, 5), 0.3), recorded, np.array([0.0]))
    assert np.isnan([constant["r"], constant["lag_ms"], constant["r_at_lag"]]).all()
    assert constant["mae"] == pytest.approx((0.2 + 0.1 + 0.1 + 0.2) / 4)


@given(scale=st.floats(0.1, 10), shift=st.floats(-3, 3), seed=st.integers(0, 1000), gaps=st.integers(0, 10))
@settings(max_examples=40, deadline=None)
def test_correlation_is_that_of_scipy_and_knows_no_units(scale, shift, seed, gaps):
    a, b = np.random.default_rng(seed).standard_normal((2, 30))
    a[:gaps] = np.nan
    expected = stats.pearsonr(a[gaps:], b[gaps:]).statistic
    assert pearson(a, b) == pytest.approx(expected)
    assert pearson(shift + scale * a, b) == pytest.approx(expected)


def test_lags_are_symmetric():
    np.testing.assert_allclose(lags(Comparison(largest_lag_ms=2, lag_step_ms=0.8)), [-1.6, -0.8, 0, 0.8, 1.6])
    assert lags(Comparison(largest_lag_ms=0)).tolist() == [0]


# --- the whole analysis ---


@pytest.fixture(scope="module")
def rollouts():
    return synthetic_rollouts([121] * 5)


@pytest.fixture(scope="module")
def emg(rollouts):
    """The activation of three clips, off by 0.1, 0.2 and 0.3; two trials are no clips."""
    times = 0.0025 + np.arange(60) / 200
    seen = simulated(rollouts, FLEXOR, "activation", times, 0.005)[[3, 0, 1]] + np.array([[0.1], [0.2], [0.3]])
    names = ["synthetic_03", "other", "synthetic_00", "synthetic_01", "another"]
    return emg_of([seen[0], np.ones(60), seen[1], seen[2], np.ones(60)], trials=names)


@pytest.mark.parametrize(("synthetic", "said"), [(True, "made-up"), (False, "recorded")])
def test_the_error_of_activation_heads_the_result(rollouts, emg, synthetic, said):
    """What is made up is called so, in words and in the metrics."""
    result = analyse("emg", rollouts=rollouts, emg=attrs.evolve(emg, synthetic=synthetic))
    headline, explained = result.headlines
    found = result.metrics[FLEXOR]["activation"]
    assert headline.label == f"{FLEXOR}, from {'made-up ' * synthetic}EMG" and headline.value == found["mae"]
    assert headline.note == f"mean absolute error of activation, mean course; r {found['r']:.3g}"
    assert set(headline.nulls) == {"best constant", "limp body", "best other muscle"}
    assert (explained.value, explained.better) == (found["r2_affine"], "higher")
    assert explained.nulls["unrelated bumps, p95"] == found["nulls"]["bumps"]["r2_affine"]
    assert result.sentence.startswith(
        f"Beside the {said} EMG, the mean course of activation is off by {found['mae']:.3g}"
    )
    assert result.metrics.get("synthetic", False) is synthetic
    other = analyse("emg", Comparison(signal="excitation"), rollouts=rollouts, emg=emg)
    assert "excitation" in other.headlines[0].note and set(other.metrics[FLEXOR]) == {"excitation"}


def test_trials_are_compared_with_the_clips_of_their_names(rollouts, emg):
    result = analyse("emg", rollouts=rollouts, emg=emg)
    found = result.metrics[FLEXOR]["activation"]
    assert found["trials"]["mae"] == pytest.approx(0.2)
    assert found["trials"]["r"] == pytest.approx(1)
    assert found["mae"] == pytest.approx(0.2)
    assert found["until_ms"] == pytest.approx(297.5)
    assert result.metrics["n"] == {"rollouts": 1, "trials": 3, "recorded": 3}
    rows = result.tables["by_trial"].rows
    assert [(r[1], round(r[2], 9)) for r in rows] == [
        ("synthetic_03", 0.1),
        ("synthetic_00", 0.2),
        ("synthetic_01", 0.3),
    ]
    assert set(result.figures) == {"mean_curves", "muscles", "by_trial"} == set(result.captions)
    assert "3 trials bear the name of a clip" in result.methods


def test_a_mean_is_compared_with_the_mean_of_all_clips(rollouts, emg):
    mean = emg_of(
        np.nanmean(simulated(rollouts, FLEXOR, "activation", emg.time, 0.005), 0)[None] + 0.05, trials=["mean"]
    )
    mean = attrs.evolve(mean, averaged_trials=46, sem=np.full(mean.envelope.shape, 0.02))
    result = analyse("emg", Comparison(until_s=0.2), rollouts=rollouts, emg=mean)
    found = result.metrics[FLEXOR]["activation"]
    assert found["mae"] == pytest.approx(0.05)
    assert found["until_ms"] == pytest.approx(197.5)
    assert "trials" not in found
    assert (set(result.tables), set(result.figures)) == ({"agreement", "nulls", "muscles"}, {"mean_curves", "muscles"})
    assert result.metrics["n"]["recorded"] == 46


def test_a_trial_without_this_muscle_is_left_out(rollouts, emg):
    """The EMG of synthetic_00 (off by 0.2) and of the trials that are no clips is missing; 0.1 and 0.3 are left."""
    seen = emg.envelope.copy()
    seen[[1, 2, 4]] = np.nan
    result = analyse("emg", Comparison(), rollouts=rollouts, emg=attrs.evolve(emg, envelope=seen))
    found = result.metrics[FLEXOR]["activation"]
    assert found["trials"]["mae"] == pytest.approx(0.2)
    assert found["mae"] == pytest.approx(0.2)  # the mean of the clips is that of the same two
    assert found["r"] == pytest.approx(1)
    assert [row[1] for row in result.tables["by_trial"].rows if np.isnan(row[2])] == ["synthetic_00"]


def test_several_controllers_give_a_confidence_interval(rollouts, emg):
    others = [attrs.evolve(rollouts, activation=rollouts.activation + off) for off in (0.0, 0.02, 0.07)]
    result = analyse("emg", rollouts=tuple(others), emg=emg)
    found = result.metrics[FLEXOR]["activation"]
    errors = [0.2, 0.18, 0.13]
    interval = stats.t.ppf(0.975, 2) * np.std(errors, ddof=1) / np.sqrt(3)
    for of in (found, found["trials"]):
        assert (of["mae"], of["mae_ci95"]) == pytest.approx((np.mean(errors), interval))
    each = [r for r in result.tables["by_rollouts"].rows if r[2] == "mean"]
    assert [r[3] for r in each] == pytest.approx(errors)
    json.dumps(result.metrics)


def test_a_correlation_with_a_constant_is_left_out_and_counted(rollouts, emg):
    still = attrs.evolve(rollouts, activation=np.full_like(rollouts.activation, 0.3))
    found = analyse("emg", rollouts=(rollouts, still), emg=emg).metrics[FLEXOR]["activation"]
    assert (found["r"], found["r_n"]) == (pytest.approx(1), 1)
    assert "mae_n" not in found
    assert found["mae_ci95"] > 0


def test_percentiles_can_be_compared(rollouts, emg):
    activation = simulated(rollouts, FLEXOR, "activation", emg.time, 0.005)
    scaled = emg_of(activation / np.percentile(activation, 90))
    found = analyse("emg", Comparison(normalize="percentile", percentile=90), rollouts=rollouts, emg=scaled)
    assert found.metrics[FLEXOR]["activation"]["trials"]["mae"] == pytest.approx(0, abs=1e-9)
    assert "its 90th percentile over all clips" in found.methods


def test_pairs_of_muscles(mouse):
    body = attrs.evolve(mouse, emg_muscles={"biceps": "flexor", "tongue": "gone"})

    def pairs(recorded, **settings):
        return muscle_pairs(recorded, ("flexor", "extensor"), body, settings, "here")

    assert pairs(["Biceps", "EXTENSOR", "Tongue"]) == {"Biceps": "flexor", "EXTENSOR": "extensor"}
    assert pairs(["Biceps", "flexor"], biceps="extensor") == {"Biceps": "extensor", "flexor": "flexor"}
    with pytest.raises(ConfigError, match=r"here: no muscle 'bicep' in the EMG; did you mean biceps\?"):
        pairs(["biceps"], bicep="flexor")
    with pytest.raises(ConfigError, match=r"here\.biceps: no muscle 'flexr' in the rollouts; did you mean flexor\?"):
        pairs(["biceps"], biceps="flexr")
    with pytest.raises(ConfigError, match="their actuators are no muscles"):
        muscle_pairs(["biceps"], (), None, {"biceps": "flexor"}, "here")


def test_which_simulated_muscle_belongs_to_a_recorded_one(rollouts, emg, mouse):
    lab = attrs.evolve(emg, muscle_names=["Biceps"])
    body = attrs.evolve(mouse, emg_muscles={"biceps": FLEXOR})
    by_body = analyse("emg", rollouts=attrs.evolve(rollouts, body=body), emg=lab)
    assert by_body.metrics["Biceps"]["activation"]["trials"]["mae"] == pytest.approx(0.2)
    by_settings = analyse(
        "emg", Comparison(muscles={"Biceps": "elbow_extensor"}), rollouts=attrs.evolve(rollouts, body=body), emg=lab
    )
    assert by_settings.metrics["Biceps"]["activation"]["trials"]["mae"] > 0.3
    two = attrs.evolve(emg, muscle_names=[FLEXOR, "tail"], envelope=np.repeat(emg.envelope, 2, axis=2))
    assert "no muscle is known for it: tail" in analyse("emg", rollouts=rollouts, emg=two).methods


@pytest.mark.parametrize(
    ("config", "change", "error", "says"),
    [
        ({}, {"muscle_names": ["tongue"]}, DataError, "no muscle of synthetic_arm is known to be tongue"),
        ({"muscles": {"bicep": "x"}}, {}, ConfigError, "no muscle 'bicep' in the EMG"),
        ({"muscles": {FLEXOR: "elbow_flexr"}}, {}, ConfigError, "did you mean elbow_flexor"),
        ({}, {"first_s": 5.0}, DataError, "share no instant"),
        ({"until_s": 0.001}, {}, DataError, "share no instant"),
        ({"until_s": 0.01}, {}, DataError, "share 2 instants, expected at least 3"),
        ({}, {"rate_hz": 0.2}, DataError, "share 1 instant, expected at least 3"),
    ],
)
def test_what_the_analysis_refuses(rollouts, emg, config, change, error, says):
    with pytest.raises(error) as e:
        analyse("emg", Comparison(**config), rollouts=rollouts, emg=attrs.evolve(emg, **change))
    assert says in str(e.value)
    assert "\n" not in str(e.value)


def test_from_the_command_line(plugins, rollouts, tmp_path):
    from mimic_core.chain import do

    rollouts.save(tmp_path / "rollouts.h5")
    made = do(
        plugins,
        "emg",
        files=[tmp_path / "rollouts.h5"],
        out=tmp_path / "emg.h5",
        reader="synthetic_emg",
        muscles=[FLEXOR],
    )
    assert (made["synthetic"], made["trials"], made["muscles"]) == (True, 5, [FLEXOR])
    files = [tmp_path / "emg.h5", tmp_path / "rollouts.h5"]
    summary = do(plugins, "analyze", analysis="emg", records=files, out=tmp_path / "out", signal="activation")
    assert summary[FLEXOR]["activation"]["r"] > 0.9
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {"agreement.csv", "by_trial.csv", "mean_curves.pdf"}
    assert "made-up EMG" in json.loads((tmp_path / "out" / "result.json").read_text())["tables"]["agreement"]


# --- the published curves ---


def published(shared_data, what):
    columns = {m: f"{m}_{what}" for m in ("triceps", "biceps")}
    path = shared_data / "published_mean_activation.csv"
    return reader(MeanEmg(averaged_trials=46, columns=columns))([path])


@pytest.mark.parametrize(("muscle", "drawn", "in_time"), [("triceps", 0.198, 0.304), ("biceps", 0.165, 0.233)])
def test_published_curves_as_drawn_and_in_their_own_time(shared_data, muscle, drawn, in_time):
    """The published simulation is 59 control steps at 400 Hz, drawn over the 250 ms of the EMG."""
    emg, model = published(shared_data, "emg"), published(shared_data, "physics_aware")
    i, now = emg.muscle_names.index(muscle), np.array([0.0])
    recorded, curve = emg.envelope[0, :, i], model.envelope[:, :, i]
    assert agreement(curve, recorded, now)["mae"] == pytest.approx(drawn, abs=0.001)
    same_time = np.interp(np.linspace(0, 59 / 400, 60), emg.time, recorded)
    assert agreement(curve, same_time, now)["mae"] == pytest.approx(in_time, abs=0.001)
