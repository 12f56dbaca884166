"""Both trainers on the same clips and machine: error on held-out clips in the true physics, samples and seconds.

    python benchmarks/training.py clips.h5 --out bench [--seeds 3] [--ppo-steps 3000000]

Prints one table, and the same as JSON into OUT/training.json. "seconds" is training alone; compilation stands beside
it. A limp body (no excitation) is the first row.
"""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mimic_core import stages
from mimic_core.plugins import installed
from mimic_core.runtime import prepare_jax
from mimic_core.storage import write_json

THRESHOLDS_MM = (2.0, 1.0, 0.7)


def reached(curve: list[dict[str, float]], threshold_mm: float) -> tuple[float, float] | None:
    """Return (control steps, seconds) of the first evaluation below ``threshold_mm``, or None."""
    for row in curve:
        if row["tracking_mm"] < threshold_mm:
            return row["control_steps"], row["seconds"]
    return None


def measure(clips: Path, out: Path, policy: str, seed: int, steps: int | None) -> dict[str, Any]:
    """Train once and return the summary."""
    given: dict[str, Any] = {"policy": {"name": policy}, "seed": seed}
    if steps:
        given["policy"]["steps"] = steps
    return stages.train(installed(), clips, out=out / f"{policy}-{seed}", given=given)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--apg-steps", type=int)
    parser.add_argument("--ppo-steps", type=int)
    args = parser.parse_args()
    prepare_jax()
    rows: list[dict[str, Any]] = []
    for policy, steps in (("bottleneck_apg", args.apg_steps), ("bottleneck_ppo", args.ppo_steps)):
        for seed in range(args.seeds):
            rows.append(measure(args.clips, args.out, policy, seed, steps))
    load = os.getloadavg()[0]
    table = Table(
        title=f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, {rows[0]['train_clips']} training and "
        f"{rows[0]['held_out_clips']} held-out clips",
        title_justify="left",
    )
    for column in (
        "policy",
        "seed",
        "error mm",
        "steps",
        "train s",
        "compile s",
        "steps/s",
        *(f"< {t:g} mm: steps, s" for t in THRESHOLDS_MM),
    ):
        table.add_column(column, justify="right")
    table.add_row("limp body", "", f"{rows[0]['passive_mm']:.2f}")
    for r in rows:
        t = r["training"]
        hits = [reached(t["curve"], threshold) for threshold in THRESHOLDS_MM]
        table.add_row(
            r["policy"],
            str(r["seed"]),
            f"{r['tracking_mm']:.3f}",
            f"{t['control_steps']:,}",
            f"{t['seconds']:.0f}",
            f"{t['compile_seconds']:.0f}",
            f"{t['control_steps'] / t['seconds']:,.0f}",
            *(f"{h[0]:,.0f}, {h[1]:.0f}" if h else "not reached" for h in hits),
        )
    Console(width=150).print(table)
    write_json(args.out / "training.json", {"load": load, "cores": os.cpu_count(), "runs": rows})


if __name__ == "__main__":
    main()
