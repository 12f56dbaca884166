"""A perturbation at work: the task that it makes, and what it does at each step."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from mimic_core.body.model import BodyModel
from mimic_core.control.perturbation import SECTION, Perturbation
from mimic_core.errors import ConfigError, did_you_mean
from mimic_core.physics.simulator import Simulator, SimulatorSpec
from mimic_core.task.state import TaskState
from mimic_core.task.task import Task


def disturbed_task(task: Task, perturbation: Perturbation, spec: SimulatorSpec) -> Task:
    """Return the task with the perturbation's body and settings; ``spec`` is the simulator of ``task``.

    Raises:
        ConfigError: the simulator cannot do what is asked of it, or a body of that name cannot be pushed.
    """
    for needed, able in (("force", spec.forces), ("push", spec.forces), ("altered", spec.draw_altered)):
        if getattr(perturbation, needed) is not None and not able:
            what = "take another body" if needed == "altered" else "push a body"
            raise ConfigError(
                f"{SECTION}: simulator {spec.name!r} cannot {what}; choose another, see 'mimic plugins list'"
            )
    for body in perturbation.force or ():
        body_index(task.model, body)
    simulator: Simulator | None = None
    if perturbation.altered is not None:
        simulator = spec.build(spec.config(), task.model, task.control_dt, False, altered=perturbation.altered)
    if simulator is None and perturbation.task is None and perturbation.push is None:
        return task
    return task.changed(settings=perturbation.task, simulator=simulator, push=perturbation.push)


def body_index(model: BodyModel, name: str) -> int:
    """Index of a body among those that move.

    Raises:
        ConfigError: no body of that name moves.
    """
    if name not in model.body_names:
        raise ConfigError(
            f"{SECTION}: body {model.body.name} has no moving body {name!r}{did_you_mean(name, model.body_names)}"
        )
    return model.body_names.index(name)


class Disturbed:
    """A perturbation as a program takes it: step by step.

    Attributes:
        noise_key: of noise in the senses and muscles of a controller that acts deterministically, or None.
        force: (control step, clip, pushed body, 6) N and N·m, or None.
        inputs: name → (control step, clip, number), further inputs of the controller.
    """

    def __init__(self, task: Task, steps: int, perturbation: Perturbation) -> None:
        def by_step(a: Float[np.ndarray, "clip step *rest"]) -> Float[jax.Array, "later clip *rest"]:
            return jnp.asarray(np.moveaxis(a, 1, 0)[1:steps], jnp.result_type(float))

        seed, force = perturbation.noise_seed, perturbation.force
        self.noise_key = None if seed is None else jax.random.key(seed)
        self.force = by_step(np.stack(list(force.values()), axis=2)) if force else None
        self.inputs = {name: by_step(a) for name, a in perturbation.inputs.items()}
        self._pushed = np.array([body_index(task.model, name) for name in force or ()], int)
        self._task, self._bodies = task, len(task.model.body_names)
        self._altered = perturbation.altered is not None
        self._which = 0 if perturbation.which is None else perturbation.which

    def begun(self, state: TaskState) -> TaskState:
        """Return episodes that begin, in the bodies that they are to be in."""
        if self._altered:
            which = jnp.broadcast_to(jnp.asarray(self._which, jnp.int32), state.step.shape)
            state = self._task.placed(state, state.sim._replace(altered=which))
        return state if self.force is None else self.pushed(state, jnp.zeros_like(self.force[0]))

    def pushed(self, state: TaskState, force: Float[jax.Array, "clip pushed 6"] | None) -> TaskState:
        """Return the episodes with their bodies pushed by forces (clip, pushed body, 6), N and N·m."""
        if force is None:
            return state
        everywhere = jnp.zeros((len(force), self._bodies, force.shape[-1])).at[:, self._pushed].set(force)
        return state._replace(sim=state.sim._replace(force=everywhere))
