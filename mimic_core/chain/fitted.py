"""Settings of the task that follow the body and the recording: how often the policy acts, and times in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mimic_core.body.body import Body
from mimic_core.records.clips import ReferenceClips

FIXED_HZ = 400.0
"""how often the policy of a body that is fixed in space acts, as near as its physics allows"""
PER_FRAME = 2
"""control steps per recorded frame of a body that moves freely"""


def has_free_root(body: Body) -> bool:
    """Whether a body moves freely in space."""
    import mujoco

    return any(j.type == mujoco.mjtJoint.mjJNT_FREE for j in body.spec().joints)


def fitted_times(task: Mapping[str, Any], given: Iterable[str], clips: ReferenceClips) -> dict[str, Any]:
    """Return the task's settings with times that suit its body and recording.

    A control rate that nobody gave divides the rate of the physics: it is the one nearest to `FIXED_HZ`, or of a free
    body nearest to `PER_FRAME` times the recording's rate. Where nobody gave their spacing, a free body sees coming
    frames as they were recorded. The task rounds times in milliseconds to control steps.

    Args:
        task: settings, complete.
        given: names of those that a preset or the user gave.
    """
    out, given = dict(task), set(given)
    free, physics = has_free_root(clips.body), 1.0 / clips.body.physics.timestep
    if "control_rate_hz" not in given:
        wanted = PER_FRAME * clips.rate_hz if free else FIXED_HZ
        out["control_rate_hz"] = round(physics / max(1, round(physics / wanted)), 9)
    if free and "window_step_ms" not in given:
        steps = max(1, round(out["control_rate_hz"] / clips.rate_hz))
        out["window_step_ms"] = 1e3 * steps / out["control_rate_hz"]
    return out
