"""The shape that rewards of closeness share, and how sharp it is by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mimic_core import BodyModel, StepView

_SHARE = 0.05


def closeness(scale: float, difference: Callable[[StepView], Any]) -> Callable[[StepView], Any]:
    """r = exp(−α Σ e²), in (0, 1] and 1 where the difference e is zero (Leonardis et al. 2025, section 2.6).

    Args:
        scale: α, one over the square of e's unit.
        difference: gives e, any shape.
    """
    import jax.numpy as jnp

    return lambda step: jnp.exp(-scale * (difference(step) ** 2).sum())


def length_scale(scale: float | None, model: BodyModel) -> float:
    """Return α in 1/m²; None stands for 1/e at a twentieth of the model's size (its MJCF's ``extent``; mouse: 1 mm)."""
    return scale if scale is not None else float(1.0 / (_SHARE * model.mj_model.stat.extent) ** 2)
