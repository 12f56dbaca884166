"""Starts and targets of episodes, made of recorded movements."""

from __future__ import annotations

import warnings

import attrs
import numpy as np
from jaxtyping import Float, Int

from mimic_core import BodyModel, DataError, DataWarning, ReferenceClips
from mimic_kinematics.size import span
from mimic_reach.body import hand_of
from mimic_reach.settings import Reach

_FEWEST_FRAMES = 4
"""that a reference is interpolated from"""


class Commanded:
    """Makes episodes of recorded movements: one posture to begin in, and another whose hand is the target.

    Args:
        config: settings of the task.
        model: of the body.
    """

    def __init__(self, config: Reach, model: BodyModel) -> None:
        self._config, self._hand = config, hand_of(model, config.keypoint)
        self._least = config.least_share * span(model)

    def __call__(self, clips: ReferenceClips) -> tuple[ReferenceClips, Int[np.ndarray, " episode"]]:
        """Return the episodes as clips that stand still in the target's posture, and the clip that each is of.

        Raises:
            DataError: no movement's hand moves far enough.
        """
        pairs = [self._pairs(clips, c) for c in range(len(clips.clip_names))]
        still = [name for name, found in zip(clips.clip_names, pairs, strict=True) if not len(found)]
        if len(still) == len(pairs):
            raise DataError(f"clips: no hand moves {1e3 * self._least:.3g} mm; make task.least_share smaller")
        if still:
            text = f"task.least_share: left out since the hand moves less than {1e3 * self._least:.3g} mm: "
            warnings.warn(text + ", ".join(still), DataWarning, stacklevel=2)
        of = np.repeat(np.arange(len(pairs)), [len(found) for found in pairs])
        start, target = np.concatenate([found for found in pairs if len(found)]).T
        count = [f"{clips.clip_names[c]} to {t}" for c, t in zip(of, target, strict=True)]
        frames = max(_FEWEST_FRAMES, round(self._config.duration_s * clips.rate_hz) + 1)

        def held(values: Float[np.ndarray, "clip frame *rest"]) -> Float[np.ndarray, "episode frame *rest"]:
            return np.repeat(values[of, target][:, None], frames, axis=1)

        unknown = np.full((len(of), frames, len(clips.keypoint_names)), np.nan)
        episodes = attrs.evolve(
            clips,
            clip_names=tuple(f"{name} from {s}" for name, s in zip(count, start, strict=True)),
            animals=tuple(clips.animals[c] for c in of),
            n_frames=np.full(len(of), frames),
            qpos=held(clips.qpos),
            qvel=np.zeros((len(of), frames, clips.qvel.shape[-1])),
            site_pos=held(clips.site_pos),
            tracked_pos=np.repeat(unknown[..., None], 3, axis=-1),
            error_mm=unknown,
            trust=None,
            n_after=None,
            alignment=clips.alignment[of],
            start=clips.qpos[of, start],
        )
        return episodes, of

    def _pairs(self, clips: ReferenceClips, clip: int) -> Int[np.ndarray, "episode 2"]:
        """Draw frames of starts and targets of one movement that are far enough apart; none where none are."""
        hand = clips.site_pos[clip, : clips.n_frames[clip], self._hand]
        apart = np.linalg.norm(hand[:, None] - hand, axis=-1) >= self._least
        possible = np.argwhere(apart & ~np.eye(len(hand), dtype=bool))
        rng = np.random.default_rng([self._config.episode_seed, clip])
        chosen = rng.permutation(len(possible))[: self._config.per_clip]
        return possible[np.sort(chosen)]
