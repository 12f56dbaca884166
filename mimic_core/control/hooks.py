"""Hooks that bring controllers, and what disturbs them."""

from __future__ import annotations

from collections.abc import Iterator

from mimic_core.control.perturbation import PerturbationSpec
from mimic_core.control.policy import PolicySpec
from mimic_core.plugins.component import Kind
from mimic_core.plugins.markers import hookspec


@hookspec
def mimic_policies() -> Iterator[PolicySpec]:
    """Yield trainable controllers.

    >>> @hookimpl
    ... def mimic_policies():
    ...     yield PolicySpec(name="zero", build=lambda config, task: None)
    """


@hookspec
def mimic_perturbations() -> Iterator[PerturbationSpec]:
    """Yield what can disturb a trained controller while it acts.

    >>> @hookimpl
    ... def mimic_perturbations():
    ...     yield PerturbationSpec(name="nothing", build=lambda config, context: Perturbation())
    """


KINDS = (
    Kind("policy", "mimic_policies", PolicySpec),
    Kind("perturbation", "mimic_perturbations", PerturbationSpec),
)
"""Kinds of component that come through these hooks."""
