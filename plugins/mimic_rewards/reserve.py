"""Cost of what reserves give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mimic_core import BodyModel, NoSettings, RewardSpec, StepView


def build(config: NoSettings, model: BodyModel) -> Callable[[StepView], object]:
    """c = Σ_r u_r² over the reserves, u the excitation in [−1, 1]; 0 for a body without any.

    It comes on top of what `control` charges for them as for any other actuator.
    """
    reserves = () if model.actuation is None else model.actuation.reserves
    places = np.array([model.actuator_names.index(name) for name in reserves], int)
    return lambda step: (step.excitation[places] ** 2).sum()


spec = RewardSpec(
    name="reserve",
    build=build,
    cost=True,
    summary="cost of reserves, Σ excitation² over motors that stand for muscles which the body lacks",
    source="Hicks et al. 2015, doi:10.1115/1.4029304: reserve actuators that are expensive to use",
)
