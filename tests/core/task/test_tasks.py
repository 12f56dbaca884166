"""Tasks other than imitation: their terms, where their episodes begin, what pushes the body, and success."""

from __future__ import annotations

import types

import attrs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import make_task

from mimic_core import ConfigError, Goal, PluginError, TaskSpec, Term, hookimpl
from mimic_core.chain import ClipRunner, build_task, discover, passive_controller, plan_training
from mimic_core.task import TaskSettings, as_term
from mimic_core.task.pushes import PUSH
from mimic_core.trainer.curve import read_curve, write_curve

PPO = {"policy": {"name": "bottleneck_ppo"}}


@attrs.frozen(kw_only=True)
class Settings(TaskSettings):
    newton: float = 0.0


def offering(**more):
    """The installed plugins with a task ``mine`` beside them."""
    plugins = discover()
    terms = {"rewards": {"joint": {"weight": 2.0}}, "terminations": {}}
    own = {"build": lambda c, m: Goal(), "config": Settings, "terms": terms}
    spec = TaskSpec(name="mine", summary="a test", **own | more)
    plugin = types.ModuleType("mine")
    plugin.mimic_tasks = hookimpl(specname="mimic_tasks")(lambda: iter([spec]))
    plugins.add(plugin, "test:mine")
    assert not plugins.broken
    return plugins


def test_terms_of_a_task_stand_in_the_place_of_the_presets():
    plugins = offering()
    usual, plan = plan_training(PPO, plugins), plan_training({**PPO, "task": "mine"}, plugins)
    assert usual.task == "imitation" and {"keypoint", "control"} <= set(usual.settings["rewards"])
    assert plan.task == "mine" and set(plan.settings["rewards"]) == {"joint"}
    assert plan.settings["rewards"]["joint"]["weight"] == 2.0 and plan.settings["terminations"] == {}
    assert plan.settings["observations"] == usual.settings["observations"]  # it says nothing of them
    assert plan.settings["task"]["newton"] == 0.0 and "newton" not in usual.settings["task"]
    given = {**PPO, "task": {"name": "mine", "newton": 3.0}, "rewards": {"energy": {"weight": 1.0}}}
    added = plan_training(given, plugins)
    assert set(added.settings["rewards"]) == {"joint", "energy"} and added.settings["task"]["newton"] == 3.0


def test_settings_of_another_task_are_refused():
    with pytest.raises(ConfigError, match=r"task.newton"):
        plan_training({**PPO, "task": {"newton": 3.0}}, offering())
    with pytest.raises(PluginError, match="task 'mina'"):
        plan_training({**PPO, "task": "mina"}, offering())


def test_a_task_needs_the_term_that_it_succeeds_by(toy_clips):
    plugins = offering(success="joint")
    plan = plan_training({**PPO, "task": "mine", "rewards": {"joint": False, "energy": {}}}, plugins, toy_clips)
    with pytest.raises(ConfigError, match=r"rewards.joint: task mine succeeds by this term"):
        build_task(toy_clips, plan, plugins, train_clips=np.arange(2), for_training=False)


def test_a_push_needs_a_simulator_that_can(toy_clips, monkeypatch):
    plugins = offering(build=lambda c, m: Goal(push=lambda step: jnp.zeros((2, 6))))
    plan = plan_training({**PPO, "task": "mine", "simulator": "mujoco"}, plugins, toy_clips)
    spec = attrs.evolve(plugins.get("simulator", "mujoco"), forces=False)
    monkeypatch.setattr("mimic_core.chain.assembly.choose_simulator", lambda *_, **more: spec)
    with pytest.raises(ConfigError, match="mine pushes the body, which simulator 'mujoco' cannot do"):
        build_task(toy_clips, plan, plugins, train_clips=np.arange(2), for_training=False)


# -- episodes -----------------------------------------------------------------------------------------------------


def test_episodes_begin_at_rest_where_the_clip_says(plugins, toy_clips, toy_model):
    start = toy_clips.qpos[::-1, 3].copy()
    task = make_task(plugins, attrs.evolve(toy_clips, start=start), toy_model, initial_activation_max=0.0)
    state = task.reset_at(jnp.array([1, 4]), jnp.array([0, 0]))
    np.testing.assert_allclose(state.sim.qpos, start[[1, 4]], rtol=1e-6)
    assert not np.asarray(state.sim.qvel).any() and not np.asarray(state.sim.time).any()
    drawn = task.reset(jax.random.key(0), 64)
    assert not np.asarray(drawn.step).any() and set(np.asarray(drawn.clip).tolist()) == set(range(6))
    np.testing.assert_allclose(drawn.sim.qpos, start[np.asarray(drawn.clip)], rtol=1e-6)


def test_episodes_begin_with_the_velocity_that_the_clip_says(plugins, toy_clips, toy_model):
    start, speed = toy_clips.qpos[:, 3].copy(), toy_clips.qvel[:, 3].copy()
    task = make_task(plugins, attrs.evolve(toy_clips, start=start, start_qvel=speed), toy_model)
    state = task.reset_at(jnp.array([1, 4]), jnp.array([0, 0]))
    np.testing.assert_allclose(state.sim.qpos, start[[1, 4]], rtol=1e-6)
    np.testing.assert_allclose(state.sim.qvel, speed[[1, 4]], rtol=1e-5)


