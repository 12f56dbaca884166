"""Cost of excitation."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_rewards.sources import PAPER


@attrs.frozen
class Control:
    """The control cost has nothing to set but its weight."""


def build(config: Control, model: BodyModel) -> Callable[[StepView], object]:
    """c = Σ_i u_i² over actuators, u the excitation in [0, 1] or [−1, 1] (Leonardis et al. 2025, c^ctrl)."""
    return lambda step: (step.excitation**2).sum()


spec = RewardSpec(
    name="control",
    config=Control,
    build=build,
    cost=True,
    weight=0.15,
    summary="cost of excitation, Σ excitation²",
    source=PAPER,
)
