"""Costs of changes, force, work and heat, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import compile_body, compiled_task, make_clips, make_task

from mimic_core.testing.steps import random_step
from mimic_core.testing.toy import toy_body


def build(plugins, name, model, **config):
    spec = plugins.get("reward", name)
    assert spec.cost
    return spec.build(spec.config(**config), model)


def step(**fields):
    return SimpleNamespace(**{k: jnp.asarray(v, float) for k, v in fields.items()})


def over_time(term, steps):
    """Values of a term with memory, step by step from the beginning of an episode."""
    memory, out = term.init(), []
    for s in steps:
        memory, value = term.step(memory, s)
        out.append(float(value))
    return out


# -- changes --------------------------------------------------------------------------------------------------


def test_change_of_excitation_by_hand(plugins, toy_model):
    """0.3² + (−0.1)² = 0.10."""
    term = build(plugins, "control_difference", toy_model)
    assert float(term(step(excitation=[0.5, 0.1], previous_excitation=[0.2, 0.2]))) == pytest.approx(0.10)
    assert float(term(step(excitation=[0.5, 0.1], previous_excitation=[0.5, 0.1]))) == 0.0


def test_action_variance_by_hand(plugins, toy_model):
    """u = 0, 1, 1, 0 and 0.5 throughout, over 3 steps: 0; var(0,1) = 1/4; var(0,1,1) = 2/9; var(1,1,0) = 2/9."""
    steps = [step(excitation=[u, 0.5]) for u in (0.0, 1.0, 1.0, 0.0)]
    found = over_time(build(plugins, "action_variance", toy_model, window=3), steps)
    np.testing.assert_allclose(found, [0, 1 / 4, 2 / 9, 2 / 9], atol=1e-6)


def test_jitter_by_hand(plugins, toy_model):
    """Velocities (1, 2), (4, 2), (4, 0) rad/s: the first step has none before it; then 3² and 2² rad²/s²."""
    steps = [step(joint_vel=v) for v in ([1, 2], [4, 2], [4, 0])]
    assert over_time(build(plugins, "jitter", toy_model), steps) == [0, 9, 4]


def test_jerk_by_hand(plugins, toy_model):
    """q = 500·t³ rad, so q̇ = 1500·t² and the jerk is 3000 rad/s³: 9 (krad/s³)². The other joint speeds up evenly: 0."""
    times = 0.0025 * np.arange(2, 7)
    steps = [step(joint_vel=[1500 * t**2, 40 * t], control_dt=0.0025) for t in times]
    np.testing.assert_allclose(over_time(build(plugins, "jerk", toy_model), steps), [0, 0, 9, 9, 9], rtol=1e-3)


def test_jerk_is_a_third_derivative_whatever_the_control_rate(plugins, toy_model):
    """The velocity 10·sin(2π·4·t) rad/s has the largest jerk 10·(2π·4)² = 6317 rad/s³, at its peak."""
    for dt in (0.0025, 0.00125):
        times = np.arange(0, 0.25, dt)
        steps = [step(joint_vel=[10 * np.sin(8 * np.pi * t), 0], control_dt=dt) for t in times]
        assert max(over_time(build(plugins, "jerk", toy_model), steps)) == pytest.approx(6.317**2, rel=0.01)


REMEMBERING = {"action_variance": "excitation", "jitter": "joint_vel", "jerk": "joint_vel"}


@pytest.mark.parametrize("name", REMEMBERING)
def test_nothing_changes_from_the_first_step_on_costs_nothing(plugins, toy_model, name):
    same = step(**{REMEMBERING[name]: [0.7, 3.0]}, control_dt=0.0025)
    assert over_time(build(plugins, name, toy_model), [same] * 6) == [0] * 6


@pytest.mark.parametrize("name", REMEMBERING)
def test_terms_that_remember_compile_batch_and_have_slopes_late_in_an_episode(plugins, toy_model, name):
    term = build(plugins, name, toy_model)
    batch = jax.tree.map(lambda *a: jnp.stack(a), *(random_step(toy_model, k) for k in range(12)))
    steps = jax.tree.map(lambda a: a.reshape(4, 3, *a.shape[1:]), batch)  # (time, environment, …)

    def episode(some):
        return jax.lax.scan(term.step, term.init(), some)[1]

    together = jax.jit(jax.vmap(episode, in_axes=1))(steps)
    for b in range(3):
        alone = over_time(term, [jax.tree.map(lambda a, t=t, b=b: a[t, b], steps) for t in range(4)])
        np.testing.assert_allclose(together[b], alone, rtol=1e-5)
        assert alone[-1] > 0
    slopes = jax.grad(lambda s: jax.vmap(episode, in_axes=1)(s).sum())(steps)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    assert np.abs(getattr(slopes, REMEMBERING[name])[0]).max() > 0  # through the memory, back to the first step


def test_a_new_episode_remembers_nothing(plugins, toy_model, toy_clips):
    """In the task: resting muscles, then constant excitation; a restart begins the counting anew."""
    term = build(plugins, "action_variance", toy_model)
    task = make_task(plugins, toy_clips, toy_model, {"action_variance": (-1.0, term)}, initial_activation_max=0.0)
    state = task.reset(jax.random.key(0), 2)
    for level, expected in ((0.0, 0.0), (0.0, 0.0), (1.0, 2 * 0.25 * 2 / 9)):
        state, outcome = task.step(state, jnp.full((2, 2), level))
        np.testing.assert_allclose(outcome.terms["action_variance"], expected, atol=1e-6)
    state = task.restart(jax.random.key(1), state, jnp.array([True, False]))
    _, outcome = task.step(state, jnp.full((2, 2), 1.0))
    np.testing.assert_allclose(outcome.terms["action_variance"], [0.0, 2 * 0.25 * 0.25], atol=1e-6)


# -- force and work -------------------------------------------------------------------------------------------


def test_actuator_effort_by_hand(plugins, toy_model):
    """Tensions of 0.2 and 0.05 N; without muscles torques of −0.003 and 0.001 N·m."""
    term = build(plugins, "actuator_effort", toy_model)
    assert float(term(step(muscle_force=[0.2, 0.05]))) == pytest.approx(0.25)
    motors = compile_body(plugins, toy_body(), "torque")
    assert float(build(plugins, "actuator_effort", motors)(step(joint_force=[-0.003, 0.001]))) == pytest.approx(0.004)


def test_mechanical_work_by_hand(plugins, toy_model):
    """0.3 N shortening at 0.02 m/s: 6 mW. What is stretched neither costs nor gives back. Motors: 0.002·3 W."""
    term = build(plugins, "mechanical_work", toy_model)
    assert float(term(step(muscle_force=[0.3, 0.4], muscle_velocity=[-0.02, 0.05]))) == pytest.approx(0.006)
    assert float(term(step(muscle_force=[0.3, 0.4], muscle_velocity=[0.0, 0.05]))) == 0.0
    motors = compile_body(plugins, toy_body(), "torque")
    at = step(joint_force=[0.002, -0.001], joint_vel=[3.0, 5.0])
    assert float(build(plugins, "mechanical_work", motors)(at)) == pytest.approx(0.006)


@settings(max_examples=15, deadline=None)
@given(key=st.integers(0, 10_000))
def test_costs_are_not_negative(plugins, mouse_model, key):
    at = random_step(mouse_model, key)
    for name in ("control_difference", "actuator_effort", "energy", "mechanical_work"):
        assert float(build(plugins, name, mouse_model)(at)) >= 0, name


def test_work_in_a_simulation_is_the_energy_that_the_muscles_add(plugins, toy_model):
    """Over a movement, positive work minus the work of stretched muscles is that of the joints' forces."""
    rewards = {
        "muscles": (1.0, lambda s: -(s.muscle_force * s.muscle_velocity).sum()),
        "joints": (1.0, lambda s: (s.joint_force * s.joint_vel).sum()),
        "positive": (-1.0, build(plugins, "mechanical_work", toy_model)),
    }
    task = compiled_task(plugins, make_clips(toy_model, frames=(40,)), toy_model, rewards)
    state = task.reset(jax.random.key(3), 4)
    for action in (1.0, -0.5, 0.5):
        state, outcome = task.step(state, jnp.full((4, 2), action))
        terms = outcome.terms
        np.testing.assert_allclose(terms["muscles"], terms["joints"], rtol=1e-3, atol=1e-6)
        assert (terms["positive"] >= terms["muscles"] - 1e-7).all()
