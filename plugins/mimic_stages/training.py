"""Training: one controller, or several that differ in values only and are trained as one program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import jax
import numpy as np

from mimic_core import (
    ConfigError,
    Controller,
    DataError,
    Plugins,
    Progress,
    ReferenceClips,
    file_hash,
    structure,
    to_json,
    value_hash,
    write_json,
)
from mimic_core.chain import (
    CLIPS,
    LOGS,
    ClipRunner,
    build_model,
    build_task,
    build_trainer,
    excerpts,
    parted,
    passive_controller,
    plan_training,
    training_simulator,
    versions,
)
from mimic_core.plugins import no_progress
from mimic_core.records import Training, TrainPlan
from mimic_core.task import Task
from mimic_core.trainer import Loop, LoopSettings, Member
from mimic_runs import LOCK, locked
from mimic_stages.together import differences
from mimic_statistics import mean_course

RUN_FILE = "run.json"
"""of a run: its `Training`, which a stopped one is known by"""


@attrs.frozen(kw_only=True)
class _Asked:
    """One training as it was asked for.

    Attributes:
        out: folder of the run.
        held: (clip,) True where a clip is kept from training; clips are those of `parts`.
        held_excerpts: (excerpt,) the same for `excerpts`.
        parts: the clips of the training, see `mimic_core.chain.parted`.
        excerpts: what errors are measured on, see `mimic_core.chain.excerpts`.
        training: what every file of the run tells of it.
    """

    out: Path
    held: np.ndarray
    held_excerpts: np.ndarray
    parts: ReferenceClips
    excerpts: ReferenceClips
    training: Training

    @classmethod
    def prepare(
        cls, plugins: Plugins, clips: ReferenceClips, file: str | Path, out: str | Path, given: Mapping[str, Any] | None
    ) -> Self:
        """Check the settings, and that the folder is free or holds this very training."""
        plan = plan_training(given or {}, plugins, clips)
        parts, held = parted(clips, plan, plugins)
        measured, of = excerpts(parts, plan)
        training = Training(
            plan=plan,
            body=clips.body,
            train_clips=tuple(n for n, h in zip(parts.clip_names, held, strict=True) if not h),
            held_out_clips=tuple(n for n, h in zip(parts.clip_names, held, strict=True) if h),
            train_animals=tuple(dict.fromkeys(a for a, h in zip(parts.animals, held, strict=True) if not h)),
            held_out_animals=tuple(dict.fromkeys(a for a, h in zip(parts.animals, held, strict=True) if h)),
            clips=file_hash(file),
            versions=versions(plugins),
        )
        if _first_process():
            _same_run(Path(out), training)
        return cls(
            out=Path(out),
            held=held,
            held_excerpts=held[of],
            parts=parts,
            excerpts=measured,
            training=training,
        )

    @property
    def plan(self) -> TrainPlan:
        return self.training.plan

    @property
    def measured(self) -> np.ndarray:
        """(excerpt,) True for those whose error is reported: those held out, or all where none are."""
        return self.held_excerpts if self.held.any() else ~self.held_excerpts

    def begin(self, clips: ReferenceClips) -> None:
        """Write what a stopped training is known by."""
        if not _first_process():
            return
        _same_run(self.out, self.training)  # nobody else has begun one there since it was looked at
        write_json(self.out / RUN_FILE, self.training)
        clips.save(self.out / CLIPS)

    def errors_mm(self, of_clip: np.ndarray, reached: np.ndarray | None, n_steps: np.ndarray) -> dict[str, float]:
        """Average the errors (excerpt,) over those held out and those trained on; and success, where it is known."""
        success = {} if reached is None else {"success": float(reached[self.measured].mean())}
        return success | {
            "tracking_mm": float(np.average(of_clip[self.measured], weights=n_steps[self.measured])),
            "train_mm": float(np.average(of_clip[~self.held_excerpts], weights=n_steps[~self.held_excerpts])),
        }

    def member(self, values: Mapping[str, float]) -> Member:
        """The same for the loop, with the settings that differ between trainings that run together."""
        return Member(
            directory=self.out,
            seed=self.plan.seed,
            training=self.training,
            settings=values,
            train_clips=np.flatnonzero(~self.held),
        )


def train(
    plugins: Plugins,
    clips_file: str | Path,
    *,
    out: str | Path,
    given: Mapping[str, Any] | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train a policy on reference clips, or go on with a training that was stopped.

    Args:
        clips_file: made by ``mimic register``.
        out: folder of the run, see `mimic_core.chain.TrainedRun`.
        given: settings, see `mimic_core.chain.plan_training`.
        progress: told about once a second: control steps done, of how many, and metrics.

    Returns:
        what came of it: ``tracking_mm`` on the clips held out (on all where none is), ``train_mm``, ``passive_mm`` (of
        a limp body), ``mean_movement_mm`` (of the mean training movement, replayed), ``training`` (see
        `mimic_core.trainer.Loop.run`), ``held_out_animals`` (none of whose clips was trained on), and how it was done.

    Raises:
        ConfigError: a setting is wrong, or ``out`` holds a training with other ones.
        DataError: ``out`` holds something else.
        TrainingError: a number is not finite.
    """
    clips = ReferenceClips.load(clips_file)
    one = _Asked.prepare(plugins, clips, clips_file, out, given)
    work = _Work(plugins, clips, [one])
    with locked(*([out] if _first_process() else [])):
        return work.run([{}], progress)[0]


