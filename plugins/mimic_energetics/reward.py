"""The reward term `metabolic`: the cost of the energy that muscles turn over, heat and work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mimic_core import BodyModel, ConfigError, RewardSpec, StepView
from mimic_energetics.metabolics import SOURCE, Metabolic, Muscles, metabolic_power


def build(config: Metabolic, model: BodyModel) -> Callable[[StepView], object]:
    """c = Σ_m P_m in W over the muscles, P the metabolic power of `mimic_energetics.metabolics.metabolic_power`.

    Reserves beside muscles have no metabolism and cost nothing here: weigh `reserve` or `mechanical_work` too.

    Raises:
        ConfigError: the body has no muscles.
    """
    if not model.muscle_names:
        raise ConfigError(
            f"rewards.metabolic: body {model.body.name} is not driven by muscles; use actuation = 'hill', or "
            "rewards.mechanical_work instead"
        )
    muscles, of_muscles = Muscles.of(model), np.asarray(model.muscle_ids)

    def cost(step: StepView) -> object:
        return metabolic_power(
            config,
            muscles,
            excitation=step.excitation[of_muscles],
            activation=step.activation[of_muscles],
            force=step.muscle_force,
            length=step.muscle_length,
            velocity=step.muscle_velocity,
        ).sum()

    return cost


SPEC = RewardSpec(
    name="metabolic",
    config=Metabolic,
    build=build,
    units="W",
    cost=True,
    summary="cost of metabolic power: activation, maintenance and shortening heat, and work of the muscles",
    source=SOURCE,
)
