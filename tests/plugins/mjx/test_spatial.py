"""The dynamics of trees of any size, with free roots and ball joints, against MuJoCo in C."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_mjx.spatial import SpatialTree
from mimic_mjx.tendons import Tendons, Transmission

BATCH = 3
TREE = """
<mujoco>
  <worldbody>
    <body name="r" pos="0 0 .5">
      <freejoint/>
      <geom type="box" size=".1 .05 .03"/><site name="s0" pos="0 .05 .03"/>
      <geom name="ball" type="sphere" size=".04" pos=".1 0 .02" contype="0" conaffinity="0"/>
      <body name="a" pos=".1 0 0" euler="10 20 30">
        <joint name="shoulder" type="ball" pos="0.01 0.02 0"/>
        <geom type="capsule" size=".01" fromto="0 0 0 .1 0 .02"/><site name="s1" pos=".08 0 .04"/>
        <geom name="rod" type="cylinder" size=".02 .1" pos=".1 0 .02" euler="90 0 0" contype="0" conaffinity="0"/>
        <body name="b" pos=".1 0 0.02">
          <joint name="bend" axis="0 1 0" pos="0 0 .01" ref="0.1"/><joint name="slip" type="slide" axis="1 0 .2"/>
          <joint name="turn" axis="0 0 1"/>
          <geom type="sphere" size=".02" pos="0.03 0 0"/><site name="s2" pos="0.07 0 0.03"/>
        </body>
      </body>
    </body>
    <body name="s" pos="1 0 0.3" euler="0 0 40">
      <joint name="post" type="ball"/><joint name="slide" type="slide" axis="0 1 0"/>
      <geom type="box" size=".1 .2 .03" pos=".1 0 0"/>
    </body>
  </worldbody>
  <tendon>
    <spatial name="straight"><site site="s0"/><site site="s1"/><site site="s2"/></spatial>
    <fixed name="joints"><joint joint="bend" coef="2"/><joint joint="turn" coef="-1"/></fixed>
    WRAPPED
  </tendon>
  <actuator>
    <motor name="m0" tendon="straight" gear="3"/>
    <motor name="m1" tendon="joints"/>
    <motor name="m2" joint="slip" gear="-2"/>
    <motor name="m3" site="s1" gear="1 2 3 .1 .2 .3"/>
  </actuator>
</mujoco>
"""
WRAPPED = """
    <spatial name="around">
      <site site="s0"/><geom geom="ball"/><site site="s1"/><geom geom="rod"/><site site="s2"/>
    </spatial>
    <spatial name="pulley">
      <site site="s0"/><site site="s1"/><pulley divisor="2"/><site site="s1"/><site site="s2"/>
    </spatial>
"""


@pytest.fixture(scope="module", params=["straight", pytest.param("wrapped", marks=pytest.mark.slow)])
def tree(request):
    return mujoco.MjModel.from_xml_string(TREE.replace("WRAPPED", WRAPPED if request.param == "wrapped" else ""))


def random_states(m, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    states = []
    for _ in range(BATCH):
        qpos = m.qpos0.copy()
        mujoco.mj_integratePos(m, qpos, rng.normal(0, spread, m.nv), 1.0)
        states.append((qpos, rng.normal(0, 2, m.nv)))
    return states


def by_mujoco(m, qpos, qvel):
    d = mujoco.MjData(m)
    d.qpos[:], d.qvel[:] = qpos, qvel
    mujoco.mj_forward(m, d)
    full = np.zeros((m.nv, m.nv))
    for i, unit in enumerate(np.eye(m.nv)):
        mujoco.mj_mulM(m, d, full[i], unit)
    moment = np.zeros((m.nu, m.nv))
    mujoco.mju_sparse2dense(moment, d.actuator_moment, d.moment_rownnz, d.moment_rowadr, d.moment_colind)
    after = qpos.copy()
    mujoco.mj_integratePos(m, after, qvel, 0.01)
    full -= np.diag(m.dof_armature)
    return d.xpos.copy(), full, d.qfrc_bias.copy(), d.ten_length.copy(), d.actuator_length.copy(), moment, after


@pytest.fixture(scope="module")
def computed(tree):
    """``computed(qpos, qvel)`` (n, batch) → what `by_mujoco` gives, compiled once."""
    with jax.enable_x64(True):
        ours = SpatialTree(tree)
        tendons, transmission = Tendons(tree, ours), Transmission(tree, ours)
        mass, inertia = jnp.asarray(tree.body_mass)[:, None], jnp.asarray(tree.body_inertia)[..., None]

    @jax.jit
    def run(q, v):
        frames = ours.frames(q)
        length, moment = tendons(frames, q)
        full, bias = ours.inertia(frames, mass, inertia), ours.bias(frames, v, mass, inertia)
        pull, arms = transmission(frames, q, length, moment)
        return frames.position, full, bias, length, pull, arms, ours.advanced(q, v, 0.01)

    return run


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_tree_moves_and_weighs_as_in_mujoco(tree, computed, seed):
    states = random_states(tree, seed)
    with jax.enable_x64(True):
        found = computed(*(jnp.asarray(np.stack(x, -1)) for x in zip(*states, strict=True)))
        found = [np.moveaxis(np.asarray(a), -1, 0) for a in found]
    for i, (qpos, qvel) in enumerate(states):
        for mine, theirs in zip(found, by_mujoco(tree, qpos, qvel), strict=True):
            np.testing.assert_allclose(mine[i], theirs, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(theirs).max()))


def test_motion_is_the_velocity_of_points(tree):
    """J·q̇ of a point equals its finite difference."""
    m, (qpos, qvel) = tree, random_states(tree, 3)[0]
    body, local, dt = np.array([m.body("b").id]), np.array([[0.02, 0.01, 0.03]]), 1e-6
    with jax.enable_x64(True):
        ours = SpatialTree(m)

        @jax.jit
        def run(q, v):
            frames = ours.frames(q)
            point = ours.points(frames, body, local)
            motion = ours.motion(frames, v)[body]
            velocity = motion[:, 3:] + jnp.cross(motion[:, :3], point - frames.center[None], axis=1)
            return point, ours.points(ours.frames(ours.advanced(q, v, dt)), body, local), velocity

        point, later, velocity = (np.asarray(a) for a in run(jnp.asarray(qpos)[:, None], jnp.asarray(qvel)[:, None]))
    np.testing.assert_allclose((later - point) / dt, velocity, rtol=1e-4, atol=1e-4)
