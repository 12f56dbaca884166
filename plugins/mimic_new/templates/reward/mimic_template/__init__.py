"""A reward term: how far the joints move from one control step to the next."""

import attrs

from mimic_core import RewardSpec, hookimpl


@attrs.frozen
class Template:
    """Settings of the term.

    Attributes:
        speed: joint velocity that costs 1, rad/s.
    """

    speed: float = attrs.field(default=10.0, validator=attrs.validators.gt(0))


def build(config, model):
    """Mean over joints of (velocity / speed)²; no unit."""
    return lambda step: ((step.joint_vel / config.speed) ** 2).mean()


@hookimpl
def mimic_rewards():
    yield RewardSpec(
        name="template", config=Template, build=build, cost=True, summary="mean squared joint velocity", source=""
    )
