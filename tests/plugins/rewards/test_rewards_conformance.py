"""Every built-in reward term keeps what a term promises: on a free body, a toy arm with muscles or motors, a mouse."""

from __future__ import annotations

import attrs
import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from toys import clips_of, compile_body, compiled_task, make_simulator, make_task

from mimic_core.chain.assembly import plan_training
from mimic_core.task.step import fields_read
from mimic_core.testing.checks.every import check_settings, check_summary
from mimic_core.testing.steps import floating_model, random_step
from mimic_core.testing.terms import CHECKS, TermCase
from mimic_core.testing.toy import toy_body

DEFAULT = ("joint", "control", "energy")
FREE = ("position", "quaternion", "angular_velocity")
REWARDS = (*DEFAULT[:1], "joint_velocity", *FREE, "body_position", "end_effector", "keypoint")
COSTS = (
    *("bone_distance", "paw_distance", *DEFAULT[1:], "control_difference", "action_variance", "jerk"),
    *("jitter", "actuator_effort", "mechanical_work", "reserve"),
)


@pytest.fixture(scope="module")
def models(plugins, toy_model, mouse_model):
    return {
        "toy": toy_model,
        "mouse": mouse_model,
        "motors": compile_body(plugins, toy_body(), "torque"),
        "floating": floating_model(plugins),
    }


def suits(name: str, body: str) -> bool:
    return name not in FREE or body == "floating"


# the floating body suits every term; on each of the others a reward and a cost stand for all in the fast part
CASES = [
    pytest.param(n, b, marks=[] if b == "floating" or n in ("joint", "energy") else pytest.mark.conformance)
    for b in ("floating", "toy", "mouse", "motors")
    for n in (*REWARDS, *COSTS)
    if suits(n, b)
]


@pytest.mark.parametrize(("name", "body"), CASES)
def test_term_conforms(plugins, models, name, body):
    spec = plugins.get("reward", name)
    case = TermCase("reward", spec, spec.config(), models[body])
    for check in CHECKS.values():
        check(case)


def test_these_are_all_the_terms_and_three_of_them_are_in_use_unasked(plugins):
    own = {p.name: p.record for p in plugins.provided("reward") if p.plugin == "mimic-neuro:rewards"}
    assert set(own) == {*REWARDS, *COSTS}
    assert {n for n, s in own.items() if s.cost} == set(COSTS)
    assert {n for n, s in own.items() if s.weight is not None} == set(DEFAULT)
    for spec in own.values():
        check_settings(spec)
        check_summary(spec)
        assert spec.source and spec.units


def test_a_term_is_switched_on_by_its_weight(plugins):
    plan = plan_training({"rewards": {"end_effector": {"weight": 2.0, "keypoints": ["paw"]}}}, plugins)
    assert plan.settings["rewards"]["end_effector"] == {
        "weight": 2.0,
        "scale": None,
        "keypoints": ["paw"],
        "over": "sum",
        "frame": "world",
    }


def test_all_terms_run_together(plugins, toy_model, toy_clips):
    names = [n for n in (*REWARDS, *COSTS) if n not in FREE]
    specs = {n: plugins.get("reward", n) for n in names}
    rewards = {n: (-1.0 if s.cost else 1.0, s.build(s.config(), toy_model)) for n, s in specs.items()}
    task = compiled_task(plugins, toy_clips, toy_model, rewards)
    state = task.reset(jax.random.key(0), 3)
    for _ in range(4):
        state, outcome = task.step(state, jnp.full((3, 2), 0.3))
        assert set(outcome.terms) == set(names)
        assert all(np.isfinite(v).all() and v.shape == (3,) for v in outcome.terms.values())


