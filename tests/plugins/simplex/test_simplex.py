"""Simplex projection against a direct implementation, pyEDM's own validation, and hand-worked values."""

from __future__ import annotations

import subprocess
import sys

import attrs
import numpy as np
import pytest
from analysis_cases import analyse
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata

from mimic_core import ConfigError, DataError
from mimic_core.testing.rollouts import activation_of, synthetic_rollouts
from mimic_simplex.analysis import forecasts_of, prepare, project
from mimic_simplex.controls import shuffled
from mimic_simplex.neighbours import Cloud, Stack
from mimic_simplex.nulls import NULLS
from mimic_simplex.settings import Settings
from mimic_simplex.trials import Trial

LENGTHS = (120, 100, 120, 90, 120, 61, 120, 110)


def trial(x, y, library, clip="c"):
    x, y = (np.asarray(v, float).reshape(len(v), -1) for v in (x, y))
    n = np.arange(len(x))
    return Trial(clip, library, not library, n / 200, n, x, y)


def forecast(trials, settings):
    """The forecast of the first target."""
    stack = Stack.of(trials)
    _, found = project(stack, settings)
    return forecasts_of(found, stack)[0]


def direct(trials, e, tau, tp, k):
    """Sugihara & May (1990) written out: predictions of each held-out trial, in order of time."""

    def vectors(t):
        n, back = len(t.time), (e - 1) * -tau
        for i in range(back, n - tp):
            yield np.concatenate([t.predictors[i + d * tau] for d in range(e)]), t.targets[i + tp, 0]

    library = [v for t in trials if t.library for v in vectors(t)]
    points, ahead = np.array([v for v, _ in library]), np.array([y for _, y in library])
    out = []
    for t in trials:
        if t.library:
            continue
        for v, _ in vectors(t):
            distance = np.sqrt(((points - v) ** 2).sum(1))
            near = np.argsort(distance)[:k]
            weight = np.exp(-distance[near] / max(distance[near].min(), 1e-6))
            out.append((weight * ahead[near]).sum() / weight.sum())
    return np.array(out)


@pytest.fixture(scope="module")
def rollouts():
    return synthetic_rollouts(LENGTHS)


@pytest.fixture(scope="module")
def result(rollouts):
    return analyse("simplex", Settings(shuffles=10), rollouts=rollouts)


def test_mean_rho_heads_the_result_beside_its_null_models(result):
    (headline,) = result.headlines
    rho, nulls = list(result.metrics["rho"].values()), result.metrics["nulls"]
    assert headline.label == "simplex ρ, joints to muscles" and headline.value == pytest.approx(np.mean(rho))
    assert (headline.note, headline.better) == ("mean over 4 signals", "higher")
    assert set(headline.nulls) == set(nulls) == set(NULLS)
    for name, value in headline.nulls.items():
        assert value == pytest.approx(np.mean([b["rho"] for b in nulls[name].values()]))
    assert result.sentence.startswith(
        "Simplex projection from joints to muscles forecasts unseen clips with a Spearman's ρ of "
        f"{min(rho):.3g} to {max(rho):.3g} over 4 signals (mean {np.mean(rho):.3g}). It is above "
    )
    for name, n in result.metrics["above"].items():
        above = [x > nulls[name][m]["rho"] for m, x in result.metrics["rho"].items()]
        assert n["above"] == sum(above) and f"{name} in {sum(above)} of 4 ({n['clearly']} clearly)" in result.sentence


