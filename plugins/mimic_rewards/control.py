"""Cost of excitation."""

from __future__ import annotations

from collections.abc import Callable

from mimic_core import BodyModel, NoSettings, RewardSpec, StepView
from mimic_rewards.sources import PAPER


def build(config: NoSettings, model: BodyModel) -> Callable[[StepView], object]:
    """c = Σ_i u_i² over actuators, u the excitation in [0, 1] or [−1, 1] (Leonardis et al. 2025, c^ctrl)."""
    return lambda step: (step.excitation**2).sum()


spec = RewardSpec(
    name="control",
    build=build,
    cost=True,
    weight=0.15,
    summary="cost of excitation, Σ excitation²",
    source=PAPER,
)
