"""A trained run: from the folder of a training to its controller, and to what that does."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import attrs
import jax
import numpy as np

from mimic_core.body.model import BodyModel
from mimic_core.chain.assembly import build_model, build_task
from mimic_core.chain.choose import choose_simulator, chosen_perturbation
from mimic_core.chain.disturbed import disturbed_task
from mimic_core.chain.do import do
from mimic_core.chain.excerpts import clip_of, excerpts, parted
from mimic_core.chain.installed import installed
from mimic_core.chain.provenance import versions
from mimic_core.chain.unroll import roll_out
from mimic_core.config import structure, unstructure
from mimic_core.control.perturbation import SECTION, Perturbation, RolloutContext
from mimic_core.control.policy import Controller, Trainer
from mimic_core.errors import ConfigError, DataError, PluginError
from mimic_core.files import file_hash
from mimic_core.physics.simulator import SimulatorSpec
from mimic_core.plugins.manager import Plugins
from mimic_core.plugins.stage import Choice
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.rollouts import AppliedPerturbation, Rollouts
from mimic_core.records.training import Training, TrainPlan
from mimic_core.task.task import Task
from mimic_core.trainer.checkpoints import last_training, restored_controller

Disturbance = tuple[Task, Perturbation | None, AppliedPerturbation | None]
CLIPS = "clips.h5"
"""of a run: the reference clips that it was trained with, those held out included"""


@attrs.frozen(kw_only=True, slots=False, eq=False)
class TrainedRun:
    """The folder that ``mimic train`` wrote, and the clips that its controller is to imitate.

    >>> run = TrainedRun.open("run")  # doctest: +SKIP
    >>> run.plan.preset, run.training.held_out_clips  # doctest: +SKIP
    ('laptop', ('reach_03', 'reach_11'))
    >>> rollouts = run.roll_out()  # doctest: +SKIP
    >>> elsewhere = run.on("other_clips.h5").roll_out(checkpoint="best")  # doctest: +SKIP

    What is expensive (body, task, controller) is made when it is first asked for. All of it is in the true physics,
    the body as it is.

    Attributes:
        folder: of the run.
        training: what was trained, and on which clips.
        plugins: that its components come from.
        source: the clips: a file, or a record.
        simulator: name, or ``auto`` for the one that suits this machine.
        excerpt_s: rollouts begin anew after so long; 0: they last as long as their clips; None: as ``task.excerpt_s``.
    """

    folder: Path
    training: Training
    plugins: Plugins = attrs.field(repr=False)
    source: Path | ReferenceClips
    simulator: str = "auto"
    excerpt_s: float | None = None

    @classmethod
    def open(cls, folder: str | Path, plugins: Plugins | None = None) -> Self:
        """Open a run: its last checkpoint says what it is, so that ``checkpoints`` alone may be moved elsewhere.

        Args:
            folder: of the run.
            plugins: None for those installed.

        Raises:
            DataError: there is no finished checkpoint.
            PluginError: the policy, or anything else that it was trained with, is not installed.
        """
        folder, plugins = Path(folder), plugins or installed()
        training = last_training(folder)
        _check_installed(folder, training.plan, plugins)
        return cls(folder=folder, training=training, plugins=plugins, source=folder / CLIPS)

    def on(
        self,
        clips: str | Path | ReferenceClips | None = None,
        simulator: str = "auto",
        excerpt_s: float | None = None,
    ) -> Self:
        """Return this run with other clips, and in a certain simulator.

        Args:
            clips: None for those of the run. Another size of the animal and other places of its keypoints are fine.
            simulator: name, or ``auto``.
            excerpt_s: see `TrainedRun`.

        Raises:
            DataError: the clips belong to another body than the one trained.
        """
        source = self.source if clips is None else clips if isinstance(clips, ReferenceClips) else Path(clips)
        other = attrs.evolve(self, source=source, simulator=simulator, excerpt_s=excerpt_s)
        if clips is not None:
            other._check_body()
        return other

    def _check_body(self) -> None:
        trained, given = self.training.body, self.clips.body
        parts = ("name", "mjcf", "assets", "actuators", "muscles", "torque_limits", "reserves", "physics")
        if any(getattr(trained, part) != getattr(given, part) for part in parts):
            names = [f"{b.name}:{b.variant}" if b.variant else b.name for b in (given, trained)]
            raise DataError(
                f"{self._said}: registered to body {names[0]}, but the policy controls {names[1]}"
                f"{' as it was built then' if names[0] == names[1] else ''}; register the recording to that body"
            )

    @property
    def _said(self) -> str:
        return "clips" if isinstance(self.source, ReferenceClips) else str(self.source)

    def rollout(self, **settings: Any) -> Rollouts:
        """Do what ``mimic rollout`` does, null models included; settings as in a run file's ``[rollout]``."""
        with TemporaryDirectory() as folder:
            out = Path(settings.pop("out", Path(folder) / "rollouts.h5"))
            do(self.plugins, "rollout", out=out, run=self.folder, **settings)
            return Rollouts.load(out)

    # -- what it consists of ----------------------------------------------------------------------------------

    @property
    def plan(self) -> TrainPlan:
        """All settings of the training."""
        return self.training.plan

    @cached_property
    def clips(self) -> ReferenceClips:
        """The clips to imitate: those of the training, held-out ones included, unless `on` says others.

        Raises:
            DataError: the run was moved without them.
        """
        if isinstance(self.source, ReferenceClips):
            return self._excerpts(self.source)
        if not self.source.is_file() and self.source == self.folder / CLIPS:
            raise DataError(f"{self.source}: no such file; give the reference clips to roll out on")
        return self._excerpts(ReferenceClips.load(self.source))

    def _excerpts(self, clips: ReferenceClips) -> ReferenceClips:
        """Cut a recording as the training cut its own."""
        if clips.n_after is None and clips.start is None:
            clips, _ = parted(clips, self.plan, self.plugins)
        return excerpts(clips, self.plan, self.excerpt_s)[0]

    @property
    def split(self) -> tuple[str, ...]:
        """(clip,) ``train`` or ``held_out``; by name: a trial registered anew is still one that was trained on."""
        trained = set(self.training.train_clips)
        return tuple("train" if clip_of(n) in trained else "held_out" for n in self.clips.clip_names)

    @cached_property
    def model(self) -> BodyModel:
        """The body of the clips with the training's actuators."""
        return build_model(self.clips.body, self.plan, self.plugins)

    @cached_property
    def engine(self) -> SimulatorSpec:
        """The simulator of the true physics."""
        return choose_simulator(self.simulator, self.plugins, jax.default_backend())

    @cached_property
    def task(self) -> Task:
        """The training's task in the true physics, over all of the clips."""
        every = np.arange(len(self.clips.clip_names))
        plan = attrs.evolve(self.plan, simulator=self.simulator)
        return build_task(self.clips, plan, self.plugins, train_clips=every, for_training=False, model=self.model)

    @cached_property
    def trainer(self) -> Trainer:
        """The policy's trainer, on `task`."""
        return build_trainer(self.plan, self.plugins, self.task)

    def controller(self, checkpoint: str = "last") -> Controller:
        """Return what was learned, ready to act in `task`.

        Args:
            checkpoint: ``last``, or ``best``: the one that tracked the held-out clips most closely.

        Raises:
            ConfigError: it is neither.
        """
        return restored_controller(self.trainer, self.folder, checkpoint)

    # -- what it does -----------------------------------------------------------------------------------------

    def roll_out(
        self,
        *,
        seed: int | None = None,
        checkpoint: str = "last",
        perturb: Choice | None = None,
        label: str = "",
    ) -> Rollouts:
        """Let the controller move the body through every clip in the true physics.

        Args:
            seed: it then acts stochastically; None: deterministically.
            checkpoint: see `controller`.
            perturb: the perturbation that disturbs it; None, or one without a name: nothing does.
            label: what analyses call the perturbed rollouts; empty: as the perturbation.

        Raises:
            ConfigError: an unknown checkpoint, or settings of a perturbation that are wrong.
            TrainingError: the physics diverged.
        """
        controller = self.controller(checkpoint)
        truth, perturbation, applied = self.disturbed(controller, seed is not None, perturb or Choice(), label)
        return roll_out(
            truth,
            controller,
            split=list(self.split),
            simulator=self.engine.name,
            seed=seed,
            perturbation=perturbation,
            applied=applied,
            training=self.training,
            checkpoint=checkpoint,
            clips="" if isinstance(self.source, ReferenceClips) else file_hash(self.source),
            origin=self.clips.provenance.get("origin", ""),
            provenance={"versions": versions(self.plugins)},
        )

    def disturbed(self, controller: Controller, stochastic: bool, perturb: Choice, label: str) -> Disturbance:
        """Return the task to roll out in, what disturbs it, and that for the record; see `roll_out`."""
        if perturb.name is None and perturb.settings:
            raise ConfigError(f"{SECTION}.{next(iter(perturb.settings))}: names no perturbation; add --perturb NAME")
        if perturb.name is None:
            return self.task, None, None
        spec, config = chosen_perturbation(self.plugins, perturb.name, perturb.settings)
        context = RolloutContext.of(self.task, controller, stochastic)
        perturbation = spec.build(config, context)
        applied = _applied(perturbation, context, spec.name, label or spec.name, unstructure(config))
        return disturbed_task(self.task, perturbation, self.engine), perturbation, applied


