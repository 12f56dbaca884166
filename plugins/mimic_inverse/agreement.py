"""The controller, and EMG, beside the activations of least effort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from mimic_core import BodyModel, DataError, Emg, ReferenceClips, Rollouts
from mimic_core.records import muscle_pairs
from mimic_inverse.findings import Agreement, Beside, Feasible, Recorded, Solution
from mimic_inverse.reachable import Reachable
from mimic_inverse.settings import Settings
from mimic_static_optimisation.dynamics import Movement, load_of
from mimic_static_optimisation.effort import least_squared
from mimic_static_optimisation.solve import feasible_range, least_effort
from mimic_statistics import mean_and_sem

CONSTANT, LIMP, OTHER_CLIP, OTHER_MUSCLES = "best constant", "limp", "another clip's", "other muscles"
"""Names of null models."""
_FEWEST_SAMPLES = 3
"""that courses are compared by"""


def beside(
    rollouts: Rollouts,
    clips: ReferenceClips,
    model: BodyModel,
    movement: Movement,
    solutions: Mapping[str, Solution],
    feasible: Feasible,
    settings: Settings,
) -> Beside:
    """Put the controller beside the solutions at the frames of the clips that it was rolled out on.

    Raises:
        DataError: the rollouts are of another body, or of other clips.
    """
    at = _clips_of(rollouts, clips, model)
    own, activation = own_movement(rollouts, model, movement, at)
    controller = _by_clip(own, activation, movement, at)
    found = {name: agreement(controller, movement.by_clip(s.activation)) for name, s in solutions.items()}
    compared = movement.by_clip(next(iter(solutions.values())).activation)
    found |= {CONSTANT: of_constant(controller), LIMP: agreement(controller, np.zeros_like(controller))}
    found[OTHER_CLIP] = of_other_clips(controller, compared)
    low, high = movement.by_clip(feasible.low), movement.by_clip(feasible.high)
    within = lambda a, low=low, high=high: inside(a, low, high, settings.inside_tolerance)  # noqa: E731
    there, muscles = np.where(np.isfinite(controller), 0.0, np.nan), controller.shape[-1]
    nulls = {
        CONSTANT: within(there + np.nanmedian(controller, axis=(0, 1))),
        LIMP: within(there),
        OTHER_CLIP: mean_of(
            np.array([within(controller, *pair) for pair in _shifts(low, high)] or [np.full(muscles, np.nan)])
        ),
    }
    load = load_of(model, own)
    given = np.einsum("fjm,fm->fj", load.gain, activation)
    load = attrs.evolve(load, torque=given + load.passive)
    least = least_effort(load, own, least_squared, settings.reserve_cost, settings.infeasible_share)
    middle = feasible_range(load, least, own.frames_of(own.evenly(settings.range_clips))).middle
    return Beside(
        clips=at,
        activation=controller[movement.inside],
        agreement=found,
        inside=within(controller),
        inside_nulls=nulls,
        effort=float((activation**2).sum(axis=1).mean()),
        least_effort=float((least.activation**2).sum(axis=1).mean()),
        middle_effort=float(mean_of((middle**2).sum(axis=1)[:, None])[0]),
    )


def controller_by_clip(rollouts: Rollouts, clips: ReferenceClips, model: BodyModel, movement: Movement) -> np.ndarray:
    """(clip, frame, muscle) the controller's activations at the frames of the clips, NaN where it has none."""
    at = _clips_of(rollouts, clips, model)
    return _by_clip(*own_movement(rollouts, model, movement, at), movement, at)


def _by_clip(own: Movement, activation: np.ndarray, movement: Movement, at: np.ndarray) -> np.ndarray:
    out = np.full((len(movement.n_frames), int(movement.n_frames.max()), activation.shape[1]), np.nan)
    for k, c in enumerate(at):
        piece = activation[own.pieces[k]]
        out[c, : len(piece)] = piece
    return out


def _clips_of(rollouts: Rollouts, clips: ReferenceClips, model: BodyModel) -> np.ndarray:
    """(rollout,) which reference clip each rollout is of."""
    if rollouts.muscle_names != model.muscle_names:
        raise DataError(
            f"analyze.inverse: the rollouts have the muscles {', '.join(rollouts.muscle_names) or 'none'}, the clips' "
            f"body has {', '.join(model.muscle_names)}; give rollouts of the same body"
        )
    missing = [n for n in rollouts.clip_names if n not in clips.clip_names]
    if missing:
        raise DataError(
            f"analyze.inverse: the clips have no {missing[0]!r}, which the rollouts are of; give their clips"
        )
    at = np.array([clips.clip_names.index(n) for n in rollouts.clip_names])
    apart = np.abs(rollouts.ref_joint_pos[:, 0] - clips.qpos[at, 0][:, model.joint_qposadr]).max(axis=1)
    if apart.max() > 1e-3:
        name = rollouts.clip_names[int(apart.argmax())]
        raise DataError(
            f"analyze.inverse: the rollouts of {name!r} follow another movement than the clips hold; give the clips "
            "that the controller was rolled out on"
        )
    return at


