"""Closeness of joint angles to the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, StepView


@attrs.frozen
class Joint:
    """Settings of the joint term.

    Attributes:
        scale: α, 1/rad²; larger asks for more exact angles.
    """

    scale: float = attrs.field(default=0.2, validator=attrs.validators.gt(0))


def build(config: Joint, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α Σ_j (q_j − q̂_j)²) over joints, in (0, 1] (Leonardis et al. 2025, equation for r^joint)."""
    import jax.numpy as jnp

    return lambda step: jnp.exp(-config.scale * ((step.joint_pos - step.ref.joint_pos) ** 2).sum())
