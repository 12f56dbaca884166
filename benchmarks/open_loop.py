"""The smallest tracking error at the start of a clip that this body allows, nearly: excitation optimised for each clip.

    python benchmarks/open_loop.py RUN [--ms 150] [--json]

RUN is the folder of a training. The activation that a clip begins with and every excitation after it are free numbers,
fitted by Adam through the physics that the policy was trained in, knowing the whole clip; what comes of it is measured
in the body's own physics. A controller that acts on what it senses can hardly do better. Reserves cost nothing here.
"""

from __future__ import annotations

import argparse
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mimic_core.chain import TrainedRun, build_task
from mimic_core.task import Task
from mimic_core.trainer import prepare_jax

ITERATIONS, RATE = 600, 0.15
FIRST_MS = 100.0


def course(task: Task, free: dict[str, jax.Array]) -> jax.Array:
    """(step, clip, keypoint, 3) m: where the keypoints go from the first instant of every clip."""
    clips = jnp.arange(len(task.n_steps))
    begun = task.reset_at(clips, jnp.zeros_like(clips), activation=jax.nn.sigmoid(free["activation"]))

    def step(sim, action):
        sim = task.simulator.step(sim, task.model.actuation.excitation(action))
        return sim, task.simulator.read(sim, frozenset({"site_pos"})).site_pos

    return jax.lax.scan(step, begun.sim, jnp.tanh(free["action"]))[1]


def errors_mm(task: Task, free: dict[str, jax.Array]) -> jax.Array:
    """(step, clip) mm of the animal, mean over the keypoints that move."""
    steps, moving = len(free["action"]), np.flatnonzero(task.moving_keypoints)
    wanted = jnp.moveaxis(jnp.asarray(task.registered_site_pos[:, 1 : steps + 1]), 0, 1)
    away = (course(task, free) - wanted)[:, :, moving]
    return 1e3 * task.clips.body.scale * jnp.sqrt((away**2).sum(-1) + 1e-12).mean(-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--ms", type=float, default=150.0, help="how long a course is optimised")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    prepare_jax()
    run = TrainedRun.open(given.run)
    every = np.arange(len(run.clips.clip_names))
    smooth = build_task(run.clips, run.plan, run.plugins, train_clips=every, for_training=True, model=run.model)
    steps, muscles = round(given.ms * 1e-3 / smooth.control_dt), smooth.action_size
    free = {"activation": jnp.full((len(every), muscles), -1.5), "action": jnp.full((steps, len(every), muscles), -0.8)}
    optimizer = optax.adam(optax.cosine_decay_schedule(RATE, ITERATIONS))

    @jax.jit
    def improved(free, state):
        slope = jax.grad(lambda f: errors_mm(smooth, f).mean())(free)
        change, state = optimizer.update(slope, state)
        return optax.apply_updates(free, change), state

    state = optimizer.init(free)
    for _ in range(ITERATIONS):
        free, state = improved(free, state)
    error = np.asarray(jax.jit(lambda f: errors_mm(run.task, f))(free))
    first, held = round(FIRST_MS * 1e-3 / smooth.control_dt), np.array(run.split) != "train"
    begun = dict(
        zip(run.model.actuator_names, np.asarray(jax.nn.sigmoid(free["activation"])).mean(0).tolist(), strict=True)
    )
    found = {
        "first_100_ms": {"held_out": float(error[:first, held].mean()), "train": float(error[:first, ~held].mean())},
        "whole": {"held_out": float(error[:, held].mean()), "train": float(error[:, ~held].mean())},
        "ms": given.ms,
        "initial_activation": {k: v for k, v in begun.items() if k not in run.model.driven_by.reserves},
    }
    print(json.dumps(found) if given.json else "\n".join(f"{k}: {v}" for k, v in found.items()))


if __name__ == "__main__":
    main()
