"""A whole rat that moves freely: the model of dm_control, with keypoints as they are tracked on rats.

``body.toml`` describes it.
"""

from __future__ import annotations

from pathlib import Path

from mimic_core import BodySpec, hookimpl


@hookimpl
def mimic_bodies():
    yield BodySpec(
        name="rodent",
        description=Path(__file__).parent / "body.toml",
        summary="a rat, free to move: 67 joints, 23 keypoints; its model comes with dm_control",
        source="Merel et al. 2020, Deep neuroethology of a virtual rodent, arXiv:1911.09451",
    )
