"""Hooks that bring the parts of a task."""

from __future__ import annotations

from collections.abc import Iterator

from mimic_core.plugins.component import Kind
from mimic_core.plugins.markers import hookspec
from mimic_core.task.terms import ObservationSpec, RewardSpec, TaskSpec, TerminationSpec


@hookspec
def mimic_rewards() -> Iterator[RewardSpec]:
    """Yield reward terms.

    >>> @hookimpl
    ... def mimic_rewards():
    ...     yield RewardSpec(name="alive", build=lambda config, model: lambda step: 1.0, units="1")
    """


@hookspec
def mimic_observations() -> Iterator[ObservationSpec]:
    """Yield what the policy sees.

    >>> @hookimpl
    ... def mimic_observations():
    ...     yield ObservationSpec(name="angles", role="proprioception",
    ...                           build=lambda config, model: lambda step: step.joint_pos)
    """


@hookspec
def mimic_terminations() -> Iterator[TerminationSpec]:
    """Yield reasons to end an episode.

    >>> @hookimpl
    ... def mimic_terminations():
    ...     yield TerminationSpec(name="never", build=lambda config, model: lambda step: False)
    """


@hookspec
def mimic_tasks() -> Iterator[TaskSpec]:
    """Yield what controllers can be trained to do.

    >>> @hookimpl
    ... def mimic_tasks():
    ...     yield TaskSpec(name="follow", build=lambda config, model: Goal(), terms={"terminations": {}})
    """


KINDS = (
    Kind("reward", "mimic_rewards", RewardSpec),
    Kind("observation", "mimic_observations", ObservationSpec),
    Kind("termination", "mimic_terminations", TerminationSpec),
    Kind("task", "mimic_tasks", TaskSpec),
)
"""Kinds of component that come through these hooks."""