def build_trainer(plan: TrainPlan, plugins: Plugins, task: Task) -> Trainer:
    """Build the trainer of a plan's policy on a task."""
    spec = plugins.get("policy", plan.policy)
    return spec.build(structure(plan.settings["policy"], spec.config, "policy"), task)


def _applied(
    perturbation: Perturbation, context: RolloutContext, name: str, label: str, settings: dict[str, Any]
) -> AppliedPerturbation:
    """A perturbation for the record."""
    times = {
        key: tuple(float(t) if np.isfinite(t) else None for t in of_clip)
        for key, of_clip in perturbation.times(context).items()
    }
    return AppliedPerturbation(name=name, label=label, settings=settings, **times)


def _check_installed(folder: Path, plan: TrainPlan, plugins: Plugins) -> None:
    """Find out whether everything that a run was trained with is there.

    Raises:
        PluginError: a component is not installed.
    """
    needed = [("policy", plan.policy), ("actuation", plan.actuation), *([("task", plan.task)] if plan.task else [])]
    needed += [(kind, name) for kind in ("reward", "observation", "termination") for name in plan.settings[f"{kind}s"]]
    there = {(p.kind, p.name) for p in plugins.provided()}
    for kind, name in needed:
        if (kind, name) not in there:
            raise PluginError(
                f"{folder}: {kind} {name!r}, which this run was trained with, is not installed; "
                "give its file with --plugin, or install its package"
            )
