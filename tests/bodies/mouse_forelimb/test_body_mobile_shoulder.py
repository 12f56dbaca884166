"""The mouse forelimb whose scapula glides on three springs."""

from __future__ import annotations

import copy

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from toys import compile_body, make_clips, make_simulator

from mimic_core import BodyModel
from mimic_core.chain.assembly import build_model, build_task, plan_training

MOBILE = "mobile_shoulder"
SLIDES = ("scapula_x", "scapula_y", "scapula_z")
JOINTS = ("sh_elv", "sh_extension", "sh_rotation", "elbow")


@pytest.fixture(scope="module")
def mobile(plugins) -> BodyModel:
    """The variant whose scapula glides, with its muscles."""
    return compile_body(plugins, plugins.get("body", "mouse_forelimb").make(MOBILE))


def test_a_mobile_shoulder_adds_to_the_paper_and_changes_only_how_it_is_integrated():
    from mimic_mouse_forelimb import facts

    paper, gliding = ({(f.group, f.entry, f.quantity): f for f in facts.table(v)} for v in ("paper", MOBILE))
    changed = {k for k in paper if gliding[k].value != paper[k].value}
    assert changed == {("physics", "", "integrator"), ("physics", "", "timestep")}
    added = {k: gliding[k] for k in gliding if k not in paper}
    assert {(group, entry) for group, entry, _ in added} == {("bodies", "scapula"), *(("joints", s) for s in SLIDES)}
    assert {f.source for f in added.values()} == {"project"}
    units = {f.quantity: f.unit for f in added.values() if f.group == "joints" and f.unit}
    assert units == {
        **{"axis": "1", "range": "m", "armature": "kg"},
        **{"damping": "N s/m", "stiffness": "N/m", "reserve": "N"},
    }


def test_the_scapula_slides_as_the_facts_say(mobile):
    from mimic_mouse_forelimb import facts

    m, table = mobile.mj_model, facts.load(MOBILE)["joints"]
    assert mobile.joint_names == (*SLIDES, *JOINTS) and mobile.root is None
    np.testing.assert_array_equal(mobile.is_hinge, [joint in JOINTS for joint in mobile.joint_names])
    for slide in SLIDES:
        joint = m.joint(slide)
        assert m.body(joint.bodyid[0]).name == "scapula"
        np.testing.assert_array_equal(mobile.joint_range[mobile.joint(slide)], [-0.0025, 0.0025])
        assert (joint.stiffness[0], joint.damping[0], joint.armature[0]) == (200.0, 0.6, 0.0)
        assert joint.axis.tolist() == table[slide]["axis"]
    assert m.body_mass.sum() == pytest.approx(5e-4 + 2 * 1.258e-4 + 7.1e-4)


def test_a_reserve_on_each_slide_stands_for_the_muscles_of_the_shoulder_girdle(mobile):
    """0.5 N is what a spring of 200 N/m takes at 2.5 mm: alone it brings the slide to its limit and no further."""
    assert mobile.body.reserves == dict.fromkeys(SLIDES, 0.5)
    assert mobile.actuator_names == (*mobile.muscle_names, *(f"reserve_{s}" for s in SLIDES))
    given = mobile.reserve_moment[len(mobile.muscle_names) :, [mobile.joint(s) for s in SLIDES]]
    np.testing.assert_array_equal(given, 0.5 * np.eye(3))
    assert 200.0 * mobile.joint_range[mobile.joint("scapula_x"), 1] == pytest.approx(0.5)


def at_rest(model: BodyModel, hinges: np.ndarray) -> mujoco.MjData:
    """The scapula where its springs hold it, the arm in a pose (joint of `JOINTS`)."""
    data = mujoco.MjData(model.mj_model)
    data.qpos[model.joint_qposadr[[model.joint(j) for j in JOINTS]]] = hinges
    return data


def test_with_the_scapula_at_rest_it_is_the_paper(mobile, mouse_model):
    """Muscle lengths, forces at full activation, and what these do at the four hinges."""
    for pose in np.random.default_rng(7).uniform(*mouse_model.joint_range.T, (50, len(JOINTS))):
        found = []
        for model in (mouse_model, mobile):
            data, muscles = at_rest(model, pose), model.muscle_ids
            data.act[model.mj_model.actuator_actadr[muscles]] = 1.0
            mujoco.mj_forward(model.mj_model, data)
            hinges = model.joint_dofadr[[model.joint(j) for j in JOINTS]]
            found.append((data.actuator_length[muscles], data.actuator_force[muscles], data.qfrc_actuator[hinges]))
        (length_a, force_a, torque_a), (length_b, force_b, torque_b) = found
        np.testing.assert_allclose(length_b, length_a, rtol=0, atol=1e-12)
        np.testing.assert_allclose(force_b, force_a, rtol=1e-4)
        np.testing.assert_allclose(torque_b, torque_a, rtol=1e-3, atol=1e-8)


def test_a_pushed_scapula_comes_back(mobile):
    """By hand: it stays where its springs carry the arm's weight, m·g/k = 1.0616 g · 9.81 m/s² / 200 N/m = 0.052 mm."""
    m, slides = mobile.mj_model, mobile.joint_qposadr[[mobile.joint(s) for s in SLIDES]]
    low, high = (mobile.joint_range[[mobile.joint(j) for j in JOINTS]]).T
    for share in np.random.default_rng(8).uniform(0.1, 0.9, (4, len(JOINTS))):
        data = at_rest(mobile, low + share * (high - low))
        data.qpos[slides] = np.array([1, -1, 1]) * 0.002
        away = []
        for _ in range(3200):  # 2 s, at the body's own time step
            mujoco.mj_step(m, data)
            away.append(np.linalg.norm(data.qpos[slides]))
        assert not data.warning.number.any()
        assert max(away) < 0.002 * np.sqrt(3) and max(away[160:]) < 0.25e-3  # after 0.1 s
        assert away[-1] == pytest.approx(m.body_mass.sum() * 9.81 / 200, rel=0.01)


