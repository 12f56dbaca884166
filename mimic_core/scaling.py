"""Longer and shorter segments: a body's skeleton scaled part by part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mujoco


def scale_segments(spec: mujoco.MjSpec, factors: Mapping[str, float]) -> None:
    """Scale segments of ``spec`` in place; ``factors`` maps the first body of a segment to its factor."""
    if not factors:
        return
    raise NotImplementedError
