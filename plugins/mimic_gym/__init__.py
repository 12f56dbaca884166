"""The imitation task as Gymnasium environments, for trainers outside mimic. Needs the extra ``gym``.

`mimic_gym.envs` has the environments and registers ``mimic/Imitation-v0``; `mimic_gym.imitation` builds the task behind
them; `mimic_gym.policy` brings what was trained outside back to mimic's evaluation; `mimic_gym.sb3` feeds the
vectorised environment to stable-baselines3.
"""

from __future__ import annotations

from mimic_core import CommandSpec, hookimpl


@hookimpl
def mimic_commands():
    from mimic_gym.command import gym

    yield CommandSpec(name="gym", function=gym)
