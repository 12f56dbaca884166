"""Models of OpenSim beside what mimic makes of them: bodies, muscle lengths, moment arms, inverse dynamics.

    python benchmarks/opensim_models.py arm26.osim gait10dof18musc.osim [--poses 200] [--out agreement]
    python benchmarks/opensim_models.py subject01.osim --movement subject01_walk_IK.mot [--narrow]

For every model: how far bodies are from where OpenSim has them in random poses that the conversion was not fitted to,
once with OpenSim's own values of joints that follow others and once with MuJoCo's polynomials in their place; for every
muscle the relative difference of its length and of its moment arms; with a movement, inverse dynamics. Prints tables
and, with --out, writes them as csv. Needs `pip install 'mimic-neuro[opensim]'`.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path

import numpy as np

from mimic_osim.agreement import Agreement, Twin
from mimic_osim.convert import convert
from mimic_osim.settings import Settings
from mimic_osim.storage import Storage


def muscles_of(found: Agreement) -> list[dict[str, str | float]]:
    """A row for each muscle, differences in %."""
    rows: list[dict[str, str | float]] = []
    for name, length in found.length_error.items():
        arm = found.arm_error[name]
        rows.append(
            {
                "muscle": name,
                "length_median_percent": 100 * float(np.median(length)),
                "length_95_percent": 100 * float(np.percentile(length, 95)),
                "arm_largest_mm": 1000 * found.arm_largest[name],
                "arm_median_percent": 100 * float(np.median(arm)) if len(arm) else 0.0,
                "arm_95_percent": 100 * float(np.percentile(arm, 95)) if len(arm) else 0.0,
            }
        )
    return rows


def dynamics_of(twin: Twin, movement: Path) -> list[dict[str, str | float]]:
    """A row for each coordinate: root mean square torque of OpenSim, and of the difference."""
    rows: list[dict[str, str | float]] = []
    for name, (ours, theirs) in twin.inverse_dynamics(movement).items():
        size, off = (float(np.sqrt(np.mean(x**2))) for x in (theirs, ours - theirs))
        rows.append({"coordinate": name, "rms": size, "rms_difference": off, "percent": 100 * off / max(size, 1e-12)})
    return rows


def show(rows: list[dict[str, str | float]]) -> None:
    """Print rows as a Markdown table."""
    if not rows:
        return
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(v if isinstance(v, str) else f"{v:.3g}" for v in row.values()) + " |")


def ranges_of(path: Path, movement: Path) -> dict[str, tuple[float, float]]:
    """Coordinate → deg (m) from its lowest to its highest value in the movement, and a tenth of that beyond each."""
    every = convert(path, Settings()).coordinates
    table, out = Storage.read(movement), {}
    for name, x in table.columns.items():
        if name in every.every and every[name].free and np.ptp(x) > 0:
            values = np.rad2deg(x) if every[name].turns and not table.degrees else x
            margin = 0.1 * float(np.ptp(values))
            out[name] = float(values.min()) - margin, float(values.max()) + margin
    return out


def save(rows: list[dict[str, str | float]], path: Path) -> None:
    """Write rows as csv."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Compare the models that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--movement", type=Path, help="coordinates over time (.mot, .sto) for inverse dynamics")
    parser.add_argument("--narrow", action="store_true", help="convert for the ranges that the movement needs alone")
    parser.add_argument("--poses", type=int, default=200)
    parser.add_argument("--out", type=Path, help="folder for the tables as csv")
    chosen = parser.parse_args()
    totals: list[dict[str, str | float]] = []
    for path in chosen.models:
        start = time.process_time()
        converted = convert(path, Settings(range=ranges_of(path, chosen.movement) if chosen.narrow else {}))
        took = time.process_time() - start
        twin = Twin(converted)
        found = twin.compare(chosen.poses)
        rows = muscles_of(found)
        arms = np.array([r["arm_median_percent"] for r in rows])
        lengths = np.array([r["length_median_percent"] for r in rows])
        totals.append(
            {
                "model": path.stem,
                "bodies": len(converted.skeleton.elements) - 1,
                "joints": twin.model.njnt,
                "muscles": len(rows),
                "body_um": 1e6 * float(found.body_error.max()),
                "body_fitted_mm": 1e3 * float(found.fitted_body_error.max()),
                "length_median_percent": float(np.median(lengths)) if len(rows) else 0.0,
                "arm_median_percent": float(np.median(arms)) if len(rows) else 0.0,
                "arms_within_2_percent": f"{int((arms < 2).sum())} of {len(rows)}",
                "cpu_s": took,
            }
        )
        print(f"\n## {path.stem}\n")
        show(rows)
        print("\n" + "\n".join(f"- {line}" for line in converted.remarks))
        if chosen.out and rows:
            save(rows, chosen.out / f"{path.stem}_muscles.csv")
        if chosen.movement:
            torques = dynamics_of(twin, chosen.movement)
            print()
            show(torques)
            if chosen.out:
                save(torques, chosen.out / f"{path.stem}_inverse_dynamics.csv")
    print(f"\n{chosen.poses} random poses each, load {os.getloadavg()[0]:.1f}\n")
    show(totals)
    if chosen.out:
        save(totals, chosen.out / "models.csv")


if __name__ == "__main__":
    main()
