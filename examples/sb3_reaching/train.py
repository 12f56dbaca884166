"""Train stable-baselines3's PPO on reaches, and measure it as mimic measures its own controllers.

    pip install 'mimic-neuro[gym]' stable-baselines3
    mimic generate --body mouse_forelimb --out reaches.h5
    mimic register reaches.h5 --body mouse_forelimb --out clips.h5
    python examples/sb3_reaching/train.py clips.h5 --steps 1000000 --out rollouts.h5
    mimic analyze tracking rollouts.h5 --out tracking

Prints the mean distance (mm) of the keypoints that the body can move from the reference, on clips held out, in the
true physics: of a limp body, of the policy before training, and after it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from mimic_core.chain import ClipRunner, passive_controller
from mimic_gym.envs import MimicVectorEnv
from mimic_gym.imitation import imitation_task
from mimic_gym.policy import as_controller, roll_out
from mimic_gym.sb3 import SB3VecEnv


def main() -> None:
    """Train, measure, and keep the rollouts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, help="reference clips of 'mimic register'")
    parser.add_argument("--steps", type=int, default=1_000_000, help="control steps, all environments together")
    parser.add_argument("--environments", type=int, default=128)
    parser.add_argument("--out", type=Path, default=Path("rollouts.h5"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    envs = MimicVectorEnv(args.clips, args.environments, autoreset_mode="SameStep")
    scaled = VecNormalize(VecMonitor(SB3VecEnv(envs)), norm_reward=False)
    unroll = max(1, 8192 // args.environments)
    model = PPO(
        "MlpPolicy",
        scaled,
        n_steps=unroll,
        batch_size=min(1024, unroll * args.environments),
        n_epochs=4,
        gamma=0.95,
        learning_rate=1e-3,
        policy_kwargs={"net_arch": [128, 128]},
        seed=args.seed,
        device="cpu",
    )

    def act(observation: np.ndarray) -> np.ndarray:
        return model.predict(scaled.normalize_obs(observation), deterministic=True)[0]

    truth = imitation_task(args.clips, split="held_out", true_physics=True)
    runner, controller = ClipRunner(truth, truth.train_clips), as_controller(act, truth)
    print(f"limp body        {runner.tracking_mm(passive_controller(truth)):6.2f} mm")
    print(f"before training  {runner.tracking_mm(controller):6.2f} mm", flush=True)
    model.learn(args.steps)
    print(f"after {model.num_timesteps:,} steps  {runner.tracking_mm(controller):.2f} mm")

    roll_out(act, args.clips).save(args.out)
    print(f"every clip, rolled out → {args.out}")


if __name__ == "__main__":
    main()
