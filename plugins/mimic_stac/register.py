"""The registration itself: start, alternate pose and offset phase until nothing falls, write down the result."""

from __future__ import annotations

import importlib.metadata
import time
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from scipy.interpolate import CubicSpline

from mimic_core import Body, BodyModel, DataError, Keypoints, ReferenceClips
from mimic_core.registration import Progress
from mimic_core.storage import file_hash
from mimic_stac import Settings, axes_matrix
from mimic_stac.calibrate import Data, Fit, Freedom, calibrate, prior_cost
from mimic_stac.checks import check_gaps, size_ratio
from mimic_stac.kinematics import Kinematics, Pose
from mimic_stac.pose import MM, PoseFit, Smoothness, Targets
from mimic_stac.start import (
    N_STARTS,
    Orientation,
    dof_lengths,
    find_orientation,
    headings,
    ridge,
    sample_poses,
    start_poses,
    start_translation,
)

_OWN_ORIGIN = 3.0  # clips further apart than this many expected shifts have origins of their own


@attrs.frozen
class State:
    """Where the alternation stands."""

    fit: Fit
    q: np.ndarray
    cost: float
    pose: Pose
    jacobian: np.ndarray


class Registration:
    """Callable that fits one body to one animal's keypoints."""

    def __init__(self, settings: Settings, body: Body) -> None:
        self.settings, self.body = settings, body
        self.model = BodyModel.compile(body)
        self.kin = Kinematics(self.model)

    def __call__(self, keypoints: Keypoints, progress: Progress) -> ReferenceClips:
        """Register ``keypoints`` (names and order of the body's).

        Raises:
            DataError: no clips, too short ones, too long gaps, or positions in another unit.
        """
        began = time.perf_counter()
        if not len(keypoints.clip_names):
            raise DataError("no clips: give at least one keypoint file")
        gaps = check_gaps(keypoints, self.settings.max_gap_ms)
        poses = sample_poses(self.kin, 200)
        ratio = size_ratio(keypoints, self.kin, poses)
        scale = ratio if self.settings.scale == "global" else self.body.scale
        data = _flatten(keypoints)
        dof_mm = dof_lengths(self.kin, scale, poses)
        freedom = self._freedom()
        orientation = self._orientation(data, scale, dof_mm, freedom)
        if orientation.kind == "free":
            freedom = attrs.evolve(freedom, rotation=True)
        fit, origin = self._start(data, scale, orientation, freedom, poses)
        data = data._replace(pos=(data.pos + origin[data.clip][:, None]) * data.seen[..., None])

        smoothness = Smoothness(
            Targets(data.pos, data.seen, data.clip, keypoints.rate_hz), self.settings.cutoff_hz, dof_mm
        )
        starts = sample_poses(self.kin, N_STARTS)
        if self.kin.has_root:
            starts = headings(self.kin, starts[0], 2 * N_STARTS)
        q, _ = start_poses(self.kin, data, fit, dof_mm, starts)
        state, iterations, converged = self._alternate(
            data, fit, q, dof_mm, smoothness, freedom, keypoints.rate_hz, progress
        )
        provenance = {
            "method": "stac",
            "settings": attrs.asdict(self.settings),
            "inputs": _hashes(keypoints.files),
            "versions": _versions(),
            "iterations": iterations,
            "converged": converged,
            "scale": state.fit.scale,
            "orientation": orientation.kind,
            "orientation_rivalry": orientation.rivalry,
            "gaps_bridged": gaps,
            "origin": keypoints.origin,
            **self._diagnostics(state),
        }
        origin = np.einsum("cij,cj->ci", state.fit.rotation, origin)
        fit = attrs.evolve(state.fit, translation=state.fit.translation + origin)
        clips = self._clips(keypoints, fit, state.q, provenance)
        clips.provenance["seconds"] = round(time.perf_counter() - began, 3)
        return clips

    def _freedom(self) -> Freedom:
        """What the offset phase may change. A free root already carries the recording into the model's frame."""
        s = self.settings
        own_clip = s.alignment in ("clip", "clip_rigid") and not self.kin.has_root
        hold = (s.tracking_mm / s.clip_shift_mm) ** 2
        return Freedom(
            scale=s.scale == "global",
            translation=s.alignment != "none" and not self.kin.has_root,
            rotation=False,
            shift_weight=hold if own_clip else None,
            turn_weight=hold if own_clip and s.alignment == "clip_rigid" else None,
            offset_weight=(s.tracking_mm / (MM * self.body.keypoint_spread)) ** 2,
        )

    def _orientation(self, data: Data, scale: float, dof_mm: np.ndarray, freedom: Freedom) -> Orientation:
        s = self.settings
        if s.alignment == "none" or self.kin.has_root or s.axes == "model":
            return Orientation(np.eye(3), "model")
        if s.axes != "auto":
            return Orientation(axes_matrix(s.axes), "square")
        # Clips may have origins of their own, which must not speak against an orientation.
        return find_orientation(self.kin, data, scale, dof_mm, attrs.evolve(freedom, shift_weight=1e-3))

    def _start(
        self, data: Data, scale: float, orientation: Orientation, freedom: Freedom, poses: np.ndarray
    ) -> tuple[Fit, np.ndarray]:
        """Return the first fit, and (clip, 3) m that brings recordings with origins of their own to one."""
        n_clips = int(data.clip.max()) + 1
        origin = np.zeros((n_clips, 3))
        if not freedom.translation:
            return Fit.start(scale, self.kin.site_pos, orientation.rotation, np.zeros((n_clips, 3))), origin
        shift = start_translation(self.kin, scale, orientation.rotation, data, poses)
        common = np.median(shift, 0)
        apart = np.linalg.norm(shift - common, axis=1).max()
        if freedom.shift_weight is not None and apart > _OWN_ORIGIN * self.settings.clip_shift_mm / MM:
            origin = (shift - common) @ orientation.rotation
        return Fit.start(scale, self.kin.site_pos, orientation.rotation, np.tile(common, (n_clips, 1))), origin

    def _alternate(
        self,
        data: Data,
        fit: Fit,
        q: np.ndarray,
        dof_mm: np.ndarray,
        smoothness: Smoothness,
        freedom: Freedom,
        rate_hz: float,
        progress: Progress,
    ) -> tuple[State, int, bool]:
        """Alternate until the cost stops falling. A step that does not lower it is retried more cautiously."""
        s = self.settings

        def evaluate(fit: Fit, q: np.ndarray, iterations: int) -> State:
            targets = Targets(fit.align(data.pos, data.clip), data.seen, data.clip, rate_hz)
            solver = PoseFit(self.kin, targets, smoothness, dof_mm)
            q, cost = solver.solve(q, fit.offsets, fit.scale, iterations, 1e-10)
            pose, jacobian = solver.linearise(q, fit.offsets, fit.scale)
            total = float(cost.sum()) / MM**2 + prior_cost(fit, self.kin.site_pos, data, freedom)
            return State(fit, q, total, pose, jacobian)

        state = evaluate(fit, q, 60)
        caution, converged = 0.1, False
        done = 0
        for done in range(1, s.max_iterations + 1):
            new = calibrate(
                state.fit, state.pose, state.jacobian, ridge(dof_mm), self.kin.site_pos, data, freedom, caution
            )
            trial = evaluate(new, state.q, 4) if 1e-3 < new.scale < 1e3 else None
            fall = (state.cost - trial.cost) / max(state.cost, 1e-30) if trial is not None else -1.0
            if fall > 0:
                state = trial
                converged = fall <= s.tolerance
                caution /= 3
            else:
                converged = caution >= 1.0
                caution = min(1.0, caution * 10)
            progress(done, s.max_iterations, {"cost_mm2": state.cost * MM**2 / max(float(data.seen.sum()), 1.0)})
            if converged:
                break
        return evaluate(state.fit, state.q, 30), done, converged

    def _diagnostics(self, state: State) -> dict[str, Any]:
        fit, kin = state.fit, self.kin
        moved = np.linalg.norm(fit.offsets - kin.site_pos, axis=1) * MM * fit.scale
        spread = self.body.keypoint_spread * MM * fit.scale
        names = self.model.keypoint_names
        at = self.model.joint_qposadr
        limits = self.model.joint_range
        held = (state.q[:, at] <= limits[:, 0] + 1e-6) | (state.q[:, at] >= limits[:, 1] - 1e-6)
        return {
            "offset_moved_mm": dict(zip(names, moved.tolist(), strict=True)),
            "offset_beyond_spread": [n for n, m in zip(names, moved, strict=True) if m > spread],
            "share_at_joint_limit": dict(zip(self.model.joint_names, held.mean(0).tolist(), strict=True)),
            "clip_shift_mm_max": float(np.linalg.norm(fit.shift, axis=1).max() * MM),
            "clip_turn_deg_max": float(np.rad2deg(np.linalg.norm(fit.turn, axis=1).max())),
        }

    def _clips(self, keypoints: Keypoints, fit: Fit, q: np.ndarray, provenance: dict[str, Any]) -> ReferenceClips:
        n = keypoints.n_frames
        shape = keypoints.positions.shape[:2]
        inside = np.arange(shape[1]) < n[:, None]
        rotation, translation = fit.rotation / fit.scale, fit.translation / fit.scale

        def padded(x: np.ndarray) -> np.ndarray:
            out = np.full((*shape, *x.shape[1:]), np.nan)
            out[inside] = x
            return out

        sites = padded(self.kin.pose(q).sites(fit.offsets))
        whole = np.where(np.isnan(keypoints.positions).any(-1, keepdims=True), np.nan, keypoints.positions)
        tracked = np.einsum("cij,cfkj->cfki", rotation, whole) + translation[:, None, None]
        alignment = np.tile(np.eye(4), (len(n), 1, 1))
        alignment[:, :3, :3], alignment[:, :3, 3] = rotation, translation
        qpos, qvel = padded(q), np.full((*shape, self.kin.nv), np.nan)
        for c, count in enumerate(n):
            qvel[c, :count] = velocity(self.kin, qpos[c, :count], keypoints.rate_hz)
        names = self.model.keypoint_names
        registered = {k: tuple(map(float, o)) for k, o in zip(names, fit.offsets, strict=True)}
        return ReferenceClips(
            body=attrs.evolve(self.body, keypoint_pos=registered, scale=fit.scale),
            rate_hz=keypoints.rate_hz,
            clip_names=keypoints.clip_names,
            joint_names=self.model.joint_names,
            keypoint_names=names,
            n_frames=n,
            qpos=qpos,
            qvel=qvel,
            site_pos=sites,
            tracked_pos=tracked,
            error_mm=np.linalg.norm(tracked - sites, axis=-1) * fit.scale * MM,
            alignment=alignment,
            provenance=provenance,
        )


