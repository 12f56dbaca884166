"""mimic's imitation task for other trainers, written as their users would: MuJoCo, numpy, and no mimic.

`throughput.py` writes the body and the reference into a folder; every peer reads them from there. Observation, reward
and ends of episodes are those of `mimic train --policy bottleneck_ppo` with its preset, which a test checks.
"""

from __future__ import annotations

import json
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import mujoco
import numpy as np


class ReachTask:
    """What observation, reward and end of an episode are computed from.

    The functions take one episode and either array library: ``xp`` is `numpy` or `jax.numpy`, whose arrays the
    reference then has to be made of (see `to`).

    Args:
        folder: ``body.xml``, ``reference.npz`` with joint_pos, joint_vel (clip, step, joint), site_pos (clip, step,
            keypoint, 3) and n_steps (clip,), and ``task.json``.
    """

    def __init__(self, folder: Path) -> None:
        self.settings: dict[str, Any] = json.loads((folder / "task.json").read_text())
        self.model = mujoco.MjModel.from_xml_path(str(folder / "body.xml"))
        with np.load(folder / "reference.npz") as f:
            self.reference = {name: f[name] for name in f.files}
        self.sites = np.array([self.model.site(name).id for name in self.settings["sites"]])
        self.ahead = np.array(self.settings["ahead"])
        self.substeps = round(self.settings["control_dt"] / self.model.opt.timestep)
        self.clips, self.longest = len(self.reference["n_steps"]), int(self.reference["n_steps"].max())
        self.observation_size = len(self.ahead) * self.model.nq + self.model.nq + self.model.nv + self.model.na
        self.action_size = self.model.nu

    def to(self, xp: Any) -> ReachTask:
        """Keep the reference as arrays of another library."""
        self.reference = {name: xp.asarray(a) for name, a in self.reference.items()}
        return self

    def observe(self, xp: Any, qpos: Any, qvel: Any, act: Any, clip: Any, step: Any) -> Any:
        """(observation,) the coming reference angles minus the present ones, then angles, velocities, activations."""
        ahead = xp.minimum(step + self.ahead, self.reference["n_steps"][clip] - 1)
        coming = self.reference["joint_pos"][clip, ahead] - qpos
        return xp.concatenate([coming.ravel(), qpos, qvel, act])

    def judge(self, xp: Any, qpos: Any, sites: Any, excitation: Any, clip: Any, step: Any) -> tuple[Any, Any, Any]:
        """Return reward, whether the body is too far away, and whether the clip is over."""
        s, reference = self.settings, self.reference
        off = ((qpos - reference["joint_pos"][clip, step]) ** 2).sum()
        reward = s["joint_weight"] * xp.exp(-s["joint_scale"] * off) - s["control_weight"] * (excitation**2).sum()
        distance = xp.sqrt(((sites - reference["site_pos"][clip, step]) ** 2).sum(-1)).mean()
        return reward, distance > s["max_distance"], step >= reference["n_steps"][clip] - 1


class Marks:
    """When each update was done: (control steps so far, seconds since the epoch)."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float]] = []

    def add(self, control_steps: int) -> None:
        """Note the time."""
        self.marks.append((int(control_steps), time.time()))

    def save(self, path: Path, packages: tuple[str, ...], settings: dict[str, Any]) -> None:
        """Write when the first update was done, when the pace was steady, and that pace.

        It is steady after the last update that took more than twice as long as the median of those after the first;
        the first two may include compilation.
        """
        steps, times = np.array(self.marks).T
        seconds = np.diff(times)
        usual = np.median(seconds)
        slow = np.flatnonzero(seconds > 2 * usual)
        found = {
            "first_update_at": times[0],
            "steady_at": times[slow[-1] + 1] if slow.size else times[0],
            "control_steps": int(steps[-1]),
            "steps_per_second": float(np.diff(steps)[-1] / usual),
            "versions": {name: _version(name) for name in packages},
            "settings": settings,
        }
        path.write_text(json.dumps(found, indent=2))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
