"""A two-link pendulum that hangs from a fixed point and is driven by a motor at each joint."""

import attrs

from mimic_core import Body, BodySpec, hookimpl

GRAVITY = 9.81
"""m/s²"""


@attrs.frozen
class Pendulum:
    """Settings of the pendulum. Both links are alike, and their mass sits at their ends.

    Attributes:
        length: of each link, m.
        mass: of each link, kg.
        damping: of each joint, N·m·s/rad.
    """

    length: float = attrs.field(default=0.1, validator=attrs.validators.gt(0))
    mass: float = attrs.field(default=0.05, validator=attrs.validators.gt(0))
    damping: float = attrs.field(default=1e-4, validator=attrs.validators.ge(0))


def build(config, variant):
    """Return the body; each motor can hold its joint with the links stretched out level (M = m·g·Σ distance)."""
    one_link = config.mass * GRAVITY * config.length
    return Body(
        name="pendulum",
        mjcf=_mjcf(config),
        keypoints={name: name for name in ("pivot", "knee", "tip")},
        torque_limits={"hip": 3 * one_link, "knee": one_link},
    )


def _mjcf(c):
    inertia = f"{0.01 * c.mass * c.length**2:.9g}"
    link = (
        f'<inertial pos="0 0 {-c.length}" mass="{c.mass}" diaginertia="{inertia} {inertia} {inertia}"/>'
        f'<geom type="capsule" size="{0.05 * c.length}" fromto="0 0 0 0 0 {-c.length}" mass="0" contype="0" '
        'conaffinity="0"/>'
    )
    return f"""
    <mujoco model="pendulum">
      <option gravity="0 0 {-GRAVITY}"/>
      <default><joint type="hinge" axis="0 1 0" range="-150 150" limited="true" damping="{c.damping}"/></default>
      <worldbody>
        <site name="pivot"/>
        <body name="upper">
          <joint name="hip"/>
          {link}
          <site name="knee" pos="0 0 {-c.length}"/>
          <body name="lower" pos="0 0 {-c.length}">
            <joint name="knee"/>
            {link}
            <site name="tip" pos="0 0 {-c.length}"/>
          </body>
        </body>
      </worldbody>
    </mujoco>
    """


@hookimpl
def mimic_bodies():
    yield BodySpec(name="pendulum", config=Pendulum, build=build, summary="two-link pendulum, a motor at each joint")
