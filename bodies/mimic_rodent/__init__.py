"""A whole rat that moves freely: the model of dm_control, with keypoints as they are tracked on rats."""

from __future__ import annotations

import attrs

from mimic_core import BodySpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of the rat.

    Attributes:
        mjcf: the model's file (``rodent.xml``, of dm_control or of STAC-MJX); empty: that of the installed dm_control.
    """

    mjcf: str = ""


def build(config, variant):
    from mimic_rodent.builder import build_body

    return build_body(config.mjcf)


@hookimpl
def mimic_bodies():
    yield BodySpec(
        name="rodent",
        config=Settings,
        build=build,
        summary="a rat, free to move: 67 joints, 23 keypoints; its model comes with dm_control",
        source="Merel et al. 2020, Deep neuroethology of a virtual rodent, arXiv:1911.09451",
    )
