"""Delays and noise between a policy and its body."""

from __future__ import annotations

import attrs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import compiled_task

from mimic_core import Body, BodyModel
from mimic_core.chain.assembly import plan_training
from mimic_core.errors import ConfigError
from mimic_core.physics.randomisation import Randomisation
from mimic_core.task.disturbance import Noise, noisy_senses
from mimic_core.task.settings import TaskSettings

KEY = jax.random.key(0)
STEPS = 6
NOISE = Noise(motor=0.2, motor_constant=0.01, joint_deg=2.0, velocity=0.5, activation=0.05)


def actions(task, batch, steps=STEPS, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, (steps, batch, task.action_size)), jnp.float32)


def watch(task, state, acts):
    """(what was seen, excitation, body) at each instant, a leading time axis; the start is instant 0."""

    def step(state, action):
        after, _ = task.step(state, action)
        return after, (task.observe(after), after.excitation, after.sim)

    first = task.observe(state), state.excitation, state.sim
    _, later = jax.lax.scan(step, state, acts)
    return jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), first, later)


def muscles_and_angles(step):
    return jnp.concatenate([step.joint_pos, step.muscle_length, step.activation])


def difference(step):
    return (step.future.joint_pos - step.joint_pos).ravel()


SEEN = {"reference": [difference], "proprioception": [muscles_and_angles]}


@pytest.fixture(scope="module")
def plain(plugins, toy_model, toy_clips):
    return compiled_task(plugins, toy_clips, toy_model, observations=SEEN)


def begin(task, key=None):
    return task.reset_at(jnp.array([0, 2, 5]), jnp.array([3, 20, 40]), jnp.full((3, 2), 0.1), key)


def test_nothing_of_it_unless_asked_for(plain):
    state = plain.reset(KEY, 4)
    assert state.sensed == state.pending == state.noise_key == state.sim.altered == ()


# -- delays ---------------------------------------------------------------------------------------------------


def test_the_body_is_seen_as_it_was(plugins, toy_model, toy_clips, plain):
    """5 ms are two control steps: at first the start is seen, then each instant two steps late."""
    late = compiled_task(plugins, toy_clips, toy_model, observations=SEEN, sensory_delay_ms=5.0)
    acts = actions(plain, 3)
    now, _, body = watch(plain, begin(plain), acts)
    then, _, same = watch(late, begin(late), acts)
    np.testing.assert_array_equal(same.qpos, body.qpos)
    shown = np.maximum(np.arange(STEPS + 1) - 2, 0)
    np.testing.assert_allclose(then.proprioception, now.proprioception[shown], rtol=1e-6)
    # the reference is that of the present instant, the body that it is compared with is not
    coming = np.asarray(now.reference).reshape(STEPS + 1, 3, -1, 2) + np.asarray(body.qpos)[:, :, None]
    np.testing.assert_allclose(
        np.asarray(then.reference).reshape(coming.shape), coming - np.asarray(body.qpos)[shown][:, :, None], atol=1e-6
    )


def test_excitation_arrives_late(plugins, toy_model, toy_clips, plain):
    """Until the first excitation arrives, the actuators hold the start's activation."""
    late = compiled_task(plugins, toy_clips, toy_model, observations=SEEN, motor_delay_ms=5.0)
    acts = actions(plain, 3)
    start_action = jnp.full((2, 3, 2), 2 * 0.1 - 1)
    _, excitation, body = watch(late, begin(late), acts)
    _, expected, same = watch(plain, begin(plain), jnp.concatenate([start_action, acts[:-2]]))
    np.testing.assert_allclose(excitation, expected, atol=1e-6)
    np.testing.assert_allclose(body.qpos, same.qpos, atol=1e-6)
    np.testing.assert_allclose(excitation[3], (acts[0] + 1) / 2, atol=1e-6)


def test_both_delays_after_a_restart(plugins, toy_model, toy_clips):
    task = compiled_task(plugins, toy_clips, toy_model, observations=SEEN, sensory_delay_ms=5.0, motor_delay_ms=2.5)
    state, _ = task.step(task.reset(KEY, 4), jnp.ones((4, 2)))
    where = jnp.array([True, False, False, True])
    again = task.restart(jax.random.key(3), state, where)
    np.testing.assert_array_equal(again.pending[where, 0], again.sim.activation[where])
    np.testing.assert_allclose(again.pending[~where], 1.0)
    np.testing.assert_array_equal(again.sensed["joint_pos"][where, 0], again.sim.qpos[where])
    np.testing.assert_array_equal(again.sensed["joint_pos"][~where], state.sensed["joint_pos"][~where])