# -- what terms see -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "body"),
    [
        ("mujoco", "mouse"),
        ("mujoco", "floating"),
        ("mjx", "floating"),
        pytest.param("mjx", "mouse", marks=pytest.mark.conformance),
    ],
)
def test_both_engines_read_where_the_bodies_are(plugins, models, engine, body):
    model = models[body]
    simulator = make_simulator(plugins, engine, model)
    qpos = np.tile(model.mj_model.qpos0, (3, 1))
    qpos[:, model.joint_qposadr] = [random_step(model, k).joint_pos for k in range(3)]
    if model.root is not None:
        qpos[:, model.root_qposadr : model.root_qposadr + 7] = [[0.1, 0.2, k, 0.6, 0.0, 0.8, 0.0] for k in range(3)]
    actuators = np.zeros((3, len(model.actuator_names)))
    state = simulator.reset(qpos, np.zeros((3, model.mj_model.nv)), actuators)
    read = jax.jit(lambda s: simulator.read(s, frozenset({"body_pos"})))(state)
    assert read.site_pos is None
    data = mujoco.MjData(model.mj_model)
    for k in range(3):
        data.qpos[:] = qpos[k]
        mujoco.mj_kinematics(model.mj_model, data)
        expected = [data.body(name).xpos for name in model.body_names]
        np.testing.assert_allclose(read.body_pos[k], expected, atol=1e-6)


def test_bodies_that_move_are_named(models):
    assert models["toy"].body_names == ("upper", "lower")
    assert models["floating"].body_names == ("trunk", "leg")
    assert models["mouse"].body_names == ("humerus", "ulna", "radius", "wrist_body")  # clavicle and scapula are fixed


def test_bodies_are_read_only_for_a_term_that_asks(plugins, toy_model, toy_clips):
    task = make_task(plugins, toy_clips, toy_model, reference_lowpass_hz=0.0)
    state = task.reset(jax.random.key(0), 2)
    view = task.view(state, state.excitation, task._reads["reward"])
    assert view.body_pos is None and view.ref.body_pos is None and view.future.body_pos is None
    spec = plugins.get("reward", "body_position")
    term = TermCase("reward", spec, spec.config(), toy_model).term
    assert fields_read(term, task.view.example()) == {"body_pos", "ref.body_pos"}
    task = make_task(plugins, toy_clips, toy_model, {"body": (1.0, term)}, reference_lowpass_hz=0.0)
    state = task.reset_at(jnp.array([0, 1]), jnp.array([3, 9]))
    view = task.view(state, state.excitation, task._reads["reward"])
    np.testing.assert_allclose(view.body_pos, view.ref.body_pos, atol=1e-7)
    assert np.ptp(view.body_pos, axis=0).max() > 1e-4


def test_a_free_root_turns_in_its_own_frame(plugins, models):
    """Turned by 90° about x and spinning about the world's z, a body spins about its own y; so does its reference."""
    model, rate, spin = models["floating"], 200.0, 4.0
    time = np.arange(40) / rate
    qpos = np.tile(model.mj_model.qpos0, (40, 1))
    half, adr = np.sqrt(0.5), model.root_qposadr
    c, s = np.cos(spin * time / 2), np.sin(spin * time / 2)
    qpos[:, adr + 3 : adr + 7] = np.stack([c * half, c * half, s * half, s * half], axis=1)
    names = ("angular_velocity", "quaternion", "position")
    rewards = {n: (1.0, s.build(s.config(), model)) for n in names for s in [plugins.get("reward", n)]}
    clips = attrs.evolve(clips_of(model, [qpos]), qvel=np.zeros((1, 40, model.mj_model.nv)))
    task = make_task(plugins, clips, model, rewards, reference_lowpass_hz=0.0)
    state = task.reset_at(jnp.array([0]), jnp.array([20]))
    view = task.view(state, state.excitation, task._reads["reward"])
    np.testing.assert_allclose(view.root_angvel, [[0.0, spin, 0.0]], atol=1e-3)
    np.testing.assert_allclose(view.ref.root_angvel, view.root_angvel, atol=1e-5)
    reward = task._reward(state, view)[1]
    np.testing.assert_allclose(reward, 3.0, atol=1e-5)
