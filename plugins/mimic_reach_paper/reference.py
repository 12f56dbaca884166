"""The reference: velocities with a wrong time step, and angles held between camera frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mimic_core import Rollouts
from mimic_reach_paper.camera import held, steps_per_frame
from mimic_reach_paper.findings import Pair
from mimic_reach_paper.settings import Compat


def velocity_pairs(rollouts: Rollouts, settings: Compat) -> Iterator[Pair]:
    """Share of frame-to-frame velocities at the cut-off or above it, and the mean speed."""
    frames = rollouts.ref_joint_pos[:, :: steps_per_frame(rollouts.rate_hz, settings.camera_hz)]
    difference = np.abs(np.diff(frames, axis=1))
    difference = difference[np.isfinite(difference)]
    wrong, right = difference / (1e-3 * settings.model_step_ms), difference * settings.camera_hz
    cut = settings.cutoff_rad_s
    shares = (100 * float((speed >= cut).mean()) for speed in (wrong, right))
    yield Pair(("reference_velocity", "at_cutoff_percent"), "at the cut-off (%)", *shares)
    means = float(np.minimum(wrong, cut).mean()), float(right.mean())
    yield Pair(("reference_velocity", "mean_rad_s"), "mean speed (rad/s)", *means)


def held_pairs(rollouts: Rollouts, settings: Compat) -> Iterator[Pair]:
    """How far the held reference is from the interpolated one, and the tracking error against each."""
    interpolated = rollouts.ref_joint_pos
    standing = held(interpolated, rollouts.rate_hz, settings.camera_hz)
    error = np.rad2deg(np.abs(standing - interpolated))
    summary = {"mean": float(np.nanmean(error)), "max": float(np.nanmax(error))}
    for name, value in summary.items():
        yield Pair(("reference_held", f"{name}_deg"), f"{name} error (deg)", value, 0.0)
    tracking = (float(np.rad2deg(np.nanmean(np.abs(rollouts.joint_pos - ref)))) for ref in (standing, interpolated))
    yield Pair(
        ("reference_held", "tracking_deg"), "tracking error (deg)", *tracking, nulls=_null_tracking(interpolated)
    )


def _null_tracking(reference: np.ndarray) -> dict[str, float]:
    """Error of the mean movement of all clips, deg; reference (clip, step, joint) rad."""
    there = np.isfinite(reference)
    mean = np.nansum(reference, axis=0) / np.maximum(there.sum(axis=0), 1)
    return {"mean movement": float(np.rad2deg(np.nanmean(np.abs(reference - mean))))}
