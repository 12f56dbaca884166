"""Reasons to end an episode before its clip ends."""

from __future__ import annotations

from mimic_core import TerminationSpec, hookimpl
from mimic_terminations.settings import KeypointError, RootLost


def build_keypoint_error(config, model):
    from mimic_terminations.terms import keypoint_error

    return keypoint_error(config, model)


def build_root_lost(config, model):
    from mimic_terminations.terms import root_lost

    return root_lost(config, model)


@hookimpl
def mimic_terminations():
    yield TerminationSpec(
        name="keypoint_error",
        config=KeypointError,
        build=build_keypoint_error,
        default=True,
        summary="the body is too far from the reference",
    )
    yield TerminationSpec(
        name="root_lost",
        config=RootLost,
        build=build_root_lost,
        summary="the free root, or the pose as a whole, is too far from the reference; free roots only",
        source="limits: track-mjx (github.com/talmolab/track-mjx), configuration of its rat",
    )
