"""Inverse dynamics of a moving body, and the muscles' answer run forwards in MuJoCo again."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
import pytest
from toys import clips_of

from mimic_core.testing import floating_model, toy_clips
from mimic_sensitivity import altered_bodies
from mimic_static_optimisation.dynamics import load_of, registered
from mimic_static_optimisation.effort import least_squared
from mimic_static_optimisation.solve import least_effort

RATE = 200.0


@pytest.fixture(scope="module")
def clips(plugins):
    return toy_clips(plugins)


def test_muscles_and_reserve_bring_about_the_accelerations(clips, toy_model):
    """MuJoCo forwards, with the activations of least effort and the reserve, accelerates as the movement does."""
    movement = registered(clips, toy_model, 25.0)
    load = load_of(toy_model, movement)
    found = least_effort(load, movement, least_squared, 1e4, 0.01)
    assert 0.05 < found.activation.mean() < 0.95 and np.abs(found.reserve).max() > 0
    m, data = toy_model.mj_model, mujoco.MjData(toy_model.mj_model)
    for f in range(0, len(movement.qpos), 7):
        data.qpos[:], data.qvel[:], data.act[:] = movement.qpos[f], movement.qvel[f], found.activation[f]
        data.qfrc_applied[toy_model.joint_dofadr] = found.reserve[f]
        mujoco.mj_forward(m, data)
        np.testing.assert_allclose(data.qacc, movement.qacc[f], rtol=1e-9, atol=1e-7)
        np.testing.assert_allclose(
            -data.actuator_force, load.force_gain[f] * data.act + load.force_passive[f], rtol=1e-9
        )


def test_a_sine_is_differentiated_twice(toy_model):
    """Amplitude A at frequency f has accelerations of A(2πf)²; slow next to the low-pass, it passes."""
    t, turn = np.arange(80) / RATE, 2 * np.pi * 3.0
    middle = toy_model.joint_range.mean(axis=1)
    wave = np.sin(turn * t)[:, None] * np.array([0.3, 0.2])
    movement = registered(clips_of(toy_model, [middle + wave]), toy_model, 25.0)
    inner = slice(15, -15)
    np.testing.assert_allclose(movement.qvel[inner], turn * np.cos(turn * t)[inner, None] * [0.3, 0.2], atol=0.05)
    np.testing.assert_allclose(movement.qacc[inner], -(turn**2) * wave[inner], atol=2.0)
    assert np.abs(turn**2 * wave).max() > 100


def test_standing_still_needs_the_weight_alone(toy_model):
    """Upper link horizontal, lower straight on: masses at 5 and 15 mm turn the shoulder, one at 5 mm the elbow."""
    still = clips_of(toy_model, [np.zeros((20, 2))])
    load = load_of(toy_model, registered(still, toy_model, 25.0))
    shoulder = 9.81 * (0.0005 * 0.005 + 0.0004 * 0.015)
    expected = dict(zip(("shoulder", "elbow"), (-shoulder, -9.81 * 0.0004 * 0.005), strict=True))
    wanted = np.array([expected[n] for n in toy_model.joint_names])  # about +y, gravity turns towards positive angles
    np.testing.assert_allclose(load.torque, np.tile(wanted, (20, 1)), rtol=1e-6)
    np.testing.assert_allclose(load.torque, load.holding, rtol=1e-6)
    np.testing.assert_allclose(load.damping, 0.0, atol=1e-12)


def test_damping_is_told_apart(toy_model):
    t = np.arange(60) / RATE
    wave = 0.3 * np.sin(2 * np.pi * 3 * t)[:, None] * np.ones(2) + toy_model.joint_range.mean(axis=1)
    movement = registered(clips_of(toy_model, [wave]), toy_model, 0.0)
    load = load_of(toy_model, movement)
    np.testing.assert_allclose(load.damping, 2e-5 * movement.qvel, rtol=1e-6, atol=1e-12)


def test_joints_beyond_their_limits_are_held_there(toy_model):
    """A limit pushes back with a torque of its own that no muscle should be asked to withstand."""
    high = toy_model.joint_range[:, 1]
    movement = registered(clips_of(toy_model, [np.tile(high + np.deg2rad(2.0), (20, 1))]), toy_model, 0.0)
    np.testing.assert_allclose(movement.qpos, np.tile(high, (20, 1)))
    np.testing.assert_allclose(movement.beyond_deg, 2.0, rtol=1e-6)
    assert np.abs(load_of(toy_model, movement).torque).max() < 2e-4


def test_a_free_root_is_reported_and_not_asked_of_muscles(plugins):
    model = floating_model(plugins)
    still = clips_of(model, [np.tile(model.mj_model.qpos0, (20, 1))])
    load = load_of(model, registered(still, model, 25.0))
    weight = 9.81 * model.mj_model.body_mass.sum()
    np.testing.assert_allclose(load.root[:, :3], np.tile([0.0, 0.0, weight], (20, 1)), atol=1e-9)
    assert load.torque.shape == (20, len(model.joint_names))


def test_a_turning_root_obeys_euler(plugins):
    """Turned about one of its axes at a growing rate, a free body needs inertia times angular acceleration there."""
    from scipy.spatial.transform import Rotation

    model = floating_model(plugins)
    t = np.arange(60) / RATE
    qpos = np.tile(model.mj_model.qpos0, (60, 1))
    adr, dof = model.root_qposadr, model.root_dofadr
    turns = Rotation.from_rotvec(np.outer(0.5 * 20.0 * t**2, [0.0, 0.0, 1.0]))
    qpos[:, adr + 3 : adr + 7] = turns.as_quat(scalar_first=True)
    movement = registered(clips_of(model, [qpos]), model, 0.0)
    np.testing.assert_allclose(movement.qacc[15:-15, dof + 5], 20.0, rtol=0.02)


# -- other muscles --------------------------------------------------------------------------------------------


def test_altered_bodies_differ_in_what_was_asked_alone(toy_model):
    m = toy_model.mj_model

    def fields(parameter):
        return altered_bodies(parameter, toy_model, spread=0.2, bodies=6, seed=0).fields

    gain = m.actuator_gainprm[toy_model.muscle_ids]
    force = fields("strength")["actuator_gainprm"][:, toy_model.muscle_ids] / np.where(gain == 0, 1, gain)
    assert (force[..., 2] >= 1 / 1.2).all() and (force[..., 2] <= 1.2).all() and np.ptp(force[..., 2]) > 0.05
    np.testing.assert_allclose(force[..., 3:9], np.ones_like(force[..., 3:9]))
    for name in ("actuator_gainprm", "actuator_biasprm"):
        ends = fields("operating_range")[name][:, toy_model.muscle_ids, :2]
        np.testing.assert_allclose(ends.mean(axis=-1), np.tile(gain[:, :2].mean(axis=-1), (6, 1)))
        width = np.diff(ends, axis=-1)[..., 0] / np.diff(gain[:, :2], axis=-1)[:, 0]
        assert (width >= 1 / 1.2 - 1e-9).all() and (width <= 1.2 + 1e-9).all() and np.ptp(width) > 0.05
    everything = fields("all")
    for parameter, name in (
        *(("operating_range", "actuator_gainprm"), ("activation_time", "actuator_dynprm")),
        ("tendon_slack", "actuator_lengthrange"),
    ):
        assert not np.allclose(fields(parameter)[name], getattr(m, name))
        assert not np.allclose(everything[name], getattr(m, name))
    np.testing.assert_allclose(everything["body_mass"], np.tile(m.body_mass, (6, 1)))


def test_stronger_muscles_are_less_active(clips, toy_model):
    movement = registered(clips, toy_model, 25.0)
    bodies = altered_bodies("strength", toy_model, spread=0.2, bodies=1, seed=0)
    fields = {k: v.copy() for k, v in bodies.fields.items()}
    for name in ("actuator_gainprm", "actuator_biasprm"):
        fields[name][:] = getattr(toy_model.mj_model, name)
        fields[name][:, toy_model.muscle_ids, 2] *= 1.2
    (stronger,) = attrs.evolve(bodies, fields=fields).models(toy_model.mj_model)
    as_it_is, other = (load_of(toy_model, movement, m) for m in (None, stronger))
    np.testing.assert_allclose(other.gain, 1.2 * as_it_is.gain, rtol=1e-9)
    a, b = (least_effort(x, movement, least_squared, 1e4, 0.01).activation.mean() for x in (as_it_is, other))
    assert b < a
