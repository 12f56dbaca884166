"""Reward terms, one file each: its settings, its formula, its units and where it comes from."""

from __future__ import annotations

from mimic_core import hookimpl
from mimic_rewards import (
    action_variance,
    actuator_effort,
    angular_velocity,
    body_position,
    bone_distance,
    control,
    control_difference,
    end_effector,
    energy,
    jerk,
    jitter,
    joint,
    joint_velocity,
    keypoint,
    mechanical_work,
    paw_distance,
    position,
    quaternion,
    reserve,
)

_TERMS = (
    joint,
    joint_velocity,
    position,
    quaternion,
    angular_velocity,
    body_position,
    end_effector,
    keypoint,
    bone_distance,
    paw_distance,
    control,
    control_difference,
    action_variance,
    jerk,
    jitter,
    actuator_effort,
    energy,
    mechanical_work,
    reserve,
)


@hookimpl
def mimic_rewards():
    yield from (term.spec for term in _TERMS)
