"""Steps of one engine with the slopes of another.

Contact is hard: a differentiable view that softens it goes elsewhere than the body does, and a policy that learned in
it learned to walk on ground that is not there. Here every state is the true one; the view is asked only how the end of
a control step depends on its begin, at the states that the body was really in (Song, Kim & Scaramuzza 2024, arXiv
2403.14864, who align a simplified model with a full one in the same way).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import Array
from jax.ad_checkpoint import checkpoint_name

from mimic_core import BodyModel, ConfigError, SimState, Simulator, structure
from mimic_core.chain import installed
from mimic_surrogate.settings import Settings

NAME = "surrogate"
STEPPED = "simulated"
"""how a training that computes its steps anew for their slopes knows what it may keep (`jax.checkpoint`)"""


def build(config: Settings, model: BodyModel, control_dt: float, differentiable: bool, altered: Any) -> Simulator:
    """Return the engine that steps, and for gradients one with the slopes of the other.

    Raises:
        ConfigError: a simulator is unknown, or the second has no gradients.
    """
    plugins = installed()
    more = {} if altered is None else {"altered": altered}

    def made(side: str, with_gradients: bool) -> Simulator:
        name = getattr(config, side)
        if name == NAME:
            raise ConfigError(f"simulator.{side}: {name!r} would be its own; take one that steps by itself")
        spec = plugins.get("simulator", name)
        if with_gradients and not spec.differentiable:
            able = ", ".join(s.name for s in plugins.all("simulator") if s.differentiable and s.name != NAME)
            raise ConfigError(f"simulator.{side}: {name!r} has no gradients; take one of {able}")
        settings = structure(getattr(config, f"{side}_settings"), spec.config, f"simulator.{side}_settings")
        return spec.build(settings, model, control_dt, with_gradients, **more)

    forward = made("forward", False)
    return Surrogate(forward, made("backward", True)) if differentiable else forward


class Surrogate:
    """Steps of ``forward``; slopes, and what is read, of ``backward``."""

    differentiable = True

    def __init__(self, forward: Simulator, backward: Simulator) -> None:
        self.model, self.control_dt = forward.model, forward.control_dt
        self.reset, self.read = backward.reset, backward.read
        self.host_only = getattr(forward, "host_only", False)
        self.left_out = getattr(backward, "left_out", ())
        self.step = _stepped(forward, backward)


def _stepped(forward: Simulator, backward: Simulator) -> Callable[[SimState, Array], SimState]:
    @jax.custom_vjp
    def step(state: SimState, excitation: Array) -> SimState:
        return forward.step(state, excitation)

    def forwards(state: SimState, excitation: Array) -> tuple[SimState, tuple[SimState, Array]]:
        return checkpoint_name(forward.step(state, excitation), STEPPED), (state, excitation)

    def backwards(given: tuple[SimState, Array], wanted: SimState) -> tuple[SimState, Array]:
        return jax.vjp(backward.step, *given)[1](wanted)

    step.defvjp(forwards, backwards)
    return step
