"""Hooks that bring bodies, and what drives them."""

from __future__ import annotations

from collections.abc import Iterator

from mimic_core.body.actuation import ActuationSpec
from mimic_core.body.body import BodySpec
from mimic_core.body.importer import ImporterSpec
from mimic_core.plugins.component import Kind
from mimic_core.plugins.markers import hookspec


@hookspec
def mimic_bodies() -> Iterator[BodySpec]:
    """Yield musculoskeletal bodies.

    >>> @hookimpl
    ... def mimic_bodies():
    ...     yield BodySpec(name="stick", summary="one hinge",
    ...                    build=lambda config, variant: Body(name="stick", variant=variant, mjcf="<mujoco/>"))
    """


@hookspec
def mimic_importers() -> Iterator[ImporterSpec]:
    """Yield importers, which make bodies of model files.

    >>> def read(description):
    ...     return Body(name=description.name, mjcf=description.model.read_text())
    >>> @hookimpl
    ... def mimic_importers():
    ...     yield ImporterSpec(name="plain", suffixes=(".plain",), build=lambda config: read, summary="MJCF as it is")
    """


@hookspec
def mimic_actuations() -> Iterator[ActuationSpec]:
    """Yield ways of driving a body: muscles, torques.

    >>> @hookimpl
    ... def mimic_actuations():
    ...     yield ActuationSpec(name="limp", build=lambda config, body: None, summary="no actuators")
    """


KINDS = (
    Kind("body", "mimic_bodies", BodySpec),
    Kind("importer", "mimic_importers", ImporterSpec),
    Kind("actuation", "mimic_actuations", ActuationSpec),
)
"""Kinds of component that come through these hooks."""
