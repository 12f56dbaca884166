"""The trainers on the same clips and machine: errors in the true physics, samples, seconds.

    python benchmarks/training.py clips.h5 --out bench [--seeds 3] [--other set1.h5] [--rows apg,ppo,shac,lstm,cost]

Prints a table for each, and everything as JSON into OUT/training.json. "seconds" is training alone; compilation stands
beside it, cold for the first seed and from the cache for the others. A limp body (no excitation) is the first row.
With --other, the controllers also move through another animal's clips, which they have not seen. The row `cost` trains
the paper's two presets, joint_only and physics_aware, and compares the power of excitation above 10 Hz.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from mimic_core import Rollouts
from mimic_core.chain import do, installed
from mimic_core.config import merge
from mimic_core.files import write_json

THRESHOLDS_MM = (2.0, 1.0, 0.7, 0.6)
ROWS: dict[str, dict[str, Any]] = {
    "apg": {"policy": {"name": "bottleneck_apg"}},
    "precise": {"policy": {"name": "bottleneck_apg"}, "preset": "precise"},
    "economical": {"policy": {"name": "bottleneck_apg"}, "preset": "economical"},
    "shac": {"policy": {"name": "bottleneck_apg", "bootstrap": True, "horizon": 10}},
    "lstm": {"policy": {"name": "bottleneck_apg", "network": "lstm"}},
    "autoregressive": {"policy": {"name": "bottleneck_apg", "prior": "autoregressive"}},
    "ppo": {"policy": {"name": "bottleneck_ppo"}},
}


def reached(curve: list[dict[str, float]], threshold_mm: float) -> tuple[float, float] | None:
    """Return (control steps, seconds) of the first evaluation below ``threshold_mm``, or None."""
    for row in curve:
        if row["tracking_mm"] < threshold_mm:
            return row["control_steps"], row["seconds"]
    return None


def measure(clips: Path, out: Path, name: str, given: dict[str, Any], seed: int, other: Path | None) -> dict[str, Any]:
    """Train once, roll out on the other clips if there are any, and return the summary."""
    run = out / f"{name}-{seed}"
    summary = do(installed(), "train", clips=clips, out=run, **merge(given, {"seed": seed}))
    if other is not None:
        told = do(installed(), "rollout", run=run, out=out / f"{name}-{seed}-other.h5", clips=other)
        summary["other_mm"] = told["tracking"]["keypoint_mm"]["mean"]
    return {"row": name, **summary}


def control_cost(clips: Path, out: Path, seeds: int, steps: int) -> list[dict[str, Any]]:
    """Train the paper's two presets, and ours, with the same networks, and measure excitation."""
    rows = []
    variants = {
        "joint_only (Table 2)": {"preset": "joint_only"},
        "physics_aware (Table 2)": {"preset": "physics_aware"},
        "laptop": {"preset": "laptop"},
        "economical": {"preset": "economical"},
    }
    for name, given in variants.items():
        for seed in range(seeds):
            run = out / f"{name.replace(' ', '_').replace(',', '')}-{seed}"
            # networks, segments and steps of one kind, so that only the reward differs
            same = {k: [128, 128] for k in ("encoder_layers", "decoder_layers", "critic_layers")}
            same |= {"horizon": 120, "learning_rate": 3e-3, "steps": steps}
            given = merge(given, {"policy": {"name": "bottleneck_apg", **same}, "seed": seed})
            summary = do(installed(), "train", clips=clips, out=run, **given)
            file = out / "cost.h5"
            do(installed(), "rollout", run=run, out=file)
            spectrum = do(installed(), "analyze", analysis="spectral", records=[file], out=out / "cost")
            rows.append(
                {
                    "reward": name,
                    "seed": seed,
                    "tracking_mm": summary["tracking_mm"],
                    "power": spectrum["power"]["mean"],
                    "share": spectrum["share"]["mean"],
                    "excitation": float(np.nanmean(Rollouts.load(file).excitation)),
                }
            )
    return rows


def training_table(rows: list[dict[str, Any]], title: str) -> Table:
    """One line per training."""
    table = Table(title=title, title_justify="left")
    columns = ("row", "seed", "held-out mm", "train mm", "other mm", "steps", "train s", "compile s", "steps/s")
    for column in (*columns, *(f"< {t:g} mm: steps, s" for t in THRESHOLDS_MM)):
        table.add_column(column, justify="right")
    table.add_row("limp body", "", f"{rows[0]['passive_mm']:.2f}")
    for r in rows:
        t = r["training"]
        hits = [reached(t["curve"], threshold) for threshold in THRESHOLDS_MM]
        table.add_row(
            r["row"],
            str(r["seed"]),
            f"{r['tracking_mm']:.3f}",
            f"{r['train_mm']:.3f}",
            f"{r['other_mm']:.2f}" if "other_mm" in r else "",
            f"{t['control_steps']:,}",
            f"{t['seconds']:.0f}",
            f"{t['compile_seconds']:.1f}",
            f"{t['control_steps'] / t['seconds']:,.0f}",
            *(f"{h[0]:,.0f}, {h[1]:.0f}" if h else "not reached" for h in hits),
        )
    return table


def cost_table(rows: list[dict[str, Any]]) -> Table:
    """One line per reward, over seeds."""
    table = Table(title="excitation by reward, power above 10 Hz, mean over muscles", title_justify="left")
    for column in ("reward", "seeds", "tracking mm", "power", "against joint_only", "share", "mean excitation"):
        table.add_column(column, justify="right")
    names = list(dict.fromkeys(r["reward"] for r in rows))
    of = {n: [r for r in rows if r["reward"] == n] for n in names}
    first = np.mean([r["power"] for r in of[names[0]]])
    for name, found in of.items():
        mm, power, share, mean = ([r[k] for r in found] for k in ("tracking_mm", "power", "share", "excitation"))
        table.add_row(
            name,
            str(len(found)),
            f"{np.mean(mm):.2f}",
            f"{np.mean(power):.4f}",
            f"{np.mean(power) / first:.2f}",
            f"{np.mean(share):.0%}",
            f"{np.mean(mean):.3f}",
        )
    return table


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", default="apg,ppo", help=f"of {', '.join([*ROWS, 'cost'])}; default: apg,ppo")
    parser.add_argument("--other", type=Path, help="clips of another animal, registered to the same body")
    parser.add_argument("--apg-steps", type=int)
    parser.add_argument("--ppo-steps", type=int)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    os.environ["MIMIC_CACHE_DIR"] = tempfile.mkdtemp(dir=args.out)  # the first compilation is a cold one
    from mimic_core.trainer import prepare_jax

    prepare_jax()
    chosen = args.rows.split(",")
    rows: list[dict[str, Any]] = []
    for name in [n for n in chosen if n != "cost"]:
        given = ROWS[name]
        steps = args.ppo_steps if given["policy"]["name"] == "bottleneck_ppo" else args.apg_steps
        given = merge(given, {"policy": {"steps": steps}} if steps else {})
        rows += [measure(args.clips, args.out, name, given, seed, args.other) for seed in range(args.seeds)]
    load = os.getloadavg()[0]
    console = Console(width=190)
    if rows:
        counts = f"{rows[0]['train_clips']} training and {rows[0]['held_out_clips']} held-out clips"
        console.print(training_table(rows, f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, {counts}"))
    cost = control_cost(args.clips, args.out, args.seeds, args.apg_steps or 600_000) if "cost" in chosen else []
    if cost:
        console.print(cost_table(cost))
    write_json(args.out / "training.json", {"load": load, "cores": os.cpu_count(), "runs": rows, "cost": cost})


if __name__ == "__main__":
    main()
