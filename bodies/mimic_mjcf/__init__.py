"""A body from an MJCF file and a description: which model, and where keypoints sit on it."""

from __future__ import annotations

import attrs

from mimic_core import BodySpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of a body that is built from a description.

    Attributes:
        file: the description (TOML); ``--body FILE.toml`` sets it.
    """

    file: str = ""


def build(config, variant):
    from mimic_mjcf.description import build_body

    return build_body(config.file)


@hookimpl
def mimic_bodies():
    yield BodySpec(
        name="mjcf",
        config=Settings,
        build=build,
        suffixes=(".toml",),
        summary="any MJCF model: a description (--body FILE.toml) names the model and where keypoints sit on it",
    )
