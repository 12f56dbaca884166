"""Starts and commanded velocities of episodes, made of recorded movements."""

from __future__ import annotations

import warnings

import attrs
import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from mimic_core import BodyModel, DataError, DataWarning, ReferenceClips
from mimic_kinematics.size import span
from mimic_walk.body import require_free_root, up_of
from mimic_walk.settings import Walk

_FEWEST_FRAMES = 4
"""that a reference is interpolated from"""
_OVER_S, _TOP = 0.5, 0.99
"""Recorded speeds are means over so long; this quantile of them is the fastest."""
_STILL, _HARDLY = 0.05, 0.5
"""Spans of the body per second: a recording that is not as fast stands still, and hardly walks."""
_LEVEL = np.cos(np.pi / 4)
"""least level part of the forward axis in a posture to begin in"""


class Commanded:
    """Makes episodes of recorded movements: a posture to begin in, and a velocity along its heading.

    Args:
        config: settings of the task.
        model: of the body.

    Raises:
        ConfigError: the body is fixed in space.
    """

    def __init__(self, config: Walk, model: BodyModel) -> None:
        require_free_root(model, "task walk")
        self._config, self._up, self._span = config, up_of(model), span(model)
        self._at, self._dof = model.root_qposadr, model.root_dofadr

    def __call__(self, clips: ReferenceClips) -> tuple[ReferenceClips, Int[np.ndarray, " episode"]]:
        """Return the episodes as clips that glide along in the posture of their start, and the clip that each is of.

        Raises:
            DataError: no speed is given and the recording stands still, or there is no posture to begin in.
        """
        low, high = self._speeds(clips)
        drawn = [self._drawn(clips, c, low, high) for c in range(len(clips.clip_names))]
        of = np.repeat(np.arange(len(drawn)), [len(frames) for frames, _ in drawn])
        if not of.size:
            raise DataError("clips: in every frame the animal points up or down; name its axis by task.forward")
        start, speed = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        qpos = clips.qpos[of, start]
        heading, _ = self._heading(qpos)
        velocity = speed[:, None] * heading
        frames = max(_FEWEST_FRAMES, round(self._config.duration_s * clips.rate_hz) + 1)
        along = velocity[:, None] * (np.arange(frames)[:, None] / clips.rate_hz)

        gliding = np.repeat(qpos[:, None], frames, axis=1)
        gliding[..., self._at : self._at + 3] += along
        rates = np.zeros((len(of), frames, clips.qvel.shape[-1]))
        rates[..., self._dof : self._dof + 3] = velocity[:, None]
        unknown = np.full((len(of), frames, len(clips.keypoint_names)), np.nan)
        mm_s = 1e3 * clips.body.scale * speed
        named = [f"{clips.clip_names[c]} from {s} at {v:.3g} mm per s" for c, s, v in zip(of, start, mm_s, strict=True)]
        episodes = attrs.evolve(
            clips,
            clip_names=tuple(named),
            animals=tuple(clips.animals[c] for c in of),
            n_frames=np.full(len(of), frames),
            qpos=gliding,
            qvel=rates,
            site_pos=clips.site_pos[of, start][:, None] + along[:, :, None],
            tracked_pos=np.repeat(unknown[..., None], 3, axis=-1),
            error_mm=unknown,
            trust=None,
            n_after=None,
            alignment=clips.alignment[of],
            start=qpos,
            start_qvel=clips.qvel[of, start] if self._config.begin == "moving" else None,
        )
        return episodes, of

    def _heading(
        self, qpos: Float[np.ndarray, "*frames nq"]
    ) -> tuple[Float[np.ndarray, "*frames 3"], Float[np.ndarray, "*frames"]]:
        """Level unit vectors to which the animal points, and the level part of its forward axis (1 if it is level)."""
        quat = qpos[..., self._at + 3 : self._at + 7]
        turn = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True)
        forward = np.array(self._config.forward) / np.linalg.norm(self._config.forward)
        axis = turn.apply(forward).reshape(*quat.shape[:-1], 3)
        level = axis - (axis @ self._up)[..., None] * self._up
        length = np.linalg.norm(level, axis=-1)
        return level / np.maximum(length, 1e-9)[..., None], length

    def _drawn(
        self, clips: ReferenceClips, clip: int, low: float, high: float
    ) -> tuple[Int[np.ndarray, " episode"], Float[np.ndarray, " episode"]]:
        """Draw frames to begin in, and speeds (m/s), for one movement."""
        _, level = self._heading(clips.qpos[clip, : clips.n_frames[clip]])
        rng = np.random.default_rng([self._config.episode_seed, clip])
        frames = np.sort(rng.permutation(np.flatnonzero(level >= _LEVEL))[: self._config.per_clip])
        return frames, rng.uniform(low, high, len(frames))

    def _speeds(self, clips: ReferenceClips) -> tuple[float, float]:
        """The slowest and the fastest speed that is commanded, m/s of the model."""
        to_mm = 1e3 * clips.body.scale
        if self._config.speeds_mm_s is not None:
            low, high = self._config.speeds_mm_s
            return low / to_mm, high / to_mm
        recorded = np.concatenate([[0.0], *(self._recorded(clips, c) for c in range(len(clips.qpos)))])
        top = float(np.quantile(recorded, _TOP))
        if top < _STILL * self._span:
            raise DataError(
                f"clips: the animal goes forward at no more than {to_mm * max(0.0, top):.3g} mm/s; give "
                "task.speeds_mm_s, or name by task.forward the axis that points where it goes"
            )
        if top < _HARDLY * self._span:
            text = f"task.speeds_mm_s: the recording hardly walks; commanded are its {to_mm * top / 2:.3g} to "
            warnings.warn(f"{text}{to_mm * top:.3g} mm/s", DataWarning, stacklevel=3)
        return top / 2, top

    def _recorded(self, clips: ReferenceClips, clip: int) -> Float[np.ndarray, " frame"]:
        """Speeds (m/s) along the heading of one movement, each a mean over `_OVER_S`, or over all of a shorter one."""
        qpos = clips.qpos[clip, : clips.n_frames[clip]]
        over = max(1, min(round(_OVER_S * clips.rate_hz), len(qpos) - 1))
        place, heading = qpos[:, self._at : self._at + 3], self._heading(qpos)[0]
        came = ((place[over:] - place[:-over]) * heading[over // 2 :][: len(qpos) - over]).sum(-1)
        return came * clips.rate_hz / over
