"""A controller in bodies with other muscles: the bodies against plain MuJoCo, the error bars by hand."""

from __future__ import annotations

import attrs
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from analysis_cases import analyse, training_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import ConfigError, Controller, DataError, Decision, Emg, PolicySpec
from mimic_core.chain import TrainedRun, do
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_emg.settings import Comparison
from mimic_energetics.metabolics import Muscles
from mimic_inverse.settings import Settings as Inverse
from mimic_run.plan import plan_stages
from mimic_runs import load_run_file
from mimic_sensitivity import PARAMETERS, Sensitivity, Spread, evenly, of_clips

BODIES = 2


class Always:
    """Excites every muscle alike, whatever it sees: what differs then is the body."""

    iterations = 1

    def __init__(self, config, task):
        self.size = task.action_size

    def control_steps(self, iteration):
        return 100 * iteration

    def initial(self, seed):
        return {"bias": jnp.full(self.size, -0.2)}

    def iterate(self, state):
        return state, {"reward": state["bias"].mean()}

    def controller(self, state):
        def act(bias, observation, carry, key):
            return Decision(jnp.broadcast_to(bias, (len(observation.reference), len(bias))), carry)

        return Controller(variables=state["bias"], start=lambda batch: (), act=act)


@pytest.fixture(scope="module")
def run(plugins, toy_clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    having = plugins.having("policy", PolicySpec(name="always", build=Always, summary="a test"))
    clips = toy_clips.save(folder / "clips.h5")
    do(having, "train", clips=clips, out=folder / "run", policy={"name": "always"})
    return TrainedRun.open(folder / "run", having)


@pytest.fixture(scope="module")
def said(run):
    out = run.folder.parent / "sensitivity.h5"
    return do(run.plugins, "sensitivity", run=run.folder, out=out, bodies=BODIES, clips_used=2)


@pytest.fixture(scope="module")
def made(run, said):
    return Sensitivity.load(run.folder.parent / "sensitivity.h5")


# -- the stage --------------------------------------------------------------------------------------------------


def test_the_first_body_is_the_one_of_the_training(run, made, said):
    rollouts = run.roll_out()
    plain = of_clips(rollouts, _places(rollouts, made))
    same = made.rollouts(made.controller_among([rollouts]))[0]
    for name in ("excitation", "activation", "muscle_force", "muscle_length", "muscle_velocity"):
        np.testing.assert_allclose(getattr(same, name), getattr(plain, name), rtol=1e-5, atol=1e-6, err_msg=name)
    assert made.error_mm[0].mean() == pytest.approx(plain.clip_errors_mm().mean(), rel=1e-5)
    assert said["error_mm"]["all"]["unchanged"] == pytest.approx(made.error_mm[0].mean())
    assert set(said["error_mm"]) == set(PARAMETERS) and len(made.activation) == 1 + len(PARAMETERS) * BODIES


def test_forces_are_those_that_mujoco_gives_each_body(run, made):
    """F = −(gain(l, v)·a + bias(l)) with the parameters of that body."""
    models = made.models(run.model)
    assert len(models) == len(made.activation)
    for b, model in enumerate(models):
        m = model.mj_model
        for i, muscle in enumerate(model.muscle_ids):
            span, gain, bias = m.actuator_lengthrange[muscle], m.actuator_gainprm[muscle], m.actuator_biasprm[muscle]
            for step in (1, 20, 60):
                length, velocity = (getattr(made, f"muscle_{k}")[b, 0, step, i] for k in ("length", "velocity"))
                acc0 = float(m.actuator_acc0[muscle])
                active = mujoco.mju_muscleGain(length, velocity, span, acc0, gain[:9])
                force = active * made.activation[b, 0, step, muscle] + mujoco.mju_muscleBias(
                    length, span, acc0, bias[:9]
                )
                assert made.muscle_force[b, 0, step, i] == pytest.approx(-force, rel=1e-3, abs=1e-5)


def test_only_time_constants_change_activation_under_the_same_excitation(made):
    np.testing.assert_allclose(made.excitation[:, :, 1:79], 0.4, rtol=1e-6)
    for parameter in PARAMETERS:
        away = np.nanmax(np.abs(made.activation[list(made.places(parameter))] - made.activation[0]))
        assert (away > 1e-3) == (parameter in ("activation_time", "all")), parameter


def test_what_cannot_be_varied_is_told(run, plugins, tmp_path):
    with pytest.raises(ConfigError, match=r"sensitivity\.parameters"):
        do(run.plugins, "sensitivity", run=run.folder, out=tmp_path / "s.h5", parameters=("stiffness",))


def test_a_run_file_gives_it_to_emg_and_energetics(plugins, tmp_path):
    (tmp_path / "trained").mkdir()
    (tmp_path / "run.toml").write_text(
        '[rollout]\nrun = "trained"\n[sensitivity]\nrun = "trained"\n[emg]\nreader = "synthetic_emg"\n'
        "[analyze.emg]\n[analyze.energetics]\n"
    )
    config = load_run_file(tmp_path / "run.toml", None, plugins)
    stages = {s.name: s for s in plan_stages(plugins, config, tmp_path / "out")}
    for name in ("analyze.emg", "analyze.energetics"):
        assert [p.name for p in stages[name].inputs["sensitivity"]] == ["sensitivity.h5"]


# -- error bars ---------------------------------------------------------------------------------------------------

SHIFTS = (0.1, 0.2)
"""By which every muscle is more active in the bodies of `by_hand`."""


@pytest.fixture(scope="module")
def rollouts():
    return attrs.evolve(synthetic_rollouts([60] * 4, noise=0.0), training=training_of(), checkpoint="last")


@pytest.fixture(scope="module")
def by_hand(rollouts):
    """Bodies in which muscles are more active by known numbers, over the last two of four clips."""
    last = of_clips(rollouts, [2, 3])
    kept = ("excitation", "activation", "muscle_force", "muscle_length", "muscle_velocity")
    arrays = {k: np.stack([getattr(last, k)] * 3) for k in kept}
    arrays["activation"] = arrays["activation"] + np.array([0.0, *SHIFTS])[:, None, None, None]
    return Sensitivity(
        parameters=("all",),
        bodies=2,
        spread=0.2,
        seed=0,
        rate_hz=last.rate_hz,
        simulator="synthetic",
        clip_names=last.clip_names,
        n_steps=last.n_steps,
        error_mm=np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]),
        training=rollouts.training,
        checkpoint="last",
        **arrays,
    )


