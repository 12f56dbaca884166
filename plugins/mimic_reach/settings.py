"""Settings of the task, of its terms and of its force field."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, le, optional

from mimic_core.task import TaskSettings


def _a_direction(instance: object, attribute: attrs.Attribute, value: tuple[float, float, float]) -> None:
    if not any(value):
        raise ValueError("must have a length above 0")


@attrs.frozen
class CurlField:
    """A force on the hand at right angles to its velocity (Shadmehr & Mussa-Ivaldi 1994).

    F = curl · axis × v: it turns with the movement and does no work. Seen with the axis pointing at the viewer, a
    positive one pushes to the left of the movement.

    Attributes:
        curl: strength, N·s/m at the size of the model; its sign is the field's direction.
        axis: about which the force is turned, along the world's axes; its length does not matter.
        keypoint: that is pushed; empty: the outermost one, see `mimic_reach.body.hand_of`.
    """

    curl: float = 0.1
    axis: tuple[float, float, float] = attrs.field(default=(0.0, 0.0, 1.0), validator=_a_direction)
    keypoint: str = ""


@attrs.frozen(kw_only=True)
class Reach(TaskSettings):
    """Settings of the task, beside those that every task has.

    Start and target of an episode are postures of one recorded movement, at two instants that are drawn at random; the
    body is at rest in the first. So every target can be reached, and targets of movements held out are new ones. A
    movement whose hand never moves as far as ``least_share`` is left out, which is said.

    Attributes:
        per_clip: episodes made of each recorded movement.
        duration_s: how long an episode lasts.
        least_share: start and target lie at least this far apart, as a share of the body's span.
        keypoint: that is to reach; empty: the outermost one.
        episode_seed: of which starts and targets.
        field: force field that the hand is in, see `CurlField`; without strength unless it is given one.
    """

    per_clip: int = attrs.field(default=12, validator=ge(1))
    duration_s: float = attrs.field(default=0.4, validator=gt(0))
    least_share: float = attrs.field(default=0.2, validator=[ge(0), le(1)])
    keypoint: str = ""
    episode_seed: int = attrs.field(default=0, validator=ge(0))
    field: CurlField = attrs.field(factory=lambda: CurlField(curl=0.0))


@attrs.frozen
class Target:
    """Settings of what is seen of the target.

    Attributes:
        posture: also give joint angles and velocities, since the way to a target depends on where the limb is.
        keypoint: that is to reach; empty: the outermost one.
    """

    posture: bool = True
    keypoint: str = ""


@attrs.frozen
class HandDistance:
    """Settings of the hand's distance from its target.

    Attributes:
        round_share: within this share of the body's span the cost is about a parabola, further away about a cone.
        keypoint: that is to reach; empty: the outermost one.
    """

    round_share: float = attrs.field(default=0.02, validator=gt(0))
    keypoint: str = ""


@attrs.frozen
class Reached:
    """Settings of success.

    Attributes:
        radius_mm: how near is near enough, mm of the animal; None: ``radius_share`` of the body's span.
        radius_share: see there.
        hold_ms: for how long without a break.
        keypoint: that is to reach; empty: the outermost one.
    """

    radius_mm: float | None = attrs.field(default=None, validator=optional(gt(0)))
    radius_share: float = attrs.field(default=0.05, validator=gt(0))
    hold_ms: float = attrs.field(default=50.0, validator=ge(0))
    keypoint: str = ""
