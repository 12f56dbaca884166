"""What the policy sees of the reference and of its own body."""

from __future__ import annotations

import attrs

from mimic_core import ObservationSpec, hookimpl


@attrs.frozen
class ReferenceWindow:
    """Settings of the reference window; its length and spacing belong to the task (``task.window``).

    Attributes:
        form: ``difference`` gives the coming angles minus the present ones, ``absolute`` the angles.
        velocity: also give the reference's joint velocities.
    """

    form: str = attrs.field(default="difference", validator=attrs.validators.in_(("difference", "absolute")))
    velocity: bool = False


@attrs.frozen
class KeypointWindow:
    """Settings of the keypoint window; its length and spacing belong to the task (``task.window``).

    Attributes:
        form: ``difference`` gives the coming positions minus the body's present ones, ``absolute`` the positions.
        keypoints: names of those that are seen; none names all.
    """

    form: str = attrs.field(default="difference", validator=attrs.validators.in_(("difference", "absolute")))
    keypoints: tuple[str, ...] = ()


@attrs.frozen
class Proprioception:
    """Settings of proprioception.

    Attributes:
        muscle_state: also give muscle length and velocity (spindles) and force (tendon organs).
    """

    muscle_state: bool = False


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
