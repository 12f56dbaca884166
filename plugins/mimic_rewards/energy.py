"""Cost of energy as the paper counts it."""

from __future__ import annotations

from collections.abc import Callable

from mimic_core import BodyModel, NoSettings, RewardSpec, StepView
from mimic_rewards.sources import PAPER


def build(config: NoSettings, model: BodyModel) -> Callable[[StepView], object]:
    """c = Σ_j |v_j|·|f_j| in W, f_j the actuators' force in joint space (Leonardis et al. 2025, c^energy)."""
    return lambda step: (abs(step.joint_vel) * abs(step.joint_force)).sum()


spec = RewardSpec(
    name="energy",
    build=build,
    units="W",
    cost=True,
    weight=0.01,
    summary="cost of energy, Σ|joint velocity|·|actuator force|",
    source=PAPER,
)
