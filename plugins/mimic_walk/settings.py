"""Settings of the task and of its terms."""

from __future__ import annotations

import attrs
from attrs.validators import and_, ge, gt, in_, le, optional

from mimic_core.task import TaskSettings


def _a_direction(instance: object, attribute: attrs.Attribute, value: tuple[float, float, float]) -> None:
    if not any(value):
        raise ValueError("must have a length above 0")


def _a_range(instance: object, attribute: attrs.Attribute, value: tuple[float, float] | None) -> None:
    if value is not None and not 0 < value[0] <= value[1]:
        raise ValueError(f"must be two speeds above 0, the lower one first, got {list(value)}")


@attrs.frozen(kw_only=True)
class Walk(TaskSettings):
    """Settings of the task, beside those that every task has.

    An episode begins in a posture that the animal was recorded in. Commanded is a velocity along the heading of that
    posture: the root's axis ``forward``, laid level. Postures in which that axis points more than 45° up or down, as
    when an animal rears, are none to begin in.

    Attributes:
        per_clip: episodes made of each recorded movement.
        duration_s: how long an episode lasts.
        speeds_mm_s: slowest and fastest speed commanded, mm of the animal per second; drawn evenly between them. None:
            from half of the fastest that was recorded up to it. That is the 99th percentile of the speed along the
            heading over half a second, in all of the clips, those held out included.
        forward: the root's own axis that points where the animal goes.
        begin: ``rest``: an episode begins at rest; ``moving``: with the velocities of that moment.
        episode_seed: of which postures and speeds.
        reference_lowpass_hz: see `mimic_core.task.TaskSettings`; a straight way needs none.
    """

    per_clip: int = attrs.field(default=50, validator=ge(1))
    duration_s: float = attrs.field(default=2.0, validator=gt(0))
    speeds_mm_s: tuple[float, float] | None = attrs.field(default=None, validator=_a_range)
    forward: tuple[float, float, float] = attrs.field(default=(1.0, 0.0, 0.0), validator=_a_direction)
    begin: str = attrs.field(default="rest", validator=in_(("rest", "moving")))
    episode_seed: int = attrs.field(default=0, validator=ge(0))
    reference_lowpass_hz: float = attrs.field(default=0.0, validator=ge(0))


@attrs.frozen
class WalkCommand:
    """Settings of what is seen of the command.

    Attributes:
        posture: also give joint angles and velocities, since the next step depends on where the legs are.
    """

    posture: bool = True


@attrs.frozen
class WalkSpeed:
    """Settings of the closeness to the commanded velocity.

    Attributes:
        half_at: the reward is 1/2 where the velocity is off by this share of the commanded speed.
        smooth_ms: the velocity is a running mean with this time constant, since a stride speeds up and slows down;
            0 takes each control step by itself.
    """

    half_at: float = attrs.field(default=0.25, validator=gt(0))
    smooth_ms: float = attrs.field(default=200.0, validator=ge(0))


@attrs.frozen
class Upright:
    """Settings of the closeness to the level and height of the start.

    Attributes:
        half_at_deg: the reward is 1/2 where the root is tilted by this angle.
        half_at_share: and where it is higher or lower by this share of the body's span.
    """

    half_at_deg: float = attrs.field(default=20.0, validator=and_(gt(0), le(180)))
    half_at_share: float = attrs.field(default=0.1, validator=gt(0))


@attrs.frozen
class Fallen:
    """Settings of when an animal has fallen; None for a limit that does not count.

    Attributes:
        max_tilt_deg: angle by which the root is tilted, against the start of the episode. Turns about the vertical do
            not count.
        max_drop_share: how much lower the root is than at the start, as a share of the body's span.
    """

    max_tilt_deg: float | None = attrs.field(default=60.0, validator=optional(and_(gt(0), le(180))))
    max_drop_share: float | None = attrs.field(default=0.15, validator=optional(gt(0)))


@attrs.frozen
class Walked(Fallen):
    """Settings of success, beside those of a fall.

    Attributes:
        after_ms: what comes before does not count, since a body can lean forward over paws that stay.
        over_ms: the velocity is a mean over so long, and is looked at whenever so long has passed. Together with
            ``after_ms`` it should be longer than a body can go by leaning: a rat leaned and crept for one second.
        within: it may be off by this share of the commanded speed, in any level direction.
    """

    after_ms: float = attrs.field(default=1000.0, validator=ge(0))
    over_ms: float = attrs.field(default=1000.0, validator=gt(0))
    within: float = attrs.field(default=0.3, validator=gt(0))
