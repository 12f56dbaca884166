"""The registration itself: what to believe, where to start, the fit on a sample and on all frames, the result."""

from __future__ import annotations

import time

import attrs
import numpy as np
from threadpoolctl import threadpool_limits

from mimic_core import (
    Body,
    BodyModel,
    Calibration,
    ConfigError,
    DataError,
    Keypoints,
    Progress,
    ReferenceClips,
    did_you_mean,
)
from mimic_stac.calibrate import Data, Fit, Freedom
from mimic_stac.checks import check_gaps, size_ratio
from mimic_stac.ground import on_ground
from mimic_stac.jumps import smallest_jump, smallest_outlier, trust_in_time
from mimic_stac.kinematics import KinematicTree
from mimic_stac.outcome import diagnostics, free_parameters, jumps, reference_clips
from mimic_stac.pieces import COARSE, chunks, sample, side_by_side
from mimic_stac.pose import MM, Smoothness, Targets
from mimic_stac.settings import Settings, axes_matrix
from mimic_stac.simultaneous import Problem, State
from mimic_stac.start import (
    Orientation,
    dof_lengths,
    find_orientation,
    poses_between,
    sample_poses,
    start_poses,
    start_translation,
)

_OWN_ORIGIN = 3.0  # clips further apart than this many expected shifts have origins of their own
_ANYWHERE = 1e-4  # weight that holds a clip's shift in that case, and while an orientation is sought
_SLIDE_HOLD = 1e-4  # of a slide's displacement, against 1 for a keypoint's distance
_FAR = 0.5  # trust of a keypoint at the distance from the body beyond which it counts as an outlier
_STEPS_OF_CLIPS, _ENOUGH = 10, 1e-4  # a clip has few unknowns of its own
_ROUGH = 10.0  # tolerance of the first round over the second's; the first gives a start and the usual distances


@attrs.frozen
class _FitProgress:
    """Passes on how far the fit is, and its cost per keypoint seen, mm²."""

    progress: Progress
    total: int
    data: Data
    before: int = 0

    def __call__(self, done: int, cost: float) -> None:
        seen = max(float(self.data.seen.sum()), 1.0)
        self.progress(self.before + done, self.total, {"cost_mm2": cost / seen})


