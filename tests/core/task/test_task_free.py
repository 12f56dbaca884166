"""Bodies that move freely: what terms see of the root, that it does not matter where they stand, diverging physics."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from free_case import FREE_BODY, LEGS, free_model, swaying
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from toys import angles_and_speeds, coming_angles, compiled_task

from mimic_core import Actuation, BodyModel
from mimic_core.chain import plan_training
from mimic_core.testing import random_step
from mimic_native.actuators import set_points

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def model():
    return free_model()


@pytest.fixture(scope="module")
def plan(plugins, model):
    given = {"policy": {"name": "bottleneck_ppo"}, "actuation": {"name": "torque"}}
    return plan_training(given, plugins, swaying(model))


def terms_of(plan, plugins, model):
    """Every term that the plan chooses: name → function of a step that gives numbers."""
    made = {}
    for kind in ("reward", "observation", "termination"):
        for name, table in plan.settings[f"{kind}s"].items():
            spec = plugins.get(kind, name)
            config = spec.config(**{k: v for k, v in table.items() if k != "weight"})
            made[f"{kind} {name}"] = spec.build(config, model)
    return {k: f for k, f in made.items() if callable(f)}


def carried(step, turn: Rotation, shift: np.ndarray):
    """The same step with the whole world turned and moved."""

    def moved(now):
        def points(a):
            return jnp.asarray(turn.apply(np.asarray(a, float).reshape(-1, 3)).reshape(np.shape(a)) + shift)

        def quats(a):
            flat = Rotation.from_quat(np.asarray(a, float).reshape(-1, 4), scalar_first=True)
            return jnp.asarray((turn * flat).as_quat(scalar_first=True).reshape(np.shape(a)))

        return now._replace(
            site_pos=points(now.site_pos),
            body_pos=points(now.body_pos),
            root_pos=points(now.root_pos),
            root_quat=quats(now.root_quat),
            root_linvel=points(now.root_linvel) - shift,
        )

    return moved(step)._replace(ref=moved(step.ref), future=moved(step.future))


def test_the_preset_chooses_itself(plan):
    assert plan.preset == "free" and plan.settings["rewards"]["joint"]["over"] == "mean"
    assert {"position", "quaternion", "end_effector", "body_position"} <= set(plan.settings["rewards"])
    assert set(plan.settings["terminations"]) == {"root_lost"}


@examples(max_examples=8, deadline=None)
@given(yaw=st.floats(-np.pi, np.pi), x=st.floats(-3, 3), y=st.floats(-3, 3), seed=st.integers(0, 10_000))
@pytest.mark.slow
def test_nothing_depends_on_where_the_animal_stands_and_heads(plan, plugins, model, yaw, x, y, seed):
    step = random_step(model, seed)
    other = carried(step, Rotation.from_euler("z", yaw), np.array([x, y, 0.0]))
    for name, term in terms_of(plan, plugins, model).items():
        np.testing.assert_allclose(term(other), term(step), atol=2e-5, rtol=1e-4, err_msg=name)


def test_a_body_that_tilts_sees_it(plan, plugins, model):
    """The invariance is about the vertical alone."""
    step = random_step(model, 3)
    other = carried(step, Rotation.from_euler("x", 0.4), np.zeros(3))
    seen = terms_of(plan, plugins, model)["observation proprioception"]
    assert np.abs(np.asarray(seen(other) - seen(step))).max() > 0.1


def test_the_velocity_of_the_root_is_the_one_of_mujoco(plugins, model):
    clips = swaying(model)
    task = compiled_task(
        plugins,
        clips,
        model,
        control_rate_hz=100.0,
        window_step_ms=10.0,
        observations={"reference": [coming_angles], "proprioception": [angles_and_speeds, lambda s: s.root_linvel]},
    )
    state = task.reset_at(jnp.array([0, 0]), jnp.array([0, 33]))
    state, _ = task.step(state, jnp.full((2, 4), 0.3))
    data = mujoco.MjData(model.mj_model)
    data.qpos, data.qvel = state.sim.qpos[1], state.sim.qvel[1]
    mujoco.mj_forward(model.mj_model, data)
    found = np.zeros(6)
    trunk = model.mj_model.body("trunk").id
    mujoco.mj_objectVelocity(model.mj_model, data, mujoco.mjtObj.mjOBJ_XBODY, trunk, found, 0)
    view = task.view(state, state.excitation, frozenset({"root_linvel"}))
    np.testing.assert_allclose(view.root_linvel[1], found[3:], atol=1e-5)
    # and that of the reference is how fast it moves
    ref = task.registered.qpos[0, 33:36, 0]
    assert float(view.ref.root_linvel[1][0]) == pytest.approx((ref[-1] - ref[0]) * 50.0, rel=0.1)


def test_a_body_whose_physics_diverge_stays_and_its_episode_ends(plugins, model):
    task = compiled_task(plugins, swaying(model), model, control_rate_hz=100.0, window_step_ms=10.0)
    state = task.reset_at(jnp.array([0, 0]), jnp.array([5, 5]))
    wild = state._replace(sim=state.sim._replace(qvel=state.sim.qvel.at[1].set(3e6)))
    after, outcome = task.step(wild, jnp.zeros((2, 4)))
    assert outcome.terminated.tolist() == [False, True] and np.isfinite(outcome.reward).all()
    np.testing.assert_array_equal(after.sim.qpos[1], wild.sim.qpos[1])
    assert not np.array_equal(after.sim.qpos[0], wild.sim.qpos[0])


def test_starts_are_anywhere_in_a_long_recording(plugins, model):
    task = compiled_task(plugins, swaying(model), model, control_rate_hz=100.0, window_step_ms=10.0)
    begun = np.asarray(task.reset(KEY, 4000).step)
    assert (begun == 0).mean() < 0.3 and begun.max() > 0.95 * task.n_steps[0]
    assert task.n_steps[0] == 399 and FREE_BODY.physics.timestep == 0.002


def servo_model():
    """The table with a position servo in each hip, whose set point follows its control with 40 ms."""

    def apply(spec):
        for name in LEGS:
            servo = spec.add_actuator(name=f"hip_{name}", target=f"hip_{name}", trntype=mujoco.mjtTrn.mjTRN_JOINT)
            servo.set_to_position(kp=0.1, timeconst=0.04)
            servo.ctrllimited, servo.ctrlrange = True, (-1.0, 1.0)

    names = tuple(f"hip_{n}" for n in LEGS)
    bounds = {"low": -1.0, "high": 1.0}
    return BodyModel.compile(
        FREE_BODY, Actuation(name="servo", actuators=names, **bounds, apply=apply, set_points=set_points)
    )


@pytest.fixture(scope="module")
def servo():
    return servo_model()


def servo_task(plugins, servo, **settings):
    return compiled_task(plugins, swaying(servo), servo, control_rate_hz=100.0, window_step_ms=10.0, **settings)


def test_a_servo_begins_where_the_reference_has_its_joint(plugins, servo):
    task = servo_task(plugins, servo)
    at = jnp.array([20, 160, 398])
    begun = task.reset_at(jnp.zeros(3, int), at).sim.activation
    wanted = task.reference.qpos[0, np.asarray(at)][:, servo.joint_qposadr]
    np.testing.assert_allclose(begun, wanted, atol=1e-6)


def test_servos_are_given_the_reference_and_an_action_is_added(plugins, servo):
    """Its filter of 40 ms is made up for, so that the filtered set point is the reference's angle a step later."""
    task = servo_task(plugins, servo, servo_span=0.5)
    assert task.follows_by_itself and not task.without_set_points().follows_by_itself
    clip, at = jnp.zeros(2, int), jnp.array([100, 200])
    state = task.reset_at(clip, at)
    after, _ = task.step(state, jnp.zeros((2, 4)))
    angles = task.reference.qpos[0][:, servo.joint_qposadr]
    rate = np.gradient(angles, task.control_dt, axis=0)
    np.testing.assert_allclose(after.excitation, (angles + 0.04 * rate)[np.asarray(at)], atol=1e-5)
    np.testing.assert_allclose(after.sim.activation, angles[np.asarray(at) + 1], atol=2e-3)
    more, _ = task.step(state, jnp.full((2, 4), 0.1))
    np.testing.assert_allclose(more.excitation - after.excitation, 0.05, atol=1e-6)
    most, _ = task.step(state, jnp.ones((2, 4)) * 10)
    assert (np.asarray(most.excitation) <= 1.0).all()


def test_without_servos_an_action_is_an_excitation(plugins, model):
    task = compiled_task(plugins, swaying(model), model, control_rate_hz=100.0, window_step_ms=10.0, servo_span=0.5)
    assert not task.follows_by_itself
    after, _ = task.step(task.reset_at(jnp.zeros(1, int), jnp.array([50])), jnp.full((1, 4), 0.3))
    np.testing.assert_allclose(after.excitation, 0.3, atol=1e-6)
