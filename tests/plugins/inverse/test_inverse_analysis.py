"""The analysis `inverse`: the controller and EMG beside least effort, and null models with known answers."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from analysis_cases import analyse, training_of

from mimic_core import DataError, Emg
from mimic_core.task import resample
from mimic_core.testing import toy_clips
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_inverse.agreement import CONSTANT, LIMP, OTHER_CLIP, agreement, inside, of_constant
from mimic_inverse.settings import Settings
from mimic_static_optimisation.dynamics import load_of, registered
from mimic_static_optimisation.effort import least_squared
from mimic_static_optimisation.solve import least_effort

QUICK = {"bodies": 2, "sensitivity_clips": 2, "solutions": ("squared",)}


@pytest.fixture(scope="module")
def clips(plugins):
    return toy_clips(plugins, frames=(30, 30, 24))


@pytest.fixture(scope="module")
def least(clips, toy_model):
    """(frame, muscle) least effort for the registered movement, clips in a row."""
    movement = registered(clips, toy_model, 25.0)
    return movement, least_effort(load_of(toy_model, movement), movement, least_squared, 1e4, 0.01)


def rollouts_of(clips, model, activation):
    """Rollouts at 400 Hz that follow the clips exactly, with activations (clip, frame at 200 Hz, muscle) between."""
    reference = resample(clips, model, 400.0)
    n = reference.n_steps
    r = synthetic_rollouts(tuple(map(int, n)), joints=("shoulder",))
    inside = (np.arange(n.max()) < n[:, None])[..., None]
    qpos, qvel = (np.where(inside, a, np.nan) for a in (reference.qpos, reference.qvel))
    acts = np.full((*qpos.shape[:2], activation.shape[-1]), np.nan)
    for c, k in enumerate(n):
        known = np.isfinite(activation[c, :, 0])
        at = np.arange(k) / 2
        acts[c, :k] = np.stack([np.interp(at, np.flatnonzero(known), a[known]) for a in activation[c].T], axis=-1)
    names = model.muscle_names
    return attrs.evolve(
        r,
        clip_names=clips.clip_names,
        joint_names=model.joint_names,
        actuator_names=names,
        muscle_names=names,
        **{k: qpos for k in ("qpos", "joint_pos", "ref_joint_pos")},
        **{k: qvel for k in ("qvel", "joint_vel", "ref_joint_vel", "joint_force")},
        **{k: acts for k in ("action", "excitation", "activation", "muscle_force", "muscle_length", "muscle_velocity")},
        body=clips.body,
        training=training_of(),
    )


def headline(result, label):
    (found,) = [h for h in result.headlines if h.label.startswith(label)]
    return found


def test_a_controller_of_least_effort_agrees(clips, toy_model, least):
    """It is as near as can be, spends the least, and no null model of the difference does as well."""
    movement, solution = least
    rollouts = rollouts_of(clips, toy_model, movement.by_clip(solution.activation))
    result = analyse("inverse", Settings(**QUICK), clips=clips, rollouts=rollouts)
    difference = headline(result, "controller beside")
    assert difference.value == pytest.approx(0.0, abs=1e-3) and not difference.unbeaten
    assert headline(result, "controller's variance").value == pytest.approx(1.0, abs=1e-3)
    assert headline(result, "controller inside").value == pytest.approx(100.0, abs=1e-6)
    # registered and rolled-out states differ by the low-pass, and so does the least for their torques
    assert 0.98 < headline(result, "controller's effort").value < 1.2
    assert set(result.figures) == set(result.captions) and result.tables["controller"].rows


def test_a_constant_is_not_beaten_by_noise(clips, toy_model, least):
    movement, _ = least
    noise = np.random.default_rng(0).uniform(0, 1, (len(movement.qpos), 2))
    result = analyse(
        "inverse", Settings(**QUICK), clips=clips, rollouts=rollouts_of(clips, toy_model, movement.by_clip(noise))
    )
    assert CONSTANT in headline(result, "controller beside").unbeaten
    assert "best constant" in result.sentence
    explained = headline(result, "controller's variance")
    assert explained.value < 0.1


def test_the_same_course_in_every_clip_is_as_good_from_another(plugins, toy_model):
    """Where all clips are one movement, another clip's solution is as near as the clip's own."""
    one = toy_clips(plugins, frames=(30,))
    thrice = attrs.evolve(
        one,
        clip_names=("a", "b", "c"),
        animals=("", "", ""),
        n_frames=np.tile(one.n_frames, 3),
        **{
            k: np.repeat(getattr(one, k), 3, axis=0)
            for k in ("qpos", "qvel", "site_pos", "tracked_pos", "error_mm", "alignment")
        },
    )
    movement = registered(thrice, toy_model, 25.0)
    ours = np.clip(np.random.default_rng(1).uniform(0, 1, (3, 30, 2)), 0, 1)
    result = analyse("inverse", Settings(**QUICK), clips=thrice, rollouts=rollouts_of(thrice, toy_model, ours)).metrics[
        "controller"
    ]["agreement"]
    assert len(movement.n_frames) == 3
    for m in toy_model.muscle_names:
        assert result[OTHER_CLIP]["mae"][m] == pytest.approx(result["squared"]["mae"][m], abs=1e-6)


def test_cocontraction_is_effort_that_the_torques_do_not_need(clips, toy_model):
    """Both muscles half active throughout: at least their common part is more than the least."""
    movement = registered(clips, toy_model, 25.0)
    half = movement.by_clip(np.full((len(movement.qpos), 2), 0.5))
    found = analyse("inverse", Settings(**QUICK), clips=clips, rollouts=rollouts_of(clips, toy_model, half))
    controller = found.metrics["controller"]
    assert controller["effort"] == pytest.approx(0.5, rel=1e-6)
    assert 0 <= controller["least_effort"] <= controller["effort"] + 1e-6


def test_measures_by_hand():
    own = np.array([[[0.1], [0.3], [0.5]]])
    near = agreement(own, own + 0.2)
    assert near.mae == pytest.approx([0.2]) and near.r2 == pytest.approx([1.0])
    assert agreement(own, 1 - own).r2 == [0.0], "a map with a negative slope explains nothing"
    constant = of_constant(own)
    assert constant.mae == pytest.approx([0.4 / 3]) and constant.r2 == [0.0]
    assert agreement(own, np.full_like(own, np.nan)).r2 == [0.0]
    within = inside(own, np.array([[[0.2], [0.2], [np.nan]]]), np.array([[[0.4], [0.4], [np.nan]]]), 0.01)
    assert within == pytest.approx([0.5])


def test_without_rollouts_the_movement_alone_is_told(clips, toy_model):
    result = analyse("inverse", Settings(bodies=0), clips=clips)
    assert "controller" not in result.metrics and "sensitivity" not in result.metrics
    first = result.headlines[0]
    assert first.nulls["limp"] == pytest.approx(100.0) and 0 <= first.nulls[CONSTANT] <= 100
    assert set(result.metrics["solutions"]) == {"squared", "cubed", "dynamic"}
    share = result.metrics["infeasible"]
    assert 0 < share < 1, "two muscles cannot turn two joints as they like"
    assert f"{100 * share:.3g} % of frames no activation" in first.note
    assert f"In {100 * share:.3g} % of the frames" in result.sentence
    over_time = result.tables["over_time"]
    assert over_time.columns[1].startswith("infeasible")


def test_activation_dynamics_take_more_and_leave_more(clips):
    of = analyse("inverse", Settings(bodies=0), clips=clips).metrics["solutions"]
    assert of["dynamic"]["infeasible"] >= of["squared"]["infeasible"]


def test_sensitivity_spreads_with_the_parameters(clips):
    wide, narrow = (
        analyse("inverse", Settings(**{**QUICK, "bodies": 4}, spread=s), clips=clips).metrics["sensitivity"]
        for s in (0.2, 0.02)
    )
    for parameter in ("strength", "operating_range", "tendon_slack", "all"):
        sd = [sum(of[parameter]["activation"]["sd"].values()) for of in (wide, narrow)]
        assert sd[0] > 3 * sd[1] > 0, parameter
    assert wide["activation_time"]["solution"] == "dynamic"


def test_emg_beside_least_effort(clips, toy_model, least):
    """EMG that is the mean activation itself agrees with it; EMG that never changes is the constant's."""
    movement, solution = least
    course = np.nanmean(movement.by_clip(solution.activation)[..., toy_model.muscle("flexor")], axis=0)
    emg = Emg(
        rate_hz=200.0,
        trial_names=clips.clip_names,
        muscle_names=("flexor", "extensor"),
        envelope=np.stack([np.tile(course, (3, 1)), np.full((3, len(course)), 0.25)], axis=-1),
    )
    result = analyse("inverse", Settings(**QUICK), clips=clips, emg=emg)
    flexor, extensor = (result.metrics["emg"][m] for m in ("flexor", "extensor"))
    assert flexor["mae"]["squared"] < 0.03 and flexor["r2"]["squared"] > 0.97
    assert extensor["mae"][CONSTANT] == 0.0 and extensor["mae"][LIMP] == pytest.approx(0.25)
    assert CONSTANT in headline(result, "least Σa² beside EMG, extensor").unbeaten
    # the EMG is what a feasible solution does, so a feasible course comes that near
    assert flexor["reachable"]["mae"] < 0.03 and flexor["reachable"]["r2"] > 0.97
    assert flexor["reachable"]["samples"] <= len(course)
    assert {row[0] for row in result.tables["reachable"].rows} == {"flexor", "extensor"}
    assert [row[0] for row in result.tables["held"].rows][:2] == ["nothing", "mean EMG"]
    assert result.metrics["sensitivity"]["strength"]["emg_mae"]["flexor"]["sd"] > 0
    assert {row[2] for row in result.tables["sensitivity_emg"].rows} == {"flexor", "extensor"}


