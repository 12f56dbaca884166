"""Parts of a clip in which errors are told apart: the reach, the hold after it, the first 100 ms, and all of it."""

from __future__ import annotations

import attrs
import numpy as np

from mimic_core import Rollouts

FIRST_MS = 100.0
REST = 0.1  # a reach is over when its fastest keypoint is slower than this share of its top speed


@attrs.frozen(eq=False)
class Windows:
    """Windows of rollouts.

    Attributes:
        reach_end: (clip,) s since the clip's start.
        given: whether a setting says when the reach ends; else the speed of the reference does.
        steps: window → (clip, step) True for its steps; windows that no clip has are left out.
    """

    reach_end: np.ndarray
    given: bool
    steps: dict[str, np.ndarray]

    @classmethod
    def of(cls, rollouts: Rollouts, reach_ms: float | None) -> Windows:
        """Find the windows.

        Args:
            reach_ms: how long a reach lasts from the clip's start, ms; None: until `reach_end` of each clip.
        """
        n = len(rollouts.clip_names)
        end = reach_end(rollouts) if reach_ms is None else np.full(n, 1e-3 * reach_ms)
        inside = np.arange(rollouts.qpos.shape[1]) < rollouts.n_steps[:, None]
        reach = rollouts.time < end[:, None] - 1e-9
        steps = {
            "reach": inside & reach,
            "hold": inside & ~reach,
            f"first {FIRST_MS:g} ms": inside & (rollouts.time < 1e-3 * FIRST_MS - 1e-9),
            "whole": inside,
        }
        return cls(end, reach_ms is not None, {name: s for name, s in steps.items() if s.any()})

    def in_words(self) -> str:
        """When the reach ends, for captions."""
        end = 1e3 * np.median(self.reach_end)
        if self.given:
            return f"The reach is a clip's first {end:g} ms, the hold what follows."
        return (
            "The reach lasts from a clip's start until the fastest keypoint of the reference falls below "
            f"{100 * REST:g} % of its top speed (median {end:.0f} ms), the hold is what follows; reach_ms sets "
            "another end."
        )


def reach_end(rollouts: Rollouts) -> np.ndarray:
    """(clip,) s at which each reference has slowed down below `REST` of its top speed; a clip's end if it never does.

    The speed is that of the keypoint that is the fastest on average over clips.
    """
    moving = [rollouts.keypoint_names.index(n) for n in rollouts.moving_keypoints]
    if not moving:
        return rollouts.n_steps / rollouts.rate_hz
    out = np.empty(len(rollouts.clip_names))
    course = [r[:n][:, moving] for r, n in zip(rollouts.ref_site_pos, rollouts.n_steps, strict=True)]
    speed = [np.linalg.norm(np.gradient(c, axis=0), axis=-1) if len(c) > 1 else np.zeros(c.shape[:2]) for c in course]
    fastest = int(np.mean([s.max(0) for s in speed], axis=0).argmax())
    for c, s in enumerate(speed):
        peak = int(s[:, fastest].argmax())
        slow = np.flatnonzero(s[peak:, fastest] < REST * s[peak, fastest])
        out[c] = (peak + slow[0] if len(slow) else len(s)) / rollouts.rate_hz
    return out
