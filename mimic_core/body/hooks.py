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

    >>> from mimic_core import Body, BodySpec, hookimpl
    >>> @hookimpl
    ... def mimic_bodies():
    ...     yield BodySpec(name="stick", summary="one hinge",
    ...                    build=lambda config, variant: Body(name="stick", variant=variant, mjcf="<mujoco/>"))
    >>> next(mimic_bodies()).name
    'stick'
    """


@hookspec
def mimic_importers() -> Iterator[ImporterSpec]:
    """Yield importers, which make bodies of model files.

    >>> from mimic_core import Body, ImporterSpec, hookimpl
    >>> def read(description):
    ...     return Body(name=description.name, mjcf=description.model.read_text())
    >>> @hookimpl
    ... def mimic_importers():
    ...     yield ImporterSpec(name="plain", suffixes=(".plain",), build=lambda config: read, summary="MJCF as it is")
    >>> next(mimic_importers()).suffixes
    ('.plain',)
    """


@hookspec
def mimic_actuations() -> Iterator[ActuationSpec]:
    """Yield ways of driving a body: muscles, torques.

    >>> from mimic_core import ActuationSpec, hookimpl
    >>> @hookimpl
    ... def mimic_actuations():
    ...     yield ActuationSpec(name="limp", build=lambda config, body: None, summary="no actuators")
    >>> next(mimic_actuations()).name
    'limp'
    """


KINDS = (
    Kind("body", "mimic_bodies", BodySpec),
    Kind("importer", "mimic_importers", ImporterSpec),
    Kind("actuation", "mimic_actuations", ActuationSpec),
)
"""Kinds of component that come through these hooks."""
