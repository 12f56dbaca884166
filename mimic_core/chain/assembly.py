"""Putting a training run together from its settings: body, actuation, simulator, terms, task, trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core.body.body import Body
from mimic_core.body.model import BodyModel
from mimic_core.chain.choose import choose_simulator
from mimic_core.chain.fitted import fitted_times, has_free_root
from mimic_core.config import merge, structure, unstructure
from mimic_core.control.policy import PolicySpec
from mimic_core.errors import ConfigError, did_you_mean
from mimic_core.physics.simulator import SimulatorSpec
from mimic_core.plugins.manager import Plugins
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.training import SECTIONS, TrainPlan
from mimic_core.task.settings import TaskSettings
from mimic_core.task.terms import Goal, RewardSpec, TaskSpec

if TYPE_CHECKING:
    from mimic_core.task.state import WeightedTerm
    from mimic_core.task.task import Task

VIEWS = ("auto", "smooth", "fast")
"""what ``simulator.view`` may be, see `training_simulator`"""


def plan_training(given: Mapping[str, Any], plugins: Plugins, clips: ReferenceClips | None = None) -> TrainPlan:
    """Lay defaults, preset and given settings over one another and check every one of them.

    ``given`` has ``policy``, ``rewards``, … as tables, and ``seed``, ``holdout``, ``preset`` as values. Components
    are named by ``policy.name``, ``actuation.name``, ``simulator.name`` and ``task.name``. A term is left out by giving
    ``false`` for its table. Where no actuation is named, a body that brings what one drives is driven by that.

    With ``clips``, preset and times that nobody named are those that suit their body and its recording (see
    `PolicySpec.free_root` and `mimic_core.chain.fitted`).

    Raises:
        ConfigError: an unknown or wrong setting, with its dotted path.
        PluginError: an unknown component.
    """
    by_name = ("policy", "actuation", "simulator", "task")
    given = {k: {"name": v} if isinstance(v, str) and k in by_name else v for k, v in given.items()}
    unknown = set(given) - {*SECTIONS, "seed", "holdout", "preset"}
    if unknown:
        first = sorted(unknown)[0]
        raise ConfigError(f"{first}: unknown section{did_you_mean(first, [*SECTIONS, 'seed', 'holdout', 'preset'])}")
    for section in SECTIONS:
        if section in given and not isinstance(given[section], Mapping):
            what = "a name or a table" if section in by_name else "a table"
            raise ConfigError(f"{section}: must be {what}, got {given[section]!r}; see 'mimic plugins list'")
    spec: PolicySpec = plugins.choose("policy", _name(given, "policy"))
    usual = spec.free_root if clips is not None and spec.free_root and has_free_root(clips.body) else ""
    preset = given.pop("preset", None) or usual or next(iter(spec.presets), "")
    if preset and preset not in spec.presets:
        raise ConfigError(f"preset: policy {spec.name} has no preset {preset!r}{did_you_mean(preset, spec.presets)}")
    task: TaskSpec = plugins.choose("task", _name(given, "task"))
    laid = merge({**spec.presets.get(preset, {}), **task.terms}, given)
    if any(item != ("name", "auto") for item in given.get("simulator", {}).items()):
        laid["simulator"] = given["simulator"]  # a preset's simulator settings are one choice, to be made anew
    own = [s for s in plugins.all("actuation") if clips is not None and s.own is not None and s.own(clips.body)]
    named = _name(laid, "actuation")
    actuation = own[0] if own and not named else plugins.choose("actuation", named)
    view = laid.get("simulator", {}).get("view", VIEWS[0])
    if view not in VIEWS:
        raise ConfigError(f"simulator.view: must be one of {', '.join(VIEWS)}, got {view!r}{did_you_mean(view, VIEWS)}")
    settings = {
        "policy": _checked(spec, laid.get("policy", {}), "policy"),
        "actuation": _checked(actuation, laid.get("actuation", {}), "actuation"),
        "simulator": {k: v for k, v in laid.get("simulator", {}).items() if k != "name"},
        "rewards": _rewards(laid.get("rewards", {}), plugins, task),
        "observations": _terms("observation", laid.get("observations", {}), plugins, task),
        "terminations": _terms("termination", laid.get("terminations", {}), plugins, task),
        "task": _checked(task, laid.get("task", {}), "task"),
    }
    if clips is not None:
        settings["task"] = fitted_times(settings["task"], laid.get("task", {}), clips)
    holdout = given.get("holdout", 0.2)
    if clips is not None and len(clips.clip_names) == 1 and settings["task"]["excerpt_s"] and _is_share(holdout):
        holdout = f"last:{holdout:g}"  # of one long recording it is time that is held out
    plain = {
        "policy": spec.name,
        "preset": preset,
        "actuation": actuation.name,
        "settings": settings,
        "simulator": _name(laid, "simulator") or "auto",
        "task": task.name,
        "seed": given.get("seed", 0),
        "holdout": holdout,
    }
    return structure(plain, TrainPlan, "train")


def _is_share(holdout: Any) -> bool:
    return isinstance(holdout, (int, float)) and not isinstance(holdout, bool) and 0 < holdout < 1


def _name(data: Mapping[str, Any], section: str) -> str | None:
    return data.get(section, {}).get("name")


def _checked(spec: Any, data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Complete a component's settings with its defaults and check them."""
    return unstructure(structure({k: v for k, v in data.items() if k != "name"}, spec.config, where))


