"""``mimic rollout``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mimic_core.cli.common import Json, emit, error_rows, load_plugins, table, working


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
    json: Json = False,
) -> None:
    """Let a trained controller move the body through every clip, in the true physics, and keep everything.

    Example: `mimic rollout run --out rollouts.h5`
    """
    from mimic_core import stages

    plugins = load_plugins()
    with working(plugins):
        summary = stages.rollout(
            plugins, run, out=out, clips_file=clips, simulator=simulator, seed=seed, checkpoint=checkpoint
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
        ],
    )
