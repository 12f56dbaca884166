"""Tendons around spheres and cylinders, outside and within, against MuJoCo in C and finite differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from mimic_mjx.spatial import SpatialTree
from mimic_mjx.tendons import Tendons

ARM = """
<mujoco>
  <worldbody>
    <site name="top" pos="-.1 0 .06"/>
    <body>
      <joint name="bend" axis="0 1 0"/><joint name="twist" axis="1 0 .3"/>
      <geom name="ball" type="sphere" size=".03" pos=".05 0 0" mass="1"/>
      <geom name="rod" type="cylinder" size=".025 .1" euler="85 5 0" mass="1"/>
      <site name="aside" pos=".05 0 .08"/><site name="within" pos="0.005 0 0.004"/>
      <body pos=".12 0 0">
        <joint name="end" axis="0 1 .2"/><geom size=".01" mass="1"/><site name="tip" pos=".03 .01 .05"/>
      </body>
    </body>
  </worldbody>
  <tendon>
    <spatial name="ball"><site site="top"/><geom geom="ball"/><site site="tip"/></spatial>
    <spatial name="side"><site site="top"/><geom geom="ball" sidesite="aside"/><site site="tip"/></spatial>
    <spatial name="rod"><site site="top"/><geom geom="rod"/><site site="tip"/></spatial>
    <spatial name="within"><site site="top"/><geom geom="rod" sidesite="within"/><site site="tip"/></spatial>
  </tendon>
</mujoco>
"""


@pytest.mark.slow
def test_wraps_are_those_of_mujoco_and_their_moments_have_slopes():
    m = mujoco.MjModel.from_xml_string(ARM)
    qpos = np.random.default_rng(0).uniform(-1, 1, (m.nq, 64))
    data, expected = mujoco.MjData(m), np.empty((m.ntendon, 64))
    for i in range(64):
        data.qpos[:] = qpos[:, i]
        mujoco.mj_fwdPosition(m, data)
        expected[:, i] = data.ten_length
    with jax.enable_x64(True):
        tree = SpatialTree(m)
        tendons = Tendons(m, tree)

        def of(q):
            return tendons(tree.frames(q), q)

        length, moment = jax.jit(of)(jnp.asarray(qpos))
        slope = jax.jit(jax.grad(lambda q: of(q)[0].sum()))(jnp.asarray(qpos))
        bent = jax.jit(jax.grad(lambda q: of(q)[1].sum()))(jnp.asarray(qpos))
        h = 1e-6
        near = [of(jnp.asarray(qpos).at[0].add(s))[1].sum((0, 1)) for s in (h, -h)]
    np.testing.assert_allclose(length, expected, atol=1e-6)
    np.testing.assert_allclose(slope, moment.sum(0), atol=1e-6)
    np.testing.assert_allclose(bent[0], (near[0] - near[1]) / (2 * h), atol=1e-4)
    straight = np.linalg.norm(data.site("top").xpos - data.site("tip").xpos)
    assert (length[:, -1] >= straight - 1e-9).all() and (expected.std(0) > 1e-3).any()
