"""The stage `sensitivity`: the same controller in bodies whose muscles differ from those that it was trained with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np
from attrs.validators import and_, deep_iterable, ge, gt, in_, min_len

from mimic_core import ConfigError, Context, Inputs, Plugins, Reads, ReferenceClips, StageSpec, Table, option
from mimic_core.chain import versions
from mimic_sensitivity import PARAMETERS, Sensitivity, altered_bodies, evenly, of_clips


@attrs.frozen(kw_only=True)
class SensitivityOptions:
    """Let a trained controller move bodies whose muscles differ from those that it was trained with.

    Example: `mimic sensitivity run --out sensitivity.h5`

    Nobody measured maximum force, operating range, time constants and tendon slack of this animal's muscles. Analyses
    that also read the file (`emg`, `energetics`, `inverse`) draw error bars from it. The controller is not trained
    again, and acts deterministically.
    """

    parameters: tuple[str, ...] = option(
        tuple(PARAMETERS),
        validator=and_(min_len(1), deep_iterable(in_(tuple(PARAMETERS)))),
        help=f"What is varied: {', '.join(PARAMETERS)}. Error bars are of all.",
    )
    spread: float = option(
        0.2,
        validator=gt(0),
        help="Factors lie between 1/(1 + spread) and 1 + spread; tendon slack moves by up to this share of the optimum "
        "fibre length.",
    )
    bodies: int = option(8, validator=ge(2), help="How many bodies are drawn for each parameter.")
    clips_used: int = option(12, validator=ge(0), help="Of how many clips, evenly chosen; 0: of all.")
    seed: int = option(0, validator=ge(0), help="Of the draw.")
    simulator: str = option("auto", help="The physics engine; auto picks what suits the machine.")
    checkpoint: str = option("last", validator=in_(("last", "best")), help="last or best, as in 'mimic rollout'.")


def check(options: SensitivityOptions, plugins: Plugins) -> Mapping[str, Any]:
    """Refuse a simulator that is not there, and one that cannot take other bodies."""
    if options.simulator != "auto" and not plugins.get("simulator", options.simulator).draw_altered:
        able = ", ".join(s.name for s in plugins.all("simulator") if s.draw_altered)
        raise ConfigError(f"sensitivity.simulator: {options.simulator!r} cannot take other bodies; use {able}")
    return {}


def work(options: SensitivityOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Roll the controller out in all bodies at once, in one program, and keep what muscles did."""
    from mimic_core.chain import TrainedRun, disturbed_task, roll_out
    from mimic_core.control import Perturbation
    from mimic_core.physics import Randomisation
    from mimic_variation import AlteredBodies, draw_bodies

    check(options, context.plugins)
    run = TrainedRun.open(inputs.one("training"), context.plugins)
    run = run.on(inputs.maybe(ReferenceClips.KIND), options.simulator)
    if not run.model.muscle_names:
        raise ConfigError(
            f"sensitivity: {run.plan.actuation!r} has no muscles whose parameters could be varied; leave it out"
        )
    how = {"spread": options.spread, "bodies": options.bodies, "seed": options.seed}
    as_it_is = draw_bodies(Randomisation(bodies=1), run.model)
    drawn = [as_it_is, *(altered_bodies(p, run.model, **how) for p in options.parameters)]
    altered = AlteredBodies({k: np.concatenate([d.fields[k] for d in drawn]) for k in as_it_is.fields})
    n, at = 1 + options.bodies * len(options.parameters), evenly(len(run.clips.clip_names), options.clips_used)
    names = [run.clips.clip_names[c] for c in at]
    every = of_clips(run.clips, np.tile(at, n), [f"{name}, body {b}" for b in range(n) for name in names])
    many = run.on(every, options.simulator)
    perturbation = Perturbation(altered=altered, which=np.repeat(np.arange(n), len(at)))
    rolled = roll_out(
        disturbed_task(many.task, perturbation, many.engine),
        many.controller(options.checkpoint),
        split=["held_out"] * len(every.clip_names),
        simulator=many.engine.name,
        perturbation=perturbation,
    )
    by_body = lambda a: a.reshape(n, len(at), *a.shape[1:])  # noqa: E731
    found = Sensitivity(
        parameters=options.parameters,
        **how,
        rate_hz=rolled.rate_hz,
        simulator=rolled.simulator,
        clip_names=names,
        n_steps=rolled.n_steps[: len(at)],
        **{k: by_body(getattr(rolled, k)) for k in ("excitation", "activation")},
        **{k: by_body(getattr(rolled, k)) for k in ("muscle_force", "muscle_length", "muscle_velocity")},
        error_mm=by_body(rolled.clip_errors_mm()),
        training=run.training,
        checkpoint=options.checkpoint,
        provenance={"versions": versions(context.plugins)},
    )
    found.save(context.out)
    errors = found.spread_of(lambda b: found.error_mm[b].mean())
    return {
        "training": str(run.folder),
        "clips": len(names),
        "spread": options.spread,
        "bodies": options.bodies,
        "simulator": rolled.simulator,
        "checkpoint": options.checkpoint,
        "error_mm": {p: s.numbers for p, s in errors.items()},
    }


def lines(summary: Mapping[str, Any]) -> Iterator[str | Table]:
    """Tracking errors in the altered bodies, which tell how far their activations can be believed."""
    yield Table(
        columns=("varied", "unchanged", "mean", "SD"),
        rows=[(PARAMETERS[p], *numbers.values()) for p, numbers in summary["error_mm"].items()],
        caption=f"Mean distance from the registered reference, mm, over {summary['clips']} clips, in the body as it "
        f"is and in {summary['bodies']} bodies each that differ by up to ±{100 * summary['spread']:g} %",
    )
    yield f"what muscles did in every body → {summary['out']}"


SPEC = StageSpec(
    name="sensitivity",
    config=SensitivityOptions,
    work=work,
    reads=(
        Reads("training", name="run", argument=True, help="Folder of a training."),
        Reads(ReferenceClips.KIND, optional=True, automatic=False, help="Other reference clips than the training's."),
    ),
    writes=Sensitivity.KIND,
    output="sensitivity.h5",
    decides=check,
    lines=lines,
    summary="the controller in bodies with other muscles, for error bars",
)
