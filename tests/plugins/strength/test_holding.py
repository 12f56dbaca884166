"""The activation that a rollout begins with holds the clip's first pose."""

from __future__ import annotations

import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from scipy.optimize import minimize
from toys import clips_of, compile_body

from mimic_core import Body
from mimic_core.chain import build_task, plan_training
from mimic_strength.holding import holding_activation

ARM = """
<mujoco>
  <compiler angle="radian"/>
  <option gravity="0 0 -9.81"/>
  <worldbody>
    <site name="above" pos="0 0 0.1"/><site name="below" pos="0 0 -0.1"/>
    <body name="arm">
      <joint name="hinge" type="hinge" axis="0 1 0" range="-1 1" limited="true"/>
      <geom type="capsule" fromto="0 0 0 0.2 0 0" size="0.01" mass="0.1"/>
      <site name="grip" pos="0.2 0 0"/>
    </body>
  </worldbody>
</mujoco>
"""


@pytest.fixture(scope="module")
def arm(plugins):
    """A horizontal arm of 0.1 kg, its centre of mass 0.1 m away, driven by torques of at most 0.2 N·m."""
    body = Body(name="arm", mjcf=ARM, keypoints={"grip": "grip"}, torque_limits={"hinge": 0.2})
    return compile_body(plugins, body, "torque")


def test_a_motor_gives_what_gravity_takes(arm):
    """m·g·r·cos(q) = 0.0981 N·m at q = 0, of 0.2 N·m."""
    found = holding_activation(arm, np.array([[0.0], [0.9]]))
    np.testing.assert_allclose(np.abs(found[:, 0]), 0.0981 / 0.2 * np.cos([0.0, 0.9]), rtol=1e-3)


def test_a_motor_gives_what_a_movement_takes(arm):
    """At 5 rad/s² the joint takes I·5 rad/s² more than at rest; without damping the velocity takes nothing."""
    data = mujoco.MjData(arm.mj_model)
    mujoco.mj_forward(arm.mj_model, data)
    inertia = np.zeros((1, 1))
    mujoco.mj_fullM(arm.mj_model, data, inertia)
    rest, moved = (holding_activation(arm, np.zeros((1, 1)), v, a)[0, 0] for v, a in ((None, None), ([[3.0]], [[5.0]])))
    assert 0.2 * (moved - rest) == pytest.approx(5.0 * inertia[0, 0], rel=1e-3)


def test_muscles_do_not_fight_a_joint_limit(arm):
    """The limit is at 1 rad; a pose beyond it is held as the pose at the limit is."""
    beyond, at_limit = holding_activation(arm, np.array([[1.2], [1.0]]))
    np.testing.assert_allclose(beyond, at_limit)


COUPLED = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <site name="above" pos="0 0 0.1"/>
    <body name="arm">
      <joint name="elbow" type="hinge" axis="0 1 0" range="-1 1" limited="true"/>
      <geom type="capsule" fromto="0 0 0 0.2 0 0" size="0.01" mass="0.1"/>
      <body name="hand" pos="0.2 0 0">
        <joint name="wrist" type="hinge" axis="0 1 0" range="-1 1" limited="true"/>
        <geom type="capsule" fromto="0 0 0 0.1 0 0" size="0.01" mass="0.05"/>
        <site name="grip" pos="0.1 0 0"/>
      </body>
    </body>
  </worldbody>
  <equality><joint joint1="wrist" joint2="elbow" polycoef="0.1 -0.7 0.3 0 0"/></equality>
