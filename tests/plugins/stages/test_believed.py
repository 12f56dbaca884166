"""Positions that a fit does not follow are named in the terminal, of each keypoint, and kept with the clips."""

from __future__ import annotations

import attrs
import numpy as np

from mimic_core import ReferenceClips
from mimic_core.chain import do
from mimic_core.testing import toy_keypoints
from mimic_stages.register import _not_believed


def test_a_jump_of_the_tracking_is_named(plugins, toy_clips, tmp_path):
    keypoints = toy_keypoints(toy_clips)
    keypoint = len(keypoints.names) - 1
    positions = keypoints.positions.copy()
    size = np.nanmax(np.linalg.norm(positions - np.nanmean(positions, (0, 1, 2)), axis=-1))
    positions[0, 10:12, keypoint] += 0.7 * size
    attrs.evolve(keypoints, positions=positions).save(tmp_path / "jump.h5")
    keypoints.save(tmp_path / "steady.h5")
    told = {}
    for name in ("jump", "steady"):
        out = tmp_path / f"{name}_clips.h5"
        body = toy_clips.body
        told[name] = do(
            plugins, "register", files=[tmp_path / f"{name}.h5"], calibration=_kept(toy_clips, tmp_path), out=out
        )
        assert (
            told[name]["body"] and list(ReferenceClips.load(out).remarks) == told[name]["remarks"][len(body.remarks) :]
        )
    n = int(np.isfinite(positions[..., keypoint, 0]).sum())
    assert f"positions not believed: {keypoints.names[keypoint]} 2 of {n}" in told["jump"]["remarks"]
    assert not [r for r in told["steady"]["remarks"] if "not believed" in r]


def _kept(clips, folder):
    return clips.save(folder / "calibrated.h5")


def test_what_was_not_tracked_is_not_counted(toy_clips):
    """A missing position has no trust either, but nobody could believe it."""
    tracked, trust = toy_clips.tracked_pos.copy(), np.ones(toy_clips.error_mm.shape)
    tracked[0, 3, 0], trust[0, 3, 0] = np.nan, 0.0
    trust[0, 4, 1] = 0.05
    few = attrs.evolve(toy_clips, tracked_pos=tracked, trust=trust)
    name, count = toy_clips.keypoint_names[1], int(np.isfinite(tracked[..., 1, 0]).sum())
    assert _not_believed(few) == [f"positions not believed: {name} 1 of {count}"]
    assert _not_believed(attrs.evolve(toy_clips, trust=None)) == []