@pytest.mark.parametrize(("e", "tau", "tp", "k"), [(2, -1, 5, 0), (1, -1, 1, 2), (3, -2, 4, 0), (2, -1, 0, 5)])
def test_agrees_with_a_direct_implementation(rollouts, e, tau, tp, k):
    s = Settings(E=e, tau=tau, Tp=tp, neighbors=k, standardize="none", targets=("elbow_flexor",))
    _, trials, _ = prepare(rollouts, None, s)
    expected = direct(trials, e, tau, tp, k or e + 1)
    np.testing.assert_allclose(forecast(trials, s).predicted, expected, rtol=0, atol=1e-12)
    assert len(expected) == sum(n // 2 - (e - 1) * -tau - tp for n in LENGTHS[-2:])


def test_one_prediction_by_hand():
    """Neighbours of 1 among 0, 2.5 and 9 (E = 1, k = 2): distances 1 and 1.5, weights e^-1 and e^-1.5."""
    s = Settings(E=1, Tp=1, neighbors=2, standardize="none")
    trials = [trial([0, 2.5, 9, 0], [7, 10, 20, 40], True), trial([1, 5, 3], [0, 1, 2], False)]
    f = forecast(trials, s)
    near, far = np.exp(-1), np.exp(-1.5)
    assert f.predicted[0] == pytest.approx((10 * near + 20 * far) / (near + far), abs=1e-12)
    np.testing.assert_array_equal(f.observed, [1, 2])


def block_3sp(first, last, library, clip="library"):
    from pyEDM import sampleData

    x = sampleData["block_3sp"]["x_t"].to_numpy()[first - 1 : last]
    return trial(x, x, library, clip)


def test_values_of_pyedm_validation():
    """pyEDM's Smplx_E3_block_3sp_valid.csv: library rows 1-100, E = 3, forecasts of rows 102 to 104."""
    s = Settings(E=3, Tp=1, standardize="none")
    # The vectors of row 101 reach back to row 99, so that trial starts there.
    found = forecast([block_3sp(1, 100, True), block_3sp(99, 196, False, "predicted")], s)
    np.testing.assert_allclose(found.predicted[:2], [0.312495, 0.872122], rtol=0, atol=5e-7)


@pytest.mark.parametrize(("tp", "rho"), [(1, 0.896937), (2, 0.773489), (3, 0.424721), (5, 0.128462)])
def test_accuracy_of_pyedm_validation(tp, rho):
    """pyEDM's PredictInterval_valid.csv: block_3sp, library rows 1-150, prediction 151-198, E = 3 (its rho is r)."""
    s = Settings(E=3, Tp=tp, standardize="none")
    found = forecast([block_3sp(1, 150, True), block_3sp(149, 198, False, "predicted")], s)
    assert found.r == pytest.approx(rho, abs=1e-6)


def test_nothing_crosses_a_trial():
    """One-sample-ahead of each library trial's end lies another trial with wild values; none may be seen."""
    s = Settings(E=2, Tp=2, standardize="none")
    rng = np.random.default_rng(1)
    x = rng.standard_normal((6, 20))
    calm = [trial(v, v, True, str(i)) for i, v in enumerate(x[:4])]
    wild = [trial(v + 1e3, v + 1e6, True, "wild") for v in x[:3]]
    ask = [trial(x[4], x[4], False), trial(x[5], x[5], False)]

    def predict(trials):
        return forecast(trials, s).predicted

    alone = predict([*calm, *ask])
    mixed = predict([calm[0], wild[0], ask[0], wild[1], calm[1], calm[2], wild[2], ask[1], calm[3]])
    np.testing.assert_allclose(mixed, alone, rtol=0, atol=1e-12)
    # The same trials without gaps between them do give something else: the test can fail.
    merged = [trial(np.r_[x[0], x[1] + 1e3, x[2]], np.r_[x[0], x[1] + 1e6, x[2]], True), *ask]
    assert np.abs(predict(merged) - alone).max() > 1


@hypothesis_settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=2, max_size=8),
    e=st.integers(1, 3),
    tau=st.integers(-3, -1),
    tp=st.integers(0, 6),
    data=st.data(),
)
def test_neighbours_keep_trials_apart(lengths, e, tau, tp, data):
    sides = data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    rng = np.random.default_rng(sum(lengths))
    trials = [
        trial(rng.random(n), rng.random(n), lib, str(i)) for i, (n, lib) in enumerate(zip(lengths, sides, strict=True))
    ]
    stack = Stack.of(trials)
    found = Cloud(stack, e, tau).neighbours(tp, 2)
    for rows, library in ((found.row[:, None], False), (found.near, True)):
        assert (stack.library[rows] == library).all()
        for first, last in ((rows + (e - 1) * tau, rows), (rows, rows + tp)):
            assert (stack.trial[first] == stack.trial[last]).all()
    room = sum(max(0, n - (e - 1) * -tau - tp) for n, lib in zip(lengths, sides, strict=True) if lib)
    asked = sum(max(0, n - (e - 1) * -tau - tp) for n, lib in zip(lengths, sides, strict=True) if not lib)
    assert len(found.row) == (asked if room >= 2 else 0)
    np.testing.assert_allclose(found.weight.sum(1), 1)


def test_shuffled_control_keeps_embedding_and_observations(rollouts):
    stack = Stack.of(prepare(rollouts, None, Settings())[1])
    before, after = stack.targets, shuffled(stack, np.random.default_rng(0))
    held = ~stack.library
    np.testing.assert_array_equal(before[held], after[held])
    np.testing.assert_array_equal(np.sort(before[~held], axis=0), np.sort(after[~held], axis=0))
    assert (before != after)[~held].mean() > 0.9


