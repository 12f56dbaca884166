"""For plugin authors: a toy body, steps to try terms on, conformance checks, and test classes to inherit.

Names are imported when first used, since some need jax and the toy body does not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mimic_core.testing.conformance import check_component
    from mimic_core.testing.rollouts import synthetic_rollouts
    from mimic_core.testing.steps import random_step, step_at_rest, step_on_reference, toy_model
    from mimic_core.testing.suites import BodyConformance, ObservationConformance, RewardConformance
    from mimic_core.testing.toy import toy_body

_HOMES = {
    "BodyConformance": "suites",
    "ObservationConformance": "suites",
    "RewardConformance": "suites",
    "check_component": "conformance",
    "random_step": "steps",
    "step_at_rest": "steps",
    "step_on_reference": "steps",
    "synthetic_rollouts": "rollouts",
    "toy_body": "toy",
    "toy_model": "steps",
}

__all__ = [
    "BodyConformance",
    "ObservationConformance",
    "RewardConformance",
    "check_component",
    "random_step",
    "step_at_rest",
    "step_on_reference",
    "synthetic_rollouts",
    "toy_body",
    "toy_model",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
