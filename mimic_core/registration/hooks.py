"""Hooks that bring keypoints, and methods that fit a body to them."""

from __future__ import annotations

from collections.abc import Iterator

from mimic_core.plugins.component import Kind
from mimic_core.plugins.markers import hookspec
from mimic_core.registration.method import RegistrationSpec
from mimic_core.registration.readers import GeneratorSpec, ReaderSpec


@hookspec
def mimic_readers() -> Iterator[ReaderSpec]:
    """Yield readers of keypoint files.

    >>> @hookimpl
    ... def mimic_readers():
    ...     yield ReaderSpec(name="mine", suffixes=(".mine",), build=lambda config: None)
    """


@hookspec
def mimic_generators() -> Iterator[GeneratorSpec]:
    """Yield makers of keypoint data (synthetic movements), for demonstrations and tests.

    >>> @hookimpl
    ... def mimic_generators():
    ...     yield GeneratorSpec(name="wave", build=lambda config, model, seed: None)
    """


@hookspec
def mimic_registrations() -> Iterator[RegistrationSpec]:
    """Yield methods that fit a body to keypoints.

    One that can keep the body of an animal that was registered before, and fit only its movements, also gives
    ``build_calibrated(config, calibration)``; ``mimic register --calibration`` asks for it.

    >>> @hookimpl
    ... def mimic_registrations():
    ...     yield RegistrationSpec(name="guess", build=lambda config, body: None)
    """


KINDS = (
    Kind("reader", "mimic_readers", ReaderSpec),
    Kind("generator", "mimic_generators", GeneratorSpec),
    Kind("registration", "mimic_registrations", RegistrationSpec),
)
"""Kinds of component that come through these hooks."""
