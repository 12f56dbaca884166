"""Reserves: motors beside the muscles, for muscles that a body lacks."""

from __future__ import annotations

import functools

import attrs
import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import make_clips, make_simulator, make_task

from mimic_core import Body, BodyModel, ConfigError, Controller, Decision, Muscle, Rollouts
from mimic_core.chain import discover, passive_controller
from mimic_core.chain.unroll import roll_out
from mimic_core.testing.toy import toy_body
from mimic_hill.settings import Settings
from mimic_strength.holding import holding_activation
from mimic_strength.reserves import reserve_limits

RESERVES = {"shoulder": 2e-4, "elbow": 5e-5}
ARM = """<mujoco><compiler angle="radian"/><worldbody><site name="above" pos="0 0 0.1"/><body name="arm">
<joint name="hinge" type="hinge" axis="0 1 0" range="-1 1" limited="true"/>
<geom type="capsule" fromto="0 0 0 0.2 0 0" size="0.01" mass="0.1"/><site name="grip" pos="0.2 0 0"/>
</body></worldbody></mujoco>"""
OWN_MUSCLE = """<mujoco><actuator>
<muscle name="pull" joint="elbow" lengthrange="-1.4 0.2" force="0.7"/>
</actuator></mujoco>"""


def driven(body=None, actuation="hill", time=0.0, **reserve) -> BodyModel:
    spec, body = discover().get("actuation", actuation), body or toy_body()
    return BodyModel.compile(body, spec.build(spec.config(reserve=reserve, reserve_time=time), body))


@functools.cache
def _plain() -> BodyModel:
    return driven()


def forces(model: BodyModel, ctrl, act=0.0, qpos=None) -> np.ndarray:
    """(joint,) N·m of all actuators."""
    data = mujoco.MjData(model.mj_model)
    data.qpos[:] = data.qpos if qpos is None else qpos
    data.ctrl[:], data.act[:] = ctrl, act
    mujoco.mj_forward(model.mj_model, data)
    return data.qfrc_actuator[model.joint_dofadr]


@pytest.mark.parametrize(
    ("actuation", "body"), [("hill", toy_body()), ("native", attrs.evolve(toy_body(), actuators=OWN_MUSCLE))]
)
def test_a_reserve_gives_its_limit_at_full_excitation(actuation, body):
    """2e-4 N·m at the shoulder at 1, half of 5e-5 N·m the other way at the elbow, and no more than the limit beyond."""
    model, plain = driven(body, actuation, **RESERVES), driven(body, actuation)
    own = plain.actuator_names
    assert model.actuator_names == model.actuation.actuators == (*own, "reserve_shoulder", "reserve_elbow")
    assert model.muscle_names == plain.muscle_names and model.mj_model.na == plain.mj_model.na
    limp = np.zeros(len(own))
    for excitation, torque in (((1.0, -0.5), (2e-4, -2.5e-5)), ((3.0, -3.0), (2e-4, -5e-5)), ((0, 0), (0, 0))):
        given = forces(model, [*limp, *excitation]) - forces(plain, limp)
        np.testing.assert_allclose(given, torque, atol=1e-15)
    np.testing.assert_array_equal(model.reserve_moment[len(own) :], np.diag([2e-4, 5e-5]))
    assert not model.reserve_moment[: len(own)].any() and not plain.reserve_moment.any()


def test_a_reserve_follows_its_excitation_with_its_time_constant():
    """After 20 ms of full excitation 1 − 1/e of the limit, after 40 ms 1 − 1/e²; there is one more state."""
    model = driven(time=0.02, elbow=1e-9).mj_model
    data = mujoco.MjData(model)
    assert model.na == 3 and Settings().reserve_time == 0.02
    data.ctrl[2] = 1.0
    for steps in (1, 2):
        while data.time < 0.02 * steps - 1e-9:
            mujoco.mj_step(model, data)
        assert data.act[2] == pytest.approx(1 - np.exp(-steps), abs=0.02)
        assert data.actuator_force[2] * model.actuator_gear[2, 0] == pytest.approx(1e-9 * data.act[2], rel=0.1)
    with pytest.raises(ValueError, match="reserve_time"):
        Settings(reserve_time=-1.0)