class Registration:
    """Callable that fits one body to one animal's keypoints."""

    def __init__(self, settings: Settings, body: Body, calibration: Calibration | None = None) -> None:
        self.settings, self.body, self.calibration = settings, body, calibration
        self.model = BodyModel.compile(body)
        self.kin = KinematicTree(self.model)

    def __call__(self, keypoints: Keypoints, progress: Progress) -> ReferenceClips:
        """Register ``keypoints`` (names and order of the body's).

        Raises:
            DataError: no clips, too short ones, too long gaps, or positions in another unit.
        """
        # One thread: matrices are narrow, and BLAS's threads wait for one another on a busy machine.
        with threadpool_limits(1, "blas"):
            return self._register(keypoints, progress)

    def _register(self, keypoints: Keypoints, progress: Progress) -> ReferenceClips:
        began = time.perf_counter()
        if not len(keypoints.clip_names):
            raise DataError("no clips: give at least one keypoint file")
        gaps = check_gaps(keypoints, self.settings.max_gap_ms)
        poses = sample_poses(self.kin, 200)
        ratio = size_ratio(keypoints, self.kin, poses, self.body.length_unit)
        scale = self.body.scale if self.calibration or self.settings.scale == "fixed" else ratio
        self.dof_mm = dof_lengths(self.kin, scale, poses)
        data = _flatten(keypoints, self._weights(keypoints.names))
        jump_mm = smallest_jump(self.dof_mm, self.kin.translational, keypoints.rate_hz)
        tracked = np.concatenate([np.isfinite(c).all(-1) for c in keypoints.clips()])
        steady, noise_mm = trust_in_time(data.pos, tracked.astype(float), data.clip, keypoints.rate_hz, jump_mm)
        if not self.settings.outlier_ratio:
            steady = tracked.astype(float)
        data = data._replace(seen=data.seen * steady)
        self.noise_mm = float(np.sqrt((noise_mm**2).mean()))
        self.tracking_mm = max(self.settings.tracking_mm, self.noise_mm)

        part, frames = sample(data, self.kin)
        freedom = self._freedom()
        orientation = self._orientation(part, scale, freedom)
        if orientation.kind == "free":
            freedom = attrs.evolve(freedom, rotation=True)
        fit, origin = self._start(part, scale, orientation, freedom, poses)
        if origin.any():
            freedom = attrs.evolve(freedom, shift_weight=_ANYWHERE)
        data, part = (_moved(d, origin) for d in (data, part))
        state, problem = self._fit(part, fit, freedom, poses, keypoints.rate_hz, progress)
        q, outlier_mm = state.q, problem.outlier_mm
        if len(frames) < len(data.pos):
            fit, q = self._follow(data, state.fit, poses, keypoints.rate_hz, problem, progress)
            state = attrs.evolve(state, fit=fit)
        trust = steady * self._near(data, state.fit, q, outlier_mm)
        provenance = {
            "iterations": state.iterations,
            "converged": state.converged,
            "frames_calibrated": len(frames),
            "orientation": orientation.kind,
            "orientation_rivalry": orientation.rivalry,
            "gaps_bridged": gaps,
            "free_parameters": free_parameters(freedom, state.fit, len(q) * len(self.kin.dofs)),
            "jumps": jumps(keypoints, tracked, trust),
            "noise_mm": self.noise_mm,
            "outlier_mm": dict(zip(keypoints.names, outlier_mm.tolist(), strict=True)),
            **diagnostics(self.body, self.model, self.kin, state.fit, q),
        }
        origin = np.einsum("cij,cj->ci", state.fit.rotation, origin)
        fit = attrs.evolve(state.fit, translation=state.fit.translation + origin)
        fit, q, provenance["ground"] = on_ground(self.settings, self.body, self.model, self.kin, fit, q, keypoints)
        clips = reference_clips(keypoints, self.body, self.model, self.kin, fit, q, trust, provenance)
        clips.provenance["seconds"] = round(time.perf_counter() - began, 3)
        return clips

    def _freedom(self) -> Freedom:
        """What besides the poses may change. A free root already carries the recording into the model's frame."""
        s, tracking_mm = self.settings, self.tracking_mm
        own_clip = s.alignment in ("clip", "clip_rigid") and not self.kin.has_root
        hold = (tracking_mm / s.clip_shift_mm) ** 2
        known = self.calibration is not None
        unit_mm = MM * self.body.length_unit
        return Freedom(
            scale=s.scale != "fixed" and not known,
            translation=s.alignment != "none" and not self.kin.has_root,
            rotation=False,
            shift_weight=hold if own_clip else None,
            turn_weight=hold if own_clip and s.alignment == "clip_rigid" else None,
            offset_weight=None if known else (tracking_mm / (unit_mm * self.body.keypoint_spread)) ** 2,
            segment_weight=(tracking_mm / (unit_mm * s.segment_spread)) ** 2
            if s.scale == "segments" and not known
            else None,
        )

    def _orientation(self, data: Data, scale: float, freedom: Freedom) -> Orientation:
        s = self.settings
        if s.alignment == "none" or self.kin.has_root or s.axes == "model":
            return Orientation(np.eye(3), "model")
        if s.axes != "auto":
            return Orientation(axes_matrix(s.axes), "square")
        if self.calibration is not None:
            return Orientation(self.calibration.rotation, "calibration")
        # An orientation must not look worse because clips have different origins.
        rough = attrs.evolve(freedom, shift_weight=_ANYWHERE, segment_weight=None)
        return find_orientation(self.kin, data, scale, self.dof_mm, rough, self.tracking_mm)

    def _start(
        self, data: Data, scale: float, orientation: Orientation, freedom: Freedom, poses: np.ndarray
    ) -> tuple[Fit, np.ndarray]:
        """Return the first fit, and by how much (clip, 3) m each clip is moved so that all of them share one origin."""
        n_clips = int(data.clip.max()) + 1
        origin = np.zeros((n_clips, 3))
        if not freedom.translation:
            return Fit.start(self.kin, scale, orientation.rotation, np.zeros((n_clips, 3))), origin
        shift = start_translation(self.kin, scale, orientation.rotation, data, poses)
        common = np.median(shift, 0)
        apart = np.linalg.norm(shift - common, axis=1).max()
        if freedom.shift_weight is not None and apart > _OWN_ORIGIN * self.settings.clip_shift_mm / MM:
            origin = (shift - common) @ orientation.rotation
        return Fit.start(self.kin, scale, orientation.rotation, np.tile(common, (n_clips, 1))), origin

    def _fit(
        self,
        data: Data,
        fit: Fit,
        freedom: Freedom,
        poses: np.ndarray,
        rate_hz: float,
        progress: Progress,
    ) -> tuple[State, Problem]:
        """Fit a sample with squared distances first, then all with a loss that outliers do not rule."""
        s, dof_mm = self.settings, self.dof_mm
        every = np.full(data.seen.shape[1], np.inf)
        coarse, _ = sample(data, self.kin, COARSE)
        q, _ = start_poses(self.kin, coarse, fit, dof_mm, poses)
        problem = self._problem(coarse, freedom, rate_hz, every)
        state = problem.poses(fit, q, 60, 1e-6)
        report = _FitProgress(progress, s.max_iterations, coarse)
        state = problem.solve(state, s.max_iterations // 2, _ROUGH * s.tolerance, report)
        done = state.iterations
        if len(coarse.pos) < len(data.pos):
            q, _ = start_poses(self.kin.scaled(state.fit.segments), data, state.fit, dof_mm, poses)
            problem = self._problem(data, freedom, rate_hz, every)
            state = problem.poses(state.fit, q, 20, 1e-4)
        if s.outlier_ratio:
            least = smallest_outlier(dof_mm, self.kin.translational)
            outlier_mm = np.maximum(self._usual(problem, state) * s.outlier_ratio, least)
            problem = attrs.evolve(problem, outlier_mm=outlier_mm)
            state = attrs.evolve(state, cost=problem.cost(state.fit, state.q))
        state = problem.solve(
            state, s.max_iterations - done, s.tolerance, _FitProgress(progress, s.max_iterations, data, done)
        )
        return attrs.evolve(state, iterations=done + state.iterations), problem

    def _usual(self, problem: Problem, state: State) -> np.ndarray:
        """(keypoint,) mm, the median distance of each keypoint."""
        d, fit = problem.data, state.fit
        sites = problem.solver(fit).kin.pose(state.q).sites(fit.offsets) * fit.scale
        off = np.linalg.norm(fit.align(d.pos, d.clip) - sites, axis=-1) * MM
        return np.array([np.median(o[s > 0]) if s.any() else np.inf for o, s in zip(off.T, d.seen.T, strict=True)])

    def _problem(self, data: Data, freedom: Freedom, rate_hz: float, outlier_mm: np.ndarray) -> Problem:
        """Return the problem. Slides are pulled slightly to rest: moving one looks like moving the whole recording."""
        return Problem(
            kin=self.kin,
            data=data,
            freedom=freedom,
            outlier_mm=outlier_mm,
            dof_mm=self.dof_mm,
            smoothness=Smoothness(data.piece, rate_hz, self.settings.cutoff_hz, self.dof_mm),
            rest=self.kin.rest,
            rest_weight=np.where(self.kin.translational, _SLIDE_HOLD, 0.0),
        )

    def _follow(
        self, data: Data, fit: Fit, poses: np.ndarray, rate_hz: float, problem: Problem, progress: Progress
    ) -> tuple[Fit, np.ndarray]:
        """Fit all of a recording that was calibrated on a part of it, in chunks that overlap; their edges are not kept.

        Chunks know nothing of one another, and are fitted side by side.

        Returns:
            the fit, with the own shift and turn of each clip that a chunk holds whole; and the poses (frame, qpos).
        """
        q, parts = np.empty((len(data.pos), self.kin.nq)), list(chunks(data, self.kin))
        kin, of_clips = self.kin.scaled(fit.segments), problem.freedom.of_clips()

        def follow(chunk: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, State]:
            frames, keep = chunk
            there, clip = np.unique(data.clip[frames], return_inverse=True)
            part = data.pick(frames, data.piece[frames] - data.piece[frames[0]])._replace(clip=clip)
            free = of_clips if len(keep) == len(frames) else of_clips.nothing()
            of_part = self._problem(part, free, rate_hz, problem.outlier_mm)
            own = fit.of_clips(there)
            first = poses_between(kin, part, own, self.dof_mm, poses, rate_hz)
            state = of_part.poses(own, first, 60, _ENOUGH if free.any else 1e-6)
            if free.any:
                state = of_part.solve(state, _STEPS_OF_CLIPS, _ENOUGH)
            return there, self._unstuck(of_part, state, poses)

        found = fit
        for i, ((frames, keep), (there, state)) in enumerate(zip(parts, side_by_side(follow, parts), strict=True)):
            found, q[frames[keep]] = found.with_clips(there, state.fit), state.q[keep]
            progress(i + 1, len(parts), {})
        return found, q

    def _unstuck(self, problem: Problem, state: State, poses: np.ndarray) -> State:
        """Begin anew where a keypoint is further from the body than usual, and keep what comes closer."""
        data, fit = problem.data, state.fit
        near = self._near(data, fit, state.q, problem.outlier_mm)
        bad = np.flatnonzero(((near < _FAR) & (data.seen > 0)).any(1))
        if not len(bad):
            return state
        q = state.q.copy()
        q[bad], _ = start_poses(self.kin.scaled(fit.segments), data.pick(bad), fit, self.dof_mm, poses)
        other = problem.poses(fit, q, 60, 1e-6)
        return other if other.cost < state.cost else state

    def _near(self, data: Data, fit: Fit, q: np.ndarray, outlier_mm: np.ndarray) -> np.ndarray:
        """(frame, keypoint) in (0, 1], less the further a keypoint is from the body."""
        sites = fit.scale * self.kin.scaled(fit.segments).pose(q).sites(fit.offsets)
        off = fit.align(data.pos, data.clip) - sites
        targets = Targets(sites, np.ones(data.seen.shape), data.piece, outlier_mm)
        return targets.loss(np.einsum("fki,fki->fk", off, off) * MM**2)[1]

    def _weights(self, names: tuple[str, ...]) -> np.ndarray:
        """(keypoint,) how much each counts.

        Raises:
            ConfigError: a weight names no keypoint.
        """
        lower = {n.lower(): w for n, w in self.settings.weights.items()}
        for name in self.settings.weights:
            if name.lower() not in {n.lower() for n in names}:
                raise ConfigError(f"register.weights: no keypoint {name!r} is registered{did_you_mean(name, names)}")
        return np.array([lower.get(n.lower(), 1.0) for n in names])


def _flatten(keypoints: Keypoints, weights: np.ndarray) -> Data:
    """Put all clips after one another; each position is believed as its confidence times ``weights`` say."""
    pos = np.concatenate(keypoints.clips())
    clip = np.repeat(np.arange(len(keypoints.n_frames)), keypoints.n_frames)
    tracked = np.isfinite(pos).all(-1)
    seen = tracked * weights
    if keypoints.confidence is not None:
        inside = np.arange(keypoints.positions.shape[1]) < keypoints.n_frames[:, None]
        seen = seen * np.clip(np.nan_to_num(keypoints.confidence[inside], nan=0.0), 0.0, 1.0)
    return Data(np.where(tracked[..., None], pos, 0.0), seen, clip, clip)


def _moved(data: Data, origin: np.ndarray) -> Data:
    return data._replace(pos=data.pos + origin[data.clip][:, None])
