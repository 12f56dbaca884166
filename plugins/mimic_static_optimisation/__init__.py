"""What muscles would have to do: inverse dynamics of a movement, and static optimisation of the activations.

A library that plugins share; it offers no component.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mimic_core import ConfigError, DataError, Plugins, ReferenceClips, Rollouts

if TYPE_CHECKING:
    from mimic_core import BodyModel

SOLUTIONS = {"squared": "Σa²", "cubed": "Σa³", "dynamic": "Σa² with activation dynamics"}
"""Static optimisations by name, as tables and figures call them."""

LOWPASS_HZ, RESERVE_COST, INFEASIBLE_SHARE = 25.0, 1e4, 0.01
"""What is usual for `registered` and `least_effort`, see the settings of the `inverse` analysis."""


def body_with_muscles(clips: ReferenceClips, rollouts: Rollouts | None, plugins: Plugins) -> BodyModel:
    """Compile the clips' body, with the actuation of the rollouts' training where there is one.

    Raises:
        DataError: what drives it are no muscles.
    """
    from mimic_core.chain import build_model, plan_training

    training = None if rollouts is None else rollouts.training
    plan = plan_training({}, plugins, clips) if training is None else training.plan
    try:
        model = build_model(clips.body, plan, plugins)
    except ConfigError as e:
        raise DataError(f"static optimisation: {e}") from e
    if not model.muscle_names:
        raise DataError(
            f"{clips.body.name} is driven by {plan.actuation!r}, which has no muscles; give the clips "
            "of a body with muscles, and rollouts of a controller that was trained with them"
        )
    return model
