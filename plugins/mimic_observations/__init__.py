"""What the policy sees of the reference and of its own body."""

from __future__ import annotations

from mimic_core import ObservationSpec, hookimpl
from mimic_observations.settings import KeypointWindow, Proprioception, ReferenceWindow


def build_reference_window(config, model):
    from mimic_observations.terms import reference_window

    return reference_window(config, model)


def build_keypoint_window(config, model):
    from mimic_observations.terms import keypoint_window

    return keypoint_window(config, model)


def build_proprioception(config, model):
    from mimic_observations.terms import proprioception

    return proprioception(config, model)


@hookimpl
def mimic_observations():
    yield ObservationSpec(
        name="reference_window",
        config=ReferenceWindow,
        build=build_reference_window,
        role="reference",
        default=True,
        summary="the reference at the coming instants",
    )
    yield ObservationSpec(
        name="keypoint_window",
        config=KeypointWindow,
        build=build_keypoint_window,
        role="reference",
        summary="keypoints of the reference at the coming instants",
    )
    yield ObservationSpec(
        name="proprioception",
        config=Proprioception,
        build=build_proprioception,
        role="proprioception",
        default=True,
        summary="joint angles, joint velocities and activation",
    )
