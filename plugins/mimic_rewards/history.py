"""Terms that look back over the last control steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mimic_core import StepView, Term


def over_last(
    steps: int, width: int, read: Callable[[StepView], Any], value: Callable[[Any, Any, StepView], Any]
) -> Term:
    """Return a term of the last control steps of its episode, the present one included.

    Args:
        steps: how many.
        width: how many numbers ``read`` gives.
        read: what is remembered of a step, (width,).
        value: ``value(seen, last, step)`` of the remembered numbers ``last`` (steps, width), oldest first; ``seen``
            (steps,) is 1 for a step of this episode and 0 for one before its beginning.
    """
    import jax.numpy as jnp

    def advance(memory: tuple[Any, Any], step: StepView) -> tuple[Any, Any]:
        seen, last = memory
        seen = jnp.concatenate([seen[1:], jnp.ones(1)])
        last = jnp.concatenate([last[1:], read(step)[None]])
        return (seen, last), value(seen, last, step)

    return Term(init=lambda: (jnp.zeros(steps), jnp.zeros((steps, width))), step=advance)
