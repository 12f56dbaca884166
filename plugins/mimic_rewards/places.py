"""Which parts of a body a term looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mimic_core import BodyModel, ConfigError, StepView

_POSES = 8
_STILL = 1e-6


def require_free_root(model: BodyModel, term: str) -> None:
    """Refuse a body that is fixed in space.

    Raises:
        ConfigError: it has no free joint.
    """
    if model.root is None:
        raise ConfigError(
            f"rewards.{term}: body {model.body.name} is fixed in space and has no free root to compare; "
            f"leave the term out (rewards.{term} = false) or use a body with a free joint"
        )


def away(frame: str, name: str, model: BodyModel, term: str, chosen: Any = slice(None)) -> Callable[[StepView], Any]:
    """Return a function of the step that gives how far points are from the reference, (point, 3) m.

    In the frame ``root`` each body is seen from its own root, along its own axes: where the body as a whole has
    strayed, its pose still counts.

    Args:
        frame: ``world`` or ``root``.
        name: ``site_pos`` or ``body_pos``.
        chosen: which of them.

    Raises:
        ConfigError: there is no root to see them from.
    """
    from mimic_core.task import rotation

    def seen(of: Any) -> Any:
        points = getattr(of, name)[chosen]
        return points if frame == "world" else rotation(of.root_quat).inv().apply(points - of.root_pos)

    if frame == "root":
        require_free_root(model, f"{term}.frame")
    return lambda step: seen(step) - seen(step.ref)


def keypoints_named(names: Sequence[str], model: BodyModel, otherwise: np.ndarray, term: str) -> np.ndarray:
    """Return where the named keypoints are among the body's, or ``otherwise`` where none is named.

    Raises:
        ConfigError: the body has no keypoint of that name, or there is none at all.
    """
    found = np.array([model.keypoint(n) for n in names], dtype=int) if names else otherwise
    if not found.size:
        raise ConfigError(
            f"rewards.{term}: the joints of body {model.body.name} move none of its keypoints; "
            f"name some that move (rewards.{term}.keypoints) or leave the term out"
        )
    return found


def moving_keypoints(model: BodyModel) -> np.ndarray:
    """Return the keypoints that the joints can move, as `mimic_core.task.task.Task.moving_keypoints` finds them."""
    import mujoco

    if model.root is not None:
        return np.arange(len(model.keypoint_names))
    rng, data = np.random.default_rng(0), mujoco.MjData(model.mj_model)
    low, high = np.nan_to_num(model.joint_range, posinf=1.0, neginf=-1.0).T
    poses = []
    for pose in rng.uniform(low, high, (_POSES, len(low))):
        data.qpos[model.joint_qposadr] = pose
        mujoco.mj_kinematics(model.mj_model, data)
        poses.append(data.site_xpos[model.keypoint_site_ids].copy())
    return np.flatnonzero(np.ptp(poses, axis=0).max(axis=-1) > _STILL)


def distal_keypoints(model: BodyModel) -> np.ndarray:
    """Return the keypoint at the end of every limb.

    A limb ends at a body that moves and carries keypoints while none of the bodies hung on it does; of several
    keypoints there, it is the one farthest from the body's own origin.
    """
    m, sites = model.mj_model, model.keypoint_site_ids
    carriers = {int(b) for b in m.site_bodyid[sites] if m.body_weldid[b]}
    inner = {above for b in carriers for above in _above(m.body_parentid, b)}
    ends = []
    for body in sorted(carriers - inner):
        here = np.flatnonzero(m.site_bodyid[sites] == body)
        ends.append(here[np.linalg.norm(m.site_pos[sites[here]], axis=1).argmax()])
    return np.array(ends, dtype=int)


def _above(parents: np.ndarray, body: int) -> list[int]:
    """Return the bodies between a body and the world, nearest first."""
    out = []
    while body := int(parents[body]):
        out.append(body)
    return out