def test_forecast_is_good_and_control_is_not(result):
    rho, control = result.metrics["rho"], result.metrics["shuffled"]
    assert list(rho) == ["shoulder_flexor", "shoulder_extensor", "elbow_flexor", "elbow_extensor"]
    for m in rho:
        assert rho[m] > 0.5
        assert abs(control[m]["rho"]) < 0.25
        assert rho[m] > control[m]["rho"] + 3 * control[m]["sd"]


def test_scores_are_rank_and_linear_correlation(rollouts):
    s = Settings(targets=("elbow_flexor",))
    f = forecast(prepare(rollouts, None, s)[1], s)
    assert f.rho == pytest.approx(np.corrcoef(rankdata(f.observed), rankdata(f.predicted))[0, 1], abs=1e-12)
    assert f.r == pytest.approx(np.corrcoef(f.observed, f.predicted)[0, 1], abs=1e-12)


def test_counts_with_unequal_lengths(result):
    n = result.metrics["n"]
    assert (n["library_clips"], n["predicted_clips"]) == (6, 2)
    assert n["library_samples"] == 60 + 50 + 60 + 45 + 60 + 31
    assert n["predictions"] == (60 - 1 - 5) + (55 - 1 - 5)
    assert n["clips_too_short"] == []


def test_too_short_clip_is_named():
    rollouts = synthetic_rollouts((120, 120, 10, 120), split=("train", "train", "train", "held_out"))
    r = analyse("simplex", Settings(shuffles=1), rollouts=rollouts)
    assert r.metrics["n"]["clips_too_short"] == ["synthetic_02"]
    assert "synthetic_02" in r.methods


def test_observed_values_are_those_tp_ahead(rollouts):
    """Without noise the observed values are the known function of the joints 25 ms later."""
    clean = synthetic_rollouts(LENGTHS, noise=0.0)
    s = Settings(targets=("shoulder_flexor",))
    f = forecast(prepare(clean, None, s)[1], s)
    held = [c for c, side in enumerate(clean.split) if side == "held_out"]
    expected = [activation_of(clean.joint_pos[c], clean.joint_vel[c])[2 * (1 + 5) : LENGTHS[c] : 2, 0] for c in held]
    np.testing.assert_allclose(f.observed, np.concatenate(expected), atol=1e-12)


def test_excitation_is_averaged_over_each_sample(rollouts):
    s = Settings(signal="excitation", standardize="none", targets=("elbow_flexor",))
    first = prepare(rollouts, None, s)[1][0]
    u = rollouts.of("excitation", "elbow_flexor")[0]
    assert first.time[0] == pytest.approx(2 / 400)  # nothing was applied before the first step
    np.testing.assert_allclose(first.targets[:3, 0], [u[1:3].mean(), u[3:5].mean(), u[5:7].mean()], atol=1e-12)
    np.testing.assert_array_equal(first.predictors[:, 0], rollouts.of("joint_pos", "shoulder")[0, 2:120:2])


def test_activation_is_picked(rollouts):
    first = prepare(rollouts, None, Settings(targets=("elbow_flexor",)))[1][0]
    np.testing.assert_array_equal(first.targets[:, 0], rollouts.of("activation", "elbow_flexor")[0, 0:120:2])


def test_standardisation(rollouts):
    known = np.concatenate([t.predictors for t in prepare(rollouts, None, Settings())[1] if t.library])
    np.testing.assert_allclose([known.mean(0), known.std(0)], [[0, 0], [1, 1]], atol=1e-12)
    each = prepare(rollouts, None, Settings(standardize="trial"))[1]
    np.testing.assert_allclose([t.targets.std() for t in each], 1, atol=1e-12)


def test_gap_in_a_clip_parts_it():
    r = synthetic_rollouts((120,) * 4)
    joint_pos = r.joint_pos.copy()
    joint_pos[0, 60:64] = np.nan
    r = attrs.evolve(r, joint_pos=joint_pos)
    trials = prepare(r, None, Settings())[1]
    assert [len(t.time) for t in trials] == [30, 28, 60, 60, 60]
    assert trials[1].time[0] == pytest.approx(64 / 400)


def test_split_falls_back_to_a_seeded_draw():
    r = synthetic_rollouts((120,) * 10, split=("held_out",) * 10)
    draws = [[t.library for t in prepare(r, None, Settings(seed=seed))[1]] for seed in (0, 0, 1)]
    assert [sum(d) for d in draws] == [7, 7, 7]
    assert draws[0] == draws[1] != draws[2]
    assert analyse("simplex", Settings(shuffles=1), rollouts=r).metrics["settings"]["split"] == "fraction"