def test_disturbed_starts_are_what_is_seen(plugins, toy_model, toy_clips):
    task = compiled_task(
        plugins, toy_clips, toy_model, observations=SEEN, sensory_delay_ms=10.0, initial_joint_noise=0.05
    )
    state = task.reset(KEY, 5)
    np.testing.assert_array_equal(state.sensed["joint_pos"], np.repeat(np.asarray(state.sim.qpos)[:, None], 5, axis=1))
    moved = task.placed(state, state.sim._replace(activation=jnp.full((5, 2), 0.7)))
    np.testing.assert_allclose(task.observe(moved).proprioception[:, -2:], 0.7)


# -- noise ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy(plugins, toy_model, toy_clips):
    observations = {
        "reference": SEEN["reference"],
        "proprioception": [lambda s: s.joint_pos, lambda s: s.joint_vel, lambda s: s.activation],
    }
    return compiled_task(plugins, toy_clips, toy_model, observations=observations, noise=NOISE)


@pytest.mark.slow
def test_motor_noise_grows_with_excitation(noisy):
    """Standard deviation √((0.2·u)² + 0.01²), within [0, 1]."""
    state = noisy.reset(KEY, 20_000)
    for u in (0.0, 0.3, 0.6):
        after, _ = noisy.step(state, jnp.full((20_000, 2), 2 * u - 1))
        excitation = np.asarray(after.excitation)
        assert 0 <= excitation.min() and excitation.max() <= 1
        if u == 0.0:  # the lower half is cut off: mean c/√(2π)
            assert excitation.mean() == pytest.approx(0.01 / np.sqrt(2 * np.pi), rel=0.03)
        else:
            assert excitation.mean(axis=0) == pytest.approx(u, abs=0.003)
            assert excitation.std(axis=0) == pytest.approx(np.hypot(0.2 * u, 0.01), rel=0.02)
    assert np.corrcoef(excitation.T)[0, 1] == pytest.approx(0.0, abs=0.03)


@pytest.mark.slow
def test_noise_differs_from_step_to_step(noisy):
    acts = jnp.zeros((STEPS, 3, 2))
    _, excitation, _ = watch(noisy, begin(noisy, KEY), acts)
    assert len(np.unique(np.asarray(excitation)[1:])) == STEPS * 3 * 2


def test_senses_are_noisy_but_the_body_is_not(noisy, toy_model):
    state = noisy.reset(KEY, 20_000)
    seen, again = noisy.observe(state), noisy.observe(state)
    np.testing.assert_array_equal(seen.proprioception, again.proprioception)  # one instant looks like one instant
    off = np.asarray(seen.proprioception) - np.concatenate([state.sim.qpos, state.sim.qvel, state.sim.activation], 1)
    assert off.std(axis=0) == pytest.approx(np.repeat([np.deg2rad(2.0), 0.5, 0.05], 2), rel=0.02)
    assert off.mean(axis=0) == pytest.approx(0, abs=0.02)
    # the difference of a reference angle from the present one has the very same noise
    exact = noisy.observe(state._replace(noise_key=())).reference
    np.testing.assert_allclose(
        np.asarray(exact - seen.reference).reshape(20_000, -1, 2), off[:, None, :2].repeat(10, axis=1), atol=1e-5
    )


def test_a_slide_has_no_angle_to_be_mistaken_about():
    mjcf = """<mujoco><worldbody><body><joint name="slide" type="slide" axis="1 0 0"/><joint name="hinge"/>
    <geom size="0.01" mass="0.01"/><site name="tip"/></body></worldbody></mujoco>"""
    model = BodyModel.compile(Body(name="cart", mjcf=mjcf, keypoints={"tip": "tip"}))
    from mimic_core.testing.steps import random_step

    view = jax.tree.map(lambda a: jnp.asarray(a)[None], random_step(model, 0))
    keys, step = jax.random.key_data(jax.random.split(KEY, 1)), jnp.zeros(1, int)
    seen = noisy_senses(NOISE, view, keys, step, jnp.asarray(model.is_hinge))
    moved = np.asarray(seen.joint_pos != view.joint_pos)[0], np.asarray(seen.joint_vel != view.joint_vel)[0]
    slide, hinge = model.joint("slide"), model.joint("hinge")
    assert [(m[slide], m[hinge]) for m in moved] == [(False, True)] * 2


def test_episodes_without_a_key_have_none(noisy, plain):
    acts = actions(noisy, 3)
    seen, excitation, body = watch(noisy, begin(noisy), acts)
    _, expected, same = watch(plain, begin(plain), acts)
    np.testing.assert_array_equal(excitation, expected)
    np.testing.assert_array_equal(body.qpos, same.qpos)
    np.testing.assert_array_equal(seen.proprioception[..., :2], body.qpos)
    again = noisy.restart(KEY, begin(noisy), jnp.array([True, False, True]))  # and so they go on
    assert again.noise_key == ()


