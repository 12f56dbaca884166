"""Does a training depend on how many devices it is spread over?

    python benchmarks/two_devices.py [--iterations 64] [--environments 64] [--double]

The same PPO training of the toy arm, on one device and on two (`XLA_FLAGS=--xla_force_host_platform_device_count`), and
once more on one device from weights that are moved by one part in ten million. Printed is how far apart the weights of
the networks are after 1, 2, 4, … iterations, over their own size. If the programs are the same but for the order in
which numbers are added, two devices part from one as the moved weights do: from rounding on, by as much in each
iteration. A difference in what is computed would be there from the first iteration on, and as large with --double, in
double precision, which makes one from rounding smaller by nine orders of magnitude.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

MOVED = 1e-7


def main() -> None:
    """Train in three processes and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=64)
    parser.add_argument("--environments", type=int, default=64)
    parser.add_argument("--double", action="store_true")
    parser.add_argument("--child", type=Path)
    parser.add_argument("--moved", action="store_true")
    given = parser.parse_args()
    if given.child:
        train(given.child, given.iterations, given.environments, given.moved)
        return
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, devices, moved in (("one", 1, False), ("two", 2, False), ("moved", 1, True)):
            out = Path(folder) / f"{name}.npz"
            again = [sys.executable, __file__, "--child", str(out), "--iterations", str(given.iterations)]
            again += ["--environments", str(given.environments), *(["--moved"] if moved else [])]
            flags = f"--xla_force_host_platform_device_count={devices}"
            double = {"JAX_ENABLE_X64": "1"} if given.double else {}
            subprocess.run(again, check=True, env={**os.environ, **double, "XLA_FLAGS": flags})
            with np.load(out) as f:
                found[name] = {int(k): f[k] for k in f.files}
    print(f"{'iterations':>10} {'two devices':>12} {'moved by 1e-7':>14}")
    for at, weights in found["one"].items():
        size = np.abs(weights).mean()
        apart = [float(np.abs(found[name][at] - weights).mean() / size) for name in ("two", "moved")]
        print(f"{at:>10} {apart[0]:>12.1e} {apart[1]:>14.1e}", flush=True)


def train(out: Path, iterations: int, environments: int, moved: bool) -> None:
    """Train and keep the weights after 1, 2, 4, … iterations."""
    import jax

    from mimic_core.chain import build_model, build_task, build_trainer, installed, plan_training
    from mimic_core.testing import toy_clips

    plugins = installed()
    clips = toy_clips(plugins)
    policy = {
        "name": "bottleneck_ppo",
        "encoder_layers": [32],
        "decoder_layers": [32],
        "critic_layers": [32],
        "environments": environments,
        "batch_size": environments,
        "minibatches": 2,
        "unroll": 10,
        "steps": iterations * environments * 20,
    }
    plan = plan_training({"policy": policy, "simulator": {"name": "mjx"}}, plugins, clips)
    model = build_model(clips.body, plan, plugins)
    task = build_task(
        clips, plan, plugins, train_clips=np.arange(len(clips.clip_names)), for_training=True, model=model
    )
    trainer = build_trainer(plan, plugins, task)
    state = jax.jit(trainer.initial)(0)
    if jax.config.jax_enable_x64:  # networks begin in single precision all the same, and would round each update to it
        state = jax.tree.map(lambda a: a.astype(np.float64) if a.dtype == np.float32 else a, state)
    if moved:
        shaken = jax.tree.map(lambda a: a * (1 + MOVED), _weights(state))
        state = _with_weights(state, shaken)
    step, kept, done = jax.jit(trainer.iterate), {}, 0
    while done < iterations:
        state, _ = step(state)
        done += 1
        if done & (done - 1) == 0:
            leaves = jax.tree.leaves(_weights(state))
            kept[str(done)] = np.concatenate([np.asarray(a, np.float64).ravel() for a in leaves])
    np.savez(out, **kept)


def _weights(state):
    return state.learned.params


def _with_weights(state, weights):
    return state._replace(learned=state.learned._replace(params=weights))


if __name__ == "__main__":
    main()
