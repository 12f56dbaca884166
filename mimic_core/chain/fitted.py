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
_TIMES = {"window_step_ms": 1, "sensory_delay_ms": 0, "motor_delay_ms": 0}
"""time → the least that it may be, in control steps"""


def has_free_root(body: Body) -> bool:
    """Whether a body moves freely in space."""
    import mujoco

    return any(j.type == mujoco.mjtJoint.mjJNT_FREE for j in body.spec().joints)


def fitted_times(
    task: Mapping[str, Any], given: Iterable[str], clips: ReferenceClips
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the task's settings with times that its body can keep, and sentences about those given that were rounded.

    A control rate that nobody gave divides the rate of the physics: it is the one nearest to `FIXED_HZ`, or of a free
    body nearest to `PER_FRAME` times the recording's rate. Where nobody gave their spacing, a free body sees coming
    frames as they were recorded. Every time in milliseconds is a whole number of control steps.

    Args:
        task: settings, complete.
        given: names of those that a preset or the user gave.
    """
    out, given, remarks = dict(task), set(given), []
    free = has_free_root(clips.body)
    physics = 1.0 / clips.body.physics.timestep
    if "control_rate_hz" not in given:
        wanted = PER_FRAME * clips.rate_hz if free else FIXED_HZ
        out["control_rate_hz"] = round(physics / max(1, round(physics / wanted)), 9)
    rate = out["control_rate_hz"]
    for name, least in _TIMES.items():
        asked = out[name]
        wanted = 1e3 / clips.rate_hz if name == "window_step_ms" and free and name not in given else asked
        out[name] = 1e3 * max(least, round(wanted * 1e-3 * rate)) / rate
        if name in given and abs(out[name] - asked) > 1e-6:
            remarks.append(
                f"task.{name}: {asked:g} ms is {out[name]:g} ms here, a whole number of control steps of "
                f"{1e3 / rate:g} ms"
            )
        elif abs(out[name] - asked) <= 1e-6:
            out[name] = asked
    return out, tuple(remarks)
