"""How strong the joints of a body may be: limits by patterns of names, and by the weight that joints carry; and with
how little a pose is held (`mimic_strength.holding`); and motors beside the muscles (`mimic_strength.reserves`).

A library for what drives bodies and what imports them; it is no plugin of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import mujoco


def of_patterns(joints: Iterable[str], given: Mapping[str, float]) -> dict[str, float]:
    """Return joint → limit of the first pattern of names (``*_L``) that fits it; what none fits is left out.

    >>> of_patterns(["knee_L", "knee_R", "hip"], {"hip": 3.0, "knee*": 2.0})
    {'knee_L': 2.0, 'knee_R': 2.0, 'hip': 3.0}
    """
    first = {j: next((p for p in given if fnmatchcase(j, p)), None) for j in joints}
    return {j: given[p] for j, p in first.items() if p is not None}


def gravity_torques(model: mujoco.MjModel) -> dict[str, float]:
    """Return joint → the torque (N·m; N for a slide) with which it carries what it moves, if that is held out level.

    That is the weight of all that moves with the joint times the distance of its centre of mass from the joint, in the
    model's reference pose.
    """
    import mujoco

    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    g = float(np.linalg.norm(model.opt.gravity)) or 9.81
    found = {}
    for j in filter(lambda j: is_scalar(model, j), range(model.njnt)):
        body, slides = model.jnt_bodyid[j], model.jnt_type[j] == int(mujoco.mjtJoint.mjJNT_SLIDE)
        arm = 1.0 if slides else np.linalg.norm(data.subtree_com[body] - data.xanchor[j])
        found[model.joint(j).name] = float(g * model.body_subtreemass[body] * arm)
    return found


def is_scalar(model: mujoco.MjModel, joint: int) -> bool:
    """Whether a joint is a hinge or a slide."""
    import mujoco

    return model.jnt_type[joint] in (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
