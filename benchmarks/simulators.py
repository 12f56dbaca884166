"""Control steps per second of every simulator on one body, without networks or rewards.

    python benchmarks/simulators.py [--body mouse_forelimb] [--environments 1024] [--steps 40] [--json]
    python benchmarks/simulators.py --body rodent --mjcf rodent.xml --control-ms 10 --environments 128 --steps 20

Each engine steps the same random excitations inside one compiled program, from poses near the reference pose. The last
column is the ratio to the first row. `view` is what gradients flow through; its second row computes the gradient too,
of the last pose by every excitation. Compilation is told apart: cold, and from the cache on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from rich.console import Console
from rich.table import Table

from mimic_core import BodyModel
from mimic_core.chain.choose import make_body
from mimic_core.chain.installed import installed
from mimic_core.trainer import prepare_jax

ENGINES = (("mujoco", "body"), ("mujoco", "implicitfast"), ("mujoco", "euler"), ("mjx", "body"), ("mjx", "euler"))
VIEWS = (("view", ""), ("view, gradient", ""))


SHOWN = {"steps_per_second": ",.0f", "ratio": ".2f", "compiled_in_s": ".1f", "cached_s": ".1f"}
"""Number of a row → how it is written."""


def program(
    model: BodyModel, engine: str, integrator: str, control_dt: float, environments: int, steps: int
) -> tuple[Callable, tuple]:
    """Return a program and its arguments."""
    of_view = engine.startswith("view")
    spec = installed().get("simulator", "mjx" if of_view else engine)
    config = spec.config() if of_view else spec.config(integrator=integrator)
    simulator = spec.build(config, model, control_dt, of_view)
    rng = np.random.default_rng(0)
    qpos = np.tile(model.mj_model.qpos0, (environments, 1))
    for row in qpos:
        mujoco.mj_integratePos(model.mj_model, row, rng.normal(0, 0.02, model.mj_model.nv), 1.0)
    low, high = model.actuation.low, model.actuation.high
    excitation = rng.uniform(low, high, (steps, environments, len(model.actuator_names)))
    start = simulator.reset(
        jnp.asarray(qpos), jnp.zeros((environments, model.mj_model.nv)), jnp.zeros(excitation.shape[1:])
    )

    def last(excitation, start):
        step = jax.checkpoint(lambda s, e: (simulator.step(s, e), None))
        return jax.lax.scan(step, start, excitation)[0].qpos

    run = jax.grad(lambda e, s: (last(e, s) ** 2).sum()) if "gradient" in engine else last
    return run, (jnp.asarray(excitation), start)


def measured(run: Callable, args: tuple) -> tuple[float, float, float]:
    """Return seconds of a run (the best of three), of compiling, and of compiling again from the cache."""
    compiling = []
    for _ in range(2):
        jax.clear_caches()
        began = time.perf_counter()
        compiled = jax.jit(run).lower(*args).compile()
        compiling.append(time.perf_counter() - began)
    jax.block_until_ready(compiled(*args))
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        jax.block_until_ready(compiled(*args))
        seconds.append(time.perf_counter() - began)
    return min(seconds), *compiling


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--body", default="mouse_forelimb")
    parser.add_argument("--mjcf", help="the body's model, where its description does not find it")
    parser.add_argument("--control-ms", type=float, default=2.5)
    parser.add_argument("--environments", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--engines", nargs="+", default=["mujoco", "mjx", "view"], help="of these alone")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    args = parser.parse_args()
    prepare_jax()
    plugins = installed()
    body = make_body(plugins, args.body, {"mjcf": args.mjcf} if args.mjcf else None)
    actuation = plugins.get("actuation", "native") if body.actuators else plugins.default("actuation")
    model = BodyModel.compile(body, actuation.build(actuation.config(), body))
    machine = f"{jax.devices()[0].device_kind}, {platform.machine()}, {os.cpu_count()} cores"
    load, rows = os.getloadavg()[0], []
    with tempfile.TemporaryDirectory() as cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        for engine, integrator in (*ENGINES, *VIEWS):
            if engine.split(",")[0] not in args.engines or integrator == body.physics.integrator:  # that is "body"
                continue
            run, inputs = program(model, engine, integrator, args.control_ms * 1e-3, args.environments, args.steps)
            seconds, cold, cached = measured(run, inputs)
            rows.append(
                {
                    "simulator": engine,
                    "integrator": body.physics.integrator if integrator == "body" else integrator,
                    "steps_per_second": args.environments * args.steps / seconds,
                    "compiled_in_s": cold,
                    "cached_s": cached,
                }
            )
            rows[-1]["ratio"] = rows[-1]["steps_per_second"] / rows[0]["steps_per_second"]
    sizes = {"body": args.body, "environments": args.environments, "steps": args.steps, "control_ms": args.control_ms}
    if args.json:
        flags = os.environ.get("XLA_FLAGS", "")
        print(json.dumps({"machine": machine, "load": load, "xla_flags": flags, **sizes, "rows": rows}))
    else:
        show(rows, f"{', '.join(f'{k} {v}' for k, v in sizes.items())}; {machine}, load {load:.1f}")


def show(rows: list[dict[str, Any]], title: str) -> None:
    """Print the table."""
    table = Table(title=title, title_justify="left")
    for column in ("simulator", "integrator", "control steps/s", "ratio", "compiled in (s)", "cached (s)"):
        table.add_column(column, justify="right")
    for r in rows:
        numbers = (
            f"{r['steps_per_second']:,.0f}",
            f"{r['ratio']:.2f}",
            f"{r['compiled_in_s']:.1f}",
            f"{r['cached_s']:.1f}",
        )
        table.add_row(r["simulator"], r["integrator"], *numbers)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
