"""Cost of excitation that varies."""

from __future__ import annotations

import attrs

from mimic_core import BodyModel, RewardSpec, Term
from mimic_rewards.history import over_last
from mimic_rewards.sources import MIMIC_MJX


@attrs.frozen
class ActionVariance:
    """Settings of the action variance.

    Attributes:
        window: over how many control steps, the present one included; 50 as in MIMIC-MJX.
    """

    window: int = attrs.field(default=50, validator=attrs.validators.ge(2))


def build(config: ActionVariance, model: BodyModel) -> Term:
    """c = Σ_i var(u_i) over actuators, the variance (divided by n) over the last ``window`` control steps.

    Early in an episode it is the variance over the steps that there have been, so 0 in the first.
    """

    def value(seen, last, step):
        n, seen = seen.sum(), seen[:, None]
        mean = (seen * last).sum(axis=0) / n
        return (seen * (last - mean) ** 2).sum() / n

    return over_last(config.window, len(model.actuator_names), lambda step: step.excitation, value)


spec = RewardSpec(
    name="action_variance",
    config=ActionVariance,
    build=build,
    cost=True,
    summary="cost of excitation that varies, Σ variance over the last control steps",
    source=MIMIC_MJX,
)
