"""The shape that rewards of closeness share, and how sharp it is by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from mimic_core import BodyModel, StepView
from mimic_kinematics.size import span

_SHARE = 0.05
_SHARE_OF_BODY = 0.1
SHARE_OF_ROOT = 0.25
"""with `length_scale` of the rat 49 mm, where track-mjx has 50"""


def over() -> Any:
    """The setting ``over``: whether squared differences are added up or averaged."""
    return attrs.field(default="sum", validator=attrs.validators.in_(("sum", "mean")))


def closeness(
    scale: float, difference: Callable[[StepView], Any], over: str = "sum", vectors: bool = False
) -> Callable[[StepView], Any]:
    """r = exp(−α Σ e²), in (0, 1] and 1 where the difference e is zero (Leonardis et al. 2025, section 2.6).

    With ``over="mean"`` it is exp(−α · mean e²): a sum over many joints leaves the exponential no slope.

    Args:
        scale: α, one over the square of e's unit.
        difference: gives e, any shape.
        over: ``sum`` or ``mean``.
        vectors: the last axis of e holds the coordinates of one vector; the mean is over vectors.
    """
    import jax.numpy as jnp

    def reward(step: StepView) -> Any:
        e = difference(step)
        count = 1 if over == "sum" else e.size // (e.shape[-1] if vectors else 1)
        return jnp.exp(-scale * ((e**2).sum() / count if count > 1 else (e**2).sum()))

    return reward


def length_scale(scale: float | None, model: BodyModel, share: float = _SHARE_OF_BODY) -> float:
    """Return α in 1/m².

    None stands for 1/e at a twentieth of the model's size (its MJCF's ``extent``; mouse: 1 mm). That size is of no use
    for a body that walks about: with a free root it is 1/e at ``share`` of the greatest distance between two keypoints
    in the reference pose (rat: 194 mm).
    """
    if scale is not None:
        return scale
    length = _SHARE * model.mj_model.stat.extent if model.root is None else share * span(model)
    return float(1.0 / length**2)
