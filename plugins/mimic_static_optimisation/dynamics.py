"""Inverse dynamics: the torques that a movement needs, and what the muscles can give at the same instants."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import attrs
import numpy as np
from scipy.interpolate import CubicSpline

from mimic_core import BodyModel, ReferenceClips
from mimic_core.task import resample

if TYPE_CHECKING:
    import mujoco


@attrs.frozen(eq=False)
class Movement:
    """States of a body at the frames of all clips, clip after clip in a row.

    Attributes:
        qpos, qvel: (frame, qpos), (frame, qvel).
        qacc: (frame, qvel) rad/s², m/s².
        n_frames: (clip,) how many of the frames belong to each clip.
        rate_hz: of the frames.
        beyond_deg: (frame, joint) by how much a joint was beyond its limit, where it is then held; in degrees, or mm.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    qacc: np.ndarray
    n_frames: np.ndarray
    rate_hz: float
    beyond_deg: np.ndarray

    def by_clip(self, values: np.ndarray) -> np.ndarray:
        """Return (clip, frame, …) of values (frame, …) of all clips in a row; NaN past a clip's end."""
        out = np.full((len(self.n_frames), int(self.n_frames.max()), *values.shape[1:]), np.nan)
        out[self.inside] = values
        return out

    @property
    def inside(self) -> np.ndarray:
        """(clip, frame) which frames of the longest clip each clip has."""
        return np.arange(self.n_frames.max()) < self.n_frames[:, None]

    @property
    def pieces(self) -> list[slice]:
        """Where each clip's frames are in the row of all."""
        ends = np.cumsum(self.n_frames)
        return [slice(int(e - n), int(e)) for e, n in zip(ends, self.n_frames, strict=True)]

    def evenly(self, most: int) -> np.ndarray:
        """(clip,) indices of at most so many clips, evenly chosen."""
        n = len(self.n_frames)
        return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))

    def frames_of(self, clips: np.ndarray) -> np.ndarray:
        """(frame,) whether each frame is one of these clips (an array of indices)."""
        return np.isin(np.repeat(np.arange(len(self.n_frames)), self.n_frames), clips)

    def only(self, clips: np.ndarray) -> Movement:
        """Return the movement of some clips (an array of rising indices) alone."""
        rows = self.frames_of(clips)
        arrays = {k: getattr(self, k)[rows] for k in ("qpos", "qvel", "qacc", "beyond_deg")}
        return attrs.evolve(self, **arrays, n_frames=self.n_frames[clips])


def registered(clips: ReferenceClips, model: BodyModel, lowpass_hz: float) -> Movement:
    """Return the registered movement at its own frames.

    Angles are low-passed (2nd-order Butterworth, forwards and backwards) and interpolated by cubic splines as
    `mimic_core.task.resample` does; accelerations are derivatives of cubic splines through the velocities. Joints that
    filtering or registration left beyond their limits are held at them: a limit's own torque is no work of muscles.
    """
    reference = resample(clips, model, clips.rate_hz, lowpass_hz)
    n, inside = reference.n_steps, np.arange(reference.qpos.shape[1]) < reference.n_steps[:, None]
    rates = [v[:k] for v, k in zip(reference.qvel, n, strict=True)]
    qacc = np.concatenate(
        [CubicSpline(np.arange(len(v)) / clips.rate_hz, v)(np.arange(len(v)) / clips.rate_hz, 1) for v in rates]
    )
    qpos, (low, high) = reference.qpos[inside], model.joint_range.T
    angles = qpos[:, model.joint_qposadr]
    held = np.clip(angles, low, high)
    qpos[:, model.joint_qposadr] = held
    beyond = np.abs(angles - held) * np.where(model.is_hinge, np.rad2deg(1.0), 1e3)
    return Movement(qpos, reference.qvel[inside], qacc, n, clips.rate_hz, beyond)


