"""The stage `train`: one controller, or several that differ in values only and are trained as one program."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core.chain.assembly import TrainPlan, build_model, build_task, plan_training, split_clips, training_simulator
from mimic_core.chain.events import LOGS, Events
from mimic_core.config import flatten, structure, unstructure
from mimic_core.errors import ConfigError, DataError
from mimic_core.files import file_hash, to_json, value_hash, write_json
from mimic_core.plugins.manager import Plugins
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.provenance import versions

if TYPE_CHECKING:
    from mimic_core.control.policy import Controller, Member
    from mimic_core.task.task import Task


@attrs.frozen(kw_only=True)
class Training:
    """One training as it was asked for.

    Attributes:
        out: folder of the run.
        held: (clip,) True where a clip is kept from training.
        meta: kept in every checkpoint.
    """

    out: Path
    plan: TrainPlan
    held: np.ndarray
    meta: dict[str, Any]

    @classmethod
    def prepare(
        cls, plugins: Plugins, clips: ReferenceClips, file: str | Path, out: str | Path, given: Mapping[str, Any] | None
    ) -> Training:
        """Check the settings, and that the folder is free or holds this very training."""
        plan = plan_training(given or {}, plugins)
        held = split_clips(len(clips.clip_names), plan.holdout, plan.seed)
        meta = {
            "kind": "run",
            "schema": 1,
            "plan": unstructure(plan),
            "body": to_json(clips.body),
            "train_clips": [n for n, h in zip(clips.clip_names, held, strict=True) if not h],
            "held_out_clips": [n for n, h in zip(clips.clip_names, held, strict=True) if h],
            "clips": file_hash(file),
            "versions": versions(plugins),
        }
        if _first_process():
            _same_run(Path(out), meta)
        return cls(out=Path(out), plan=plan, held=held, meta=meta)

    @property
    def measured(self) -> np.ndarray:
        """(clip,) True for the clips whose error is reported: those held out, or all where none are."""
        return self.held if self.held.any() else ~self.held

    def begin(self, clips: ReferenceClips) -> None:
        """Write what a stopped training is known by."""
        if not _first_process():
            return
        self.out.mkdir(parents=True, exist_ok=True)
        write_json(self.out / "run.json", self.meta)
        clips.save(self.out / "clips.h5")

    def errors_mm(self, of_clip: np.ndarray, n_steps: np.ndarray) -> dict[str, float]:
        """Average the errors (clip,) over the clips held out and those trained on."""
        return {
            "tracking_mm": float(np.average(of_clip[self.measured], weights=n_steps[self.measured])),
            "train_mm": float(np.average(of_clip[~self.held], weights=n_steps[~self.held])),
        }


def train(
    plugins: Plugins, clips_file: str | Path, *, out: str | Path, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Train a policy on reference clips, or go on with a training that was stopped."""
    clips = ReferenceClips.load(clips_file)
    one = Training.prepare(plugins, clips, clips_file, out, given)
    with Events(plugins, "train", unstructure(one.plan)) as events:
        work = _Work(plugins, clips, one)
        one.begin(clips)
        passive = work.passive([one])[0]

        def evaluate(controller: Controller) -> dict[str, float]:
            return one.errors_mm(work.runner.clip_errors_mm(controller), work.n_steps)

        summary = work.trainer.train(one.out, one.plan.seed, evaluate, events.progress, one.meta)
        return events.finish(work.summary(one, summary, passive))


