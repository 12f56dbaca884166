"""The reaches as a single Gymnasium environment in MuJoCo's C engine, as users of stable-baselines3 write one."""

from __future__ import annotations

from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium.spaces import Box
from reach_task import ReachTask


class ReachEnv(gymnasium.Env):
    """One reach in MuJoCo's C engine."""

    def __init__(self, task: ReachTask) -> None:
        self.task, self.model, self.data = task, task.model, mujoco.MjData(task.model)
        self.observation_space = Box(-np.inf, np.inf, (task.observation_size,), np.float32)
        self.action_space = Box(-1.0, 1.0, (task.action_size,), np.float32)
        self.clip = self.step_in_clip = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """Begin anywhere in a clip, in the reference's state."""
        super().reset(seed=seed)
        clip = int(self.np_random.integers(self.task.clips))
        step = int(self.np_random.integers(self.task.reference["n_steps"][clip] - 1))
        self.put(clip, step, self.np_random.uniform(0, self.task.settings["activation_max"], self.model.na))
        return self._observe(), {}

    def put(self, clip: int, step: int, activation: np.ndarray) -> None:
        """Put the body where a clip has it."""
        self.clip, self.step_in_clip = clip, step
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:] = self.task.reference["joint_pos"][clip, step]
        self.data.qvel[:] = self.task.reference["joint_vel"][clip, step]
        self.data.act[:] = activation

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Act for one control step."""
        excitation = 0.5 * (action + 1.0)
        self.data.ctrl[:] = excitation
        mujoco.mj_step(self.model, self.data, self.task.substeps)
        mujoco.mj_kinematics(self.model, self.data)
        self.step_in_clip += 1
        reward, too_far, over = self.task.judge(
            np, self.data.qpos, self.data.site_xpos[self.task.sites], excitation, self.clip, self.step_in_clip
        )
        return self._observe(), float(reward), bool(too_far), bool(over), {}

    def _observe(self) -> np.ndarray:
        d = self.data
        return self.task.observe(np, d.qpos, d.qvel, d.act, self.clip, self.step_in_clip).astype(np.float32)
