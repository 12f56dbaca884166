"""The sweep of simplex projections: seconds, cells without a number and why, and the difference from pyEDM.

    python benchmarks/simplex.py rollouts.h5

The sweep is that of Leonardis et al. (2025): 12 embedding dimensions, 8 delays, 15 horizons, 4 variables. pyEDM is
timed on calls drawn at random from the same sweep, one after another, and its time for the whole is scaled up from
them.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from mimic_core import Rollouts
from mimic_simplex.neighbours import Cloud
from mimic_simplex.peer import pyedm_forecast
from mimic_simplex.settings import SweepSettings
from mimic_simplex.sweep import sweep
from mimic_simplex.variables import signals_of, stacks_of, variables_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rollouts")
    parser.add_argument("--calls", type=int, default=100, help="pyEDM calls to time and compare")
    parser.add_argument(
        "--variables", nargs="*", default=(), help="kind:name; none named means the first four there are"
    )
    parser.add_argument("--split", default="rollouts", choices=("rollouts", "library", "leave_one_out"))
    parser.add_argument("--workers", type=int, default=0, help="processes of the sweep; 0 means one for each core")
    options = parser.parse_args()
    rollouts = Rollouts.load(options.rollouts)
    settings = SweepSettings(split=options.split, workers=options.workers)
    signals = signals_of("simplex_sweep", rollouts, None, settings)
    variables = variables_of(signals, options.variables)
    stacks, how = stacks_of(signals, options.variables or variables[:4], settings)
    load = os.getloadavg()[0]
    print(f"{len(os.sched_getaffinity(0))} cores, load {load:.1f}, split {how}, variables {', '.join(stacks)}")

    start, cpu = time.perf_counter(), sum(os.times()[:4])
    cells = sweep(stacks, settings)
    took, busy = time.perf_counter() - start, sum(os.times()[:4]) - cpu
    n = sum(map(len, cells.values()))
    print(f"mimic: {n} evaluations in {took:.1f} s, {busy:.1f} s of processor time over all processes")
    counts: dict[str, int] = {}
    for c in (c for found in cells.values() for c in found if c.undefined):
        counts[c.undefined] = counts.get(c.undefined, 0) + 1
    for reason, number in counts.items():
        print(f"  without a number: {number}, {reason}")

    defined = [(v, c) for v, found in cells.items() for c in found if not c.undefined]
    drawn = np.random.default_rng(0).permutation(len(defined))[: options.calls]
    seconds, busy, largest = 0.0, 0.0, 0.0
    for v, c in (defined[i] for i in drawn):
        stack, cloud = stacks[v], Cloud(stacks[v], c.E, c.tau)
        found = cloud.neighbours(c.Tp, c.E + 1)
        ours = dict(zip(found.row, found.forecast(stack.targets)[:, 0], strict=True))
        clip = int(stack.clip[found.row[0]]) if stack.library[found.row[0]] else None
        begun, cpu = time.perf_counter(), time.process_time()
        rows, theirs = pyedm_forecast(stack, c.E, c.tau, c.Tp, c.E + 1, 0, clip)
        seconds, busy = seconds + time.perf_counter() - begun, busy + time.process_time() - cpu
        largest = max(largest, np.abs(np.array([ours[row] for row in rows]) - theirs).max(initial=0.0))
    each = seconds / len(drawn)
    clips = len(next(iter(stacks.values())).clips) if how in ("library", "leave_one_out") else 1
    print(
        f"pyEDM, one call after another: {len(drawn)} in {seconds:.1f} s ({1e3 * each:.1f} ms each, "
        f"{1e3 * busy / len(drawn):.1f} ms of processor time); scaled: {each * n * clips:.0f} s for {n * clips} calls"
    )
    if clips > 1:
        print(f"  leaving one clip out takes pyEDM a call for each of {clips} clips")
    print(f"largest difference of a forecast from pyEDM's: {largest:.1e}")


if __name__ == "__main__":
    main()
