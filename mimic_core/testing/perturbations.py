"""Checking a perturbation on two clips of the toy body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mimic_core.chain.disturbed import body_index
from mimic_core.control.perturbation import Perturbation, RolloutContext
from mimic_core.errors import PluginError, did_you_mean

if TYPE_CHECKING:
    from mimic_core.body.model import BodyModel
    from mimic_core.plugins.manager import Plugins


def context_of(model: BodyModel, n_steps: tuple[int, ...] = (41, 31), **more: Any) -> RolloutContext:
    """Return what a perturbation is told of clips of so many entries at 400 Hz; ``more`` replaces any of it."""
    from mimic_core.task.settings import TaskSettings

    given: dict[str, Any] = {
        "clip_names": tuple(f"clip_{i}" for i in range(len(n_steps))),
        "n_steps": np.array(n_steps),
        "rate_hz": 400.0,
        "model": model,
        "inputs": {"intention_shift": 3, "silenced/intention": 3},
        "task": TaskSettings(),
    }
    return RolloutContext(**given | more)


def check_perturbation(record: Any, plugins: Plugins) -> None:
    """Its arrays fit the clips, the body and the controller, and are the same when it is built again."""
    from mimic_core.testing.checks.tasks import check_push
    from mimic_core.testing.steps import toy_model

    context = context_of(toy_model(plugins))
    made, again = (record.build(record.config(), context) for _ in range(2))
    if not isinstance(made, Perturbation):
        raise PluginError(f"build returns {type(made).__name__}; return a mimic_core.Perturbation")
    clips, steps = len(context.n_steps), int(context.n_steps.max())
    shapes: dict[str, tuple[int, ...]] = {"onset_ms": (clips,), "end_ms": (clips,)}
    for name in made.inputs:
        if name not in context.inputs:
            near = did_you_mean(name, context.inputs)
            raise PluginError(f"gives an input {name!r}, which the controller does not have{near}; see context.inputs")
        shapes[f"input {name}"] = (clips, steps, context.inputs[name])
    for name in made.force or ():
        body_index(context.model, name)
        shapes[f"force of {name}"] = (clips, steps, 6)
    if made.push is not None:
        check_push(made.push, context.model)
    repeated = _arrays(again)
    for name, a in _arrays(made).items():
        if np.shape(a) != shapes[name]:
            raise PluginError(f"{name} has shape {np.shape(a)}, expected {shapes[name]}; see mimic_core.Perturbation")
        if name not in repeated or not np.array_equal(a, repeated[name], equal_nan=True):
            raise PluginError(f"{name} is another when it is built again; draw it from a seed among the settings")


def _arrays(made: Perturbation) -> dict[str, np.ndarray]:
    own = {name: getattr(made, name) for name in ("onset_ms", "end_ms")}
    forces = {f"force of {name}": a for name, a in (made.force or {}).items()}
    inputs = {f"input {name}": a for name, a in made.inputs.items()}
    return {name: a for name, a in (own | forces | inputs).items() if a is not None}
