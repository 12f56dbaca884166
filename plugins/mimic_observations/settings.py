"""Settings of the observations."""

from __future__ import annotations

import attrs


@attrs.frozen
class ReferenceWindow:
    """Settings of the reference window; its length and spacing belong to the task (``task.window``).

    Attributes:
        form: ``difference`` gives the coming angles minus the present ones, ``absolute`` the angles.
        velocity: also give the reference's joint velocities.
        bodies: also give where the reference's bodies will be, seen from the free root as it is now.
    """

    form: str = attrs.field(default="difference", validator=attrs.validators.in_(("difference", "absolute")))
    velocity: bool = False
    bodies: bool = False


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
        root_state: of a free root also its height and its linear and angular velocity, along its own axes.
    """

    muscle_state: bool = False
    root_state: bool = False
