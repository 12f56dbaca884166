"""``mimic train``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mimic_core.chain.events import listening, make_loggers
from mimic_core.cli.common import Json, Seed, Set, Watch, emit, load_plugins, settings, working
from mimic_core.config import merge


def train(
    clips: Annotated[Path, typer.Argument(help="Reference clips from 'mimic register'.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of the run: checkpoints, curve, settings.")],
    policy: Annotated[str | None, typer.Option(help="How to learn; default: the default policy.")] = None,
    preset: Annotated[str | None, typer.Option(help="A policy's preset, e.g. laptop or paper.")] = None,
    holdout: Annotated[
        float | None, typer.Option(help="Share of clips kept from training (default 0.2).", min=0, max=0.99)
    ] = None,
    simulator: Annotated[
        str | None, typer.Option(help="The physics engine; auto picks what suits machine and policy.")
    ] = None,
    actuation: Annotated[str | None, typer.Option(help="What drives the body, e.g. hill or torque.")] = None,
    seed: Seed = 0,
    log: Annotated[
        list[str] | None,
        typer.Option(help="A logger that keeps the curves, e.g. tensorboard; may be given often.", show_default=False),
    ] = None,
    watch: Watch = False,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Train a controller to reproduce the clips in physics. Stopped, the same command goes on where it was.

    Example: `mimic train clips.h5 --out run --set rewards.control.weight=0.15`

    Sections that `--set` reaches: `policy`, `rewards.TERM`, `observations.NAME`, `terminations.NAME`, `task`,
    `actuation`, `simulator`, `log.LOGGER`. A term is left out with `--set rewards.TERM=false`. Tracking is measured on
    the clips held out, in the true physics.
    """
    from mimic_core.chain import stages

    options = {"policy": {"name": policy}, "simulator": {"name": simulator}, "actuation": {"name": actuation}}
    given = {k: v for k, v in options.items() if v["name"]}
    given |= {k: v for k, v in {"preset": preset, "holdout": holdout, "seed": seed}.items() if v is not None}
    assigned = settings(set_, "train")
    chosen = merge({name: {} for name in log or ()}, assigned.pop("log", {}))
    plugins = load_plugins()
    loggers = make_loggers(plugins, chosen, out)
    with working(plugins, watch), listening(plugins, loggers):
        summary = stages.train(plugins, clips, out=out, given=merge(given, assigned))
    training = summary["training"]
    both = summary["held_out_clips"] and summary["train_mm"] is not None
    also = f", on the clips trained on {summary['train_mm']:.2f} mm" if both else ""
    emit(
        summary,
        json,
        [
            f"{summary['policy']} ({summary['preset']}) on {summary['simulator']}: "
            f"{training['control_steps']:,} control steps in {training['seconds']:.0f} s, "
            f"after {training['compile_seconds']:.0f} s of compilation",
            f"tracking error on {summary['tracking_mm_on'].replace('_', '-')} clips: {summary['tracking_mm']:.2f} mm"
            f"{also} (a limp body: {summary['passive_mm']:.2f} mm) → {summary['out']}",
        ],
    )
