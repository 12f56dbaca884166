"""stable-baselines3's PPO, or sb3-contrib's RecurrentPPO, on the reaches: steps per second of training.

    PEER-PYTHON sb3_ppo.py --task DIR --out result.json --iterations 5 [--recurrent | --defaults] [--layers 128 128]

Environments are single ones in MuJoCo's C engine under a DummyVecEnv, as users of stable-baselines3 write them.
RecurrentPPO has the settings of the Al Borno lab's MouseArmImitationLearning (config.yml and train.py of its version
on stable-baselines3), which runs its 16 environments in processes of their own.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from reach_env import ReachEnv
from reach_task import Marks, ReachTask
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

PACKAGES = ("stable-baselines3", "sb3-contrib", "torch", "mujoco", "numpy")


class Clock(BaseCallback):
    """Notes when each update was done: an update ends where the next rollout, or the end of training, begins."""

    def __init__(self, marks: Marks) -> None:
        super().__init__()
        self.marks = marks

    def _on_rollout_start(self) -> None:
        if self.num_timesteps:
            self.marks.add(self.num_timesteps)

    def _on_training_end(self) -> None:
        self.marks.add(self.num_timesteps)

    def _on_step(self) -> bool:
        return True


def recurrent(envs: Any, quick: bool) -> tuple[Any, dict[str, Any]]:
    """RecurrentPPO as MouseArmImitationLearning sets it up."""
    import torch
    from sb3_contrib import RecurrentPPO

    settings = {
        "learning_rate": 1e-4,
        "n_steps": 256,
        "batch_size": 256,
        "n_epochs": 20,
        "gamma": 0.99,
        "gae_lambda": 0.95,
        "clip_range": 0.2,
        "clip_range_vf": 0.2,
        "ent_coef": 0.0,
        "vf_coef": 0.5,
        "max_grad_norm": 0.5,
        **({"n_steps": 32, "n_epochs": 1} if quick else {}),
    }
    network = {
        "shared_lstm": True,
        "enable_critic_lstm": False,
        "ortho_init": True,
        "lstm_hidden_size": 256,
        "n_lstm_layers": 1,
        "net_arch": {"pi": [64, 64], "vf": [64, 64]},
    }
    policy = {**network, "activation_fn": torch.nn.Tanh}
    model = RecurrentPPO("MlpLstmPolicy", envs, policy_kwargs=policy, device="cpu", seed=0, **settings)
    return model, {**settings, **network}


def feedforward(envs: Any, layers: list[int], shared: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """PPO with the networks, batches and passes of the other rows: of control steps, not of unrolls."""
    control_steps = shared["unroll"] * shared["batch_size"] * shared["minibatches"]
    settings = {
        "learning_rate": shared["learning_rate"],
        "n_steps": control_steps // shared["environments"],
        "batch_size": shared["unroll"] * shared["batch_size"],
        "n_epochs": shared["passes"],
        "gamma": shared["discount"],
        "gae_lambda": shared["gae_lambda"],
        "ent_coef": shared["entropy"],
        "policy_kwargs": {"net_arch": layers},
    }
    return PPO("MlpPolicy", envs, device="cpu", seed=0, **settings), settings


def as_installed(envs: Any, layers: list[int]) -> tuple[Any, dict[str, Any]]:
    """PPO with stable-baselines3's own defaults (rollouts of 2048 steps, batches of 64, ten passes)."""
    settings = {"policy_kwargs": {"net_arch": layers}}
    return PPO("MlpPolicy", envs, device="cpu", seed=0, **settings), settings


def main() -> None:
    """Train and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--layers", type=int, nargs="+", default=[128, 128])
    parser.add_argument("--recurrent", action="store_true")
    parser.add_argument("--defaults", action="store_true", help="its own batches and passes, and 16 environments")
    parser.add_argument("--quick", action="store_true", help="small rollouts and one epoch for RecurrentPPO")
    args = parser.parse_args()
    task = ReachTask(args.task)
    shared = task.settings["ppo"]
    count = 16 if args.recurrent or args.defaults else shared["environments"]
    envs = VecNormalize(DummyVecEnv([lambda: ReachEnv(task)] * count), norm_reward=False)
    if args.recurrent:
        model, settings = recurrent(envs, args.quick)
    elif args.defaults:
        model, settings = as_installed(envs, args.layers)
    else:
        model, settings = feedforward(envs, args.layers, shared)
    marks = Marks()
    model.learn(args.iterations * model.n_steps * count, callback=Clock(marks))
    marks.save(args.out, PACKAGES, {**settings, "environments": count})


if __name__ == "__main__":
    main()
