"""What tasks are, and reward terms, observations and terminations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from mimic_core.plugins.component import ComponentSpec
from mimic_core.records.clips import ReferenceClips
from mimic_core.task.settings import TaskSettings
from mimic_core.task.step import StepView, Term


@attrs.frozen(kw_only=True)
class RewardSpec(ComponentSpec):
    """A reward term. ``build(config, model: BodyModel) -> f(step: StepView) -> scalar``, or a `Term`.

    The term is unweighted; the core multiplies it by the weight of the run file and logs it by name.

    Attributes:
        units: of the term.
        cost: True where the term is a cost: the core subtracts weight·term instead of adding it.
        weight: used if a run file does not name this term; with None such a term is left out.
    """

    units: str = "1"
    cost: bool = False
    weight: float | None = None


@attrs.frozen(kw_only=True)
class ObservationSpec(ComponentSpec):
    """Something the policy sees. ``build(config, model: BodyModel) -> f(step: StepView) -> (n,) array``.

    Attributes:
        role: ``reference`` for what is to be done, ``proprioception`` for the body's own state. A policy gets the two
            apart, e.g. for its encoder and its decoder.
    """

    role: str = attrs.field(validator=attrs.validators.in_(("reference", "proprioception")))


@attrs.frozen(kw_only=True)
class TerminationSpec(ComponentSpec):
    """A reason to end an episode early. ``build(config, model: BodyModel) -> f(step: StepView) -> bool``.

    The task itself ends every episode at the end of its clip.
    """


@attrs.frozen(kw_only=True)
class Goal:
    """What a task asks of a body, and what it does to the body meanwhile.

    Attributes:
        episodes: ``episodes(clips) -> (ReferenceClips, of)``: of recorded movements what is commanded, one clip for
            each episode, and ``of`` (episode,) which of ``clips`` it is of: those of clips held out are held out too.
            With `ReferenceClips.start` it says how episodes begin. None: the movements themselves.
        push: ``push(step: StepView) -> (body, 6)``, or a `Term`: force (N) on the centre of mass of each body of
            `BodyModel.body_names`, then torque (N·m), along the world's axes, during the control step after the one
            that is seen. None: there is none.
    """

    episodes: Callable[[ReferenceClips], tuple[ReferenceClips, np.ndarray]] | None = None
    push: Callable[[StepView], Any] | Term | None = None


@attrs.frozen(kw_only=True)
class TaskSpec(ComponentSpec):
    """What a controller is to do. ``build(config, model: BodyModel) -> Goal``.

    ``config`` is `mimic_core.task.TaskSettings`, or a class that inherits it. Whatever is random in the episodes is
    drawn from a seed among the settings, so that they are the same whenever the controller is loaded.

    Attributes:
        terms: ``rewards``, ``observations`` or ``terminations`` → tables by name, as in a run file, that stand in the
            place of the preset's and of those that are on by default. Sections that are not named stay as they are.
        success: name of the reward term by which an episode succeeds: as soon as it is above 1/2 in some step. Empty:
            there is no success, only a distance from what was commanded.
    """

    config: type = TaskSettings
    terms: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    success: str = ""
