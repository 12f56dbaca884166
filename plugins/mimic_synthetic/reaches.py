"""Minimum-jerk reaches in joint space, seen by a camera with noise and gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mimic_core import BodyModel, ConfigError, Keypoints, write_text
from mimic_kinematics.couplings import Couplings
from mimic_synthetic.camera import Truth, kinematics, record, true_offsets
from mimic_synthetic.settings import Settings

_MARGIN = 0.05  # of a joint's range, kept free at both limits


def minimum_jerk(share: np.ndarray) -> np.ndarray:
    """Return how much of the way is done at ``share`` of the duration (Flash & Hogan 1985, eq. 3)."""
    s = np.clip(share, 0.0, 1.0)
    return s**3 * (10 - 15 * s + 6 * s**2)


class Reaches:
    """Callable that makes keypoints, the same for the same seed. ``remarks``: lines on what was made."""

    name = "reaches"

    def __init__(self, config: Settings, model: BodyModel, seed: int) -> None:
        """Check that the body suits.

        Raises:
            ConfigError: it has a free root, or a joint without limits.
        """
        if model.root is not None:
            raise ConfigError(
                f"generator {self.name}: body {model.body.name} has a free root {model.root!r}; reaches need a "
                "body that is fixed in space; the generator gait moves a free one"
            )
        self.config, self.model, self.seed = config, model, seed
        self.couplings = Couplings.of(model.mj_model)
        self.low, self.high, self.remarks = self._limits()
        unlimited = np.flatnonzero(~np.isfinite(self.high - self.low))
        if len(unlimited):
            raise ConfigError(
                f"generator {self.name}: joint {model.joint_names[unlimited[0]]!r} of body {model.body.name} has no "
                "limits; give it a range"
            )

    def _limits(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """(joint,) limits, rad or m, in which what is coupled keeps its own; a line on what that narrows."""
        m, at = self.model.mj_model, self.model.joint_qposadr
        lower, upper = np.full(m.nq, -np.inf), np.full(m.nq, np.inf)
        lower[at], upper[at] = self.model.joint_range.T
        lower, upper, lines = self.couplings.limits(lower, upper)
        follows = m.jnt_qposadr[self.couplings.joint]
        lower[follows] = upper[follows] = m.qpos0[follows]
        return lower[at], upper[at], lines

    def __call__(self) -> Keypoints:
        return self.make()[0]

    def make(self) -> tuple[Keypoints, Truth]:
        """Return the keypoints and the truth behind them."""
        rng = np.random.default_rng(self.seed)
        start, end, done, target = self._plan(rng)
        offsets = true_offsets(self.config, self.model, rng)
        qpos = self._movement(start, end, done)
        site_pos = kinematics(self.model, qpos, offsets)
        keypoints = record(self.config, self.model, site_pos, rng)
        return keypoints, Truth(qpos=qpos, site_pos=site_pos, offsets=offsets, target=target)

    def _movement(self, start: np.ndarray, end: np.ndarray, done: np.ndarray) -> np.ndarray:
        """Return qpos (clip, frame, nq) from ``start`` to ``end`` (clip, joint), of which ``done`` (clip, frame)."""
        return self._qpos(start[:, None] + done[..., None] * (end - start)[:, None])

    def _qpos(self, joints: np.ndarray) -> np.ndarray:
        """Return qpos (…, nq) of joint angles (…, joint); coupled joints follow."""
        qpos = np.tile(self.model.mj_model.qpos0, (*joints.shape[:-1], 1))
        qpos[..., self.model.joint_qposadr] = joints
        return self.couplings.settle(qpos)

    def _plan(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return joint angles (clip, joint) at start and end, what is done (clip, frame), and the target (clip,)."""
        c, low, high = self.config, self.low, self.high
        span = high - low
        rest = low + c.rest_share * span
        # Targets lie on both sides of rest; a joint goes at least a third of the full way.
        way = rng.uniform(1 / 3, 1.0, (c.targets, len(span))) * rng.choice([-1.0, 1.0], (c.targets, len(span)))
        goal = rest + c.amplitude * way * span
        inside = (low + _MARGIN * span, high - _MARGIN * span)
        target = np.arange(c.clips) % c.targets
        wobble = (c.clips, len(span))
        start = np.clip(rest + rng.normal(0.0, c.variation, wobble) * span, *inside)
        end = np.clip(goal[target] + rng.normal(0.0, c.variation, wobble) * span, *inside)
        onset = c.onset_s * rng.uniform(0.7, 1.3, c.clips)
        duration = c.duration_s * rng.uniform(0.85, 1.15, c.clips)
        time = np.arange(c.frames) / c.rate_hz
        return start, end, minimum_jerk((time - onset[:, None]) / duration[:, None]), target


def to_csv(keypoints: Keypoints, directory: str | Path) -> list[Path]:
    """Write each clip as a wide csv (time in s, positions in m, empty where missing); return the paths."""
    import pandas as pd

    out = []
    columns = [f"{n}_{a}" for n in keypoints.names for a in "xyz"]
    for name, clip in zip(keypoints.clip_names, keypoints.clips(), strict=True):
        table = pd.DataFrame(clip.reshape(len(clip), -1), columns=columns)
        table.insert(0, "time", np.arange(len(clip)) / keypoints.rate_hz)
        stem = name if name.startswith("synthetic_") else f"synthetic_{name}"
        out.append(write_text(Path(directory) / f"{stem}.csv", table.to_csv(index=False, float_format="%.9g")))
    return out