def test_the_same_key_gives_the_same_noise(noisy):
    acts = actions(noisy, 3)
    run = jax.jit(lambda key: watch(noisy, begin(noisy, key), acts))
    runs = [run(jax.random.key(k)) for k in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0][0].proprioception, runs[1][0].proprioception)
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    assert not np.array_equal(runs[0][1], runs[2][1])


@pytest.mark.slow
def test_torques_have_noise_too(plugins, toy_model, toy_clips):
    from toys import compile_body

    motors = compile_body(plugins, toy_model.body, "torque")
    task = compiled_task(plugins, toy_clips, motors, noise=Noise(motor=0.1))
    after, _ = task.step(task.reset(KEY, 5000), jnp.tile(jnp.array([-0.5, 0.0]), (5000, 1)))
    still, pushed = motors.actuator_names.index("elbow"), motors.actuator_names.index("shoulder")
    assert np.asarray(after.excitation)[:, pushed].std() == pytest.approx(0.05, rel=0.05)
    assert (np.asarray(after.excitation)[:, still] == 0).all()


def test_noise_can_be_differentiated(noisy):
    """∂u'/∂u = 1 + motor·ξ, at zero excitation too: the noise is drawn apart from what it multiplies."""
    state = begin(noisy, KEY)

    def first(u):
        return noisy._arriving(state, jnp.full((3, 2), u))[0].sum()

    slope, difference = jax.grad(first)(0.5), (first(0.51) - first(0.49)) / 0.02
    assert float(slope) == pytest.approx(float(difference), rel=1e-3) and abs(slope - 6) > 0.01
    assert np.isfinite(jax.grad(first)(0.0))


# -- everything together --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_many_trainings_in_one_program(plugins, toy_model, toy_clips):
    """Everything on: a program over several keys gives what each key gives alone."""
    task = compiled_task(
        plugins,
        toy_clips,
        toy_model,
        observations=SEEN,
        noise=NOISE,
        sensory_delay_ms=5.0,
        motor_delay_ms=2.5,
        randomise=Randomisation(mass=0.2),
    )
    acts = actions(task, 3)

    def training(key):
        first, again = jax.random.split(key)

        def step(state, action):
            state, outcome = task.step(state, action)
            return state, (task.observe(state), outcome.reward)

        state, seen = jax.lax.scan(step, task.reset(first, 3), acts)
        return seen, task.restart(again, state, jnp.array([True, False, True]))

    keys = jax.random.split(KEY, 4)
    together = jax.jit(jax.vmap(training))(keys)
    alone = jax.jit(training)
    for i in range(4):
        for one, of_all in zip(jax.tree.leaves(alone(keys[i])), jax.tree.leaves(together), strict=True):
            np.testing.assert_allclose(of_all[i], one, rtol=1e-5, atol=1e-6)


@pytest.mark.conformance
def test_gradients_pass_through_all_of_it(plugins, toy_model, toy_clips):
    task = compiled_task(
        plugins,
        toy_clips,
        toy_model,
        observations=SEEN,
        simulator="mjx",
        differentiable=True,
        noise=NOISE,
        sensory_delay_ms=5.0,
        motor_delay_ms=2.5,
        randomise=Randomisation(strength=0.2),
    )

    def loss(gain):
        def step(state, _):
            after, reward, _ = task.advance(state, jnp.tanh(task.observe(state).proprioception[:, :2] * gain))
            return after, reward.mean()

        return jax.lax.scan(jax.checkpoint(step), task.reset(KEY, 4), length=8)[1].sum()

    slope = jax.jit(jax.grad(loss))
    for gain in (0.0, 1.0, -30.0):  # at the last one, excitation is cut off at its bounds
        assert np.isfinite(slope(gain))
    assert abs(slope(1.0)) > 1e-6


def test_settings_reach_the_task(plugins):
    given = {"task": {"sensory_delay_ms": 5.0, "noise": {"motor": 0.1}, "randomise": {"mass": 0.3, "bodies": 8}}}
    settings = plan_training(given, plugins).settings["task"]
    assert settings["noise"] == {**attrs.asdict(Noise()), "motor": 0.1}
    assert settings["randomise"]["bodies"] == 8 and settings["sensory_delay_ms"] == 5.0
    assert plan_training({}, plugins).settings["task"]["noise"] == attrs.asdict(Noise())
    with pytest.raises(ConfigError, match=r"^task.noise.motor: must be >= 0, got -1$"):
        plan_training({"task": {"noise": {"motor": -1}}}, plugins)
    with pytest.raises(ConfigError, match=r"^task.noise.moter: unknown setting; did you mean motor\?"):
        plan_training({"task": {"noise": {"moter": 1.0}}}, plugins)
    assert TaskSettings().noise == Noise()