def test_muscles_keep_their_bounds_and_reserves_go_both_ways():
    actuation = driven(**RESERVES).actuation
    np.testing.assert_array_equal(actuation.low, [0, 0, -1, -1])
    np.testing.assert_array_equal(actuation.high, [1, 1, 1, 1])
    np.testing.assert_array_equal(actuation.excitation(np.zeros(4)), [0.5, 0.5, 0, 0])
    np.testing.assert_array_equal(actuation.resting_action, [-0.75, -0.75, 0, 0])
    assert actuation.reserves == {"reserve_shoulder": "shoulder", "reserve_elbow": "elbow"}
    plain = driven().actuation
    assert (plain.low, plain.high, plain.reserves) == (0.0, 1.0, {})


share = st.floats(-1.0, 1.0, allow_subnormal=False)


@settings(max_examples=15, deadline=None)
@given(limits=st.tuples(*[st.floats(1e-6, 1.0)] * 2), u=st.tuples(share, share), act=st.floats(0, 1), turn=share)
def test_reserves_add_their_share_to_what_the_muscles_give(limits, u, act, turn):
    """In any pose, at any activation: torque = that of the muscles alone + excitation · limit."""
    model, plain = driven(**dict(zip(RESERVES, limits, strict=True))), _plain()
    qpos = turn * np.array([1.0, 0.17])
    both, muscles = forces(model, [0, 0, *u], act, qpos), forces(plain, [0, 0], act, qpos)
    np.testing.assert_allclose(both, muscles + np.array(u) * limits, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(np.array([0, 0, *u]) @ model.reserve_moment, np.array(u) * limits)


# -- which joints, how strong ---------------------------------------------------------------------------------


def test_a_name_comes_before_a_pattern_and_settings_before_the_body():
    body = attrs.evolve(toy_body(), reserves={"shoulder": 1.0, "elbow": 2.0})
    assert reserve_limits({}, toy_body()) == {}
    assert reserve_limits({}, body) == {"shoulder": 1.0, "elbow": 2.0}
    assert reserve_limits({"*": 3.0, "elbow": 4.0}, body) == {"shoulder": 3.0, "elbow": 4.0}
    assert reserve_limits({"sh*": 5.0}, body) == {"shoulder": 5.0, "elbow": 2.0}
    assert reserve_limits({"elbow": 0.0}, body) == {"shoulder": 1.0}
    assert driven(body, "hill", **{"*": 0}).actuation.reserves == {}


@pytest.mark.parametrize(
    ("reserve", "said"),
    [
        ({"elbo": 1.0}, "body toy: actuation.reserve names joint 'elbo', .* the skeleton; did you mean elbow?"),
        ({"knee*": 1.0}, r"actuation.reserve names joint 'knee\*', which is no hinge or slide"),
        ({"elbow": -1.0}, r"actuation.reserve.elbow must be > 0 N m \(N for a slide\), or 0 for none, got -1.0"),
        ({"elbow": float("nan")}, "actuation.reserve.elbow must be > 0"),
        ({"elbow": float("inf")}, "actuation.reserve.elbow must be > 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(reserve, said):
    with pytest.raises(ConfigError, match=said) as e:
        driven(**reserve)
    assert "\n" not in str(e.value)


def test_an_actuator_of_the_model_may_have_the_name_already():
    body = attrs.evolve(toy_body(), actuators=OWN_MUSCLE.replace('"pull"', '"reserve_elbow"'))
    with pytest.raises(ConfigError, match="has an actuator 'reserve_elbow' of its own"):
        driven(body, "native", elbow=1.0)


# -- holding a pose, moving, rolling out ----------------------------------------------------------------------


@pytest.mark.parametrize(("strength", "by_reserve"), [(5.0, 0.0), (1e-3, 1.0)])
def test_a_pose_is_held_by_muscles_and_by_a_reserve_where_they_cannot(strength, by_reserve):
    """An arm of 0.1 kg, held out level, asks for 0.0981 N·m: its muscle of 5 N gives it, one of 1 mN does not."""
    muscle = Muscle(
        name="up",
        path=("above", "grip"),
        max_isometric_force=strength,
        operating_range=(0.75, 1.05),
        passive_force=1e-6,
    )
    body = Body(name="arm", mjcf=ARM, keypoints={"grip": "grip"}, muscles=(muscle,))
    model = driven(body, hinge=0.2)
    held = holding_activation(model, np.zeros((1, 1)))[0]
    weight = 0.1 * 9.81 * 0.1
    assert abs(held[1]) * 0.2 / weight == pytest.approx(by_reserve, abs=0.02)
    assert np.abs(forces(model, [0.0, held[1]], held[0])[0]) == pytest.approx(weight, rel=0.02)


def moved(simulator, start, still, activation, excitation, steps=20):
    def step(state, _):
        state = simulator.step(state, excitation)
        return state, state.qpos

    return jax.lax.scan(step, simulator.reset(*map(jnp.asarray, (start, still, activation))), None, length=steps)[1]


@pytest.mark.parametrize("time", [pytest.param(0.0, marks=pytest.mark.conformance), 0.02])
def test_engines_and_the_differentiable_view_move_it_alike(plugins, time):
    model, rng = driven(time=time, **RESERVES), np.random.default_rng(0)
    low, high = model.joint_range.T
    start = low + rng.uniform(0.3, 0.7, (6, 2)) * (high - low)
    excitation = jnp.asarray(np.concatenate([rng.uniform(0, 0.3, (6, 2)), rng.uniform(-1, 1, (6, 2))], axis=1))
    given = start, np.zeros((6, 2)), np.zeros((6, 4)), excitation
    c = moved(make_simulator(plugins, "mujoco", model), *given)
    engines = [make_simulator(plugins, "mjx", model, differentiable=d) for d in (False, True)]
    mjx, view = (jax.jit(moved, static_argnums=0)(engine, *given) for engine in engines)
    without = moved(make_simulator(plugins, "mujoco", driven()), *given[:2], np.zeros((6, 2)), excitation[:, :2])
    assert np.rad2deg(np.abs(c - without)).max() > 1.0  # the reserves do something
    np.testing.assert_allclose(mjx, c, atol=1e-3)
    assert np.rad2deg(np.abs(view - c)).mean() < 0.5

    def reached(u):
        return moved(engines[1], *given[:3], u)[-1].sum()

    slope = np.asarray(jax.jit(jax.grad(reached))(excitation))
    assert np.isfinite(slope).all() and (np.abs(slope[:, 2:]).max(axis=0) > 0).all()


@pytest.fixture(scope="module")
def rolled(plugins):
    """Rollouts of a controller that asks muscles for nothing, the shoulder for half and the elbow for −1/4."""
    model = driven(time=0.02, **RESERVES)
    task = make_task(plugins, make_clips(model, frames=(20, 20)), model)
    action = jnp.asarray([[-1.0, -1.0, 0.5, -0.25]] * 2)
    controller = Controller(variables=(), start=lambda batch: (), act=lambda *_: Decision(action, ()))
    return model, roll_out(task, controller, split=["train", "held_out"], simulator="mujoco")


def test_rollouts_say_what_the_reserves_gave(rolled):
    model, rollouts = rolled
    assert rollouts.reserve_names == ("reserve_shoulder", "reserve_elbow")
    inside = np.isfinite(rollouts.activation).all(axis=-1)
    given = rollouts.activation[inside][:, 2:] * [2e-4, 5e-5]
    np.testing.assert_allclose(rollouts.reserve_force[inside], given, rtol=1e-6)
    risen = 1 - np.exp(-0.0025 * 30 / 0.02)
    np.testing.assert_allclose(rollouts.activation[:, 30, 2:], [[0.5 * risen, -0.25 * risen]] * 2, rtol=0.05)
    at, data = 5, mujoco.MjData(model.mj_model)
    data.qpos[:], data.qvel[:] = rollouts.qpos[1, at], rollouts.qvel[1, at]
    data.act[:] = rollouts.activation[1, at]
    mujoco.mj_forward(model.mj_model, data)
    np.testing.assert_allclose(rollouts.joint_force[1, at], data.qfrc_actuator, rtol=1e-3, atol=1e-9)


def test_they_are_saved_and_loaded(rolled, tmp_path):
    rollouts = rolled[1]
    again = Rollouts.load(rollouts.save(tmp_path / "rollouts.h5"))
    assert again.reserve_names == rollouts.reserve_names and again.body.reserves == {}
    np.testing.assert_array_equal(again.reserve_force, rollouts.reserve_force)


def test_rollouts_without_reserves_say_nothing_of_them(plugins, toy_model):
    task = make_task(plugins, make_clips(toy_model, frames=(20, 20)), toy_model)
    rollouts = roll_out(task, passive_controller(task), split=["train", "train"], simulator="mujoco")
    assert rollouts.reserve_names == () and rollouts.reserve_force is None
