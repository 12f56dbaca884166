"""A toy body for plugin tests: small, fast to compile, and with everything a real body has."""

from __future__ import annotations

from mimic_core.body.body import Body, Muscle

_MJCF = """
<mujoco model="toy">
  <compiler angle="degree"><lengthrange mode="muscle" timestep="0"/></compiler>
  <option timestep="0.001"/>
  <default>
    <joint type="hinge" axis="0 1 0" limited="true" armature="1e-6" damping="2e-5" solreflimit="0.01 1"/>
    <geom type="capsule" size="0.001" mass="0" contype="0" conaffinity="0" rgba="0.9 0.87 0.78 1"/>
    <site size="0.0005"/>
  </default>
  <statistic center="0.01 0 0" extent="0.04"/>
  <worldbody>
    <light type="directional" dir="0 1 -1"/>
    <camera name="side" pos="0.01 -0.1 0" xyaxes="1 0 0 0 0 1" fovy="30"/>
    <site name="shoulder" pos="0 0 0"/>
    <site name="flexor_origin" pos="0.002 0 0.004"/>
    <site name="extensor_origin" pos="0.002 0 -0.004"/>
    <body name="upper">
      <joint name="shoulder" range="-60 60"/>
      <inertial pos="0.005 0 0" mass="0.0005" diaginertia="2e-8 2e-8 2e-8"/>
      <geom name="upper" fromto="0 0 0 0.01 0 0"/>
      <site name="elbow" pos="0.01 0 0"/>
      <site name="extensor_wrap" pos="0.01 0 -0.002"/>
      <body name="lower" pos="0.01 0 0">
        <joint name="elbow" range="-80 10"/>
        <inertial pos="0.005 0 0" mass="0.0004" diaginertia="2e-8 2e-8 2e-8"/>
        <geom name="lower" fromto="0 0 0 0.01 0 0"/>
        <site name="flexor_insertion" pos="0.003 0 0.001"/>
        <site name="extensor_insertion" pos="0.003 0 -0.001"/>
        <site name="hand" pos="0.01 0 0"/>
      </body>
    </body>
  </worldbody>
</mujoco>
"""


def toy_body() -> Body:
    """Return a planar arm: hinges ``shoulder`` and ``elbow``, a ``flexor`` and an ``extensor`` over both
    joints, keypoints ``shoulder``, ``elbow`` and ``hand``. SI units; about the size and strength of a mouse's arm.

    >>> body = toy_body()
    >>> list(body.keypoints), [m.name for m in body.muscles]
    (['shoulder', 'elbow', 'hand'], ['flexor', 'extensor'])
    """
    return Body(
        name="toy",
        mjcf=_MJCF,
        keypoints={name: name for name in ("shoulder", "elbow", "hand")},
        muscles=(
            Muscle(
                name="flexor",
                path=("flexor_origin", "flexor_insertion"),
                max_isometric_force=0.5,
                operating_range=(0.7, 1.2),
                max_shortening_velocity=15.0,
            ),
            Muscle(
                name="extensor",
                path=("extensor_origin", "extensor_wrap", "extensor_insertion"),
                max_isometric_force=0.5,
                operating_range=(0.8, 1.1),
                max_shortening_velocity=15.0,
            ),
        ),
    )


def free_body() -> Body:
    """Return a body that moves freely over a floor: a head with a chain of four hinges that bend along the floor.

    >>> list(free_body().keypoints)
    ['s0', 's1', 's2', 's3']
    """
    links = range(4)
    chain = "".join(
        f"<body name='link{i}' pos='-.01 0 0'><joint name='bend{i}' axis='0 0 1' range='-60 60' limited='true'/>"
        f"<geom type='capsule' size='.003' fromto='0 0 0 -.01 0 0'/><site name='s{i}' pos='-.005 0 .003'/>"
        for i in links
    )
    mjcf = (
        "<mujoco><worldbody><geom name='floor' type='plane' size='1 1 1'/><body name='head' pos='0 0 .003'>"
        f"<freejoint name='root'/><geom size='.004'/>{chain}{'</body>' * len(links)}</body></worldbody></mujoco>"
    )
    return Body(name="free toy", mjcf=mjcf, keypoints={f"s{i}": f"s{i}" for i in links})
