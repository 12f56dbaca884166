"""The stages `rollout` and `perturb`: a trained controller moves the body through every clip, in the true physics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core import (
    Choice,
    ConfigError,
    Context,
    Headline,
    Inputs,
    Plugins,
    Reads,
    ReferenceClips,
    Rollouts,
    StageSpec,
    Table,
    choice,
    option,
    to_json,
)
from mimic_core.records import AppliedPerturbation
from mimic_tracking.findings import SPLITS, entries, headline, summary
from mimic_tracking.free import Free, free_table
from mimic_tracking.reserves import headlines as reserve_headlines
from mimic_tracking.reserves import lines as reserve_lines
from mimic_tracking.reserves import summary as reserve_summary
from mimic_tracking.tables import window_table
from mimic_tracking.windows import Windows

if TYPE_CHECKING:
    from mimic_core.chain import TrainedRun
    from mimic_core.task import Task


@attrs.frozen(kw_only=True)
class RolloutOptions:
    """Let a trained controller move the body through every clip, in the true physics, and keep everything.

    Example: `mimic rollout run --out rollouts.h5`

    Disturbed: `mimic rollout run --out perturbed.h5 --perturb NAME --set perturb.KEY=VALUE`

    The controller is not trained again. Perturbations are listed by `mimic plugins list`, their settings by
    `mimic plugins show NAME`.
    """

    simulator: str = option("auto", help="The physics engine; auto picks what suits the machine.")
    seed: int | None = option(None, help="Act stochastically with this seed; default: deterministically.")
    checkpoint: str = option(
        "last",
        validator=attrs.validators.in_(("last", "best")),
        help="last, or best: the one that tracked the held-out clips most closely.",
    )
    reach_ms: float | None = option(
        None,
        validator=attrs.validators.optional(attrs.validators.gt(0)),
        help="How long the reach of a clip lasts; default: until its fastest keypoint has slowed down.",
    )
    excerpt_s: float | None = option(
        None,
        validator=attrs.validators.optional(attrs.validators.ge(0)),
        help="Begin anew after so many seconds, in the reference's state; 0: whole clips; default: as in the training.",
    )
    lost_mm: float | None = option(
        None,
        validator=attrs.validators.optional(attrs.validators.gt(0)),
        help="A free root is lost beyond this distance; default: a tenth of the body.",
    )
    lost_deg: float = option(
        30.0, validator=attrs.validators.gt(0), help="A free root is lost when it is turned by more than this."
    )
    perturb: Choice = choice("perturbation", metavar="NAME", help="Disturb it; see 'mimic plugins list'.")


@attrs.frozen(kw_only=True)
class PerturbOptions(RolloutOptions):
    """The same rollouts once more, disturbed."""

    perturb: Choice = choice("perturbation", key="perturbation", flat=True, required=True, help="What disturbs it.")


def check(options: RolloutOptions, plugins: Plugins) -> Mapping[str, Any]:
    """Refuse a simulator that is not there, and settings of no perturbation."""
    if options.simulator != "auto":
        plugins.get("simulator", options.simulator)
    if options.perturb.name is None and options.perturb.settings:
        first = next(iter(options.perturb.settings))
        raise ConfigError(f"perturb.{first}: names no perturbation; add --perturb NAME")
    return {}


def work(options: RolloutOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Roll the controller out and save everything that it did.

    Without other clips those that it was trained with are used, its held-out ones included.
    """
    from mimic_core.chain import TrainedRun
    from mimic_tracking.parts import clips_at_once, roll_out_in_parts

    check(options, context.plugins)
    run = TrainedRun.open(inputs.one("training"), context.plugins)
    run = run.on(inputs.maybe(ReferenceClips.KIND), options.simulator, options.excerpt_s)
    if len(run.task.n_steps) > clips_at_once(run.task.n_steps):
        rollouts = roll_out_in_parts(
            run,
            context.out,
            seed=options.seed,
            checkpoint=options.checkpoint,
            perturb=options.perturb,
            label=context.label,
            nulls={} if options.perturb.name else _nulls(run),
            progress=context.progress,
        )
    else:
        rollouts = run.roll_out(
            seed=options.seed, checkpoint=options.checkpoint, perturb=options.perturb, label=context.label
        )
        if not rollouts.perturbation:
            rollouts = attrs.evolve(rollouts, **_nulls(run))
        rollouts.save(context.out)
    windows, free = Windows.of(rollouts, options.reach_ms), Free.of(rollouts, options.lost_mm, options.lost_deg)
    shown, given = _headlines(rollouts, windows), reserve_headlines(rollouts)
    return {
        "training": str(run.folder),
        "clips": len(rollouts.clip_names),
        "simulator": rollouts.simulator,
        "checkpoint": rollouts.checkpoint,
        "seed": rollouts.seed,
        "perturbation": to_json(rollouts.perturbation),
        "rate_hz": rollouts.rate_hz,
        "tracking": summary(rollouts, windows),
        "free": free.summary() if free else None,
        "reward_mean": float(np.nanmean(rollouts.reward)),
        "keypoints": list(rollouts.keypoint_names),
        "muscles": list(rollouts.muscle_names),
        "reserves": reserve_summary(rollouts),
        "headlines": [] if rollouts.perturbation else [*(free.headlines() if free else []), *shown, *given],
    }


