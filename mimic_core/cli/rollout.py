"""``mimic rollout``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mimic_core.cli.common import Json, Set, emit, error_rows, load_plugins, settings, table, working


def rollout(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where the rollouts go (.h5).")],
    clips: Annotated[Path | None, typer.Option(help="Other reference clips than the run's own.")] = None,
    simulator: Annotated[str, typer.Option(help="The physics engine.")] = "auto",
    seed: Annotated[
        int | None, typer.Option(help="Act stochastically with this seed; default: deterministically.")
    ] = None,
    checkpoint: Annotated[
        str, typer.Option(help="last, or best: the one that tracked the held-out clips most closely.")
    ] = "last",
    perturb: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Disturb it: force_pulse, ablation, weakening, sensory_delay, intention_noise, sensorimotor_noise, or "
            "one of a plugin of yours.",
        ),
    ] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Let a trained controller move the body through every clip, in the true physics, and keep everything.

    Example: `mimic rollout run --out rollouts.h5`

    Disturbed: `mimic rollout run --out pushed.h5 --perturb force_pulse --set perturb.force_N=0.1`

    The controller is not trained again. Settings of a perturbation are shown by `mimic plugins show NAME`; what came of
    it, by `mimic analyze recovery rollouts.h5 pushed.h5 --out recovery`.
    """
    from mimic_core.chain import stages

    plugins = load_plugins()
    with working(plugins):
        summary = stages.rollout(
            plugins,
            run,
            out=out,
            clips_file=clips,
            simulator=simulator,
            seed=seed,
            checkpoint=checkpoint,
            perturb=perturb,
            perturb_settings=settings(set_, "perturb"),
        )
    tracking = summary["tracking"]
    rows = [
        row
        for split, t in tracking["by_split"].items()
        for row in error_rows(t["keypoint_mm"], f"{split.replace('_', '-')} ({t['clips']} clips)")
    ]
    rows += [
        row
        for split, t in tracking["by_split"].items()
        for row in error_rows(t["tracked_keypoint_mm"], f"{split.replace('_', '-')}, from tracked keypoints")
    ]
    fixed = (
        f"; {', '.join(tracking['fixed_keypoints'])} cannot move and is left out" if tracking["fixed_keypoints"] else ""
    )
    emit(
        summary,
        json,
        [
            table(
                "Tracking error: distance from the registered reference, mm of the animal",
                ["", "mean", "median", "95 %", "max"],
                rows,
            ),
            f"joint angles are off by {tracking['joint_deg_mean']:.2f}° on average{fixed} → {summary['out']}",
            *([f"disturbed by {_told(summary['perturbation'])}"] if perturb else []),
        ],
    )


def _told(done: dict[str, Any]) -> str:
    """A perturbation in words: its settings, and in how many clips it came about."""
    given = {k: v for k, v in done["settings"].items() if v not in (None, "", [])}
    shown = ", ".join(f"{k} {', '.join(map(str, v)) if isinstance(v, (list, tuple)) else v}" for k, v in given.items())
    struck = [t for t in done["onset_ms"] if t is not None]
    onset = f"{min(struck):g} ms" if min(struck) == max(struck) else f"{min(struck):g} to {max(struck):g} ms"
    return f"{done['name']} ({shown}) in {len(struck)} of {len(done['onset_ms'])} clips, from {onset} on"
