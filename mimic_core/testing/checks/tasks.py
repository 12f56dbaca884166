"""Checks of a task: its settings and terms, its episodes, and what pushes the body in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from mimic_core.body.model import BodyModel
from mimic_core.errors import ConfigError, PluginError, did_you_mean
from mimic_core.plugins.manager import Plugins
from mimic_core.records.clips import ReferenceClips
from mimic_core.task.settings import TaskSettings
from mimic_core.task.step import Term, as_term
from mimic_core.task.terms import Goal, TaskSpec
from mimic_core.testing.records import going_clips, toy_clips
from mimic_core.testing.steps import floating_model, random_step, step_at_rest, toy_model

_SECTIONS = ("rewards", "observations", "terminations")


def check_task_terms(record: TaskSpec, plugins: Plugins) -> None:
    """Its settings are those of every task and more, and the terms that it names are there."""
    if not issubclass(record.config, TaskSettings):
        raise PluginError(f"config {record.config.__name__} lacks the settings of every task; inherit TaskSettings")
    for section, tables in record.terms.items():
        if section not in _SECTIONS:
            raise PluginError(f"terms has {section!r}{did_you_mean(section, _SECTIONS)}; name {', '.join(_SECTIONS)}")
        for name in tables:
            plugins.get(section.removesuffix("s"), name)
    if record.success and record.success not in record.terms.get("rewards", {}):
        raise PluginError(f"succeeds by {record.success!r}, which is not among its rewards; add it to terms['rewards']")
    roles = {plugins.get("observation", name).role for name in record.terms.get("observations", ())}
    if roles and len(roles) < 2:
        raise PluginError(f"terms['observations'] are all of role {min(roles)!r}; name one of the other role too")


def check_task_episodes(record: TaskSpec, plugins: Plugins) -> str:
    """What is commanded are clips of the same body, whole, each of one that was given, and the same every time."""
    model, clips = _tried_on(record, plugins)
    goal = _goal(record, model)
    if goal.episodes is None:
        return "the clips themselves"
    (made, of), (again, _) = goal.episodes(clips), _goal(record, model).episodes(clips)  # type: ignore[misc]
    if not isinstance(made, ReferenceClips):
        raise PluginError(
            f"episodes gives {type(made).__name__}; give mimic_core.ReferenceClips, and of which they are"
        )
    count, of = len(made.clip_names), np.asarray(of)
    if of.shape != (count,) or of.dtype.kind not in "iu" or ((of < 0) | (of >= len(clips.clip_names))).any():
        raise PluginError(f"episodes gives {count} clips of {of.tolist()[:5]} …; give the index of a clip for each")
    if len(set(made.clip_names)) < count:
        raise PluginError("two episodes have one name; give each its own, by which it is found in rollouts")
    if made.body != clips.body or made.rate_hz != clips.rate_hz:
        raise PluginError("episodes are of another body or rate than the clips; keep both (attrs.evolve)")
    inside = np.arange(made.qpos.shape[1]) < made.n_frames[:, None]
    begins = {"start": made.qpos.shape[-1], "start_qvel": made.qvel.shape[-1]}
    given = {name: a for name in begins if (a := getattr(made, name)) is not None}
    if not all(np.isfinite(a).all() for a in (made.qpos[inside], *given.values())):
        raise PluginError("an episode has a posture that is not finite; command every frame up to n_frames")
    for name, a in given.items():
        if a.shape != (count, begins[name]):
            raise PluginError(f"{name} has shape {a.shape}, expected {(count, begins[name])}")
    for name in ("qpos", *begins):
        a, b = getattr(made, name), getattr(again, name)
        if a is not None and not np.array_equal(a, b, equal_nan=True):
            raise PluginError(f"{name} is another when it is made again; draw it from a seed among the settings")
    return ""


def check_task_push(record: TaskSpec, plugins: Plugins) -> str:
    """What pushes the body is finite and has six numbers for each body."""
    model, _ = _tried_on(record, plugins)
    push = _goal(record, model).push
    if push is None:
        return "nothing pushes the body"
    check_push(as_term(push), model)
    return ""


def check_push(push: Term, model: BodyModel) -> None:
    """Try a push at two steps.

    Raises:
        PluginError: it gives something else than finite numbers (body, 6).
    """
    memory, expected = push.init(), (len(model.body_names), 6)
    for step in (step_at_rest(model), random_step(model, 1)):
        memory, force = push.step(memory, step)
        if np.shape(force) != expected or not np.isfinite(force).all():
            raise PluginError(f"push gives {np.shape(force)}, expected {expected} finite numbers; see mimic_core.Goal")


def _tried_on(record: TaskSpec, plugins: Plugins) -> tuple[BodyModel, ReferenceClips]:
    """The toy body and its clips; for a task that refuses it, a body that moves freely and goes along."""
    model = toy_model(plugins)
    try:
        record.build(record.config(), model)
    except ConfigError:
        model = floating_model(plugins)
        return model, going_clips(model)
    return model, toy_clips(plugins)


def _goal(record: TaskSpec, model: BodyModel) -> Goal:
    goal: Any = record.build(record.config(), model)
    if not isinstance(goal, Goal):
        raise PluginError(f"build returns {type(goal).__name__}; return a mimic_core.Goal")
    return goal
