"""How a hand that reaches adapts to a force field, and what is left of it when the field goes.

    python benchmarks/adaptation.py RUN --out FOLDER [--curl 0.2] [--updates 60] [--seeds 3]

``RUN`` was trained on the task ``reach`` without a field. Its network goes on learning in three blocks, as a laboratory
has them (Shadmehr & Mussa-Ivaldi 1994): without the field (baseline), in it (adaptation), and without it again
(wash-out). After every few updates of learning the controller, which then learns nothing, reaches to the targets held
out: in the field of its block, and as a catch trial in the other. The error of a reach is the largest distance of the
hand from the straight line between start and target, signed by the side that the field pushes to. ``adaptation.csv``
has the numbers, ``adaptation.png`` the curves.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mimic_core import ReferenceClips, merge
from mimic_core.chain import ClipRunner, TrainedRun, build_task, build_trainer, installed, parted, plan_training
from mimic_core.trainer import prepare_jax

BLOCKS = (("baseline", False, 1 / 4), ("adaptation", True, 1.0), ("wash-out", False, 3 / 4))
"""name, whether the field is there, length as a share of ``--updates``"""
AXIS = (0.76, 0.14, -0.63)
"""normal of the plane that the mouse's hand moves in most, so that the field pushes within it"""


def signed_error_mm(site_pos: np.ndarray, start: np.ndarray, target: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(episode,) mm: the largest distance of a path (step, episode, 3) from the line start → target (episode, 3).

    It is measured in the plane at right angles to ``axis``, and positive where the field of a positive curl pushes: to
    the side of axis × (target − start). Only the way there counts, until the hand has come as far as the target.
    """
    way = target - start
    length = np.linalg.norm(way, axis=-1)
    side = np.cross(axis / np.linalg.norm(axis), way)
    side = side / np.linalg.norm(side, axis=-1, keepdims=True)
    from_start = site_pos - start
    along = (from_start * way).sum(-1) / length
    off = (from_start * side).sum(-1)
    before = np.cumsum(along >= length, axis=0) == 0
    off = np.where(before, off, 0.0)
    return 1e3 * np.take_along_axis(off, np.abs(off).argmax(0)[None], axis=0)[0]


class Reaches:
    """Measures controllers on the targets held out, in the field and without it."""

    def __init__(self, run: TrainedRun, field: dict[str, Any]) -> None:
        plugins, self.curves = run.plugins, {}
        recorded = ReferenceClips.load(run.folder / "clips.h5")
        self._runners = {}
        for there in (False, True):
            plan = _plan(run, field if there else {})
            episodes, held = parted(recorded, plan, plugins)
            task = build_task(episodes, plan, plugins, train_clips=np.flatnonzero(held), for_training=False)
            self._runners[there] = ClipRunner(task, np.flatnonzero(held))
        self._axis = np.array(field["axis"])
        hand = task.model.keypoint_names.index(max(task.model.keypoint_names, key=lambda n: _depth(task.model, n)))
        self._hand, self._target = hand, episodes.site_pos[held][:, 0, hand]

    def __call__(self, controller: Any) -> dict[str, float]:
        """Return mean signed error (mm) and success, with the field and without."""
        found = {}
        for there, runner in self._runners.items():
            _, start, (site_pos, reached) = runner.run(controller, full=False)
            path = np.asarray(site_pos)[:, :, self._hand]
            error = signed_error_mm(path, np.asarray(start.site_pos)[:, self._hand], self._target, self._axis)
            name = "field" if there else "null"
            found |= {f"{name}_mm": float(error.mean()), f"{name}_success": float((reached > 0.5).any(0).mean())}
        return found


def _depth(model: Any, keypoint: str) -> int:
    m, depth = model.mj_model, 0
    body = int(m.site_bodyid[model.keypoint_site_ids[model.keypoint(keypoint)]])
    while body:
        body, depth = int(m.body_parentid[body]), depth + 1
    return depth


def _plan(run: TrainedRun, field: dict[str, Any], **policy: Any) -> Any:
    """The run's own settings, with a field, and with other settings of its policy."""
    plan = run.plan
    given = {**plan.settings, "task": {**plan.settings["task"], "name": plan.task, "field": field or {"curl": 0.0}}}
    given["policy"] = merge(plan.settings["policy"], {**policy, "name": plan.policy})
    given["actuation"] = {**plan.settings["actuation"], "name": plan.actuation}
    given["simulator"] = {**plan.settings["simulator"], "name": plan.simulator}
    clips = ReferenceClips.load(run.folder / "clips.h5")
    return plan_training(
        {**given, "preset": plan.preset, "seed": plan.seed, "holdout": plan.holdout}, run.plugins, clips
    )


def learn(run: TrainedRun, args: argparse.Namespace, measure: Reaches, programs: dict[bool, Any]) -> list[list[dict]]:
    """Let every seed go through the blocks; return its rows."""
    rows: list[list[dict[str, Any]]] = []
    field = {"curl": args.curl, "axis": list(AXIS)}
    for seed in range(args.seeds):
        mine, state, done = [], None, 0
        for block, there, share in BLOCKS:
            if there not in programs:
                programs[there] = _program(run, field if there else {}, args)
            trainer, iterate, begin = programs[there]
            state = begin(seed) if state is None else state
            updates = round(share * args.updates)
            for i in range(updates + 1):
                if i % args.every == 0 or i == updates:
                    found = measure(trainer.controller(state))
                    mine.append({"seed": seed, "block": block, "update": done + i, "reaches": 0, **found})
                    mine[-1]["reaches"] = (done + i) * trainer.environments
                    print(mine[-1], flush=True)
                if i < updates:
                    state, _ = iterate(state)
            done += updates
        rows.append(mine)
    return rows


def _program(run: TrainedRun, field: dict[str, Any], args: argparse.Namespace) -> tuple[Any, Any, Any]:
    """A trainer in the field or without, its compiled update, and how a seed begins."""
    plan = _plan(
        run,
        field,
        start_from=str(run.folder),
        reuse="all",
        learning_rate=args.learning_rate,
        steps=10**9,
        environments=args.reaches,
    )
    recorded = ReferenceClips.load(run.folder / "clips.h5")
    episodes, held = parted(recorded, plan, run.plugins)
    task = build_task(episodes, plan, run.plugins, train_clips=np.flatnonzero(~held), for_training=True)
    trainer = build_trainer(plan, run.plugins, task)
    with jax.default_matmul_precision("highest"):
        iterate = jax.jit(lambda state: trainer.iterate(state))
    return trainer, iterate, jax.jit(trainer.initial)


def draw(rows: list[list[dict[str, Any]]], path: Path) -> None:
    """Draw the error over reaches: in the block's own field, and of catch trials; block by block."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 2)})
    x = np.array([r["reaches"] for r in rows[0]])
    for block, there, _ in BLOCKS:
        mine = np.array([r["block"] == block for r in rows[0]])
        if there:
            for axes in (top, bottom):
                axes.axvspan(x[mine].min(), x[mine].max(), color="#f2e6d8", lw=0)
        for kind, colour, label in (("field", "#d95f02", "in the field"), ("null", "#1b6ca8", "without it")):
            own = (kind == "field") == there
            for axes, what, factor in ((top, "mm", 1), (bottom, "success", 100)):
                each = factor * np.array([[r[f"{kind}_{what}"] for r in seed] for seed in rows])[:, mine]
                style = {"color": colour, "lw": 1.8 if own else 1.0, "ls": "-" if own else ":"}
                said = f"{label}{'' if own else ' (catch)'}" if block == "adaptation" else None
                axes.plot(x[mine], np.median(each, axis=0), **style, label=said)
                axes.fill_between(x[mine], each.min(0), each.max(0), color=colour, alpha=0.15, lw=0)
        top.text(x[mine].mean(), 1.01, block, transform=top.get_xaxis_transform(), ha="center", va="bottom", fontsize=9)
    top.axhline(0, color="black", lw=0.5)
    top.set(ylabel="largest deviation (mm),\npositive with the field")
    bottom.set(xlabel="reaches that were learned from", ylabel="targets held (%)", ylim=(0, 103))
    top.legend(frameon=False, fontsize=8)
    for axes in (top, bottom):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--curl", type=float, default=0.2, help="N·s/m at the size of the model")
    parser.add_argument("--updates", type=int, default=60, help="in the field")
    parser.add_argument("--every", type=int, default=4, help="updates between two measurements")
    parser.add_argument("--reaches", type=int, default=8, help="in each update")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    prepare_jax()
    run = TrainedRun.open(args.run, installed())
    measure = Reaches(run, {"curl": args.curl, "axis": list(AXIS)})
    rows = learn(run, args, measure, {})
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "adaptation.csv").open("w", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0][0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for seed in rows for row in seed)
    draw(rows, args.out / "adaptation.png")


if __name__ == "__main__":
    main()