def _rewards(data: Mapping[str, Any], plugins: Plugins, task: TaskSpec) -> dict[str, Any]:
    """Weights and settings of every term in use."""
    out: dict[str, Any] = {}
    usual = () if "rewards" in task.terms else plugins.all("reward")
    default: dict[str, Any] = {s.name: {} for s in usual if s.weight is not None}
    for name, table in merge(default, data).items():
        spec: RewardSpec = plugins.get("reward", name)
        if table is False:
            continue
        if not isinstance(table, Mapping):
            raise ConfigError(
                f"rewards.{name}: must be a table or false, got {table!r}; e.g. rewards.{name}.weight=1.0"
            )
        known = ["weight", *(f.name for f in attrs.fields(spec.config))]
        if unknown := sorted(set(table) - set(known)):
            raise ConfigError(f"rewards.{name}.{unknown[0]}: unknown setting{did_you_mean(unknown[0], known)}")
        weight = table.get("weight", spec.weight)
        if weight is None:
            raise ConfigError(
                f"rewards.{name}.weight: must be given, since this term has no default weight; "
                f"e.g. rewards.{name}.weight=1.0"
            )
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not np.isfinite(weight):
            raise ConfigError(f"rewards.{name}.weight: must be a number, got {weight!r}")
        rest = {k: v for k, v in table.items() if k != "weight"}
        out[name] = {"weight": float(weight), **_checked(spec, rest, f"rewards.{name}")}
    return out


def _terms(kind: str, data: Mapping[str, Any], plugins: Plugins, task: TaskSpec) -> dict[str, Any]:
    usual = () if f"{kind}s" in task.terms else plugins.all(kind)
    default: dict[str, Any] = {s.name: {} for s in usual if s.default}
    out = {}
    for name, table in merge(default, data).items():
        spec = plugins.get(kind, name)
        if table is not False:
            out[name] = _checked(spec, {} if table is True else table, f"{kind}s.{name}")
    return out


def build_model(body: Body, plan: TrainPlan, plugins: Plugins) -> BodyModel:
    """Put the plan's actuators on a body and compile it."""
    spec = plugins.get("actuation", plan.actuation)
    config = structure(plan.settings["actuation"], spec.config, "actuation")
    return BodyModel.compile(body, spec.build(config, body))


def goal_of(plan: TrainPlan, plugins: Plugins, model: BodyModel) -> tuple[TaskSpec, Goal, TaskSettings]:
    """Return what a plan's task is, what it asks of a body, and its settings."""
    spec: TaskSpec = plugins.choose("task", plan.task or None)
    settings: TaskSettings = structure(plan.settings["task"], spec.config, "task")
    return spec, spec.build(settings, model), settings


