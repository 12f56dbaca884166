"""What a registration says about its fit: each remark where there is reason for it, and none without."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from mimic_core import Keypoints
from mimic_stac import build
from mimic_stac.remarks import remarks
from mimic_stac.settings import Settings

PLAIN = {
    "segment_scale": {},
    "gaps_bridged": {"gaps": 0, "positions": 0},
    "jumps": [],
    "share_at_joint_limit": {"elbow": 0.1},
    "offset_beyond_spread": [],
    "orientation_rivalry": 1.5,
    "converged": True,
    "joints_coupled": [],
    "coupling_limits": [],
    "constraints_left_out": [],
    "ground": {},
}
JUMPS = [{"clip": "a", "keypoint": "wrist", "first": i, "last": i + (i == 1)} for i in range(6)]


def quiet(done, total, metrics):
    """Progress of no interest."""


def test_a_fit_without_anything_special_gets_no_remark():
    assert list(remarks(PLAIN)) == []
    assert list(remarks({**PLAIN, "orientation_rivalry": None})) == []


@pytest.mark.parametrize(
    ("found", "remark"),
    [
        ({"segment_scale": {"humerus": 1.25, "hand": 0.9}}, "segments: humerus 1.250, hand 0.900"),
        ({"gaps_bridged": {"gaps": 2, "positions": 7}}, "2 gaps bridged (7 positions)"),
        ({"jumps": JUMPS[:2]}, "2 jumps of the tracking not followed (clip, keypoint, frame): a wrist 0, a wrist 1-2"),
        (
            {"jumps": JUMPS},
            "6 jumps of the tracking not followed (clip, keypoint, frame): a wrist 0, a wrist 1-2, a wrist 2, "
            "a wrist 3, a wrist 4, …",
        ),
        ({"share_at_joint_limit": {"elbow": 0.25, "wrist": 0.1}}, "at a joint limit: elbow in 25% of frames"),
        ({"offset_beyond_spread": ["paw", "wrist"]}, "further from the body's own place than expected: paw, wrist"),
        (
            {"orientation_rivalry": 1.05},
            "other orientations fit about as well; if you know the axes, give --set register.axes=…",
        ),
        ({"converged": False}, "stopped before it converged; raise register.max_iterations"),
    ],
)
def test_each_remark_by_hand(found, remark):
    assert list(remarks({**PLAIN, **found})) == [remark]


def test_clips_keep_the_remarks_of_their_fit(truth, mouse, tmp_path):
    keypoints: Keypoints = truth[0]
    positions = keypoints.positions.copy()
    positions[0, 5:8, keypoints.names.index("wrist")] = np.nan
    gone = attrs.evolve(keypoints, positions=positions)
    clips = build(Settings(alignment="none", max_iterations=2, tolerance=1e-20), mouse)(gone, quiet)
    assert clips.remarks == tuple(remarks(clips.provenance))
    assert "1 gaps bridged (3 positions)" in clips.remarks
    assert "stopped before it converged; raise register.max_iterations" in clips.remarks
    clips.save(tmp_path / "clips.h5")
    assert type(clips).load(tmp_path / "clips.h5").remarks == clips.remarks