def _nulls(run: TrainedRun) -> dict[str, Any]:
    """What trivial answers do from the same starts, as fields of the `Rollouts`."""
    nulls: dict[str, Any] = {"limp_site_pos": _limp_site_pos(run.task)}
    if run.task.model.root is not None:
        from mimic_tracking.held import null_courses

        nulls["null_qpos"] = null_courses(run.task, run.engine, np.array(run.split) == "train")
    return nulls


def _limp_site_pos(task: Task) -> np.ndarray:
    """(clip, step, keypoint, xyz) m: where a body that is never excited has its keypoints; NaN past a clip's end."""
    from mimic_core.chain import ClipRunner, passive_controller

    task = task.without_set_points()
    runner = ClipRunner(task, np.arange(len(task.clips.clip_names)))
    _, start, (later, _) = runner.run(passive_controller(task), full=False)
    course = np.concatenate([np.asarray(start.site_pos)[:, None], np.moveaxis(np.asarray(later), 0, 1)], axis=1)
    inside = np.arange(course.shape[1]) < task.n_steps[:, None]
    return np.where(inside[..., None, None], course, np.nan).astype(np.float32)


def _headlines(rollouts: Rollouts, windows: Windows) -> list[Headline]:
    of = entries(rollouts, windows)["reference"]
    return [
        headline("tracking error", split, window, of[split][window], rollouts)
        for split in SPLITS
        for window in ("whole", "reach")
        if window in of.get(split, {})
    ]


def lines(summary: Mapping[str, Any]) -> Iterator[str | Table]:
    tracking, rows = summary["tracking"], []
    for key, against in (("keypoint_mm", ""), ("tracked_keypoint_mm", ", from tracked keypoints")):
        for split, t in tracking["by_split"].items():
            error, clips = t[key], f" ({t['clips']} clips)"
            rows.append(
                (split.replace("_", "-") + (against or clips), *(error[k] for k in ("mean", "median", "p95", "max")))
            )
            rows += [(f"  {name}", mean, "", "", "") for name, mean in error["per_keypoint"].items()]
    yield Table(
        columns=("", "mean", "median", "95 %", "max"),
        rows=rows,
        caption="Tracking error: distance from the registered reference, mm of the animal",
    )
    if not summary["perturbation"]:
        yield window_table(tracking["by_window"]["reference"], "Mean tracking error by window beside null models, mm")
        yield f"{tracking['held_out']}; the reach ends after {tracking['reach_ms']:.0f} ms (median)"
    if free := summary.get("free"):
        lost = f"more than {free['lost_mm']:.3g} mm off, or turned by more than {free['lost_deg']:g}°"
        yield free_table(free, lost, brief=True)
        if free["diverged"]:
            yield f"the physics diverged in {', '.join(free['diverged'])}; the body is kept where it was"
    yield from reserve_lines(summary.get("reserves", {}))
    fixed = tracking["fixed_keypoints"]
    left_out = f"; {', '.join(fixed)} cannot move and is left out" if fixed else ""
    yield f"joint angles are off by {tracking['joint_deg_mean']:.2f}° on average{left_out} → {summary['out']}"
    if summary["perturbation"]:
        yield f"disturbed by {_in_words(AppliedPerturbation(**summary['perturbation']))}"


def _in_words(applied: AppliedPerturbation) -> str:
    """A perturbation in words: its settings, and in how many clips it came about."""
    given = {k: v for k, v in applied.settings.items() if v not in (None, "", [])}
    shown = ", ".join(f"{k} {', '.join(map(str, v)) if isinstance(v, (list, tuple)) else v}" for k, v in given.items())
    onsets = [t for t in applied.onset_ms if t is not None]
    onset = f"{min(onsets):g} ms" if min(onsets) == max(onsets) else f"{min(onsets):g} to {max(onsets):g} ms"
    return f"{applied.name} ({shown}) in {len(onsets)} of {len(applied.onset_ms)} clips, from {onset} on"


_READS = (
    Reads("training", name="run", argument=True, help="Folder of a training."),
    Reads(ReferenceClips.KIND, optional=True, automatic=False, help="Other reference clips than the training's own."),
)

ROLLOUT = StageSpec(
    name="rollout",
    config=RolloutOptions,
    work=work,
    reads=_READS,
    writes=Rollouts.KIND,
    output="rollouts.h5",
    decides=check,
    lines=lines,
    summary="let the controller move the body in physics",
)

PERTURB = StageSpec(
    name="perturb",
    config=PerturbOptions,
    work=work,
    reads=_READS,
    writes="perturbed",
    output="perturbed/{label}.h5",
    labelled="perturb",
    inherits="rollout",
    command="rollout",
    decides=check,
    lines=lines,
    summary="the same, disturbed",
)
