"""From clips, or a training run, to the task that environments show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core import ConfigError, Plugins, ReferenceClips, did_you_mean
from mimic_core.chain import TrainedRun, build_task, installed, parted, plan_training
from mimic_core.records import TrainPlan
from mimic_core.task import Task
from mimic_core.trainer import prepare_jax

SPLITS = ("train", "held_out", "all")


def imitation_task(
    source: str | Path,
    given: Mapping[str, Any] | None = None,
    *,
    split: str = "train",
    true_physics: bool = False,
    plugins: Plugins | None = None,
) -> Task:
    """Build the imitation task of reference clips or of a training run.

    Args:
        source: ``clips.h5`` of `mimic register`, or the folder of a run, whose settings and clips are taken.
        given: settings as for `mimic train` (``task``, ``rewards``, ``observations``, …, ``seed``, ``holdout``).
            Where no policy is named, the preset is that of the policy that needs no gradient.
        split: which clips episodes are drawn from: ``train``, ``held_out`` or ``all``. They are held out by the same
            draw as in `mimic train`.
        true_physics: simulate as rollouts are made. Otherwise with the simulator's settings, whose integrator may be
            faster and less exact. A smoothed body, in which policies may train, is not taken here.

    Raises:
        ConfigError: an unknown or wrong setting, settings beside a run, or no clip in the split.
        DataError: the file or run cannot be read.
    """
    prepare_jax()
    plugins = plugins or installed()
    if split not in SPLITS:
        raise ConfigError(f"split: must be one of {', '.join(SPLITS)}, got {split!r}{did_you_mean(split, SPLITS)}")
    plan, clips, held = plan_and_clips(source, given, plugins)
    chosen = {"train": ~held, "held_out": held, "all": np.ones_like(held)}[split]
    if not chosen.any():
        raise ConfigError(f"split: {source} has no {split} clip; choose another split, or another holdout")
    by_gradients = plugins.get("policy", plan.policy).differentiable
    return build_task(
        clips,
        _in_own_physics(plan),
        plugins,
        train_clips=np.flatnonzero(chosen),
        for_training=not (true_physics or by_gradients),
    )


def _in_own_physics(plan: TrainPlan) -> TrainPlan:
    """A plan that trains in the body's physics where it is free to: few environments are stepped, one call each."""
    simulator = {k: v for k, v in plan.settings["simulator"].items() if k != "view"}
    return attrs.evolve(plan, settings={**plan.settings, "simulator": simulator})


def plan_and_clips(
    source: str | Path, given: Mapping[str, Any] | None, plugins: Plugins
) -> tuple[TrainPlan, ReferenceClips, np.ndarray]:
    """Return the settings, the clips, and (clip,) True where a clip is held out; see `imitation_task`."""
    source = Path(source)
    if not source.is_dir():
        clips = ReferenceClips.load(source)
        plan = plan_training(_with_policy(given or {}, plugins), plugins, clips)
        return plan, *parted(clips, plan, plugins)
    if given:
        raise ConfigError(f"{source}: a run has its own settings; leave {', '.join(given)} out, or give its clips")
    run = TrainedRun.open(source, plugins)
    return run.plan, run.clips, np.array([part == "held_out" for part in run.split])


def _with_policy(given: Mapping[str, Any], plugins: Plugins) -> dict[str, Any]:
    """Name a policy that needs no gradient where the settings name none: its presets suit other such trainers."""
    policy = dict(given.get("policy", {}))
    if "name" not in policy:
        policy["name"] = next(s.name for s in plugins.all("policy") if not s.differentiable)
    return {**given, "policy": policy}