</mujoco>
"""


def test_a_coupled_joint_is_held_by_the_one_that_it_follows(plugins):
    """By virtual work: torques, each with the turn of its joint, do what the potential energy asks for on the way."""
    limits = {"elbow": 0.3, "wrist": 0.02}
    body = Body(name="arm", mjcf=COUPLED, keypoints={"grip": "grip"}, torque_limits=limits)
    model = compile_body(plugins, body, "torque")
    m = model.mj_model
    data = mujoco.MjData(m)
    m.opt.enableflags |= int(mujoco.mjtEnableBit.mjENBL_ENERGY)

    def pose(elbow):
        return np.array([elbow, 0.1 - 0.7 * elbow + 0.3 * elbow**2])

    def energy(elbow):
        data.qpos[:] = pose(elbow)
        mujoco.mj_forward(m, data)
        return data.energy[0]

    for elbow in (-0.6, 0.0, 0.4):
        u = dict(zip(model.actuator_names, holding_activation(model, pose(elbow)[None])[0], strict=True))
        work = u["elbow"] * limits["elbow"] + u["wrist"] * limits["wrist"] * (-0.7 + 0.6 * elbow)
        slope = (energy(elbow + 1e-5) - energy(elbow - 1e-5)) / 2e-5
        assert slope != 0
        np.testing.assert_allclose(work, slope, rtol=2e-3)


def rest_acceleration(model, qpos, activation):
    m = model.mj_model
    data = mujoco.MjData(m)
    data.qpos[:], data.ctrl[:] = qpos, activation
    data.act[:] = activation[m.actuator_actadr >= 0]
    mujoco.mj_forward(m, data)
    return data.qacc.copy()


def test_held_poses_of_the_mouse_stay(mouse_model):
    """MuJoCo, moved forwards with it, hardly accelerates; relaxed, the limb falls."""
    rng = np.random.default_rng(0)
    middle, reach = mouse_model.joint_range.mean(1), np.ptp(mouse_model.joint_range, axis=1)
    poses = middle + 0.2 * reach * rng.uniform(-1, 1, (12, len(middle)))
    held = holding_activation(mouse_model, poses)
    assert (held >= 0).all() and (held <= 1).all()
    still = [np.abs(rest_acceleration(mouse_model, q, a)).max() for q, a in zip(poses, held, strict=True)]
    falls = [np.abs(rest_acceleration(mouse_model, q, np.zeros(9))).max() for q in poses]
    assert np.median(still) < 0.05 * np.median(falls)


def test_no_smaller_effort_holds(mouse_model):
    """Beside scipy's SLSQP with the torques as a constraint, where the pose can be held."""
    m, joints = mouse_model.mj_model, mouse_model.joint_dofadr
    rng = np.random.default_rng(1)
    middle, reach = mouse_model.joint_range.mean(1), np.ptp(mouse_model.joint_range, axis=1)
    poses = middle + 0.15 * reach * rng.uniform(-1, 1, (8, len(middle)))
    data, compared = mujoco.MjData(m), 0

    def torque(pose, activation):
        data.qpos[:], data.qvel[:], data.act[:], data.ctrl[:] = pose, 0.0, activation, activation
        mujoco.mj_forward(m, data)
        return data.qfrc_actuator[joints].copy()

    for pose, found in zip(poses, holding_activation(mouse_model, poses), strict=True):
        data.qpos[:], data.qvel[:], data.qacc[:] = pose, 0.0, 0.0
        mujoco.mj_inverse(m, data)
        needed, idle = data.qfrc_inverse[joints].copy(), torque(pose, np.zeros(9))
        gives = np.stack([torque(pose, one) - idle for one in np.eye(9)], axis=1)
        size = np.abs(gives).sum(1)
        held = {"type": "eq", "fun": lambda a, g=gives, n=needed - idle, s=size: (g @ a - n) / s}
        best = minimize(lambda a: a @ a, np.full(9, 0.2), jac=lambda a: 2 * a, bounds=[(0, 1)] * 9, constraints=held)
        if not best.success:
            continue
        compared += 1
        np.testing.assert_allclose(found, best.x, atol=0.02)
    assert compared >= 4


@pytest.mark.parametrize("how", ["hold", "move", "relaxed"])
def test_what_a_clip_begins_with(plugins, arm, how):
    """The arm is swung by q = 4·t² rad: 8 rad/s², of which the first 20 ms tell, and its own weight."""
    time = np.arange(60)[:, None] / 200
    clips = clips_of(arm, [4.0 * time**2])
    given = {"task": {"initial_activation": how, "reference_lowpass_hz": 0.0}, "actuation": {"name": "torque"}}
    plan = plan_training(given, plugins, clips)
    task = build_task(clips, plan, plugins, train_clips=np.arange(1), for_training=False, model=arm)
    begun = np.asarray(task.reset_at(jnp.zeros(1, int), jnp.zeros(1, int)).sim.activation)[0, 0]
    rest, moved = (holding_activation(arm, np.zeros((1, 1)), v, a)[0, 0] for v, a in ((None, None), ([[0.0]], [[8.0]])))
    assert begun == pytest.approx({"hold": rest, "move": moved, "relaxed": 0.0}[how], abs=0.1 * abs(moved - rest))
    assert abs(moved - rest) > 0.03
