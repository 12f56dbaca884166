"""Cost of changing the excitation from one control step to the next."""

from __future__ import annotations

from collections.abc import Callable

from mimic_core import BodyModel, NoSettings, RewardSpec, StepView
from mimic_rewards.sources import MIMIC_MJX


def build(config: NoSettings, model: BodyModel) -> Callable[[StepView], object]:
    """c = Σ_i (u_i − u_i,before)² over actuators, u the excitation of a control step and of the one before.

    The Al Borno lab's trainer calls it ``action_change``. Before an episode's first step, the excitation is the one
    that holds the activation it begins with.
    """
    return lambda step: ((step.excitation - step.previous_excitation) ** 2).sum()


spec = RewardSpec(
    name="control_difference",
    build=build,
    cost=True,
    summary="cost of changing the excitation between control steps, Σ(u−u before)²",
    source=MIMIC_MJX,
)
