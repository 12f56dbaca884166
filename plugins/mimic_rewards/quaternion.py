"""Closeness of the root's orientation to the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_core.task import rotation
from mimic_rewards.places import require_free_root
from mimic_rewards.sources import MIMIC_MJX

_NEAR = 1e-8


@attrs.frozen
class Quaternion:
    """Settings of the quaternion term.

    Attributes:
        scale: α, 1/rad²; 4 is what MIMIC-MJX sets for its rat.
    """

    scale: float = attrs.field(default=4.0, validator=attrs.validators.gt(0))


def build(config: Quaternion, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α θ²), θ = arccos|⟨x, x̂⟩| between the unit quaternions x of the free root, in (0, 1].

    θ is half of the angle by which the root is turned, at most π/2, and the same for x and −x.

    Raises:
        ConfigError: the body is fixed in space.
    """
    import jax.numpy as jnp

    require_free_root(model, "quaternion")

    return lambda step: jnp.exp(-config.scale * _squared_angle(step.root_quat, step.ref.root_quat))


def _squared_angle(a: Any, b: Any) -> Any:
    """θ² in rad² of quaternions (4,), w first.

    It is written out because arccos and `Rotation.magnitude` have no finite gradient at a = b; the squared tangent of θ
    is smooth there.
    """
    import jax.numpy as jnp

    turn, cosine = jnp.split((rotation(a).inv() * rotation(b)).as_quat(), [3])
    cosine = abs(cosine[0])
    squared_sine = (turn**2).sum()
    near = squared_sine < _NEAR
    angle = jnp.arctan2(jnp.sqrt(jnp.where(near, 1.0, squared_sine)), cosine)
    # where sine and cosine are those of a small angle, θ² is sin²θ/cos²θ up to a term of order θ⁴
    return jnp.where(near, squared_sine / jnp.where(near, cosine, 1.0) ** 2, angle**2)


spec = RewardSpec(
    name="quaternion",
    config=Quaternion,
    build=build,
    summary="closeness of the root's orientation, exp(−scale·θ²), θ half the angle between them; free roots only",
    source=MIMIC_MJX,
)
