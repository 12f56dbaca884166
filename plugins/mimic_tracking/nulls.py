"""Trivial answers to the task of following a movement, judged by the same distance as the controller."""

from __future__ import annotations

import numpy as np

from mimic_core import Rollouts
from mimic_statistics import mean_course

LIMP, LATE = "limp body", "reference one step late"
HELD = "mean pose held"
SERVOS = "servos given the reference"
MEAN, MEAN_OF_OTHERS = "mean training movement", "mean of the other clips"
CONTROLLER = "controller"


def courses(rollouts: Rollouts) -> dict[str, np.ndarray]:
    """Name → (clip, step, keypoint, xyz) m: where the controller has the keypoints, and where null models have them.

    - The mean training movement: the mean over training clips of where the reference has each keypoint, so long after
      the clip's start; a training clip's own course is left out of it. Without training clips among the rollouts, the
      mean over all others.
    - The limp body, if the rollouts hold one.
    - The reference, one control step late: what following perfectly would get with a delay of one step.
    """
    reference, train = rollouts.ref_site_pos, np.array(rollouts.split) == "train"
    out = {CONTROLLER: rollouts.site_pos}
    if train.any():
        out[MEAN] = mean_course(reference, train)
    elif len(train) > 1:
        out[MEAN_OF_OTHERS] = mean_course(reference, ~train)
    if rollouts.limp_site_pos is not None:
        out[LIMP] = rollouts.limp_site_pos
    out[LATE] = np.concatenate([reference[:, :1], reference[:, :-1]], axis=1)
    return out


def errors_mm(rollouts: Rollouts) -> dict[str, dict[str, np.ndarray]]:
    """Against what → name → (clip, step, keypoint) distance, mm of the animal, NaN past a clip's end.

    ``reference`` is the registered one, ``tracked`` what was tracked. The controller's are those of the rollouts.
    """
    to_mm = 1e3 * (rollouts.body.scale if rollouts.body is not None else 1.0)
    found = courses(rollouts)
    own = {"reference": rollouts.error_mm, "tracked": rollouts.tracked_error_mm}
    targets = {"reference": rollouts.ref_site_pos, "tracked": rollouts.tracked_pos}
    return {
        against: {
            name: own[against] if name == CONTROLLER else to_mm * np.linalg.norm(course - target, axis=-1)
            for name, course in found.items()
        }
        for against, target in targets.items()
    }