def build_task(
    clips: ReferenceClips,
    plan: TrainPlan,
    plugins: Plugins,
    *,
    train_clips: np.ndarray,
    for_training: bool,
    model: BodyModel | None = None,
) -> Task:
    """Build the task of a plan.

    ``for_training`` chooses the simulator that the policy trains in (with gradients where it needs them, with the
    plan's simulator settings and with bodies that differ as ``task.randomise`` says); otherwise it is the true physics
    of the body as it is, with the simulator's own defaults.

    Raises:
        ConfigError: a setting that does not fit the body, the clips or the simulator.
    """
    import jax

    from mimic_core.task.step import as_term
    from mimic_core.task.task import Task

    config: Any
    model = model or build_model(clips.body, plan, plugins)
    what, goal, settings = goal_of(plan, plugins, model)
    platform, more = jax.default_backend(), {}
    if for_training:
        spec, smooth = training_simulator(plan, plugins, platform, model)
    else:
        spec, smooth = choose_simulator(plan.simulator, plugins, platform), False
    config = structure(_simulator_settings(plan, smooth) if for_training else {}, spec.config, "simulator")
    if for_training and settings.randomise.wanted:
        if spec.draw_altered is None:
            able = ", ".join(s.name for s in plugins.all("simulator") if s.draw_altered) or "one that can"
            raise ConfigError(
                f"task.randomise: simulator {spec.name!r} cannot give each episode a body of its own; use {able}, or "
                "leave task.randomise out"
            )
        more["altered"] = spec.draw_altered(settings.randomise, model)
    if goal.push is not None and not spec.forces:
        able = ", ".join(s.name for s in plugins.all("simulator") if s.forces) or "one that can"
        raise ConfigError(f"task: {what.name} pushes the body, which simulator {spec.name!r} cannot do; use {able}")
    if what.success and what.success not in plan.settings["rewards"]:
        raise ConfigError(
            f"rewards.{what.success}: task {what.name} succeeds by this term; weigh it 0 to reward it not"
        )
    simulator = spec.build(config, model, 1.0 / settings.control_rate_hz, smooth, **more)
    rewards, terminations = [], []
    observations: dict[str, list[Any]] = {"reference": [], "proprioception": []}
    for name, table in plan.settings["rewards"].items():
        rewards.append(_weighted(plugins.get("reward", name), table, model))
    for name, table in plan.settings["observations"].items():
        seen = plugins.get("observation", name)
        config = structure(table, seen.config, f"observations.{name}")
        observations[seen.role].append(seen.build(config, model))
    for name, table in plan.settings["terminations"].items():
        end = plugins.get("termination", name)
        terminations.append(end.build(structure(table, end.config, f"terminations.{name}"), model))
    return Task(
        model=model,
        simulator=simulator,
        clips=clips,
        settings=settings,
        rewards=rewards,
        observations=observations,
        terminations=terminations,
        train_clips=train_clips,
        initial_activation=_initial_activation(clips, model, settings),
        push=None if goal.push is None else as_term(goal.push),
        success=what.success,
    )


_ONSET_S = 0.02
"""Over so long a time the first acceleration of a movement is taken: at an end a spline has none of its own."""


def _initial_activation(clips: ReferenceClips, model: BodyModel, settings: TaskSettings) -> np.ndarray | None:
    """(clip, actuator) see `TaskSettings.initial_activation`; clips that begin at rest somewhere are held there."""
    from mimic_core.task.reference import resample

    hold = model.driven_by.hold
    if settings.initial_activation == "relaxed" or hold is None:
        return None
    if settings.initial_activation == "hold" or clips.start is not None:
        return hold(model, clips.qpos[:, 0] if clips.start is None else clips.start)
    reference = resample(clips, model, settings.control_rate_hz, lowpass_hz=settings.reference_lowpass_hz)
    later = np.clip(round(_ONSET_S * settings.control_rate_hz), 1, reference.n_steps - 1)
    first, then = reference.qvel[:, 0], reference.qvel[np.arange(len(later)), later]
    return hold(model, reference.qpos[:, 0], first, (then - first) / (later[:, None] / settings.control_rate_hz))