def test_its_time_step_is_short_enough(mobile):
    """Driven at random for 0.1 s, it moves as with Runge-Kutta at 0.02 ms, which resolves muscles that pull slides."""
    rng, m = np.random.default_rng(9), mobile.mj_model
    fine = copy.copy(m)
    fine.opt.integrator, fine.opt.timestep = mujoco.mjtIntegrator.mjINT_RK4, 2e-5
    hinge = mobile.is_hinge
    off = []
    for _ in range(4):
        share, excitation = rng.uniform(0.2, 0.8, len(hinge)), rng.uniform(0, 1, (4, m.nu))
        low, high = mobile.joint_range.T
        ends = []
        for model in (m, fine):
            data = mujoco.MjData(model)
            data.qpos[mobile.joint_qposadr] = np.where(
                hinge, low + share * (high - low), 0.2 * (share - 0.5) * (high - low)
            )
            track = []
            for u in excitation:
                data.ctrl = u
                for _ in range(10):
                    for _ in range(round(0.0025 / model.opt.timestep)):
                        mujoco.mj_step(model, data)
                    track.append(data.qpos[mobile.joint_qposadr].copy())
            ends.append(track)
        off.append(np.abs(np.subtract(*ends)))
    off = np.concatenate(off)
    assert np.rad2deg(off[:, hinge]).mean() < 0.2
    assert off[:, ~hinge].mean() < 0.02e-3


@pytest.mark.slow
@pytest.mark.parametrize("actuation", ["hill", "torque"])
def test_a_controller_can_be_trained_on_it(plugins, mobile, actuation):
    clips = make_clips(mobile, frames=(20, 20))
    plan = plan_training({"policy": {"name": "bottleneck_ppo"}, "actuation": {"name": actuation}}, plugins)
    model = build_model(clips.body, plan, plugins)
    assert model.actuator_names == (mobile.actuator_names if actuation == "hill" else mobile.joint_names)
    task = build_task(clips, plan, plugins, train_clips=np.arange(2), for_training=True, model=model)
    state = task.reset(jax.random.key(0), 4)
    after, outcome = task.step(state, jnp.zeros((4, task.action_size)))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((after.sim, outcome.reward)))
    assert not np.array_equal(after.sim.qpos, state.sim.qpos)


def test_noise_at_the_start_of_an_episode_is_for_hinges(plugins, mobile):
    """It is given in rad and rad/s; a slide would be thrown out of its range by as many metres."""
    clips = make_clips(mobile, frames=(20, 20))
    given = {"task": {"initial_joint_noise": 0.02, "initial_velocity_noise": 1.0}}
    plan = plan_training(given, plugins)
    task = build_task(clips, plan, plugins, train_clips=np.arange(2), for_training=False, model=mobile)
    state = task.reset(jax.random.key(0), 64)
    reference = task.reset_at(state.clip, state.step)
    for now, begun in ((state.sim.qpos, reference.sim.qpos), (state.sim.qvel, reference.sim.qvel)):
        off = np.abs(now - begun)
        assert off[:, ~mobile.is_hinge].max() == 0 and off[:, mobile.is_hinge].mean() > 0.005


@pytest.mark.conformance
def test_both_engines_and_the_differentiable_view_move_it_alike(plugins, mobile):
    """0.1 s of random excitation; the view takes one step of 2.5 ms for a control step."""
    low, high = mobile.joint_range.T
    start = low + np.random.default_rng(10).uniform(0.2, 0.8, (16, len(low))) * (high - low)
    slides = [mobile.joint(s) for s in SLIDES]
    hinges = [mobile.joint(j) for j in JOINTS]
    start[:, slides] = 0.0
    still, limp = np.zeros_like(start), np.zeros((16, len(mobile.actuator_names)))
    excitation = np.random.default_rng(11).uniform(0, 1, (16, len(mobile.actuator_names)))
    excitation = jnp.asarray(excitation).at[:, len(mobile.muscle_names) :].set(0.0)  # the reserves are at rest

    def move(simulator):
        def step(state, _):
            state = simulator.step(state, excitation)
            return state, state.qpos

        return jax.lax.scan(step, simulator.reset(*map(jnp.asarray, (start, still, limp))), None, length=40)[1]

    c = move(make_simulator(plugins, "mujoco", mobile))
    engines = [make_simulator(plugins, "mjx", mobile, differentiable=d) for d in (False, True)]
    mjx, view = (jax.jit(move, static_argnums=0)(engine) for engine in engines)
    np.testing.assert_allclose(mjx[..., hinges], c[..., hinges], atol=1e-3)
    np.testing.assert_allclose(mjx[..., slides], c[..., slides], atol=1e-5)
    assert np.rad2deg(np.abs(view - c)[:20, :, hinges]).mean() < 1.0  # over 50 ms
    assert np.abs(view - c)[:20, :, slides].mean() < 0.1e-3  # of the 2.5 mm that muscles pull it
    assert np.abs(view[..., slides]).max() < 3e-3