def test_bars_beside_emg_by_hand(rollouts, by_hand):
    """EMG that is the activation itself: the error in a body is the number by which it is more active."""
    muscles, every_other = rollouts.muscle_names[:1], slice(0, 60, 2)
    emg = Emg(
        rate_hz=200.0,
        trial_names=rollouts.clip_names,
        muscle_names=muscles,
        envelope=rollouts.of("activation", muscles[0])[:, every_other, None],
    )
    quick = Comparison(bumps=20, halves=2, largest_lag_ms=0.0)
    result = analyse("emg", quick, rollouts=rollouts, emg=emg, sensitivity=by_hand)
    found = result.metrics[muscles[0]]["activation"]["sensitivity"]["all"]
    as_it_is = found["mae"]["unchanged"]
    assert as_it_is == pytest.approx(0.0, abs=0.05)
    assert found["r"]["mean"] == pytest.approx(found["r"]["unchanged"])  # a shift does not change the shape
    assert found["mae"]["mean"] == pytest.approx(np.mean(SHIFTS), abs=as_it_is + 1e-6)
    assert "± 0.07" in result.headlines[0].note and "bodies with other muscles" in result.headlines[0].note
    assert "mean ± SD over 2 bodies" in result.captions["mean_curves"]
    (measure, *numbers) = result.tables["sensitivity"].rows[0][3:]
    assert measure == "MAE" and numbers == [found["mae"][k] for k in ("unchanged", "mean", "sd")]
    dashed = [line for line in result.figures["mean_curves"].axes[0].lines if line.get_linestyle() == "--"]
    mean = np.mean(rollouts.of("activation", muscles[0])[:, 40])
    low, high = (float(np.interp(100.0, *line.get_data())) for line in dashed)
    middle, sd = mean + np.mean(SHIFTS), np.std(SHIFTS, ddof=1)
    assert (low, high) == (pytest.approx(middle - sd, abs=0.02), pytest.approx(middle + sd, abs=0.02))


