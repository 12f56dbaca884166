"""How long a body that moves freely is where it should be: until its root is lost, beside null models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from mimic_core import BodyModel, Headline, Rollouts, Table
from mimic_tracking.bootstrap import bootstrap_interval
from mimic_tracking.findings import SPLITS, held_out_words, over_what
from mimic_tracking.nulls import CONTROLLER

_NUMBERS = {
    "to_the_end": "to the end (%)",
    "followed": "followed (%)",
    "lost_after_s": "lost after (s)",
    "pose_mm": "keypoints, root's frame (mm)",
    "world_mm": "keypoints, world (mm)",
    "joint_deg": "joints (deg)",
    "pose_mm_whole": "keypoints, root's frame, whole (mm)",
    "joint_deg_whole": "joints, whole (deg)",
}
"""what is reported of each model: key → column"""
_BRIEF = ("to_the_end", "followed", "pose_mm_whole", "joint_deg_whole")
LOST_SHARE, LOST_DEG = 0.1, 30.0
"""The root is lost beyond this share of the body's extent (rat: 20 mm), or turned by more than this angle."""


@attrs.frozen(eq=False)
class Course:
    """One model's rollouts beside the reference, NaN past an end.

    Attributes:
        root_mm, root_deg: (clip, step) how far the root is from the reference and turned against it.
        world_mm, pose_mm: (clip, step) mean distance of the keypoints from the reference, in the world and as each
            body's own root sees them, mm of the animal.
        joint_deg: (clip, step) mean absolute difference of the hinges' angles.
        lost: (clip,) control step at which the root is lost; a clip's number of steps if it never is.
    """

    root_mm: np.ndarray
    root_deg: np.ndarray
    world_mm: np.ndarray
    pose_mm: np.ndarray
    joint_deg: np.ndarray
    lost: np.ndarray


@attrs.frozen(eq=False)
class Free:
    """Rollouts of a body with a free root, and of its null models.

    Attributes:
        lost_mm, lost_deg: beyond which the root is lost.
        seconds: median length of the rollouts.
        courses: `CONTROLLER` or null model → its `Course`.
    """

    rollouts: Rollouts
    lost_mm: float
    lost_deg: float
    seconds: float
    courses: Mapping[str, Course]

    @classmethod
    def of(cls, rollouts: Rollouts, lost_mm: float | None = None, lost_deg: float = LOST_DEG) -> Free | None:
        """Measure rollouts; None of a body that is fixed in space, or of rollouts that do not hold their body.

        Args:
            lost_mm: mm of the animal; None: `LOST_SHARE` of the greatest distance between two of its keypoints.
        """
        if rollouts.body is None or rollouts.ref_qpos is None:
            return None
        model = BodyModel.compile(rollouts.body)
        if model.root is None:
            return None
        limit = 1e3 * rollouts.body.scale * LOST_SHARE * _extent(model) if lost_mm is None else lost_mm
        stopped = np.array([rollouts.provenance.get("diverged", {}).get(n, np.inf) for n in rollouts.clip_names])
        moves = np.arange(rollouts.qpos.shape[1]) < stopped[:, None]
        qpos = {CONTROLLER: np.where(moves[..., None], rollouts.qpos, np.nan), **rollouts.null_qpos}
        courses = {name: _course(rollouts, model, q, limit, lost_deg) for name, q in qpos.items()}
        seconds = float(np.median(rollouts.n_steps - 1) / rollouts.rate_hz)
        return cls(rollouts, limit, lost_deg, seconds, courses)

    @property
    def splits(self) -> dict[str, np.ndarray]:
        """Split → (clip,) True for its rollouts."""
        return {s: np.array(self.rollouts.split) == s for s in SPLITS if s in self.rollouts.split}

    def followed(self, name: str) -> np.ndarray:
        """(clip,) share of the movement followed before the root is lost."""
        return np.minimum(self.courses[name].lost / np.maximum(self.rollouts.n_steps - 1, 1), 1.0)

    def to_the_end(self, name: str) -> np.ndarray:
        """(clip,) 1 where the root is never lost, else 0."""
        return (self.courses[name].lost >= self.rollouts.n_steps).astype(float)

    def surviving(self, name: str, clips: np.ndarray) -> np.ndarray:
        """(step,) share of the chosen clips, of those that last so long, whose root is not lost yet."""
        steps = np.arange(self.rollouts.qpos.shape[1])
        lasts = steps < self.rollouts.n_steps[clips, None]
        alive = (steps < self.courses[name].lost[clips, None]) & lasts
        return alive.sum(0) / np.maximum(lasts.sum(0), 1)

    def numbers(self, name: str, clips: np.ndarray) -> dict[str, float]:
        """Return what is reported of one model over the chosen clips; keypoints and joints until the root is lost."""
        course = self.courses[name]
        until = (np.arange(self.rollouts.qpos.shape[1]) < course.lost[:, None]) & clips[:, None]

        def mean(values: np.ndarray, where: np.ndarray) -> float:
            known = where & np.isfinite(values)
            return float(values[known].mean()) if known.any() else float("nan")

        return {
            "to_the_end": 100.0 * float(self.to_the_end(name)[clips].mean()),
            "followed": 100.0 * float(self.followed(name)[clips].mean()),
            "lost_after_s": float(np.median(course.lost[clips])) / self.rollouts.rate_hz,
            "pose_mm": mean(course.pose_mm, until),
            "world_mm": mean(course.world_mm, until),
            "joint_deg": mean(course.joint_deg, until),
            "pose_mm_whole": mean(course.pose_mm, np.broadcast_to(clips[:, None], until.shape)),
            "joint_deg_whole": mean(course.joint_deg, np.broadcast_to(clips[:, None], until.shape)),
        }

    def summary(self) -> dict[str, Any]:
        """As plain data: limits, and split → model → numbers."""
        return {
            "lost_mm": self.lost_mm,
            "lost_deg": self.lost_deg,
            "seconds": self.seconds,
            "diverged": self.rollouts.provenance.get("diverged", {}),
            "by_split": {s: {n: self.numbers(n, c) for n in self.courses} for s, c in self.splits.items()},
        }

    def in_words(self) -> str:
        """When the root counts as lost."""
        return f"lost: more than {self.lost_mm:.3g} mm from the reference, or turned by more than {self.lost_deg:g}°"

    def headlines(self) -> list[Headline]:
        """Of each split how much is followed, and how closely, beside the null models."""
        out = []
        for split, clips in self.splits.items():
            numbers = {name: self.numbers(name, clips) for name in self.courses}
            nulls = [n for n in numbers if n != CONTROLLER]
            said = [held_out_words(self.rollouts)] if split == "held_out" else []
            for key, label, unit, better, note in (
                ("to_the_end", f"windows of {self.seconds:.2g} s followed to the end", "%", "higher", self.in_words()),
                ("followed", "movement followed before the root is lost", "%", "higher", self._interval(clips, split)),
                ("pose_mm_whole", "keypoint error seen from the root", "mm", "lower", "over the whole of each window"),
                ("joint_deg_whole", "joint error", "deg", "lower", "over the whole of each window"),
            ):
                out.append(
                    Headline(
                        f"{label}, {SPLITS[split]}",
                        numbers[CONTROLLER][key],
                        unit,
                        "; ".join([*said, note]),
                        nulls={n: numbers[n][key] for n in nulls},
                        better=better,
                    )
                )
        return out

    def _interval(self, clips: np.ndarray, split: str) -> str:
        animals = [a for a, c in zip(self.rollouts.animals, clips, strict=True) if c]
        low, high = bootstrap_interval(100.0 * self.followed(CONTROLLER)[clips], animals)
        if not np.isfinite(low):
            return "of one window"
        return f"95 % interval {max(low, 0.0):.3g} to {min(high, 100.0):.3g} % {over_what(self.rollouts, split)}"

    def table(self) -> Table:
        """One row for each split and model."""
        return free_table(self.summary(), self.in_words())


