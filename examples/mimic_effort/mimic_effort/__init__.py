"""Muscle effort as a reward term."""

import attrs

from mimic_core import RewardSpec, hookimpl


@attrs.frozen
class Effort:
    """Settings of the effort term.

    Attributes:
        power: exponent of the activation; Crowninshield & Brand (1981) used 3, on muscle stress.
    """

    power: float = attrs.field(default=2.0, validator=attrs.validators.ge(1))


def build(config, model):
    """c = mean of activation**power over the actuators, in [0, 1] for muscles."""
    return lambda step: (step.activation**config.power).mean()


@hookimpl
def mimic_rewards():
    yield RewardSpec(
        name="effort",
        config=Effort,
        build=build,
        units="1",
        cost=True,
        summary="mean activation**power",
        source="Crowninshield & Brand 1981, doi:10.1016/0021-9290(81)90035-X",
    )
