"""What a policy is: something that can be trained on a task, saved, and asked for actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import attrs

from mimic_core.component import ComponentSpec

if TYPE_CHECKING:
    from mimic_core.task import Observation, Task


class Decision(NamedTuple):
    """What a controller decides for a batch, and what went on inside it."""

    action: Any
    """(batch, actuator) in [-1, 1]"""
    carry: Any
    """state of the controller for the next step"""
    intention_mean: Any = None
    """(batch, intention)"""
    intention_logvar: Any = None
    """(batch, intention)"""
    intention: Any = None
    """(batch, intention) the sample that was used; the mean when deterministic"""
    layers: Mapping[str, Any] = {}
    """layer name (``encoder/layer_1``) → (batch, unit)"""


class Controller(Protocol):
    """A trained policy. `act` may be called inside ``jax.jit`` and ``jax.lax.scan``."""

    def start(self, batch: int) -> Any:
        """Return the carry of a batch of episodes that begin."""
        ...

    def act(self, observation: Observation, carry: Any, key: Any = None) -> Decision:
        """Decide for a batch; without ``key`` the most likely action, deterministically."""
        ...


Progress = Callable[[float, float, dict[str, float]], None]


class Trainer(Protocol):
    """How a policy learns. `train` may be stopped at any time and goes on from the last checkpoint."""

    def train(self, directory: Path, seed: int, progress: Progress) -> dict[str, Any]:
        """Train until done, keeping checkpoints under ``directory``; return a summary with
        ``control_steps``, ``seconds`` and ``compile_seconds``. Also writes ``curve.csv`` there."""
        ...

    def load(self, directory: Path) -> Controller:
        """Return the controller of the last checkpoint under ``directory``."""
        ...


@attrs.frozen(kw_only=True)
class PolicySpec(ComponentSpec):
    """A policy. ``build(config, task: Task) -> Trainer``.

    Attributes:
        presets: preset name → settings laid over the defaults of a training run, with the same
            sections as a run file's ``[train]`` (``policy``, ``rewards``, ``task``, …). The first is the
            default.
        differentiable: True if it needs gradients through the physics.
    """

    presets: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    differentiable: bool = False


TaskFactory = Callable[[], "Task"]
