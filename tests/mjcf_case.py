"""A small model with its description, for tests of bodies from MJCF files."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from mimic_core import Body
from mimic_core.chain.choose import make_body
from mimic_core.plugins.manager import Plugins

MODEL = """
<mujoco>
  <compiler angle="degree" eulerseq="XYZ"/>
  <option timestep="0.002" integrator="implicitfast" solver="Newton" iterations="7" ls_iterations="9"/>
  <default><joint limited="true"/><general dyntype="filter" forcerange="-3 3"/></default>
  <worldbody>
    <geom name="floor" type="plane" size="1 1 1"/>
    <body name="trunk" pos="0 0 0.5">
      <geom size="0.1234567890123"/>
      <site name="mark" pos="0.01 0.02 0.03"/>
      <body name="upper" pos="0.3 0 0" euler="0 90 0">
        <joint name="shoulder" axis="0 1 0" pos="0.01 0 0" range="-30 60"/>
        <geom size="0.05"/>
        <body name="lower" pos="0.2 0 0" euler="90 0 0">
          <joint name="elbow" axis="0 0 1" pos="0 0.04 0" range="0 90"/>
          <geom size="0.05"/>
        </body>
      </body>
    </body>
  </worldbody>
  <tendon><fixed name="both"><joint joint="shoulder" coef="0.5"/><joint joint="elbow" coef="-2"/></fixed></tendon>
  <actuator>
    <motor name="up" joint="shoulder" gear="2" ctrllimited="true" ctrlrange="0 1" forcerange="0 0"/>
    <motor name="down" joint="shoulder" gear="-3" ctrllimited="true" ctrlrange="0 1" forcerange="0 0"/>
  </actuator>
  <sensor><jointpos joint="elbow"/><actuatorfrc actuator="up"/></sensor>
  <keyframe><key name="bent" qpos="0 45" ctrl="1 0"/></keyframe>
</mujoco>
"""
DESCRIPTION = """
    name = "animal"
    mjcf = "model.xml"
    keypoint_spread_mm = 8

    [keypoints]
    Back = { body = "trunk", pos = [0.1, 0.2, 0.3] }
    Elbow = { joint = "elbow" }

    [torque_limits]
    elbow = 0.25
"""


def write(folder: Path, model: str = MODEL, description: str = DESCRIPTION) -> Path:
    (folder / "model.xml").write_text(model)
    (folder / "animal.toml").write_text(dedent(description))
    return folder / "animal.toml"


def built(plugins: Plugins, folder: Path, model: str = MODEL, description: str = DESCRIPTION) -> Body:
    return make_body(plugins, str(write(folder, model, description)))