def free_table(summary: Mapping[str, Any], lost: str, brief: bool = False) -> Table:
    """Return the table of `Free.summary`; ``brief`` has the columns that a terminal has room for."""
    shown = [k for k in _NUMBERS if not brief or k in _BRIEF]
    rows = [
        (split.replace("_", "-"), name, *(numbers[k] for k in shown))
        for split, models in summary["by_split"].items()
        for name, numbers in models.items()
    ]
    before = "" if brief else "mean errors before the loss, and over the whole of each window; "
    return Table(
        columns=("split", "model", *(_NUMBERS[k] for k in shown)),
        rows=rows,
        caption=f"How long the root is followed in windows of {summary['seconds']:.2g} s ({lost}): share of windows "
        f"followed to their end, mean share of a window before the loss; {before}mm of the animal.",
    )


def _course(rollouts: Rollouts, model: BodyModel, qpos: np.ndarray, lost_mm: float, lost_deg: float) -> Course:
    from scipy.spatial.transform import Rotation

    from mimic_core.body import positions

    ref, at = np.asarray(rollouts.ref_qpos, float), model.root_qposadr
    known = np.isfinite(qpos).all(-1) & np.isfinite(ref).all(-1)
    to_mm = 1e3 * model.body.scale
    out = {k: np.full(known.shape, np.nan) for k in ("root_mm", "root_deg", "world_mm", "pose_mm", "joint_deg")}
    own, wanted = np.asarray(qpos, float)[known], ref[known]
    turns = [Rotation.from_quat(q[:, at + 3 : at + 7], scalar_first=True) for q in (own, wanted)]
    points = [positions(model, q)[0] for q in (own, wanted)]
    seen = [
        r.as_matrix().transpose(0, 2, 1) @ (p - q[:, None, at : at + 3]).transpose(0, 2, 1)
        for r, p, q in zip(turns, points, (own, wanted), strict=True)
    ]
    out["root_mm"][known] = to_mm * np.linalg.norm(own[:, at : at + 3] - wanted[:, at : at + 3], axis=-1)
    out["root_deg"][known] = np.rad2deg((turns[0].inv() * turns[1]).magnitude())
    out["world_mm"][known] = to_mm * np.linalg.norm(points[0] - points[1], axis=-1).mean(-1)
    out["pose_mm"][known] = to_mm * np.linalg.norm(seen[0] - seen[1], axis=1).mean(-1)
    hinges = model.joint_qposadr[model.is_hinge]
    if hinges.size:
        out["joint_deg"][known] = np.rad2deg(np.abs(own[:, hinges] - wanted[:, hinges])).mean(-1)
    inside = np.arange(known.shape[1]) < rollouts.n_steps[:, None]
    # a body whose physics diverged is lost
    gone = inside & (~known | (out["root_mm"] > lost_mm) | (out["root_deg"] > lost_deg))
    lost = np.where(gone.any(1), gone.argmax(1), rollouts.n_steps)
    return Course(**out, lost=lost)


def _extent(model: BodyModel) -> float:
    """The greatest distance (m) between two keypoints in the reference pose; with one keypoint, the model's size."""
    import mujoco
    from scipy.spatial.distance import pdist

    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    apart = pdist(data.site_xpos[model.keypoint_site_ids])
    return float(apart.max() if apart.size else model.mj_model.stat.extent)