def test_what_does_not_belong_together_is_refused(clips, toy_model, least):
    movement, solution = least
    rollouts = rollouts_of(clips, toy_model, movement.by_clip(solution.activation))
    cases = (
        (attrs.evolve(rollouts, muscle_names=("a", "b")), "the rollouts have the muscles a, b"),
        (attrs.evolve(rollouts, clip_names=("x", *clips.clip_names[1:])), "the clips have no 'x'"),
        (attrs.evolve(rollouts, ref_joint_pos=rollouts.ref_joint_pos + 0.1), "follow another movement"),
    )
    for given, message in cases:
        with pytest.raises(DataError, match=message):
            analyse("inverse", Settings(**QUICK), clips=clips, rollouts=given)


def test_a_body_of_motors_has_no_muscles_to_ask(clips, toy_model, least):
    torque = attrs.evolve(clips.body, muscles=(), torque_limits=dict.fromkeys(toy_model.joint_names, 0.01))
    training = training_of({"actuation": {"name": "torque"}}, torque)
    movement, solution = least
    rollouts = rollouts_of(clips, toy_model, movement.by_clip(solution.activation))
    with pytest.raises(DataError, match="which has no muscles"):
        analyse(
            "inverse",
            Settings(**QUICK),
            clips=attrs.evolve(clips, body=torque),
            rollouts=attrs.evolve(rollouts, training=training),
        )
    with pytest.raises(DataError, match="no muscles"):
        analyse("inverse", Settings(**QUICK), clips=attrs.evolve(clips, body=torque))