def test_another_controllers_sensitivity_is_refused(rollouts, by_hand):
    other = attrs.evolve(rollouts, checkpoint="best")
    with pytest.raises(DataError, match="is of another controller than the rollouts"):
        by_hand.controller_among([other])
    assert by_hand.controller_among([other, rollouts]) is rollouts
    with pytest.raises(DataError, match=r"its clips synthetic_02, synthetic_03 are not those of the rollouts"):
        by_hand.controller_among([of_clips(rollouts, [0, 1])])


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=9), st.floats(-10, 10), st.floats(-10, 10))
@settings(max_examples=50, deadline=None)
def test_a_bar_moves_with_its_number(values, unchanged, at):
    spread = Spread.of(values, unchanged)
    low, high = spread.around(unchanged)
    assert (low + high) / 2 == pytest.approx(np.mean(values), abs=1e-9)
    assert (high - low) / 2 == pytest.approx(np.std(values, ddof=1), abs=1e-9)
    moved = spread.around(at)
    np.testing.assert_allclose(np.subtract(moved, (low, high)), at - unchanged, atol=1e-9)
    np.testing.assert_allclose(spread.bar(at), (np.mean(moved), np.ptp(moved) / 2), atol=1e-9)


@given(st.integers(1, 60), st.integers(0, 70))
def test_clips_are_chosen_evenly(clips, wanted):
    chosen = evenly(clips, wanted)
    assert len(chosen) == min(wanted or clips, clips) and chosen[0] == 0 and np.diff(chosen, prepend=-1).min() > 0
    assert np.ptp(np.diff(chosen)) <= 1 if len(chosen) > 1 else True


@pytest.mark.slow
def test_energies_of_the_altered_bodies(run, made):
    """In the body as it is they are those of the rollouts; elsewhere work is ∫ F·v dt of that body's forces."""
    rollouts = run.roll_out()
    result = analyse("energetics", plugins=run.plugins, rollouts=rollouts, sensitivity=made)
    same = analyse("energetics", plugins=run.plugins, rollouts=of_clips(rollouts, _places(rollouts, made)))
    for parameter, of in result.metrics["sensitivity"].items():
        assert of["positive_uJ"]["unchanged"] == pytest.approx(same.metrics["work_uJ"]["positive"]["mean"], rel=1e-4)
        assert of["metabolic_uJ"]["unchanged"] == pytest.approx(same.metrics["metabolic_uJ"]["mean"], rel=1e-4)
        power = np.maximum(-made.muscle_force * made.muscle_velocity, 0.0)[list(made.places(parameter))]
        each = [
            np.mean([np.trapezoid(p[c, :n].sum(axis=-1), dx=1 / made.rate_hz) for c, n in enumerate(made.n_steps)])
            for p in power
        ]
        assert of["positive_uJ"]["mean"] == pytest.approx(1e6 * np.mean(each), rel=1e-4), parameter
        assert of["positive_uJ"]["sd"] == pytest.approx(1e6 * np.std(each, ddof=1), rel=1e-3, abs=1e-6), parameter
    assert "bodies with other muscles" in result.headlines[0].note
    assert "mean ± SD over 2 bodies" in result.captions["work"] and "mean ± SD" in result.captions["power"]


def test_muscles_of_an_altered_body_are_its_own(run, made):
    """Maximum force and optimum fibre length, of which a muscle's mass is made."""
    for model in made.models(run.model):
        m, found = model.mj_model, Muscles.of(model)
        ids = model.muscle_ids
        np.testing.assert_allclose(found.max_force, m.actuator_gainprm[ids, 2], rtol=1e-6)
        span = np.diff(m.actuator_lengthrange[ids], axis=1)[:, 0]
        width = np.diff(m.actuator_gainprm[ids, :2], axis=1)[:, 0]
        np.testing.assert_allclose(found.optimal_length, span / width)


def _places(rollouts, made):
    return [rollouts.clip_names.index(n) for n in made.clip_names]


@pytest.mark.slow
def test_the_controllers_activation_beside_least_effort(run, made):
    """Under one excitation its activation differs by the time constants alone."""
    quick = Inverse(bodies=0, solutions=("squared",))
    result = analyse("inverse", quick, plugins=run.plugins, clips=run.clips, rollouts=run.roll_out(), sensitivity=made)
    places = list(made.places("all"))
    sd = np.nanmean(made.activation[places], axis=1).std(axis=0, ddof=1)
    for i, muscle in enumerate(run.model.muscle_names):
        found = result.metrics["sd_of_course"]["controller"][muscle]
        assert found == pytest.approx(np.nanmean(sd[:, i]), rel=0.05) and found > 1e-4
    assert "Dotted: mean ± SD" in result.captions["activation"] and "2 bodies" in result.captions["activation"]
    assert [c for c in result.tables["activation"].columns if c.endswith(", SD")] == ["controller, SD"]