def velocity(kin: Kinematics, q: np.ndarray, rate_hz: float) -> np.ndarray:
    """Return (frame, dof) rates of ``q`` (frame, qpos) of one clip, rad/s or m/s.

    Hinges and slides are differentiated as the cubic spline through the frames, quaternions by central
    differences on the rotation group.
    """
    step = kin.difference(q[1:], q[:-1]) * rate_hz
    out = np.empty((len(q), kin.nv))
    out[1:-1] = 0.5 * (step[1:] + step[:-1])
    out[0], out[-1] = 1.5 * step[0] - 0.5 * step[1], 1.5 * step[-1] - 0.5 * step[-2]
    qs, vs = kin.scalar
    out[:, vs] = CubicSpline(np.arange(len(q)) / rate_hz, q[:, qs], axis=0)(np.arange(len(q)) / rate_hz, 1)
    return out


def _flatten(keypoints: Keypoints) -> Data:
    pos = np.concatenate(keypoints.clips())
    seen = np.isfinite(pos).all(-1)
    clip = np.repeat(np.arange(len(keypoints.n_frames)), keypoints.n_frames)
    return Data(np.where(seen[..., None], pos, 0.0), seen.astype(float), clip)


def _hashes(files: tuple[str, ...]) -> dict[str, str]:
    return {f: file_hash(f) for f in dict.fromkeys(files) if Path(f).is_file()}


def _versions() -> dict[str, str]:
    out = {}
    for name in ("mimic-neuro", "mujoco", "numpy", "scipy"):
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            out[name] = "unknown"
    return out
