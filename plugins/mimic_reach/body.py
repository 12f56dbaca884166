"""The hand of a body."""

from __future__ import annotations

import mujoco
import numpy as np

from mimic_core import BodyModel


def hand_of(model: BodyModel, keypoint: str = "") -> int:
    """Return the place of a keypoint among the body's, or of the outermost one where none is named.

    The outermost one is that with most bodies between it and the world; of several, the last.

    Raises:
        ConfigError: the body has no keypoint of that name.
    """
    if keypoint:
        return model.keypoint(keypoint)
    depth = [_depth(model.mj_model, int(model.mj_model.site_bodyid[s])) for s in model.keypoint_site_ids]
    return int(len(depth) - 1 - np.argmax(depth[::-1]))


def _depth(m: mujoco.MjModel, body: int) -> int:
    return 0 if body == 0 else 1 + _depth(m, int(m.body_parentid[body]))