def train_together(
    plugins: Plugins,
    clips_file: str | Path,
    *,
    outs: Sequence[str | Path],
    given: Sequence[Mapping[str, Any]],
    progress: Progress = no_progress,
) -> list[dict[str, Any]]:
    """Train several policies that differ only in what their trainer can take as values (see `PolicySpec.traced`).

    Each leaves a run folder like that of a training of its own.

    Args:
        outs, given: folder and settings of each.
        progress: see `train`; of all of them, metrics averaged.

    Returns:
        The summary of each, as from `train`.

    Raises:
        ConfigError: they differ in something else.
    """
    if len(outs) == 1:
        return [train(plugins, clips_file, out=outs[0], given=given[0], progress=progress)]
    clips = ReferenceClips.load(clips_file)
    every = [_Asked.prepare(plugins, clips, clips_file, o, g) for o, g in zip(outs, given, strict=True)]
    values, work = differences(plugins, [one.plan for one in every]), _Work(plugins, clips, every)
    with locked(*(outs if _first_process() else [])):
        return work.run(values, progress)


class _Work:
    """Trainings of one shape, and the programs that they share."""

    def __init__(self, plugins: Plugins, clips: ReferenceClips, every: Sequence[_Asked]) -> None:
        plan, self._plugins = every[0].plan, plugins
        self._clips, self._every = clips, every
        model, parts, measured = build_model(clips.body, plan, plugins), every[0].parts, every[0].excerpts
        train, shown = np.flatnonzero(~every[0].held), np.flatnonzero(~every[0].held_excerpts)
        self._task: Task = build_task(parts, plan, plugins, train_clips=train, for_training=True, model=model)
        truth: Task = build_task(measured, plan, plugins, train_clips=shown, for_training=False, model=model)
        clips = np.arange(len(measured.clip_names))
        self._runner, self._n_steps = ClipRunner(truth, clips), truth.n_steps
        limp = truth.without_set_points()
        self._limp = ClipRunner(limp, clips) if truth.follows_by_itself else self._runner, passive_controller(limp)
        self._truth = truth
        self._trainer = build_trainer(plan, plugins, self._task)

    def run(self, values: Sequence[Mapping[str, float]], progress: Progress) -> list[dict[str, Any]]:
        """Train; return a summary of each. ``values`` are the settings of each that differ."""
        for one in self._every:
            one.begin(self._clips)
        runner, controller = self._limp
        limp = runner.measured(controller)
        passive = [one.errors_mm(*limp, self._n_steps) for one in self._every]
        replayed = [self._replayed_mm(one) for one in self._every]
        members = [one.member(v) for one, v in zip(self._every, values, strict=True)]
        config = structure(self._plan.settings["policy"], self._spec.config, "policy")
        loop = Loop(self._trainer, members, self._evaluate, progress, LoopSettings.of(config))
        return [self._summary(*x) for x in zip(self._every, loop.run(), passive, replayed, strict=True)]

    def _left_out(self) -> list[str]:
        """What the physics that is trained in does without, in a sentence."""
        lost = getattr(self._task.simulator, "left_out", ())
        return [f"training does without {', '.join(lost)}; results come from the true physics"] if lost else []

    def _replayed_mm(self, one: _Asked) -> float | None:
        """What replaying the mean training movement gets on the clips that are measured; None if there is none."""
        truth = self._truth
        inside = (np.arange(truth.registered_site_pos.shape[1]) < self._n_steps[:, None])[..., None]
        reference = np.where(inside[..., None], truth.registered_site_pos, np.nan)
        mean = mean_course(reference, ~one.held_excerpts)
        away = np.linalg.norm(mean - reference, axis=-1)[..., truth.moving_keypoints]
        known = np.isfinite(away) & inside & one.measured[:, None, None]
        return 1e3 * self._clips.body.scale * float(away[known].mean()) if known.any() else None

    @property
    def _plan(self) -> TrainPlan:
        return self._every[0].plan

    @property
    def _spec(self) -> Any:
        return self._plugins.get("policy", self._plan.policy)

    def _evaluate(self, controller: Controller) -> list[dict[str, float]]:
        """Measure every member in the true physics."""
        several = len(self._every) if len(self._every) > 1 else 0
        errors, reached = self._runner.measured(controller, members=several)
        each = (
            zip(errors, [None] * several if reached is None else reached, strict=True)
            if several
            else [(errors, reached)]
        )
        return [one.errors_mm(*found, self._n_steps) for one, found in zip(self._every, each, strict=True)]

    def _summary(
        self, one: _Asked, training: dict[str, Any], passive: dict[str, float], replayed: float | None
    ) -> dict:
        held_out = one.training.held_out_animals
        platform, last = jax.default_backend(), training["curve"][-1]
        simulator, smooth = training_simulator(one.plan, self._plugins, platform, self._task.model)
        return to_json(
            {
                "out": str(one.out),
                "task": one.plan.task,
                "policy": one.plan.policy,
                "preset": one.plan.preset,
                "seed": one.plan.seed,
                "platform": platform,
                "simulator": simulator.name,
                "view": "smooth" if smooth else "body",
                "train_clips": int((~one.held).sum()),
                "held_out_clips": int(one.held.sum()),
                "tracking_mm": last["tracking_mm"],
                "train_mm": last.get("train_mm"),
                "tracking_mm_on": "held_out" if one.held.any() else "train",
                "passive_mm": passive["tracking_mm"],
                **({"success": last["success"], "passive_success": passive["success"]} if "success" in last else {}),
                "mean_movement_mm": replayed,
                "excerpt_s": one.plan.settings["task"]["excerpt_s"],
                "held_out_animals": [a for a in held_out if a not in one.training.train_animals],
                "remarks": [*self._task.remarks, *self._left_out()],
                "training": training,
            }
        )