def own_movement(
    rollouts: Rollouts, model: BodyModel, movement: Movement, at: np.ndarray
) -> tuple[Movement, np.ndarray]:
    """Return the controller's own states at the frames of the clips ``at``, and its activations (frame, muscle).

    States between control steps are interpolated linearly.
    """
    activation = np.stack([rollouts.of("activation", m) for m in model.muscle_names], axis=-1)
    parts: list[tuple[np.ndarray, ...]] = []
    for k, n in enumerate(movement.n_frames[at]):
        have = np.arange(rollouts.n_steps[k]) / rollouts.rate_hz
        want = np.arange(n) / movement.rate_hz
        want = want[want <= have[-1] + 1e-9]
        arrays = (rollouts.qpos[k], rollouts.qvel[k], activation[k])
        parts.append(tuple(_interpolated(a[: len(have)].astype(float), have, want) for a in arrays))
    qpos, qvel, acts = (np.concatenate(column) for column in zip(*parts, strict=True))
    n = np.array([len(p[0]) for p in parts])
    beyond = np.zeros((len(qpos), len(model.joint_names)))
    return Movement(qpos, qvel, np.zeros_like(qvel), n, movement.rate_hz, beyond), acts


def _interpolated(values: np.ndarray, have: np.ndarray, want: np.ndarray) -> np.ndarray:
    return np.stack([np.interp(want, have, column) for column in values.T], axis=-1)


def agreement(controller: np.ndarray, other: np.ndarray) -> Agreement:
    """Return how near ``other`` is to the controller's activations, both (clip, frame, muscle), NaN where missing."""
    there = np.isfinite(controller) & np.isfinite(other)
    n = there.sum(axis=(0, 1))
    x, y = (np.where(there, a, np.nan) for a in (other, controller))
    with np.errstate(invalid="ignore", divide="ignore"):
        mae = np.nansum(np.abs(x - y), axis=(0, 1)) / n
    return Agreement(mae, _r2(x, y))


