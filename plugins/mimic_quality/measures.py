"""What reference clips say of the fit that made them, whatever method that was."""

from __future__ import annotations

import warnings
from functools import cached_property

import attrs
import numpy as np

from mimic_core import BodyModel, ReferenceClips
from mimic_kinematics.quaternions import BALL, ball_limits
from mimic_quality.settings import Settings

MM = 1e3
MOST_POINTS = 300  # of a drawn curve; more are not told apart


@attrs.frozen(eq=False, slots=False)
class Measures:
    """Reference clips with what follows from them. Lengths are millimetres of the animal, angles are degrees."""

    clips: ReferenceClips
    settings: Settings

    @cached_property
    def model(self) -> BodyModel:
        return BodyModel.compile(self.clips.body)

    @property
    def mm(self) -> float:
        """Millimetres of the animal in a metre of the model."""
        return MM * self.clips.body.scale

    @cached_property
    def inside(self) -> np.ndarray:
        """(clip, frame) True up to a clip's end."""
        return np.arange(self.clips.qpos.shape[1]) < self.clips.n_frames[:, None]

    @cached_property
    def tracked(self) -> np.ndarray:
        """(clip, frame, keypoint) True where a keypoint was tracked."""
        return np.isfinite(self.clips.tracked_pos).all(-1) & self.inside[..., None]

    @cached_property
    def missing(self) -> np.ndarray:
        """(clip, frame, keypoint) True where a keypoint was not tracked in a frame of the clip."""
        return ~self.tracked & self.inside[..., None]

    @cached_property
    def jumped(self) -> np.ndarray:
        """(clip, frame, keypoint) True where a tracked position was judged a jump of the tracking."""
        if self.clips.trust is None:
            return np.zeros_like(self.tracked)
        return self.tracked & (self.clips.trust < self.settings.jump_trust)

    @cached_property
    def error_mm(self) -> np.ndarray:
        """(clip, frame, keypoint) error, NaN where a keypoint is missing or jumped."""
        return np.where(self.tracked & ~self.jumped, self.clips.error_mm, np.nan)

    @property
    def mean_pose(self) -> dict[str | None, float | None]:
        """Keypoint → mean error of the body held in its mean pose, None → over all; as the stage that made them says.

        None where no stage said it.
        """
        said = self.clips.provenance.get("mean_pose_error_mm", {})
        of_each = said.get("per_keypoint", {})
        return {None: said.get("mean"), **{n: of_each.get(n) for n in self.clips.keypoint_names}}

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Unit of each joint's position: deg of a hinge, mm of a slide."""
        return tuple("deg" if hinge else "mm" for hinge in self.model.is_hinge)

    @cached_property
    def _per_unit(self) -> np.ndarray:
        return np.where(self.model.is_hinge, np.rad2deg(1.0), self.mm)

    @cached_property
    def joint_pos(self) -> np.ndarray:
        """(clip, frame, joint) deg or mm."""
        return self.clips.qpos[..., self.model.joint_qposadr] * self._per_unit

    @cached_property
    def joint_vel(self) -> np.ndarray:
        """(clip, frame, joint) deg/s or mm/s."""
        return self.clips.qvel[..., self.model.joint_dofadr] * self._per_unit

    @cached_property
    def joint_range(self) -> np.ndarray:
        """(joint, 2) lower and upper limit in deg or mm; ±inf where unlimited."""
        return self.model.joint_range * self._per_unit[:, None]

    @cached_property
    def balls(self) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
        """Ball joint → angle (clip, frame) deg, speed (clip, frame) deg/s, largest angle (inf without a limit) deg."""
        m, out, limits = self.model.mj_model, {}, ball_limits(self.model.mj_model)
        for j in np.flatnonzero(m.jnt_type == BALL):
            q, v = m.jnt_qposadr[j], m.jnt_dofadr[j]
            cos = np.clip(np.abs(self.clips.qpos[..., q]), 0, 1)
            speed = np.linalg.norm(self.clips.qvel[..., v : v + 3], axis=-1)
            limit = np.rad2deg(limits.get(int(j), np.inf))
            out[m.joint(j).name] = np.rad2deg(2 * np.arccos(cos)), np.rad2deg(speed), float(limit)
        return out

    def at_limit(self) -> np.ndarray:
        """(joint, 2) share of frames at the lower and at the upper limit."""
        low, high = self.joint_range.T
        limited = np.isfinite(high - low)
        margin = self.settings.limit_margin * np.where(limited, high - low, 0.0)
        pos = self.joint_pos[self.inside]
        return np.stack([(pos <= low + margin).mean(0), (pos >= high - margin).mean(0)], axis=-1)

    def offset_mm(self) -> np.ndarray:
        """(keypoint,) distance of each keypoint from where the skeleton itself has it."""
        own = BodyModel.compile(attrs.evolve(self.clips.body, keypoint_pos={})).mj_model.site_pos
        sites = self.model.keypoint_site_ids
        return np.linalg.norm(self.model.mj_model.site_pos[sites] - own[sites], axis=-1) * self.mm

    def shift_mm(self) -> np.ndarray:
        """(clip,) distance between where a clip's and the median clip's alignment carry the middle of the recording."""
        turn, move = self.clips.alignment[:, :3, :3], self.clips.alignment[:, :3, 3]
        recorded = np.einsum("cij,cfkj->cfki", np.linalg.inv(turn), self.clips.tracked_pos - move[:, None, None])[
            self.tracked
        ]
        middle = recorded.mean(0) if len(recorded) else np.zeros(3)
        carried = turn @ middle + move
        return np.linalg.norm(carried - np.median(carried, axis=0), axis=-1) * self.mm

    def clip_error_mm(self) -> np.ndarray:
        """(clip,) mean error; NaN for a clip of which nothing was tracked."""
        count = np.isfinite(self.error_mm).sum((1, 2))
        return np.where(count, np.nansum(self.error_mm, axis=(1, 2)) / np.maximum(count, 1), np.nan)

    @property
    def common_frames(self) -> int:
        """How many frames at least half of the clips have."""
        return int(np.sort(self.clips.n_frames)[len(self.clips.n_frames) // 2])

    def shown(self) -> dict[str, int]:
        """Label → index of the clips that figures show: those named, else the median and the worst one."""
        names = self.clips.clip_names
        if self.settings.show:
            return {n: names.index(n) for n in self.settings.show}
        by_error = np.argsort(np.nan_to_num(self.clip_error_mm(), nan=-1.0), kind="stable")
        if len(names) == 1:
            return {names[0]: 0}
        return {"median clip": int(by_error[(len(by_error) - 1) // 2]), "worst clip": int(by_error[-1])}

    def worst(self) -> list[tuple[int, int, int]]:
        """(clip, frame, keypoint) of the largest errors, worst first; of each clip and keypoint only the largest."""
        clips, keypoints = np.nonzero(np.isfinite(self.error_mm).any(1))
        frames = np.nan_to_num(self.error_mm, nan=-1.0).argmax(1)[clips, keypoints]
        order = np.argsort(-self.error_mm[clips, frames, keypoints], kind="stable")[: self.settings.worst_frames]
        return [(int(clips[i]), int(frames[i]), int(keypoints[i])) for i in order]


def window(steps: int) -> int:
    """How many neighbouring frames one point of a drawn curve of ``steps`` frames stands for."""
    return -(-steps // MOST_POINTS)


def windows(values: np.ndarray, width: int) -> np.ndarray:
    """Gather (clip, frame) into (sample, window): what all clips have in the frames of a window."""
    clips, steps = values.shape
    padded = np.full((clips, -(-steps // width) * width), np.nan)
    padded[:, :steps] = values
    return np.moveaxis(padded.reshape(clips, -1, width), 1, -1).reshape(clips * width, -1)


def over_samples(values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and two percentiles over samples of (sample, window); NaN where a window has none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice|Mean of empty slice", RuntimeWarning)
        return np.nanmean(values, axis=0), *np.nanpercentile(values, (low, high), axis=0)


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Return first and last index of every run of True in ``mask`` (frame,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]
