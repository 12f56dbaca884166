"""An environment of whose step nothing is asked adds nothing to a gradient, however far it went."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from mimic_mjx.unasked import silent_where_unasked


def cubed(at, push):
    """A step that leaves single precision where ``at`` is large, and has no slope there."""
    return at**3 * push[:, None], jnp.arange(len(at))


def kept(step):
    """Return a function of what all environments share that keeps, as a task does, what did not diverge."""

    def total(shared, at):
        after, _ = step(at * shared, jnp.ones(len(at)))
        good = (jnp.abs(after) < 1e4).all(axis=-1, keepdims=True)
        return jnp.where(good, after, at).sum()

    return total


def test_a_diverged_environment_does_not_spoil_a_shared_gradient():
    at = jnp.array([[2.0, 3.0], [1e30, 1.0]])
    assert not np.isfinite(jax.grad(kept(cubed))(1.0, at))
    assert jax.grad(kept(silent_where_unasked(cubed)))(1.0, at) == 3 * (8 + 27)


def test_what_is_asked_keeps_its_slope_also_one_that_is_not_finite():
    def all_of_it(shared, step):
        return step(jnp.array([[2.0], [1e30]]) * shared, jnp.ones(2))[0].sum()

    assert not np.isfinite(jax.grad(all_of_it)(1.0, silent_where_unasked(cubed)))
    one = jax.grad(lambda x: silent_where_unasked(cubed)(x, jnp.ones(1))[0].sum())(jnp.array([[1.5]]))
    assert one.item() == 3 * 1.5**2
