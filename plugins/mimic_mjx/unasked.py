"""Slopes of a batch in which some environments have left what numbers can hold.

Where one diverges, a task keeps its last state and asks nothing of the step that led nowhere. The slope of that step is
not finite, and 0 times it would be NaN: in a policy that all environments share, one would spoil the gradient of all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def silent_where_unasked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``step`` with slopes of 0 in environments of whose outcome nothing is asked, whatever theirs are.

    Every other slope is the step's own, also one that is not finite.

    Args:
        step: a function of trees of arrays (batch, …) that gives such trees, each environment's of its own alone.
    """

    @jax.custom_vjp
    def silent(*given: Any) -> Any:
        return step(*given)

    def forwards(*given: Any) -> tuple[Any, Any]:
        return jax.vjp(step, *given)

    def backwards(slope: Any, wanted: Any) -> Any:
        parts = [(w != 0).reshape(w.shape[0], -1).any(1) for w in jax.tree.leaves(wanted) if _has_slope(w)]
        asked = jnp.any(jnp.stack(parts), axis=0)
        return jax.tree.map(
            lambda g: jnp.where(asked.reshape(-1, *[1] * (g.ndim - 1)), g, 0.0) if _has_slope(g) else g, slope(wanted)
        )

    silent.defvjp(forwards, backwards)
    return silent


def _has_slope(a: Any) -> bool:
    return a.dtype != jax.dtypes.float0