def _weighted(spec: RewardSpec, table: Mapping[str, Any], model: BodyModel) -> WeightedTerm:
    """Build a reward term and a way to build it again with some of its settings replaced."""
    from mimic_core.task.state import WeightedTerm
    from mimic_core.task.step import as_term

    config: Any = structure({k: v for k, v in table.items() if k != "weight"}, spec.config, f"rewards.{spec.name}")

    def rebuilt(changed: Mapping[str, Any]) -> WeightedTerm:
        weight = changed.get("weight", table["weight"])
        with attrs.validators.disabled():  # a traced value cannot be compared
            new = attrs.evolve(config, **{k: v for k, v in changed.items() if k != "weight"})
        term = as_term(spec.build(new, model))
        return WeightedTerm(spec.name, -weight if spec.cost else weight, term, spec.units, rebuilt, spec.cost)

    return rebuilt({})


def training_simulator(
    plan: TrainPlan, plugins: Plugins, platform: str, model: BodyModel
) -> tuple[SimulatorSpec, bool]:
    """Return the simulator that a plan trains in, and whether in its differentiable view, which is smooth and fast.

    A policy that needs gradients always trains in that view. Others train in the body's own physics, unless
    ``simulator.view`` is ``smooth``, or ``fast`` and the view lacks nothing that this body has (see
    `SimulatorSpec.view_lacks`). What is reported comes from the body's own physics in any case.

    Raises:
        ConfigError: the simulator named has no such view and one is needed.
    """
    view, name = plan.settings["simulator"].get("view", VIEWS[0]), plan.simulator
    needed = plugins.get("policy", plan.policy).differentiable or view == "smooth"
    if needed or view == "fast":
        able = [s for s in plugins.all("simulator") if s.differentiable and name in ("auto", s.name)]
        if needed or able:
            spec = choose_simulator(name, plugins, platform, differentiable=True)
            if needed or (spec.view_lacks is not None and spec.view_lacks(model) is None):
                return spec, True
    return choose_simulator(name, plugins, platform), False


def _simulator_settings(plan: TrainPlan, smooth: bool) -> dict[str, Any]:
    settings = dict(plan.settings["simulator"])
    # settings beside view = "fast" are meant for bodies whose own physics is used
    return {} if settings.pop("view", VIEWS[0]) == "fast" and smooth else settings


def split_clips(clips: ReferenceClips, holdout: float | str | Sequence[str], seed: int) -> np.ndarray:
    """Return (clip,) True where a clip is held out, see `TrainPlan.holdout`.

    Of a share at least one clip stays on either side. With 0, or a single clip, none is held out.

    Raises:
        ConfigError: no such clip or animal, only one animal, or no clip is left to train on.
    """
    n = len(clips.clip_names)
    held = np.zeros(n, bool)
    if isinstance(holdout, (int, float)):
        if holdout > 0 and n > 1:
            count = min(max(round(n * holdout), 1), n - 1)
            held[np.random.default_rng(seed).permutation(n)[:count]] = True
        return held
    for wanted in (holdout,) if isinstance(holdout, str) else holdout:
        what, _, name = wanted.partition(":")
        kind, labels = ("animal", clips.animals) if what == "animal" else ("clip", clips.clip_names)
        known = tuple(dict.fromkeys(labels))
        if kind == "animal" and len(known) < 2:
            raise ConfigError(
                "train.holdout: animal needs clips of several animals, all of these are of one; tell whose they are "
                "with register.animals"
            )
        pattern = (name or known[-1]) if kind == "animal" else wanted
        found = np.array([fnmatchcase(v, pattern) for v in labels])
        if not found.any():
            raise ConfigError(f"train.holdout: no {kind} {pattern!r} in these clips{did_you_mean(pattern, known)}")
        held |= found
    if held.all():
        raise ConfigError("train.holdout: leaves no clip to train on; hold out fewer")
    return held