def test_starts_are_padded_to_the_longest(plugins, toy_clips, toy_model):
    usual = make_task(plugins, toy_clips, toy_model)
    begun = make_task(plugins, attrs.evolve(toy_clips, start=toy_clips.qpos[:, 0]), toy_model)
    assert usual.starts_of(np.array([0, 5])).count == (usual.n_steps[[0, 5]] - 1).sum()
    assert begun.starts_of(np.array([0, 5])).table.tolist() == [[0, 0], [5, 0]]


# -- pushes -------------------------------------------------------------------------------------------------------

WRENCH = np.array([[0.0] * 6, [0.002, 0.0, -0.004, 0.0, 1e-5, 0.0]])


def begun(task, force=()):
    """Two episodes, with a force in the simulator's state."""
    state = task.reset_at(jnp.array([0, 1]), jnp.array([0, 0]))
    return state._replace(sim=state.sim._replace(force=force))


@pytest.fixture(scope="module")
def tasks(plugins, toy_clips, toy_model):
    """A task without a push, and the same with one."""
    pushed = make_task(plugins, toy_clips, toy_model, push=as_term(lambda step: jnp.asarray(WRENCH)))
    return make_task(plugins, toy_clips, toy_model), pushed


@pytest.mark.parametrize("other", [0.0, 3.0])
def test_a_push_is_a_force_beside_others_and_does_not_stay(tasks, other):
    """Whoever sets a force of the simulator finds it as it was."""
    plain, pushed = tasks
    action, force = jnp.zeros((2, 2)), jnp.asarray(np.stack([WRENCH] * 2), jnp.float32)
    by_hand, _ = jax.jit(plain.step)(begun(plain, (1.0 + other) * force), action)
    state = begun(pushed, other * force if other else ())
    found, _ = jax.jit(pushed.step)(state, action)
    np.testing.assert_array_equal(found.sim.qpos, by_hand.sim.qpos)
    assert np.abs(found.sim.qvel - jax.jit(plain.step)(begun(plain, 0 * force), action)[0].sim.qvel).max() > 1e-3
    np.testing.assert_array_equal(found.sim.force, other * force if other else ())


def test_a_push_remembers(plugins, toy_clips, toy_model):
    """Its memory goes on from step to step beside that of reward terms, and begins anew with an episode."""
    growing = Term(init=lambda: jnp.zeros(()), step=lambda n, view: (n + 1.0, n * jnp.asarray(WRENCH)))
    reward = Term(init=lambda: jnp.zeros(()), step=lambda n, view: (n + 1.0, n))
    task = make_task(plugins, toy_clips, toy_model, {"count": (1.0, reward)}, push=growing)
    step = jax.jit(task.step)
    state = begun(task)
    for count in (1.0, 2.0):
        state, outcome = step(state, jnp.zeros((2, 2)))
        assert np.asarray(state.memory[PUSH]).tolist() == [count] * 2 == np.asarray(state.memory["count"]).tolist()
    assert np.asarray(outcome.terms["count"]).tolist() == [1.0, 1.0]
    assert not np.asarray(begun(task).memory[PUSH]).any()


def test_another_push_replaces_a_tasks_own(tasks):
    plain, pushed = tasks
    none = pushed.changed(push=as_term(lambda step: jnp.zeros((2, 6))))
    found, by_hand = (jax.jit(t.step)(begun(t), jnp.zeros((2, 2)))[0].sim for t in (none, plain))
    np.testing.assert_array_equal(found.qpos, by_hand.qpos)
    assert pushed.changed(settings=pushed.settings).push is pushed.push


# -- success ------------------------------------------------------------------------------------------------------


def test_an_episode_succeeds_in_any_of_its_own_steps(plugins, toy_clips, toy_model):
    """All clips are stepped as long as the longest, but what comes after a clip's end does not count."""

    def at(step):
        count = Term(init=lambda: jnp.zeros(()), step=lambda n, view: (n + 1.0, jnp.where(n + 1.0 == step, 0.6, 0.5)))
        task = make_task(plugins, toy_clips, toy_model, {"then": (0.0, count)}, success="then")
        runner = ClipRunner(task, np.arange(6))
        errors, reached = runner.measured(passive_controller(task))
        np.testing.assert_array_equal(errors, runner.clip_errors_mm(passive_controller(task)))
        return reached.tolist()

    assert at(78) == [True] * 6  # 40 frames at 200 Hz are 79 instants at 400 Hz, 50 are 99
    assert at(79) == [False] * 5 + [True]
    assert at(99) == [False] * 6


def test_imitation_knows_no_success(tasks):
    assert ClipRunner(tasks[0], np.arange(2)).measured(passive_controller(tasks[0]))[1] is None


@pytest.mark.parametrize("rows", [[{"success": 0.5}], [{}]])
def test_the_curve_has_success_where_there_is_one(tmp_path, rows):
    rows = [
        {"control_steps": 1.0, "seconds": 2.0, "reward": 0.1, "tracking_mm": 3.0, "train_mm": 4.0, **r} for r in rows
    ]
    write_curve(tmp_path, rows)
    assert read_curve(tmp_path, 10) == rows
