"""Rollouts as data: named access, the summary of tracking, and which clips were held out."""

from __future__ import annotations

import numpy as np
import pytest

from mimic_core.chain.assembly import split_clips
from mimic_core.errors import MimicError
from mimic_core.records.rollouts import Rollouts
from mimic_core.testing.rollouts import synthetic_rollouts


def test_rollouts_come_back_from_their_file(tmp_path):
    r = synthetic_rollouts(clip_steps=(30, 20))
    back = Rollouts.load(r.save(tmp_path / "r.h5"))
    np.testing.assert_array_equal(back.qpos, r.qpos)
    assert np.isnan(back.qpos[1, 20:]).all() and np.isnan(back.excitation[:, 0]).all()
    assert back.reward_terms.keys() == r.reward_terms.keys() and back.split == r.split
    assert back.n_steps.tolist() == [30, 20] and back.record == {} and back.layers == {}


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("joint_pos", "elbo", "rollouts: no joint 'elbo'; did you mean"),
        ("activation", "elbow", "rollouts: no actuator 'elbow'"),
        ("joint_poz", "elbow", "rollouts: 'joint_poz' is no array over joints or actuators; did you mean joint_pos"),
        ("site_pos", "elbow", "rollouts: 'site_pos' is no array over joints or actuators"),
    ],
)
def test_names_that_are_not_there(kind, name, message):
    r = synthetic_rollouts()
    with pytest.raises(MimicError, match=message):
        r.of(kind, name)


def test_tracking_summary_by_hand():
    """Clips of different lengths; the base, which cannot move, is left out; splits are summarised apart."""
    r = synthetic_rollouts(clip_steps=(30, 20, 25), split=("train", "held_out", "train"))
    t = r.tracking()
    moving = r.error_mm[..., 1:]
    assert t["fixed_keypoints"] == ["base"]
    assert t["keypoint_mm"]["mean"] == pytest.approx(np.nanmean(moving))
    assert t["keypoint_mm"]["max"] == pytest.approx(np.nanmax(moving))
    assert t["keypoint_mm"]["per_keypoint"].keys() == {"shoulder_tip", "elbow_tip"}
    held = t["by_split"]["held_out"]
    assert held["clips"] == 1 and held["keypoint_mm"]["mean"] == pytest.approx(moving[1, :20].mean())
    assert held["tracked_keypoint_mm"]["p95"] == pytest.approx(np.percentile(r.tracked_error_mm[1, :20, 1:], 95))
    degrees = np.rad2deg(np.abs(r.joint_pos - r.ref_joint_pos))
    assert t["joint_deg_mean"] == pytest.approx(np.nanmean(degrees))
    weighted = (20 * held["joint_deg_mean"] + 55 * t["by_split"]["train"]["joint_deg_mean"]) / 75
    assert t["joint_deg_mean"] == pytest.approx(weighted)


def test_split_of_clips():
    held = split_clips(37, 0.2, seed=0)
    assert held.sum() == 7 and (held == split_clips(37, 0.2, seed=0)).all()
    assert (held != split_clips(37, 0.2, seed=1)).any()
    assert [int(split_clips(n, 0.2, 0).sum()) for n in (1, 2, 3, 10)] == [0, 1, 1, 2]
    assert split_clips(5, 0.99, 0).sum() == 4  # one is left to train on
    assert not split_clips(5, 0.0, 0).any()
