"""Steps of one engine with the slopes of another."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import make_simulator

from mimic_core import Body, BodyModel, MimicError, Physics
from mimic_core.chain.assembly import build_task, plan_training
from mimic_core.physics import Randomisation
from mimic_surrogate import build
from mimic_surrogate.settings import Settings

DT = 0.01
HOPPER = """
<mujoco>
  <option timestep="0.002"/>
  <worldbody>
    <geom type="plane" size="5 5 1"/>
    <body name="trunk" pos="0 0 0.06">
      <freejoint/><geom size="0.02" mass="0.1"/>
      <body name="leg"><joint name="knee" axis="0 1 0" range="-60 60"/>
        <geom type="capsule" size="0.005" fromto="0 0 0 0.02 0 -0.04" mass="0.01"/>
        <site name="foot" pos="0.02 0 -0.04"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor joint="knee" gear="0.02" ctrlrange="-1 1" ctrllimited="true"/></actuator>
</mujoco>"""


@pytest.fixture(scope="module")
def hopper():
    physics = Physics(timestep=0.002, integrator="implicitfast")
    return BodyModel.compile(Body(name="hopper", mjcf=HOPPER, keypoints={"foot": "foot"}, physics=physics))


def resting(simulator, model, n=2):
    m = model.mj_model
    return simulator.reset(np.tile(m.qpos0, (n, 1)), np.zeros((n, m.nv)), np.zeros((n, m.nu)))


def begun(simulator, model, n=2):
    """A body in contact with the floor, which moves, n times."""
    qpos = np.tile(model.mj_model.qpos0, (n, 1))
    qpos[:, model.root_qposadr + 2] = 0.044  # the place comes first, its height last
    qvel = np.random.default_rng(0).normal(0, 0.2, (n, model.mj_model.nv))
    return simulator.reset(qpos, qvel, np.zeros((n, 1)))


def rolled(simulator, state, excitation, steps):
    return jax.lax.scan(lambda s, _: (simulator.step(s, excitation), None), state, None, length=steps)[0]


@pytest.mark.slow
def test_where_the_floor_is_met_states_are_the_engines_and_slopes_the_views(plugins, hopper):
    both = build(Settings(), hopper, DT, differentiable=True)
    engine = make_simulator(plugins, "mujoco", hopper, control_dt=DT)
    view = make_simulator(plugins, "mjx", hopper, differentiable=True, control_dt=DT)
    excitation, start = jnp.array([[0.3], [-0.4]]), begun(both, hopper)
    where = [jax.jit(rolled, static_argnums=(0, 3))(s, start, excitation, 10) for s in (both, engine, view)]
    np.testing.assert_array_equal(where[0].qpos, where[1].qpos)
    np.testing.assert_array_equal(where[0].qvel, where[1].qvel)
    assert np.abs(where[2].qpos - where[1].qpos).max() > 1e-3, "the view goes elsewhere, or this test tells nothing"
    weights = np.random.default_rng(1).normal(size=start.qvel.shape)

    def outcome(simulator, excitation):
        return (weights * simulator.step(where[1], excitation).qvel).sum()

    slopes = [jax.jit(jax.grad(outcome, argnums=1), static_argnums=0)(s, excitation) for s in (both, view)]
    np.testing.assert_allclose(*slopes, rtol=1e-5, atol=1e-7)
    assert np.abs(slopes[0]).max() > 0


def test_slopes_over_two_steps_are_taken_at_the_states_of_the_engine(plugins, toy_model):
    """The second step's slope is the view's at the state to which the engine came, worked out by hand; of bodies that
    differ, and are pushed."""
    spec, view_of = (plugins.get("simulator", name) for name in ("surrogate", "mjx"))
    altered = spec.draw_altered(Randomisation(mass=0.3, bodies=4), toy_model)
    both, view = (s.build(s.config(), toy_model, DT, True, altered=altered) for s in (spec, view_of))
    push = jnp.zeros((2, len(toy_model.body_names), 6)).at[:, -1, 0].set(1e-4)
    start = resting(both, toy_model)._replace(altered=jnp.array([0, 3]), force=push)
    excitation = jnp.full((2, len(toy_model.actuator_names)), 0.4)
    weights = np.random.default_rng(2).normal(size=start.qvel.shape)

    def second(simulator, state):
        return (weights * simulator.step(state, excitation).qvel).sum()

    slope = jax.jit(jax.grad(lambda u: second(both, both.step(start, u))))(excitation)
    middle = jax.jit(both.step)(start, excitation)

    def by_hand(u, middle):
        _, back = jax.vjp(lambda u: view.step(start, u), u)
        return back(jax.grad(lambda s: second(view, s), allow_int=True)(middle))[0]

    expected = jax.jit(by_hand)(excitation, middle)
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-8)
    assert np.abs(expected).max() > 0


def test_the_engine_is_called_once_for_each_step_of_a_training(toy_model, monkeypatch):
    from mimic_bottleneck.apg import remembering
    from mimic_mujoco.simulator import MujocoSimulator

    calls, own = [], MujocoSimulator._host_step

    def counted(self, *given):
        calls.append(1)
        return own(self, *given)

    monkeypatch.setattr(MujocoSimulator, "_host_step", counted)
    both = build(Settings(), toy_model, DT, differentiable=True)

    def worth(excitation):
        @remembering
        def step(state, _):
            state = both.step(state, jax.nn.sigmoid(excitation + state.qvel[:, :1]))
            return state, (state.qpos**2).sum()

        return jax.lax.scan(step, resting(both, toy_model), None, length=7)[1].sum()

    slope = jax.jit(jax.grad(worth))(jnp.full((2, len(toy_model.actuator_names)), 0.4))
    assert np.isfinite(slope).all() and np.abs(slope).max() > 0
    assert len(calls) == 7


def test_without_gradients_it_is_the_engine_itself(toy_model):
    for engine, name in (("mujoco", "MujocoSimulator"), ("mjx", "MjxSimulator")):
        made = build(Settings(forward=engine), toy_model, DT, differentiable=False)
        assert (type(made).__name__, made.differentiable) == (name, False)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"backward": "mujoco"}, "simulator.backward: 'mujoco' has no gradients; take one of mjx"),
        ({"forward": "mujocco"}, "unknown simulator 'mujocco'; did you mean mujoco"),
        ({"backward": "surrogate"}, "simulator.backward: 'surrogate' would be its own"),
        ({"forward": "surrogate"}, "simulator.forward: 'surrogate' would be its own"),
        ({"backward_settings": {"view_step": 1}}, "simulator.backward_settings.view_step"),
    ],
)
def test_what_cannot_be_is_said(toy_model, settings, said):
    with pytest.raises(MimicError, match=said):
        build(Settings(**settings), toy_model, DT, differentiable=True)


def test_settings_reach_the_engine_that_they_are_for(toy_model):
    settings = Settings(forward_settings={"threads": 1}, backward_settings={"view_step_ms": 5.0})
    fine, coarse = (build(s, toy_model, DT, differentiable=True) for s in (settings, Settings()))
    start, still = resting(fine, toy_model), jnp.zeros((2, len(toy_model.actuator_names)))
    slopes = [jax.jit(jax.grad(lambda u, s=s: s.step(start, u).qvel.sum()))(still) for s in (fine, coarse)]
    assert not np.allclose(*slopes, rtol=1e-3)


def test_a_training_goes_through_it_and_is_measured_in_the_true_physics(plugins, toy_clips):
    plan = plan_training({"policy": {"name": "bottleneck_apg"}, "simulator": {"name": "surrogate"}}, plugins)
    tasks = [
        build_task(toy_clips, plan, plugins, train_clips=np.arange(6), for_training=training)
        for training in (True, False)
    ]
    assert [type(t.simulator).__name__ for t in tasks] == ["Surrogate", "MujocoSimulator"]
