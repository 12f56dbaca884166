"""What a perturbation is: something that disturbs a trained controller while it acts, in the true physics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core.plugins.component import ComponentSpec

if TYPE_CHECKING:
    from mimic_core.body.model import BodyModel
    from mimic_core.control.policy import Controller
    from mimic_core.task.settings import TaskSettings
    from mimic_core.task.step import Term
    from mimic_core.task.task import Task

SECTION = "perturb"
"""Where settings of a perturbation stand."""


@attrs.frozen(kw_only=True)
class RolloutContext:
    """What a perturbation is made for: the clips, the body and the controller of one rollout.

    Attributes:
        clip_names: of the clips that are rolled out.
        n_steps: (clip,) entries of each clip, its initial state included.
        rate_hz: control rate, Hz.
        model: the body.
        inputs: further inputs of the controller: name → how many numbers, see `Controller`.
        task: settings of the task as trained.
        stochastic: the controller acts stochastically, and the noise of ``task`` is on.
    """

    clip_names: tuple[str, ...]
    n_steps: np.ndarray
    rate_hz: float
    model: BodyModel
    inputs: Mapping[str, int]
    task: TaskSettings
    stochastic: bool = False

    @classmethod
    def of(cls, task: Task, controller: Controller, stochastic: bool) -> RolloutContext:
        return cls(
            clip_names=task.clips.clip_names,
            n_steps=task.n_steps,
            rate_hz=task.settings.control_rate_hz,
            model=task.model,
            inputs=controller.inputs,
            task=task.settings,
            stochastic=stochastic,
        )

    @property
    def duration_ms(self) -> np.ndarray:
        """(clip,) from a clip's first entry to its last."""
        return 1e3 * (self.n_steps - 1) / self.rate_hz


@attrs.frozen(kw_only=True, eq=False)
class Perturbation:
    """What is done to the body, its senses and its controller. Whatever is None stays as it is.

    Arrays over steps hold at entry t what is applied during the control step that ends there, as in `Rollouts`; entry
    0 is not used.

    Attributes:
        onset_ms, end_ms: (clip,) when it begins and ends, since the clip's start; NaN for a clip that it leaves alone.
            None: from the clip's start, or until its end.
        force: name of a body (see `BodyModel.body_names`) → (clip, step, 6) force (N) on its centre of mass, then
            torque (N·m), along the world's axes.
        push: what pushes the body in the place of the task's own push, see `mimic_core.Goal`; it depends on what the
            body does.
        inputs: further inputs of the controller: name → (clip, step, number), see `Controller`.
        altered: the bodies that move instead of the model's, see `SimulatorSpec`; None: that one.
        which: (clip,) the one of them that each clip is in; None: all are in the first.
        task: settings of the task instead of the trained ones; only delays and noise may differ.
        noise_seed: of the noise in ``task``, where the controller acts deterministically.
    """

    onset_ms: np.ndarray | None = None
    end_ms: np.ndarray | None = None
    force: Mapping[str, np.ndarray] | None = None
    push: Term | None = None
    inputs: Mapping[str, np.ndarray] = attrs.field(factory=dict)
    altered: Any = None
    which: np.ndarray | None = None
    task: TaskSettings | None = None
    noise_seed: int | None = None

    def times(self, context: RolloutContext) -> dict[str, np.ndarray]:
        """``onset_ms`` and ``end_ms`` of each clip, NaN for a clip that is left alone."""
        return {
            "onset_ms": np.zeros(len(context.n_steps)) if self.onset_ms is None else self.onset_ms,
            "end_ms": context.duration_ms if self.end_ms is None else self.end_ms,
        }


@attrs.frozen(kw_only=True)
class PerturbationSpec(ComponentSpec):
    """A perturbation as a plugin offers it. ``build(config, context: RolloutContext) -> Perturbation``.

    What is drawn at random is drawn from a seed among the settings, so that a rollout can be repeated. A perturbation
    of size 0 changes nothing.
    """
