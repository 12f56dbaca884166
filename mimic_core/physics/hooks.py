"""The hook that brings physics engines."""

from __future__ import annotations

from collections.abc import Iterator

from mimic_core.physics.simulator import SimulatorSpec
from mimic_core.plugins.component import Kind
from mimic_core.plugins.markers import hookspec


@hookspec
def mimic_simulators() -> Iterator[SimulatorSpec]:
    """Yield physics engines.

    >>> @hookimpl
    ... def mimic_simulators():
    ...     yield SimulatorSpec(name="still", build=lambda config, model, differentiable: None,
    ...                         rank={"cpu": 0.0}, differentiable=False)
    """


KINDS = (Kind("simulator", "mimic_simulators", SimulatorSpec),)
"""Kinds of component that come through these hooks."""