def test_seed_decides_the_control(rollouts):
    several = [Settings(shuffles=2, seed=seed, targets=("elbow_flexor",)) for seed in (0, 0, 1)]
    a, b, c = (analyse("simplex", s, rollouts=rollouts).metrics["shuffled"] for s in several)
    assert a == b != c


def test_muscle_that_never_changes_has_no_correlation(rollouts, tmp_path):
    still = rollouts.activation.copy()
    still[..., rollouts.actuator_names.index("elbow_flexor")] = np.where(np.isfinite(still[..., 0]), 0.25, np.nan)
    result = analyse("simplex", Settings(shuffles=2), rollouts=attrs.evolve(rollouts, activation=still))
    assert np.isnan(result.metrics["rho"]["elbow_flexor"]) and result.metrics["rho"]["elbow_extensor"] > 0.5
    result.save(tmp_path)
    assert '"elbow_flexor": null' in (tmp_path / "metrics.json").read_text()


def test_result_has_table_figures_and_methods(result, tmp_path):
    result.save(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {
        "metrics.json",
        "result.json",
        "simplex.csv",
        "nulls.csv",
        "rho.png",
        "rho.svg",
        "rho.pdf",
        "traces.png",
        "traces.svg",
        "traces.pdf",
    }
    table = result.tables["simplex"]
    assert [row[0] for row in table.rows] == list(result.metrics["rho"])
    first = dict(zip(table.columns, table.rows[0], strict=True))
    assert first["Spearman rho"] == result.metrics["rho"]["shoulder_flexor"]
    for said in ("Sugihara & May 1990", "Takens 1981", "E = 2", "tau = -1", "25 ms", "3 nearest", "200 Hz"):
        assert said in result.methods


def test_shown_muscles_can_be_chosen(rollouts):
    result = analyse("simplex", Settings(shuffles=1, show=("elbow_flexor",)), rollouts=rollouts)
    titles = [ax.get_title(loc="left") for ax in result.figures["traces"].axes]
    assert len(titles) == 1 and titles[0].startswith("elbow_flexor")


@pytest.mark.parametrize(
    ("settings", "lengths", "error", "says"),
    [
        ({"targets": ("elbow_flexer",)}, LENGTHS, ConfigError, "did you mean elbow_flexor"),
        ({"joints": ("knee",)}, LENGTHS, ConfigError, "analyze.simplex.joints: no joint 'knee'"),
        ({"show": ("nothing",)}, LENGTHS, ConfigError, "analyze.simplex.show"),
        ({"rate_hz": 150.0}, LENGTHS, ConfigError, "must divide the control rate of 400 Hz"),
        ({}, (120,), DataError, "no held-out clips"),
        ({"Tp": 60}, LENGTHS, DataError, "too few samples"),
        ({}, (12, 12, 12), DataError, "a clip needs more than 6 samples"),
    ],
)
def test_errors_are_one_line(settings, lengths, error, says):
    with pytest.raises(error) as caught:
        analyse("simplex", Settings(**settings), rollouts=synthetic_rollouts(lengths))
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "bad", [{"E": 0}, {"tau": 1}, {"Tp": -1}, {"held_out": 1.0}, {"signal": "force"}, {"rate_hz": 0.0}]
)
def test_settings_are_checked(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Settings(**bad)


def test_importing_the_plugins_is_light():
    script = (
        "import sys, mimic_simplex, mimic_tracking, mimic_report; "
        "print([m for m in ('pyEDM', 'matplotlib', 'pandas', 'scipy', 'jax', 'mujoco') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_plugin_is_installed(plugins):
    assert plugins.get("analysis", "simplex").config is Settings


def test_synthetic_rollouts_are_labelled_and_repeatable(rollouts, tmp_path):
    from mimic_core import Rollouts

    assert rollouts.origin == "synthetic" and rollouts.clip_names[0] == "synthetic_00"
    again = synthetic_rollouts(LENGTHS)
    np.testing.assert_array_equal(again.activation, rollouts.activation)
    assert np.isnan(rollouts.joint_pos[5, 61:]).all() and np.isfinite(rollouts.joint_pos[5, :61]).all()
    loaded = Rollouts.load(rollouts.save(tmp_path / "r.h5"))
    np.testing.assert_array_equal(loaded.joint_pos, rollouts.joint_pos)
    a = rollouts.of("activation", "elbow_flexor") + rollouts.of("activation", "elbow_extensor")
    assert np.nanmean(a) == pytest.approx(1, abs=0.01)
    assert pearsonr(*(rollouts.of("joint_pos", "elbow")[0], rollouts.of("ref_joint_pos", "elbow")[0])).statistic > 0.99
