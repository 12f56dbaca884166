"""How soon a body learns another task, with the decoder of a trained run and with a new network.

    python benchmarks/tasks_reuse.py RUN --out FOLDER [--task reach] [--policy bottleneck_apg] [--steps 600000] \\
        [--seeds 5] [--set task.per_clip=20] [--set policy.horizon=50]

``RUN`` imitates movements with a bottleneck. Both kinds of training get the same episodes and steps, and the preset of
``RUN``. `bottleneck_apg` has for each task and kind the segments that served it best, of those tried with one seed:
through a decoder that is held the slope of a long segment is chaotic. ``--set`` gives both kinds other settings.
What is finished is not trained again. Beside them stand a limp body, actions that add nothing (servos then hold what
they are given), for reaching a posture that is held, and the run itself, which is shown what is commanded as if it were
a movement. Files ``reuse_*`` have the table, the curves and a figure.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import attrs
import jax.numpy as jnp
import numpy as np

from mimic_core import ReferenceClips
from mimic_core.chain import ClipRunner, TrainedRun, do, installed, parted, passive_controller, plan_training
from mimic_core.cli import parse_assignments
from mimic_core.config import merge
from mimic_core.control import Controller, Decision
from mimic_core.trainer import prepare_jax

REACHED = 0.8
"""share of the episodes held out that must succeed"""
KINDS: dict[str, dict[str, Any]] = {"new network": {}, "decoder held": {"reuse": "decoder"}}
SEGMENTS = {
    "reach": {
        "new network": {"horizon": 50, "environments": 38, "bootstrap": True},
        "decoder held": {"horizon": 30, "environments": 8},
    },
    "walk": {
        kind: {"horizon": 16, "environments": 32, "bootstrap": True, "restarted": 0.05, "learning_rate": 5e-4}
        for kind in KINDS
    },
}


def settings(run: Path, kind: str, args: argparse.Namespace) -> dict[str, Any]:
    """What ``mimic train`` is given."""
    policy: dict[str, Any] = {"name": args.policy, "steps": args.steps, "evaluations": args.evaluations}
    if args.policy == "bottleneck_apg":
        policy |= SEGMENTS.get(args.task, {}).get(kind, {})
    if KINDS[kind]:
        policy |= {"start_from": str(run), **KINDS[kind]}
    imitation = TrainedRun.open(run)
    plan, held_out = imitation.plan, list(imitation.training.held_out_clips)
    # what a share holds out depends on the seed, and the decoder must not have learned from what is held out here
    holdout = plan.holdout if isinstance(plan.holdout, str) else held_out
    given = {"policy": policy, "task": {"name": args.task}, "preset": plan.preset, "holdout": holdout}
    return merge(given, args.set)


def trained(run: Path, kind: str, seed: int, args: argparse.Namespace) -> list[dict[str, float]]:
    """Return the curve of a training, which is done unless it lies there finished."""
    folder = args.out / args.policy.removeprefix("bottleneck_") / kind.replace(" ", "_") / f"seed-{seed}"
    curve = read(folder / "curve.csv")
    if not curve or curve[-1]["control_steps"] < args.steps:
        do(installed(), "train", out=folder, clips=run / "clips.h5", seed=seed, **settings(run, kind, args))
        curve = read(folder / "curve.csv")
    return curve


def read(file: Path) -> list[dict[str, float]]:
    """Rows of a curve; none where there is no file."""
    if not file.is_file():
        return []
    with file.open(newline="") as f:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(f)]


def first_at(curve: list[dict[str, float]], share: float) -> dict[str, float] | None:
    """Return the first row of a curve from which at least this share succeeds; None where none does."""
    return next((row for row in curve if row["success"] >= share), None)


def nulls(run: Path, args: argparse.Namespace) -> dict[str, float]:
    """Success, on the episodes held out, of what has not learned the task."""
    plugins, trained = installed(), TrainedRun.open(run)
    given = merge(settings(run, "new network", args), {"policy": {"name": trained.plan.policy}})
    recorded = ReferenceClips.load(run / "clips.h5")
    plan = plan_training(given, plugins, recorded)
    episodes, held = parted(recorded, plan, plugins)
    which = np.flatnonzero(held)

    def task(plan: Any) -> Any:
        return attrs.evolve(trained, training=attrs.evolve(trained.training, plan=plan)).on(episodes)

    def success(of: Any, controller: Controller) -> float:
        found = ClipRunner(of, which).measured(controller)[1]
        assert found is not None
        return float(found.mean())

    truth = task(plan).task
    # the run itself sees what it was trained to see, and acts as it was trained to act
    own = {**plan.settings, "observations": trained.plan.settings["observations"]}
    shared = {k: v for k, v in trained.plan.settings["task"].items() if k in own["task"]}
    own["task"] = {**own["task"], **shared}
    as_is = task(attrs.evolve(plan, settings=own))
    limp = truth.without_set_points() if truth.follows_by_itself else truth
    out = {
        "limp body": success(limp, passive_controller(limp)),
        "imitation as it is": success(as_is.task, trained.controller()),
    }
    if truth.follows_by_itself:
        out["servos left alone"] = success(truth, adding_nothing(truth))
    return out | ({"mean target held": mean_target_held(truth, episodes, held)} if args.task == "reach" else {})


def adding_nothing(task: Any) -> Controller:
    """What servos do with the set points that they are given."""
    resting = jnp.broadcast_to(jnp.asarray(task.model.driven_by.resting_action), (task.action_size,))

    def act(variables: Any, observation: Any, carry: Any, key: Any) -> Decision:
        return Decision(jnp.tile(resting, (observation.reference.shape[0], 1)), carry)

    return Controller(variables=(), start=lambda batch: (), act=act)


def mean_target_held(task: Any, episodes: ReferenceClips, held: np.ndarray) -> float:
    """Share of the targets held out that lie within the radius of the mean of the others."""
    hand = episodes.keypoint_names.index(max(episodes.keypoint_names, key=lambda n: _moves(episodes, n)))
    target = episodes.site_pos[:, 0, hand]
    return float((np.linalg.norm(target[held] - target[~held].mean(0), axis=-1) <= 0.05 * _span(task)).mean())


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
    axes.set(xlabel="control steps (thousands)", ylabel="episodes held out that succeed (%)", ylim=(-3, 103))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", default="reach")
    parser.add_argument("--policy", default="bottleneck_apg")
    parser.add_argument("--steps", type=int, default=600_000)
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="a setting of both kinds")
    args = parser.parse_args()
    args.set = parse_assignments(args.set)
    prepare_jax()
    rows: list[dict[str, Any]] = []
    curves: dict[str, list[list[dict[str, float]]]] = {kind: [] for kind in KINDS}
    others = nulls(args.run, args)
    print(others, flush=True)
    for seed in range(args.seeds):
        for kind in KINDS:
            curve = trained(args.run, kind, seed, args)
            curves[kind].append(curve)
            at = first_at(curve, REACHED)
            last = {k: curve[-1][k] for k in ("success", "tracking_mm", "seconds")}
            rows.append(
                {"kind": kind, "seed": seed, "steps_to_80": None if at is None else at["control_steps"], **last}
            )
            print(rows[-1], flush=True)
        write(args, rows, others, curves)


def write(args: argparse.Namespace, rows: list[dict], others: dict[str, float], curves: dict[str, list]) -> None:
    """Write table, curves and figure of the seeds so far."""
    stem = args.out / f"reuse_{args.policy.removeprefix('bottleneck_')}"
    with stem.with_suffix(".csv").open("w", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    stem.with_suffix(".json").write_text(json.dumps({"rows": rows, "nulls": others, "curves": curves}, indent=1))
    draw(curves, others["limp body"], stem.with_suffix(".png"))


if __name__ == "__main__":
    main()