def train_together(
    plugins: Plugins,
    clips_file: str | Path,
    *,
    outs: Sequence[str | Path],
    given: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Train several policies that differ only in what their trainer can take as values (see `PolicySpec.traced`).

    Each leaves a run folder like that of a training of its own.

    Args:
        outs, given: folder and settings of each.

    Returns:
        The summary of each, as from `train`.

    Raises:
        ConfigError: they differ in something else.
    """
    if len(outs) == 1:
        return [train(plugins, clips_file, out=outs[0], given=given[0])]
    clips = ReferenceClips.load(clips_file)
    every = [Training.prepare(plugins, clips, clips_file, o, g) for o, g in zip(outs, given, strict=True)]
    values = _differences(plugins, every)
    with Events(plugins, "train", {**unstructure(every[0].plan), "together": len(every)}) as events:
        work = _Work(plugins, clips, every[0])
        for one in every:
            one.begin(clips)
        passive = work.passive(every)

        def evaluate(controller: Controller) -> list[dict[str, float]]:
            of_each = work.runner.clip_errors_mm(controller, members=len(every))
            return [one.errors_mm(e, work.n_steps) for one, e in zip(every, of_each, strict=True)]

        members = [_member(one, v) for one, v in zip(every, values, strict=True)]
        summaries = work.trainer.train_together(members, evaluate, events.progress)
        done = [work.summary(*x) for x in zip(every, summaries, passive, strict=True)]
        events.finish({"runs": [d["out"] for d in done], "tracking_mm": [d["tracking_mm"] for d in done]})
        return done


def _member(one: Training, values: Mapping[str, float]) -> Member:
    from mimic_core.control.policy import Member

    return Member(
        directory=one.out, seed=one.plan.seed, meta=one.meta, values=values, train_clips=np.flatnonzero(~one.held)
    )


class _Work:
    """The programs that trainings of one shape share."""

    def __init__(self, plugins: Plugins, clips: ReferenceClips, one: Training) -> None:
        from mimic_core.chain.unroll import ClipRunner

        plan, self._plugins = one.plan, plugins
        model = build_model(clips.body, plan, plugins)
        train_clips = np.flatnonzero(~one.held)
        self.task: Task = build_task(clips, plan, plugins, train_clips=train_clips, for_training=True, model=model)
        self.truth: Task = build_task(clips, plan, plugins, train_clips=train_clips, for_training=False, model=model)
        self.n_steps = self.truth.n_steps
        self.runner = ClipRunner(self.truth, np.arange(len(clips.clip_names)))
        spec = plugins.get("policy", plan.policy)
        self.trainer = spec.build(structure(plan.settings["policy"], spec.config, "policy"), self.task)

    def passive(self, every: Sequence[Training]) -> list[float]:
        """The error of a limp body, in each training's measure."""
        from mimic_core.chain.unroll import passive_controller

        errors = self.runner.clip_errors_mm(passive_controller(self.truth))
        return [one.errors_mm(errors, self.n_steps)["tracking_mm"] for one in every]

    def summary(self, one: Training, training: dict[str, Any], passive: float) -> dict[str, Any]:
        import jax

        platform, last = jax.default_backend(), training["curve"][-1]
        simulator, smooth = training_simulator(one.plan, self._plugins, platform, self.task.model)
        return to_json(
            {
                "out": str(one.out),
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
                "passive_mm": passive,
                "training": training,
            }
        )


def _differences(plugins: Plugins, every: Sequence[Training]) -> list[dict[str, float]]:
    """Return, of each training, the traced settings that are not the same in all."""
    flat = [_flat(unstructure(one.plan)) for one in every]
    spec = plugins.get("policy", every[0].plan.policy)
    paths = [p for p in sorted(set().union(*flat)) if any(f.get(p) != flat[0].get(p) for f in flat)]
    for path in paths:
        if not any(fnmatch.fnmatch(path, pattern) for pattern in spec.traced) or any(path not in f for f in flat):
            raise ConfigError(
                f"{path}: differs between trainings that shall run together, but policy {spec.name} takes only "
                f"{', '.join(spec.traced) or 'nothing'} as values; train them one by one"
            )
    return [{p: f[p] for p in paths if p != "seed"} for f in flat]


def _flat(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's settings as dotted path → value."""
    return flatten(
        {
            **plan["settings"],
            **{k: v for k, v in plan.items() if k not in ("settings", "policy", "actuation", "simulator")},
        }
    ) | {f"{k}.name": plan[k] for k in ("policy", "actuation", "simulator")}


def _first_process() -> bool:
    """Of several processes that train one policy, the first writes its files."""
    import jax

    return jax.process_index() == 0


def _same_run(out: Path, meta: Mapping[str, Any]) -> None:
    """Going on with a training is only meant for the very same training."""
    old_file = out / "run.json"
    if not old_file.is_file():
        if out.is_dir() and any(p.name != LOGS for p in out.iterdir()):
            raise DataError(f"{out}: is not empty and holds no training run; choose another --out")
        return
    try:
        old = json.loads(old_file.read_text())
    except json.JSONDecodeError as e:
        raise DataError(f"{old_file}: not valid JSON; choose another --out or remove the folder") from e
    new = to_json(meta)
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
