"""Drag of a fluid, against MuJoCo's own passive forces."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from mimic_core import Body, BodyModel, ConfigError
from mimic_mjx.fluid import Fluid
from mimic_mjx.settings import Settings
from mimic_mjx.simulator import MjxSimulator
from mimic_mjx.smooth import unknown
from mimic_mjx.spatial import SpatialTree

SWIMMER = """
<mujoco>
  <option density="DENSITY" viscosity="VISCOSITY" wind="0.3 -0.1 0.2"/>
  <worldbody>
    <body pos="0 0 0.5">
      <freejoint/>
      <geom type="box" size="0.05 0.02 0.03" pos="0.01 0 0.02" euler="20 40 10"/>
      <body pos="0.1 0 0">
        <joint type="hinge" axis="0 1 1"/>
        <geom type="capsule" size="0.02" fromto="0 0 0 0.1 0.05 0" GEOM/>
        <body pos="0.1 0.05 0"><joint type="ball"/><geom type="ellipsoid" size="0.02 0.03 0.05" pos="0 0 0.03"/></body>
      </body>
    </body>
  </worldbody>
</mujoco>
"""


def swimmer(density, viscosity, geom=""):
    text = SWIMMER.replace("DENSITY", str(density)).replace("VISCOSITY", str(viscosity)).replace("GEOM", geom)
    return mujoco.MjModel.from_xml_string(text)


@pytest.mark.parametrize("fluid", [(1000.0, 0.0), (0.0, 0.5), (1.2, 0.1)])
def test_drag_is_mujocos(fluid):
    m, rng = swimmer(*fluid), np.random.default_rng(0)
    data, qpos, qvel, theirs = mujoco.MjData(m), [], [], []
    for _ in range(20):
        mujoco.mj_resetData(m, data)
        mujoco.mj_integratePos(m, data.qpos, rng.normal(size=m.nv), 1.0)
        data.qvel[:] = rng.normal(size=m.nv) * 3
        mujoco.mj_forward(m, data)
        for kept, now in ((qpos, data.qpos), (qvel, data.qvel), (theirs, data.qfrc_fluid)):
            kept.append(now.copy())
    tree = SpatialTree(m)
    drag = Fluid(m, tree)

    def on_joints(qpos, qvel):
        frames = tree.frames(qpos)
        return tree.on_joints(frames, drag.body, drag.forces(frames, tree.motion(frames, qvel)))

    ours = jax.jit(on_joints)(jnp.asarray(qpos).T, jnp.asarray(qvel).T).T
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def test_without_a_fluid_nothing_is_dragged():
    m = swimmer(0, 0)
    assert len(Fluid(m, SpatialTree(m))) == 0


@pytest.mark.parametrize(("geom", "known"), [("", True), ('fluidshape="ellipsoid"', False)])
def test_the_ellipsoid_model_is_not_known_and_said(geom, known):
    assert (unknown(swimmer(1.2, 0.1, geom)) == []) is known


STANDING = """
<mujoco><option density="1.2"/><worldbody><geom name="floor" type="plane" size="1 1 1"/>
<body name="fly" pos="0 0 .1"><freejoint/><geom name="wing" size=".02" fluidshape="ellipsoid"/></body>
</worldbody></mujoco>
"""


def test_gradients_refuse_a_body_on_a_floor_that_such_a_fluid_drags():
    model = BodyModel.compile(Body(name="fly", mjcf=STANDING))
    with pytest.raises(ConfigError) as e:
        MjxSimulator(Settings(), model, model.mj_model.opt.timestep, differentiable=True)
    assert str(e.value) == (
        "body fly: gradients do not know contacts of floor, wing (since it has the ellipsoid model of fluid), without "
        "which it falls; train with --policy bottleneck_ppo, or take that out of the model"
    )