def _r2(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(muscle,) R² of the best affine map of x onto y with a slope not below 0, over all but the last axis."""
    axes = tuple(range(x.ndim - 1))
    there = np.isfinite(x) & np.isfinite(y)
    n = np.maximum(there.sum(axis=axes), 1)
    x, y = (np.where(there, a - np.where(there, a, 0.0).sum(axis=axes) / n, 0.0) for a in (x, y))
    both, square = (x * y).sum(axis=axes), (x * x).sum(axis=axes) * (y * y).sum(axis=axes)
    varies = square > 1e-18
    return np.where(varies, np.maximum(both, 0.0) ** 2 / np.where(varies, square, 1.0), 0.0)


def of_constant(controller: np.ndarray) -> Agreement:
    """Return the same of the constant that is nearest to each muscle's activations, their median."""
    return agreement(controller, np.broadcast_to(np.nanmedian(controller, axis=(0, 1)), controller.shape))


def mean_of(values: np.ndarray) -> np.ndarray:
    """(muscle,) mean over the rows (row, muscle) that have a value; NaN where none has."""
    there = np.isfinite(values)
    n = there.sum(axis=0)
    return np.where(n > 0, np.where(there, values, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)


def _shifts(*arrays: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """The arrays (clip, …) with every clip in the place of another, once for each distance between the two."""
    return [tuple(np.roll(a, k, axis=0) for a in arrays) for k in range(1, len(arrays[0]))]


def of_other_clips(controller: np.ndarray, other: np.ndarray) -> Agreement:
    """Return the mean agreement over all ways to put another clip in a clip's place; NaN where there is only one."""
    found = [agreement(controller, shifted) for (shifted,) in _shifts(other)]
    if not found:
        return Agreement(*np.full((2, other.shape[-1]), np.nan))
    return Agreement(np.mean([f.mae for f in found], axis=0), np.mean([f.r2 for f in found], axis=0))


def inside(activation: np.ndarray, low: np.ndarray, high: np.ndarray, tolerance: float) -> np.ndarray:
    """(muscle,) share of the frames with a range (clip, frame, muscle) in which activations are inside it."""
    there = np.isfinite(activation) & np.isfinite(low)
    within = there & (activation >= low - tolerance) & (activation <= high + tolerance)
    n = there.sum(axis=(0, 1))
    return np.where(n > 0, within.sum(axis=(0, 1)) / np.maximum(n, 1), np.nan)


def recorded(
    emg: Emg,
    clips: ReferenceClips,
    model: BodyModel,
    movement: Movement,
    activations: Mapping[str, np.ndarray],
    settings: Settings,
    feasible: Feasible | None = None,
) -> tuple[Recorded, ...]:
    """Put mean activations beside mean EMG, muscle by muscle.

    Means are over the clips that are trials of the EMG; over all of both where they share no name. What is reachable is
    a mean over those of them whose feasible range was found, at instants at which half of them have one; the rest of
    them may have any activation there.

    Args:
        emg: recorded.
        clips, model, movement: what moved.
        activations: name → (frame, muscle), the compared one first.
        settings: name muscles.
        feasible: range of each muscle, for what is reachable.
    """
    pairs = muscle_pairs(
        emg.muscle_names, model.muscle_names, clips.body, dict(settings.muscles), "analyze.inverse.muscles"
    )
    shared = [n for n in clips.clip_names if n in emg.trial_names]
    rows = [emg.trial_names.index(n) for n in shared] or list(range(len(emg.trial_names)))
    of = [clips.clip_names.index(n) for n in shared] or list(range(len(clips.clip_names)))
    courses = {name: mean_course(movement.by_clip(a)[of]) for name, a in activations.items()}
    frames = np.arange(int(movement.n_frames.max())) / movement.rate_hz
    ends: list[np.ndarray] = []
    if feasible is not None:
        chosen = movement.evenly(settings.range_clips)
        ranged = [c for c in of if c in chosen] or list(chosen)
        there = movement.inside[ranged][..., None]
        ends = [
            _at(emg.time, frames, _end(movement.by_clip(a)[ranged], np.where(there, free, np.nan)))
            for a, free in ((feasible.low, 0.0), (feasible.high, 1.0))
        ]
    out = []
    for name, muscle in pairs.items():
        mean = mean_and_sem(emg.envelope[rows][:, :, emg.muscle_names.index(name)].astype(float))[0]
        at = {k: _at(emg.time, frames, c) for k, c in courses.items()}
        found = _compared(name, muscle, emg.time, mean, at, model.muscle(muscle))
        if ends:
            low, high = (a[:, model.muscle(muscle)] for a in ends)
            there = np.isfinite(mean) & np.isfinite(low) & np.isfinite(high)
            if there.sum() >= _FEWEST_SAMPLES:
                reachable = Reachable.of(mean[there], low[there], high[there], settings.inside_tolerance)
                found = attrs.evolve(found, reachable=reachable)
        out.append(found)
    return tuple(out)


def _end(values: np.ndarray, free: np.ndarray) -> np.ndarray:
    """(frame, muscle) mean over clips of an end of ranges, ``free`` where a clip has none; NaN unless half have one."""
    return np.where(np.isfinite(mean_course(values)), mean_course(np.where(np.isfinite(values), values, free)), np.nan)


def mean_course(values: np.ndarray) -> np.ndarray:
    """(frame, muscle) mean over clips of (clip, frame, muscle); NaN where fewer than half of the clips last."""
    return np.stack([mean_and_sem(values[..., m])[0] for m in range(values.shape[-1])], axis=-1)


def _at(time: np.ndarray, frames: np.ndarray, course: np.ndarray) -> np.ndarray:
    """(sample, muscle) a course at the instants of EMG; NaN beyond it."""
    known = np.isfinite(course).all(axis=-1)
    if not known.any():
        return np.full((len(time), course.shape[-1]), np.nan)
    columns = [np.interp(time, frames[known], c[known], np.nan, np.nan) for c in course.T]
    return np.stack(columns, axis=-1)


def _compared(
    name: str, muscle: str, time: np.ndarray, mean: np.ndarray, at: Mapping[str, np.ndarray], column: int
) -> Recorded:
    """Measures over the samples that all have; the null of other muscles is a mean over those of the first curve."""
    there = np.isfinite(mean) & np.all([np.isfinite(a[:, column]) for a in at.values()], axis=0)
    if there.sum() < _FEWEST_SAMPLES:
        raise DataError(
            f"analyze.inverse: EMG of {name!r} and the movement share {there.sum()} instants, "
            f"expected at least {_FEWEST_SAMPLES}; check the unit of the EMG's times"
        )
    emg = mean[there]
    of = {k: _pair(a[there, column], emg) for k, a in at.items()}
    first = next(iter(at.values()))[there]
    others = [_pair(first[:, m], emg) for m in range(first.shape[1]) if m != column]
    of[CONSTANT], of[LIMP] = _pair(np.full_like(emg, np.median(emg)), emg), _pair(np.zeros_like(emg), emg)
    if others:
        of[OTHER_MUSCLES] = tuple(np.mean(others, axis=0))
    mae, r2 = ({k: float(v[i]) for k, v in of.items()} for i in (0, 1))
    return Recorded(name, muscle, time, mean, mae, r2, int(there.sum()))


def _pair(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    return float(np.abs(x - y).mean()), float(_r2(x[:, None], y[:, None])[0])


def mean_mae(recorded: Sequence[Recorded], name: str) -> dict[str, float]:
    """Recorded muscle → MAE of one of the curves."""
    return {r.name: r.mae[name] for r in recorded}
