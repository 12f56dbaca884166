"""Reasons to end an episode before its clip ends."""

from __future__ import annotations

from mimic_core import TerminationSpec, hookimpl
from mimic_terminations.settings import KeypointError


def build_keypoint_error(config, model):
    from mimic_terminations.terms import keypoint_error

    return keypoint_error(config, model)


@hookimpl
def mimic_terminations():
    yield TerminationSpec(
        name="keypoint_error",
        config=KeypointError,
        build=build_keypoint_error,
        default=True,
        summary="the body is too far from the reference",
    )
