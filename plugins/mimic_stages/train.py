"""The stage `train`: a controller that reproduces the clips in physics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from mimic_core import Choice, Context, Inputs, Plugins, Reads, ReferenceClips, StageSpec, choice, option, unstructure
from mimic_core.chain import plan_training
from mimic_core.records import holdout_valid

_TABLES = ("rewards", "observations", "terminations")
_CHOICES = ("policy", "simulator", "actuation", "task")


def _table(help: str) -> Any:
    return option(attrs.Factory(dict), help=help)


@attrs.frozen(kw_only=True)
class TrainOptions:
    """Train a controller to reproduce the clips in physics. Stopped, the same command goes on where it was.

    Example: `mimic train clips.h5 --out run --set rewards.control.weight=0.15`

    Sections that `--set` reaches: `policy`, `rewards.TERM`, `observations.NAME`, `terminations.NAME`, `task`,
    `actuation`, `simulator`, `log.LOGGER`. A term is left out with `--set rewards.TERM=false`. Tracking is measured on
    the clips held out, in the true physics.
    """

    policy: Choice = choice("policy", partial=True, help="How to learn; default: the default policy.")
    preset: str | None = option(
        None, help="A policy's preset, e.g. laptop or paper; default: the one that suits the body."
    )
    holdout: Any = option(
        None,
        validator=attrs.validators.optional(holdout_valid),
        metavar="SHARE|NAME|animal[:NAME]|last:LENGTH",
        help="Clips kept from training: a share (default 0.2), a name with wildcards, all of one animal "
        """(of the last one, if none is named), or the end of every clip: last:200 (frames), last:4s, last:0.2. """
        """Several names: '["a*", "b*"]'.""",
    )
    simulator: Choice = choice(
        "simulator", partial=True, help="The physics engine; auto picks what suits machine and policy."
    )
    actuation: Choice = choice("actuation", partial=True, help="What drives the body, e.g. native, hill or torque.")
    task: Choice = choice("task", partial=True, help="What it is to do; default: imitate the clips.")
    seed: int = option(
        0,
        shared=True,
        validator=attrs.validators.ge(0),
        help="Seed of everything random; the same seed gives the same result.",
    )
    log: Mapping[str, Any] = option(
        attrs.Factory(dict),
        shared=True,
        names=True,
        help="A logger that keeps the curves, e.g. tensorboard; may be given often.",
    )
    rewards: Mapping[str, Any] = _table("Reward terms, by name.")
    observations: Mapping[str, Any] = _table("Observations, by name.")
    terminations: Mapping[str, Any] = _table("Reasons to end an episode, by name.")


def settings_of(options: TrainOptions) -> dict[str, Any]:
    """The settings as `mimic_core.chain.plan_training` takes them."""
    chosen = {name: getattr(options, name) for name in _CHOICES}
    given = {name: {**c.settings, **({"name": c.name} if c.name else {})} for name, c in chosen.items()}
    given = {name: table for name, table in given.items() if table}
    given |= {name: dict(table) for name in _TABLES if (table := getattr(options, name))}
    values = {"preset": options.preset, "holdout": options.holdout, "seed": options.seed}
    return given | {k: v for k, v in values.items() if v is not None}


def plan(options: TrainOptions, plugins: Plugins) -> Mapping[str, Any]:
    """Every setting of the training, defaults and preset filled in."""
    return unstructure(plan_training(settings_of(options), plugins))


def told(options: TrainOptions, plugins: Plugins) -> Mapping[str, Any]:
    """Return what listeners hear and a cache key holds: `plan`, and both ways where nobody named what a body decides.

    The stage begins before its clips are read; what came of them is in the run's ``run.json``.
    """
    table = dict(plan(options, plugins))
    own = [s.name for s in plugins.all("actuation") if s.own is not None]
    if own and not options.actuation.name:
        table["actuation"] += f", or {' or '.join(own)} where the body brings what that drives"
    free = plugins.choose("policy", options.policy.name).free_root
    if free and not options.preset:
        table["preset"] += f", or {free} where the body has a free root"
    return table


def work(options: TrainOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Train a policy on reference clips, or go on with a training that was stopped."""
    from mimic_stages.training import train

    clips = inputs.one(ReferenceClips.KIND)
    return train(context.plugins, clips, out=context.out, given=settings_of(options), progress=context.progress)


def together(
    options: Sequence[TrainOptions], inputs: Inputs, contexts: Sequence[Context]
) -> Sequence[Mapping[str, Any]]:
    """Train several policies as one program; they differ in what `PolicySpec.traced` says can be values."""
    from mimic_stages.training import train_together

    return train_together(
        contexts[0].plugins,
        inputs.one(ReferenceClips.KIND),
        outs=[c.out for c in contexts],
        given=[settings_of(o) for o in options],
        progress=contexts[0].progress,
    )


def lines(summary: Mapping[str, Any]) -> Iterator[str]:
    training = summary["training"]
    both = summary["held_out_clips"] and summary["train_mm"] is not None
    also = f", on the clips trained on {summary['train_mm']:.2f} mm" if both else ""
    preset = f" ({summary['preset']})" if summary["preset"] else ""
    nulls = f"a limp body: {summary['passive_mm']:.2f} mm"
    if summary.get("mean_movement_mm") is not None:
        nulls += f", the mean training movement replayed: {summary['mean_movement_mm']:.2f} mm"
    animals = summary.get("held_out_animals")
    of_animal = f" of {', '.join(animals)}, not trained on" if animals else ""
    yield from summary.get("remarks", ())
    compiled = training["compile_seconds"]
    after = f", after {compiled:.0f} s of compilation" if compiled >= 0.5 else ""
    yield (
        f"{summary['policy']}{preset} on {summary['simulator']}: {training['control_steps']:,} control steps in "
        f"{training['seconds']:.0f} s{after}"
    )
    yield from summary["remarks"]
    clips = f"{summary['tracking_mm_on'].replace('_', '-')} clips{of_animal}"
    if "success" in summary:
        limp = f"a limp body: {summary['passive_success']:.0%}"
        yield f"{summary['task']} succeeds in {summary['success']:.0%} of {clips} ({limp}) → {summary['out']}"
        return
    yield (f"tracking error on {clips}: {summary['tracking_mm']:.2f} mm{also} ({nulls}) → {summary['out']}")


SPEC = StageSpec(
    name="train",
    config=TrainOptions,
    work=work,
    together=together,
    reads=(Reads(ReferenceClips.KIND, argument=True, help="Reference clips from 'mimic register'."),),
    writes="training",
    output="train",
    resumable=True,
    decides=told,
    event_settings=told,
    lines=lines,
    summary="train a controller to make the same movement",
)