@attrs.frozen(eq=False)
class Load:
    """What the joints need and what muscles can give, frame by frame: gain @ activation + passive = torque.

    Attributes:
        torque: (frame, joint) N·m that actuators must give for the movement.
        holding: (frame, joint) the part that holds the pose at rest: weight and springs.
        damping: (frame, joint) the part that overcomes the joints' damping.
        gain: (frame, joint, muscle) N·m per unit of activation.
        passive: (frame, joint) N·m of the relaxed muscles.
        force_gain, force_passive: (frame, muscle) N, tension per unit of activation and of the relaxed muscle.
        velocity: (frame, muscle) m/s, lengthening positive.
        root: (frame, 6) N and N·m at a free root, which nothing gives; None for a body fixed in space.
    """

    torque: np.ndarray
    holding: np.ndarray
    damping: np.ndarray
    gain: np.ndarray
    passive: np.ndarray
    force_gain: np.ndarray
    force_passive: np.ndarray
    velocity: np.ndarray
    root: np.ndarray | None

    @property
    def needed(self) -> np.ndarray:
        """(frame, joint) N·m that active muscles must give."""
        return self.torque - self.passive

    @property
    def crossed(self) -> np.ndarray:
        """(joint,) whether any muscle turns the joint."""
        size = np.abs(self.gain).max(axis=(0, 2))
        return size > 1e-9 * max(size.max(), 1e-300)


def load_of(model: BodyModel, movement: Movement, mj_model: mujoco.MjModel | None = None) -> Load:
    """Find the torques of a movement by MuJoCo's inverse dynamics, and the muscles' forces and moment arms.

    The inverse takes inertia with armature, weight, springs, damping, friction and limits of the joints from the body.
    Contacts are left out: no ground reaction is recorded, and that of two overlapping shapes would be made up.
    A muscle's force is gain(length, velocity)·activation + bias(length), both read from MuJoCo at activations 0 and 1.

    Args:
        model: of the body that moved.
        movement: its states.
        mj_model: a changed copy of the body's MuJoCo model to take instead.
    """
    import mujoco

    m = copy.copy(mj_model or model.mj_model)
    m.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONTACT)
    data, muscles, dofs = mujoco.MjData(m), model.muscle_ids, model.joint_dofadr
    n, joint = len(movement.qpos), (len(movement.qpos), len(dofs))
    torque, holding, damping = np.zeros((3, *joint))
    force_gain, force_passive, velocity = np.zeros((3, n, len(muscles)))
    arms, root = np.zeros((*joint, len(muscles))), np.zeros((n, 6))
    moment, states = np.zeros((m.nu, m.nv)), m.actuator_actadr[muscles]
    for i, (qpos, qvel, qacc) in enumerate(zip(movement.qpos, movement.qvel, movement.qacc, strict=True)):
        data.qpos[:], data.qvel[:], data.qacc[:] = qpos, 0.0, 0.0
        mujoco.mj_inverse(m, data)
        holding[i], still = data.qfrc_inverse[dofs], data.qfrc_passive[dofs].copy()
        data.qvel[:], data.qacc[:] = qvel, qacc
        mujoco.mj_inverse(m, data)
        torque[i], damping[i] = data.qfrc_inverse[dofs], still - data.qfrc_passive[dofs]
        if model.root is not None:
            root[i] = data.qfrc_inverse[model.root_dofadr : model.root_dofadr + 6]
        mujoco.mju_sparse2dense(
            moment, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind
        )
        velocity[i] = data.actuator_velocity[muscles]
        for activation, into in ((0.0, force_passive), (1.0, force_gain)):
            data.act[states] = activation
            mujoco.mj_fwdActuation(m, data)
            into[i] = -data.actuator_force[muscles]  # MuJoCo counts a pull as negative
        arms[i] = -moment[muscles][:, dofs].T
    force_gain -= force_passive
    return Load(
        torque=torque,
        holding=holding,
        damping=damping,
        gain=arms * force_gain[:, None],
        passive=np.einsum("fjm,fm->fj", arms, force_passive),
        force_gain=force_gain,
        force_passive=force_passive,
        velocity=velocity,
        root=None if model.root is None else root,
    )
