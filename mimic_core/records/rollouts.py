"""Rollouts: what the trained body did, clip by clip, and everything that can be read off it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import numpy as np

from mimic_core.body.body import Body
from mimic_core.errors import DataError, did_you_mean
from mimic_core.records.clips import animals_unknown
from mimic_core.records.storage import Record, array, arrays, value
from mimic_core.records.training import Training

_S = ("clip", "step")


@attrs.frozen(kw_only=True)
class AppliedPerturbation:
    """What disturbed a controller while it was rolled out.

    Attributes:
        name: of the perturbation.
        label: what its rollouts are called.
        settings: of the perturbation.
        onset_ms, end_ms: of each clip, since its start; None for a clip that was left alone.
    """

    name: str
    label: str
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    onset_ms: tuple[float | None, ...] = ()
    end_ms: tuple[float | None, ...] = ()


LAYER = "layer/"
"""How names in `Rollouts.record` begin that are activations of a network's layers: ``layer/decoder/layer_1``."""


@attrs.frozen(kw_only=True)
class Rollouts(Record):
    """One closed-loop rollout per clip, in the true physics. Steps past a clip's end are NaN.

    Entry t of every array belongs to the instant ``t / rate_hz`` after the clip's start. Entry 0 is
    the initial state; ``action`` and ``excitation`` at t are what was applied during the control
    step that ended at t, so they are NaN at entry 0.

    Attributes:
        rate_hz: control rate, Hz.
        split: ``train`` or ``held_out`` for each clip.
        animals: as in `ReferenceClips`.
        action: the policy's raw output in [-1, 1].
        excitation: what reached the actuators, after noise and delay.
        activation: muscle activation.
        error_mm: distance of each keypoint from the registered reference, mm of the animal.
        fixed_keypoints: keypoints that the body cannot move; their distance is no tracking error.
        tracked_error_mm: distance from what was tracked (interpolated to the control rate).
        reserve_names, reserve_force: actuators that stand for muscles which the body lacks, and their ``joint_force``.
        limp_site_pos: keypoints of the same body from the same starts, never excited: a null model.
        null_qpos: coordinates of other null models by name, each from the same starts; NaN once its physics diverged.
        reward_terms: unweighted terms by name; their units are in ``reward_units``.
        record: what the controller recorded of itself, by name. By convention ``intention_mean``,
            ``intention_logvar`` and ``intention`` (the one acted on), and activations of a network's layers as
            ``layer/NAME``.
        body: the body that moved, with the size of the animal whose clips these are.
        training: of the controller; None for one that mimic did not train.
        checkpoint: ``last`` or ``best``.
        seed: the controller acted stochastically with this seed; None: deterministically.
        perturbation: what disturbed it, or None.
        clips: hash of the file of reference clips.
        origin: of the recording; ``synthetic`` for one that the project made itself.
        provenance: versions, and whatever else there is to know.
    """

    KIND: ClassVar[str] = "rollouts"
    SCHEMA: ClassVar[int] = 2
    INSIDE: ClassVar = ("n_steps", ("qpos", "site_pos", "qvel", "error_mm", "activation"))

    body_name: str = value()
    rate_hz: float = value(converter=float)
    simulator: str = value()
    clip_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    split: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    joint_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    actuator_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    muscle_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    keypoint_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    n_steps: np.ndarray = array(("clip",), "control step", doc="entries that are not padding")
    qpos: np.ndarray = array((*_S, "qpos"), "rad, m")
    qvel: np.ndarray = array((*_S, "qvel"), "rad/s, m/s")
    joint_pos: np.ndarray = array((*_S, "joint"), "rad")
    joint_vel: np.ndarray = array((*_S, "joint"), "rad/s")
    joint_force: np.ndarray = array((*_S, "joint"), "N·m")
    ref_joint_pos: np.ndarray = array((*_S, "joint"), "rad")
    ref_joint_vel: np.ndarray = array((*_S, "joint"), "rad/s")
    site_pos: np.ndarray = array((*_S, "keypoint", "xyz"), "m")
    ref_site_pos: np.ndarray = array((*_S, "keypoint", "xyz"), "m")
    tracked_pos: np.ndarray = array((*_S, "keypoint", "xyz"), "m")
    error_mm: np.ndarray = array((*_S, "keypoint"), "mm")
    tracked_error_mm: np.ndarray = array((*_S, "keypoint"), "mm")
    action: np.ndarray = array((*_S, "actuator"), "1")
    excitation: np.ndarray = array((*_S, "actuator"), "1")
    activation: np.ndarray = array((*_S, "actuator"), "1")
    muscle_force: np.ndarray = array((*_S, "muscle"), "N")
    muscle_length: np.ndarray = array((*_S, "muscle"), "m")
    muscle_velocity: np.ndarray = array((*_S, "muscle"), "m/s")
    reward: np.ndarray = array(_S, "1")
    reward_terms: dict[str, np.ndarray] = arrays(_S, "reward_units")
    reward_units: dict[str, str] = value(default=attrs.Factory(dict))
    animals: tuple[str, ...] = value(default=animals_unknown, type=tuple[str, ...], converter=tuple)
    limp_site_pos: np.ndarray | None = array((*_S, "keypoint", "xyz"), "m", optional=True)
    null_qpos: dict[str, np.ndarray] = arrays((*_S, "qpos"), "rad, m")
    ref_qpos: np.ndarray | None = array((*_S, "qpos"), "rad, m", optional=True)
    ref_qvel: np.ndarray | None = array((*_S, "qvel"), "rad/s, m/s", optional=True)
    record: dict[str, np.ndarray] = arrays((*_S, "unit"), "1")
    reserve_names: tuple[str, ...] = value(default=(), type=tuple[str, ...], converter=tuple)
    reserve_force: np.ndarray | None = array((*_S, "joint"), "N·m", optional=True)
    fixed_keypoints: tuple[str, ...] = value(default=(), type=tuple[str, ...], converter=tuple)
    body: Body | None = value(default=None, type=Body | None)
    training: Training | None = value(default=None, type=Training | None)
    checkpoint: str = value(default="")
    seed: int | None = value(default=None)
    perturbation: AppliedPerturbation | None = value(default=None, type=AppliedPerturbation | None)
    clips: str = value(default="")
    origin: str = value(default="")
    provenance: dict[str, Any] = value(default=attrs.Factory(dict))

    @property
    def layers(self) -> dict[str, np.ndarray]:
        """Name of a network's layer → its activations (clip, step, unit)."""
        return {k.removeprefix(LAYER): a for k, a in self.record.items() if k.startswith(LAYER)}

    @property
    def time(self) -> np.ndarray:
        """(step,) s since the start of each clip."""
        return np.arange(self.qpos.shape[1]) / self.rate_hz

    def of(self, kind: str, name: str) -> np.ndarray:
        """Return (clip, step) of one named joint or actuator: ``of("activation", "Biceps_Long")``.

        Raises:
            DataError: these rollouts have no such array or name.
        """
        axes = {f.name: f.metadata.get("axes", ()) for f in attrs.fields(type(self))}
        named = {"joint": self.joint_names, "actuator": self.actuator_names, "muscle": self.muscle_names}
        last = axes.get(kind, ("",))[-1:]
        if not last or last[0] not in named:
            able = [k for k, a in axes.items() if a and a[-1] in named]
            raise DataError(f"rollouts: {kind!r} is no array over joints or actuators{did_you_mean(kind, able)}")
        names = named[last[0]]
        if name not in names:
            raise DataError(f"rollouts: no {last[0]} {name!r}{did_you_mean(name, names)}")
        return getattr(self, kind)[..., names.index(name)]

    @property
    def moving_keypoints(self) -> tuple[str, ...]:
        """Names of the keypoints that the body can move, in order."""
        return tuple(n for n in self.keypoint_names if n not in self.fixed_keypoints)

    def clip_errors_mm(self) -> np.ndarray:
        """(clip,) mean distance from the registered reference over steps and moving keypoints; 0 if there are none."""
        errors = self.error_mm[..., [self.keypoint_names.index(n) for n in self.moving_keypoints]]
        known = np.isfinite(errors)
        return np.where(known, errors, 0.0).sum((1, 2)) / np.maximum(known.sum((1, 2)), 1)

    def ranked_clips(self) -> np.ndarray:
        """Indices of the held-out clips, or of all if none is held out, from the smallest to the largest error."""
        held = np.flatnonzero(np.array(self.split) == "held_out")
        among = held if len(held) else np.arange(len(self.clip_names))
        return among[np.argsort(self.clip_errors_mm()[among], kind="stable")]

    def median_clip(self) -> int:
        """Index of the clip in the middle of `ranked_clips`; of an even number, the better of the two."""
        ranked = self.ranked_clips()
        return int(ranked[(len(ranked) - 1) // 2])
