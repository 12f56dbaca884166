"""brax's PPO on the reaches in MJX: steps per second of training.

PEER-PYTHON brax_ppo.py --task DIR --out result.json --iterations 10 [--layers 128 128]
"""

from __future__ import annotations

import argparse
import functools
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
from brax.envs.base import Env, State
from brax.training.agents.ppo import networks
from brax.training.agents.ppo import train as ppo
from mujoco import mjx
from reach_task import Marks, ReachTask

PACKAGES = ("brax", "jax", "jaxlib", "mujoco", "mujoco-mjx", "flax", "optax", "numpy")


class ReachEnv(Env):
    """Reaches in MJX.

    brax knows truncation only after a fixed number of steps, so the end of a clip counts as a failure here. What it
    puts back when an episode ended is ``pipeline_state``, which therefore also holds the place in the clip.
    """

    def __init__(self, task: ReachTask) -> None:
        self.task = task.to(jnp)
        self.model = mjx.put_model(task.model, impl="jax")
        self.blank = mjx.make_data(task.model, impl="jax")

    def reset(self, rng: jax.Array) -> State:
        """Begin anywhere in a clip, in the reference's state."""
        task, (which, when, muscle) = self.task, jax.random.split(rng, 3)
        reference = task.reference
        clip = jax.random.randint(which, (), 0, task.clips)
        step = jax.random.randint(when, (), 0, reference["n_steps"][clip] - 1)
        activation = jax.random.uniform(muscle, (task.model.na,), maxval=task.settings["activation_max"])
        data = self.blank.replace(
            qpos=reference["joint_pos"][clip, step], qvel=reference["joint_vel"][clip, step], act=activation
        )
        now = {"data": data, "clip": clip, "step": step}
        return State(now, self._observe(now), jnp.zeros(()), jnp.zeros(()))

    def step(self, state: State, action: jax.Array) -> State:
        """Act for one control step."""
        before, excitation = state.pipeline_state, 0.5 * (action + 1.0)
        data = before["data"].replace(ctrl=excitation)
        data = jax.lax.fori_loop(0, self.task.substeps, lambda _, d: mjx.step(self.model, d), data)
        now = {"data": data, "clip": before["clip"], "step": before["step"] + 1}
        sites = mjx.kinematics(self.model, data).site_xpos[self.task.sites]
        reward, too_far, over = self.task.judge(jnp, data.qpos, sites, excitation, now["clip"], now["step"])
        done = (too_far | over).astype(jnp.float32)
        return state.replace(pipeline_state=now, obs=self._observe(now), reward=reward, done=done)

    def _observe(self, now: dict[str, Any]) -> jax.Array:
        data = now["data"]
        return self.task.observe(jnp, data.qpos, data.qvel, data.act, now["clip"], now["step"])

    @property
    def observation_size(self) -> int:
        return self.task.observation_size

    @property
    def action_size(self) -> int:
        return self.task.action_size

    @property
    def backend(self) -> str:
        return "mjx"


def main() -> None:
    """Train and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--layers", type=int, nargs="+", default=[128, 128])
    parser.add_argument("--policy-layers", type=int, nargs="+", help="of the policy; default: as --layers")
    args = parser.parse_args()
    task = ReachTask(args.task)
    shared = task.settings["ppo"]
    settings = {
        "num_envs": shared["environments"],
        "batch_size": shared["batch_size"],
        "num_minibatches": shared["minibatches"],
        "unroll_length": shared["unroll"],
        "num_updates_per_batch": shared["passes"],
        "learning_rate": shared["learning_rate"],
        "discounting": shared["discount"],
        "gae_lambda": shared["gae_lambda"],
        "entropy_cost": shared["entropy"],
        "clipping_epsilon": shared["clip"],
        "max_grad_norm": shared["max_gradient_norm"],
        "normalize_observations": True,
        "episode_length": task.longest,
    }
    control_steps = shared["unroll"] * shared["batch_size"] * shared["minibatches"]
    marks = Marks()
    ppo.train(
        environment=ReachEnv(task),
        num_timesteps=args.iterations * control_steps,
        num_evals=args.iterations + 1,  # so that it tells after each update
        run_evals=False,
        progress_fn=lambda steps, _: marks.add(steps),
        network_factory=functools.partial(
            networks.make_ppo_networks,
            policy_hidden_layer_sizes=args.policy_layers or args.layers,
            value_hidden_layer_sizes=args.layers,
        ),
        **settings,
    )
    marks.save(
        args.out, PACKAGES, {**settings, "layers": args.layers, "policy_layers": args.policy_layers or args.layers}
    )


if __name__ == "__main__":
    main()