def _first_process() -> bool:
    """Of several processes that train one policy, the first writes its files."""
    return jax.process_index() == 0


def _same_run(out: Path, training: Training) -> None:
    """Going on with a training is only meant for the very same training."""
    old_file = out / RUN_FILE
    if not old_file.is_file():
        if out.is_dir() and any(p.name != LOGS and not p.name.startswith(LOCK) for p in out.iterdir()):
            raise DataError(f"{out}: is not empty and holds no training run; choose another --out")
        return
    try:
        old = json.loads(old_file.read_text())
    except (ValueError, RecursionError) as e:
        raise DataError(f"{old_file}: not valid JSON; choose another --out or remove the folder") from e
    new = to_json(training)
    for key, what in (("plan", "settings"), ("clips", "clips"), ("body", "body")):
        if value_hash(old.get(key)) != value_hash(new[key]):
            differs = _first_difference(old.get(key), new[key], key)
            raise ConfigError(
                f"{out}: holds a training with other {what} ({differs}); choose another --out, "
                "or give the same settings to go on with it"
            )


def _first_difference(old: Any, new: Any, path: str) -> str:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*new, *(k for k in old if k not in new)]:
            if old.get(key) != new.get(key):
                return _first_difference(old.get(key), new.get(key), f"{path}.{key}")
    return f"{path} was {str(old)[:40]}, is {str(new)[:40]}"
