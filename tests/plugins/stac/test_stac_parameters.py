"""How many numbers a fit has."""

from __future__ import annotations

import attrs
import numpy as np

from mimic_core import Body, BodyModel
from mimic_stac.calibrate import Fit, Freedom
from mimic_stac.kinematics import KinematicTree
from mimic_stac.outcome import free_parameters

ARM = """<mujoco><worldbody><site name="a"/><body><joint name="j" axis="0 1 0"/><geom size="0.01"/>
<site name="b" pos="0.1 0 0"/></body></worldbody></mujoco>"""


def test_what_may_change_is_counted():
    body = Body(name="arm", mjcf=ARM, keypoints={"a": "a", "b": "b"}, torque_limits={"j": 1.0})
    fit = Fit.start(KinematicTree(BodyModel.compile(body)), 1.0, np.eye(3), np.zeros((5, 3)))
    every = Freedom(scale=True, translation=True, rotation=True, shift_weight=1.0, turn_weight=1.0, offset_weight=1.0)
    assert free_parameters(every, fit, 40) == {
        "joint angles": 40,
        "scale": 1,
        "offsets of keypoints": 6,
        "place of the recording": 6,
        "shift of each clip": 15,
        "turn of each clip": 15,
    }
    fixed = attrs.evolve(every, scale=False, rotation=False, shift_weight=None, turn_weight=None, offset_weight=None)
    assert free_parameters(fixed, fit, 40) == {"joint angles": 40, "place of the recording": 3}
    assert free_parameters(attrs.evolve(fixed, segment_weight=1.0), fit, 40)["segments"] == len(fit.segments)
