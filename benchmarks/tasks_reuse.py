"""How soon a hand learns to reach, with the decoder of a trained run and with a new network.

    python benchmarks/tasks_reuse.py RUN --out FOLDER [--policy bottleneck_apg] [--steps 300000] [--seeds 5]

``RUN`` imitates reaches with a bottleneck. Both kinds of training get the same targets, steps and settings; the seeds
of a kind are trained as one program. Beside them stand a limp body, a posture that is held, and the run itself, which
is shown the target's posture as if it were a movement. Files ``reuse_*`` have the table, the curves and a figure.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core import Context, Inputs, ReferenceClips
from mimic_core.chain import ClipRunner, TrainedRun, asked, installed, parted, plan_training
from mimic_core.plugins import no_progress
from mimic_core.trainer import prepare_jax

REACHED = 0.8
"""share of the episodes held out that must succeed"""
KINDS = {"new network": {}, "decoder held": {"reuse": "decoder"}}


def settings(run: Path, kind: str, args: argparse.Namespace) -> dict[str, Any]:
    """What ``mimic train`` is given."""
    policy: dict[str, Any] = {"name": args.policy, "steps": args.steps, "evaluations": args.evaluations}
    if args.policy == "bottleneck_apg":
        policy["horizon"] = args.horizon
    if KINDS[kind]:
        policy |= {"start_from": str(run), **KINDS[kind]}
    return {"policy": policy, "task": {"name": "reach"}, "preset": "laptop"}


def train(run: Path, kind: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Train all seeds of a kind as one program; return their summaries."""
    plugins = installed()
    spec = plugins.get("stage", "train")
    folders = [args.out / args.policy / kind.replace(" ", "_") / f"seed-{s}" for s in range(args.seeds)]
    given = settings(run, kind, args)
    options = [asked(spec, {**given, "seed": s}, plugins, "train").options for s in range(args.seeds)]
    contexts = [Context(plugins=plugins, out=f, progress=no_progress, seed=s) for s, f in enumerate(folders)]
    return list(spec.together(options, Inputs({ReferenceClips.KIND: (run / "clips.h5",)}), contexts))


def first_at(curve: list[dict[str, float]], share: float) -> dict[str, float] | None:
    """Return the first row of a curve from which at least this share succeeds; None where none does."""
    return next((row for row in curve if row["success"] >= share), None)


def held_long_enough(inside: np.ndarray, steps: int) -> np.ndarray:
    """(episode,) whether ``inside`` (episode, step) is True for so many steps in a row."""
    found = np.zeros(len(inside), bool)
    count = np.zeros(len(inside), int)
    for now in inside.T:
        count = np.where(now, count + 1, 0)
        found |= count >= steps
    return found


def nulls(run: Path) -> dict[str, float]:
    """Success, on the episodes held out, of what has not learned the task."""
    plugins, trained = installed(), TrainedRun.open(run)
    given = {"task": {"name": "reach"}, "policy": {"name": trained.plan.policy}}
    recorded = ReferenceClips.load(run / "clips.h5")
    plan = plan_training(given, plugins, recorded)
    episodes, held = parted(recorded, plan, plugins)
    truth = attrs.evolve(trained, training=attrs.evolve(trained.training, plan=plan)).on(episodes).task
    hand = truth.clips.keypoint_names.index(max(truth.clips.keypoint_names, key=lambda n: _moves(truth.clips, n)))
    target = episodes.site_pos[:, 0, hand]
    at_start = np.linalg.norm(target - target[~held].mean(0), axis=-1)
    radius = 0.05 * _span(truth)
    posture = float((at_start[held] <= radius).mean())
    every, steps = np.flatnonzero(held), round(0.05 / truth.control_dt)
    as_is = trained.on(episodes)
    _, _, (site_pos, _) = ClipRunner(as_is.task, every).run(as_is.controller(), full=False)
    away = np.linalg.norm(np.moveaxis(np.asarray(site_pos), 0, 1)[:, :, hand] - target[held][:, None], axis=-1)
    followed = float(held_long_enough(away <= radius, steps).mean())
    return {"mean target held": posture, "imitation as it is": followed}


def _moves(clips: ReferenceClips, name: str) -> float:
    return float(np.ptp(clips.site_pos[:, 0, clips.keypoint_names.index(name)], axis=0).sum())


def _span(task: Any) -> float:
    """The greatest distance of two keypoints in the reference pose, m."""
    from mimic_core.body import positions

    pose = positions(task.model, task.model.mj_model.qpos0[None])[0][0]
    return float(np.linalg.norm(pose[:, None] - pose, axis=-1).max())


def draw(curves: dict[str, list[list[dict[str, float]]]], limp: float, path: Path) -> None:
    """Draw success over control steps, every seed thin and their median thick."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.0), layout="constrained")
    axes = figure.subplots()
    for colour, (kind, seeds) in zip(("#777777", "#1f77b4"), curves.items(), strict=True):
        steps = [1e-3 * row["control_steps"] for row in seeds[0]]
        each = 100 * np.array([[row["success"] for row in curve] for curve in seeds])
        axes.plot(steps, each.T, color=colour, lw=0.6, alpha=0.6)
        axes.plot(steps, np.median(each, axis=0), color=colour, lw=2, label=kind)
    axes.axhline(100 * REACHED, color="black", lw=0.6, ls=":")
    axes.axhline(100 * limp, color="black", lw=0.6, ls="--", label="limp body")
    axes.set(xlabel="control steps (thousands)", ylabel="targets reached and held (%)", ylim=(-3, 103))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--policy", default="bottleneck_apg")
    parser.add_argument("--steps", type=int, default=300_000)
    parser.add_argument("--horizon", type=int, default=100, help="of bottleneck_apg, control steps")
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="trainings to do or go on with")
    args = parser.parse_args()
    prepare_jax()
    rows, curves, limp = [], {}, 0.0
    for kind in args.kinds:
        began = time.perf_counter()
        made = train(args.run, kind, args)
        curves[kind], limp = [s["training"]["curve"] for s in made], made[0]["passive_success"]
        for s in made:
            at = first_at(s["training"]["curve"], REACHED)
            rows.append(
                {
                    "kind": kind,
                    "seed": s["seed"],
                    "steps_to_80": None if at is None else at["control_steps"],
                    "success": s["success"],
                    "tracking_mm": s["tracking_mm"],
                    "training_s": s["training"]["seconds"],
                    "compile_s": s["training"]["compile_seconds"],
                    "wall_s": time.perf_counter() - began,
                }
            )
            print(rows[-1], flush=True)
    others = {"limp body": limp, **nulls(args.run)}
    print(others)
    args.out.mkdir(parents=True, exist_ok=True)
    stem = args.out / f"reuse_{args.policy.removeprefix('bottleneck_')}"
    with stem.with_suffix(".csv").open("w", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    stem.with_suffix(".json").write_text(json.dumps({"rows": rows, "nulls": others, "curves": curves}, indent=1))
    draw(curves, limp, stem.with_suffix(".png"))


if __name__ == "__main__":
    main()
