"""A body that moves freely: a table on four legs of one hinge each, over a floor, and what it did."""

from __future__ import annotations

import numpy as np
from toys import clips_of

from mimic_core import Body, BodyModel, Physics
from mimic_core.chain import installed
from mimic_core.records.clips import ReferenceClips

LEGS = {"fl": (0.05, 0.03), "fr": (0.05, -0.03), "hl": (-0.05, 0.03), "hr": (-0.05, -0.03)}
HEIGHT = 0.045
"""m, of the trunk's middle when it stands"""
_LEG = """<body name="leg_{n}" pos="{x} {y} 0">
<joint name="hip_{n}" axis="0 1 0" range="-60 60" damping="2e-4" armature="2e-6"/>
<geom type="capsule" size="0.005" fromto="0 0 0 0 0 -0.04" mass="0.01"/>
<site name="foot_{n}" pos="0 0 -0.045"/></body>"""
MJCF = f"""<mujoco><compiler angle="degree"/>
<worldbody><geom name="floor" type="plane" size="5 5 0.1" friction="1"/>
<body name="trunk" pos="0 0 {HEIGHT}"><freejoint name="root"/>
<geom type="box" size="0.06 0.03 0.01" mass="0.1" contype="0" conaffinity="0"/>
<site name="nose" pos="0.06 0 0"/><site name="tail" pos="-0.06 0 0"/>
{"".join(_LEG.format(n=n, x=x, y=y) for n, (x, y) in LEGS.items())}
</body></worldbody></mujoco>"""
FREE_BODY = Body(
    name="table",
    mjcf=MJCF,
    keypoints={k: k for k in ("nose", "tail", *(f"foot_{n}" for n in LEGS))},
    torque_limits={f"hip_{n}": 0.05 for n in LEGS},
    physics=Physics(timestep=0.002, integrator="euler", solver="newton", iterations=20),
)


def free_model(body: Body = FREE_BODY) -> BodyModel:
    """The table with a motor in each hip."""
    plugins = installed()
    spec = plugins.get("actuation", "torque")
    return BodyModel.compile(body, spec.build(spec.config(), body))


def swaying(model: BodyModel, frames: int = 200, rate_hz: float = 50.0, sway: float = 0.1) -> ReferenceClips:
    """One recording of the table standing and swaying on its legs, whose feet stay where they are."""
    t = np.arange(frames) / rate_hz
    angle = sway * np.sin(2 * np.pi * 1.0 * t)
    qpos = np.tile(model.mj_model.qpos0, (frames, 1))
    at = model.root_qposadr
    qpos[:, at] = -0.045 * np.sin(-angle)
    qpos[:, at + 2] = 0.04 * np.cos(angle) + 0.005
    qpos[:, model.joint_qposadr] = angle[:, None]
    return clips_of(model, [qpos], rate_hz, ["sway"])
