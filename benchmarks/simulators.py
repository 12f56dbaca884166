"""Control steps per second of every simulator on one body, without networks or rewards.

    python benchmarks/simulators.py [--body mouse_forelimb] [--environments 1024] [--steps 40]

Each engine steps the same random excitations inside one compiled program; compilation is left out. The last column is
the ratio to the first row.
"""

from __future__ import annotations

import argparse
import os
import platform
import time

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from mimic_core import BodyModel
from mimic_core.chain.choose import make_body
from mimic_core.chain.installed import installed
from mimic_core.trainer import prepare_jax

CONTROL_DT = 0.0025
ENGINES = (("mujoco", "body"), ("mujoco", "implicitfast"), ("mujoco", "euler"), ("mjx", "body"), ("mjx", "euler"))


def rate(model: BodyModel, engine: str, integrator: str, environments: int, steps: int) -> float:
    """Return control steps per second, all environments together; the best of three runs."""
    spec = installed().get("simulator", engine)
    simulator = spec.build(spec.config(integrator=integrator), model, CONTROL_DT, False)
    rng = np.random.default_rng(0)
    qpos = jnp.asarray(np.tile(model.mj_model.qpos0, (environments, 1)))
    excitation = jnp.asarray(
        rng.uniform(model.actuation.low, model.actuation.high, (steps, environments, len(model.actuator_names)))
    )
    start = simulator.reset(qpos, jnp.zeros((environments, model.mj_model.nv)), jnp.zeros(excitation.shape[1:]))
    program = jax.jit(lambda s: jax.lax.scan(lambda s, e: (simulator.step(s, e), None), s, excitation)[0])
    jax.block_until_ready(program(start))
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        jax.block_until_ready(program(start))
        seconds.append(time.perf_counter() - began)
    return environments * steps / min(seconds)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--body", default="mouse_forelimb")
    parser.add_argument("--environments", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=40)
    args = parser.parse_args()
    prepare_jax()
    plugins = installed()
    body = make_body(plugins, args.body)
    actuation = plugins.default("actuation")
    model = BodyModel.compile(body, actuation.build(actuation.config(), body))
    table = Table(
        title=f"{args.body}, {args.environments} environments x {args.steps} control steps of "
        f"{CONTROL_DT * 1e3:g} ms; {jax.devices()[0].device_kind}, {platform.machine()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}",
        title_justify="left",
    )
    for column in ("simulator", "integrator", "control steps/s", "ratio"):
        table.add_column(column, justify="right")
    first = None
    for engine, integrator in ENGINES:
        r = rate(model, engine, integrator, args.environments, args.steps)
        first = first or r
        shown = body.physics.integrator if integrator == "body" else integrator
        table.add_row(engine, shown, f"{r:,.0f}", f"{r / first:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
