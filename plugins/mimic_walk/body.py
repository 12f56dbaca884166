"""Where a body is, and which way is up."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from mimic_core import BodyModel, ConfigError, StepView
from mimic_core.task import Kinematics


def require_free_root(model: BodyModel, what: str) -> None:
    """Raise ConfigError where a body is fixed in space; ``what`` needs one that is not."""
    if model.root is None:
        raise ConfigError(
            f"{what}: body {model.body.name} is fixed in space and cannot walk; take a body with a free root, or "
            "another task"
        )


def up_of(model: BodyModel) -> Float[np.ndarray, "3"]:
    """Return the unit vector against gravity; without gravity, z is up."""
    against = -np.array(model.mj_model.opt.gravity)
    length = np.linalg.norm(against)
    return against / length if length else np.array([0.0, 0.0, 1.0])


def middle_of(model: BodyModel) -> Callable[[StepView | Kinematics], Float[Array, "3"]]:
    """Return what says where the body is (m): the mean of its bodies' origins, each weighted by its mass.

    The root's own origin may lie below or beside the body, as the rat's does on the floor; tilting would move it.
    """
    mass = model.mj_model.body_mass[model.body_ids]
    share = jnp.asarray(mass / mass.sum())
    return lambda step: share @ step.body_pos
