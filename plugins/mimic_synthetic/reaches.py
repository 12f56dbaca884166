"""Minimum-jerk reaches in joint space, seen by a camera with noise and gaps."""

from __future__ import annotations

from pathlib import Path

import attrs
import mujoco
import numpy as np

from mimic_core import BodyModel, ConfigError, Keypoints, write_text
from mimic_synthetic.settings import Settings

MM = 1e3
_MARGIN = 0.05  # of a joint's range, kept free at both limits
_NOISE_SHARE = 1 / 60


@attrs.frozen(kw_only=True)
class Truth:
    """What the keypoints were made from.

    Attributes:
        qpos: (clip, frame, qpos) rad.
        site_pos: (clip, frame, keypoint, 3) m, without noise and gaps.
        offsets: (keypoint, 3) m, the true keypoints in their bodies' frames.
        target: (clip,) number of the target that the clip reaches to.
    """

    qpos: np.ndarray
    site_pos: np.ndarray
    offsets: np.ndarray
    target: np.ndarray


def minimum_jerk(share: np.ndarray) -> np.ndarray:
    """Return how much of the way is done at ``share`` of the duration (Flash & Hogan 1985, eq. 3)."""
    s = np.clip(share, 0.0, 1.0)
    return s**3 * (10 - 15 * s + 6 * s**2)


class Reaches:
    """Callable that makes keypoints, the same for the same seed."""

    def __init__(self, config: Settings, model: BodyModel, seed: int) -> None:
        """Check that the body suits.

        Raises:
            ConfigError: it has a free root, or a joint without limits.
        """
        if model.root is not None:
            raise ConfigError(
                f"generator reaches: body {model.body.name} has a free root {model.root!r}; reaches need a "
                "body that is fixed in space"
            )
        unlimited = [n for n, r in zip(model.joint_names, model.joint_range, strict=True) if not np.isfinite(r).all()]
        if unlimited:
            raise ConfigError(
                f"generator reaches: joint {unlimited[0]!r} of body {model.body.name} has no limits; give it a range"
            )
        self.config, self.model, self.seed = config, model, seed

    def __call__(self) -> Keypoints:
        return self.make()[0]

    def make(self) -> tuple[Keypoints, Truth]:
        """Return the keypoints and the truth behind them."""
        c = self.config
        rng = np.random.default_rng(self.seed)
        joints, target = self._joint_angles(rng)
        offsets = self.model.mj_model.site_pos[self.model.keypoint_site_ids]
        offsets = offsets + rng.normal(0.0, c.offset_mm / MM, offsets.shape)
        qpos, site_pos = self._kinematics(joints, offsets)
        noise_mm = c.noise_mm if c.noise_mm is not None else _NOISE_SHARE * _size_mm(site_pos)
        seen = site_pos + rng.normal(0.0, noise_mm / MM, site_pos.shape)
        seen[self._gaps(rng, site_pos.shape[:3])] = np.nan
        names = [f"synthetic_{i + 1:03d}" for i in range(c.clips)]
        keypoints = Keypoints.from_clips(
            list(seen), names=self.model.keypoint_names, rate_hz=c.rate_hz, clip_names=names, origin="synthetic"
        )
        return keypoints, Truth(qpos=qpos, site_pos=site_pos, offsets=offsets, target=target)

    def _joint_angles(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (clip, frame, joint) rad and (clip,) target."""
        c = self.config
        low, high = self.model.joint_range.T
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
        done = minimum_jerk((time - onset[:, None]) / duration[:, None])[..., None]
        return start[:, None] + done * (end - start)[:, None], target

    def _kinematics(self, joints: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return qpos (clip, frame, qpos) and keypoints (clip, frame, keypoint, 3) m of joint angles."""
        m = self.model.mj_model
        data = mujoco.MjData(m)
        bodies = m.site_bodyid[self.model.keypoint_site_ids]
        qpos = np.tile(m.qpos0, (*joints.shape[:2], 1))
        qpos[..., self.model.joint_qposadr] = joints
        sites = np.empty((*joints.shape[:2], len(bodies), 3))
        for at in np.ndindex(*joints.shape[:2]):
            data.qpos[:] = qpos[at]
            mujoco.mj_kinematics(m, data)
            turn = data.xmat[bodies].reshape(-1, 3, 3)
            sites[at] = data.xpos[bodies] + np.einsum("kij,kj->ki", turn, offsets)
        return qpos, sites

    def _gaps(self, rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
        """(clip, frame, keypoint) True where the camera lost a keypoint."""
        gaps = np.zeros(shape, bool)
        longest = int(self.config.gap_ms * self.config.rate_hz / MM + 1e-9)
        if not longest:
            return gaps
        wanted = self.config.gap_share * gaps.size
        for _ in range(100 * gaps.size):
            if gaps.sum() >= wanted:
                break
            clip, k, first = rng.integers((shape[0], shape[2], shape[1]))
            end = first + rng.integers(1, longest + 1)
            # Runs that touch would make one that is longer than the longest.
            if not gaps[clip, max(first - 1, 0) : end + 1, k].any():
                gaps[clip, first:end, k] = True
        return gaps


def _size_mm(site_pos: np.ndarray) -> float:
    """Root mean square distance of keypoints from the middle of all, mm."""
    return float(np.sqrt(((site_pos - site_pos.mean((0, 1, 2))) ** 2).sum(-1).mean()) * MM)


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
