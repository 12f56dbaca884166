"""A small body with one actuator of every kind, imported from its model."""

from __future__ import annotations

from pathlib import Path

from mimic_core import Body, BodyModel
from mimic_core.chain import discover
from mimic_core.chain.choose import make_body

MODEL = """
<mujoco>
  <compiler angle="radian" autolimits="true"/>
  <option timestep="0.002" integrator="implicitfast"/>
  <default>
    <joint damping="0.02" armature="0.001"/>
    <geom contype="0" conaffinity="0"/>
    <default class="strong"><muscle force="30" range="0.7 1.1"/></default>
  </default>
  <worldbody>
    <site name="origin" pos="0 0 0.05"/>
    <body name="upper">
      <joint name="shoulder" axis="0 1 0" range="-1 1.123456789012"/>
      <geom name="bulge" type="cylinder" size="0.012 0.03" pos="0.1 0 0.02" euler="1.5707963 0 0" mass="0.1"/>
      <geom type="capsule" size="0.01" fromto="0 0 0 0.2 0 0" mass="0.3"/>
      <site name="middle" pos="0.05 0 0.03"/>
      <site name="bypass" pos="0.1 0 0.06"/>
      <body name="lower" pos="0.2 0 0">
        <joint name="elbow" axis="0 1 0" range="-2 0.5"/>
        <geom type="capsule" size="0.008" fromto="0 0 0 0.15 0 0" mass="0.2"/>
        <site name="insertion" pos="0.03 0 0.02"/>
        <body name="hand" pos="0.15 0 0">
          <joint name="reach" type="slide" axis="1 0 0" range="-0.02 0.03" stiffness="20"/>
          <joint name="twist" axis="1 0 0" range="-1 1"/>
          <geom name="palm" type="box" size="0.02 0.01 0.01" mass="0.05"/>
          <site name="tip" pos="0.02 0 0"/>
        </body>
      </body>
    </body>
  </worldbody>
  <tendon>
    <spatial name="flexor">
      <site site="origin"/><site site="middle"/><geom geom="bulge" sidesite="bypass"/><site site="insertion"/>
      <pulley divisor="2"/><site site="origin"/><site site="insertion"/>
    </spatial>
    <fixed name="both"><joint joint="shoulder" coef="0.5"/><joint joint="elbow" coef="-0.3"/></fixed>
  </tendon>
  <actuator>
    {more}
    <muscle name="muscle_tendon" class="strong" tendon="flexor" timeconst="0.012345678901 0.04"/>
    <muscle name="muscle_joint" joint="elbow" lengthrange="-2 0.5" force="0.7" tausmooth="0.3"/>
    <motor joint="shoulder" gear="0.3" ctrlrange="-2 1"/>
    <motor name="push" site="tip" gear="0 0 1 0 0 0" ctrlrange="-0.5 0.5"/>
    <position name="servo" joint="elbow" kp="0.4" kv="0.01" ctrlrange="-2 0.5"/>
    <position name="slow_servo" tendon="both" kp="0.5" timeconst="0.04" ctrlrange="-0.4 0.4" forcerange="-0.2 0.2"/>
    <velocity name="speed" joint="twist" kv="0.01" ctrlrange="-3 3"/>
    <intvelocity name="step" joint="twist" kp="0.02" actrange="-0.8 0.8" ctrlrange="-1 1"/>
    <damper name="brake" joint="shoulder" kv="0.05" ctrlrange="0 1"/>
    <cylinder name="piston" joint="reach" timeconst="0.03" area="0.2" ctrlrange="-1 1"/>
    <general name="filtered" joint="reach" dyntype="filter" dynprm="0.02" gainprm="0.3" biastype="affine"
      biasprm="0.01 -2 -0.1" ctrlrange="0.1 0.4"/>
  </actuator>
  <sensor><actuatorfrc name="read" actuator="servo"/><jointpos joint="elbow"/></sensor>
</mujoco>
"""
ADHESION = '<adhesion name="grip" body="hand" ctrlrange="0 1" gain="0.5"/>'
STATED = {"muscle_tendon", "muscle_joint", "slow_servo", "step", "piston", "filtered"}
"""Actuators with a state of their own."""


def xml(more: str = "") -> str:
    return MODEL.replace("{more}", more)


def imported(folder: Path, model: str | None = None, more: str = "") -> Body:
    """Import the model with two keypoints. ``more``: lines of the description before its keypoints."""
    (folder / "model.xml").write_text(model or xml())
    (folder / "animal.toml").write_text(
        f'name = "animal"\nmjcf = "model.xml"\nkeypoint_spread_mm = 5\n{more}\n'
        '[keypoints]\nElbow = { joint = "elbow" }\nTip = { site = "tip" }\n'
    )
    return make_body(discover(), str(folder / "animal.toml"))


def native(body: Body, **settings: object) -> BodyModel:
    spec = discover().get("actuation", "native")
    return BodyModel.compile(body, spec.build(spec.config(**settings), body))
