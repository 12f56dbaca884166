"""The `stac` registration puts a free animal on the floor of its model."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from stac_cases import WALKER, quiet, toy

from mimic_core import BodyModel, Keypoints
from mimic_kinematics.floor import floor_of, heights
from mimic_stac import build
from mimic_stac.settings import Settings

# A trunk with two legs over a floor that lies 10 mm below the origin; its legs are what can touch it.
BIPED = """<mujoco><compiler angle="radian"/><worldbody><geom name="floor" type="plane" size="1 1 1" pos="0 0 -.01"/>
<body pos="0 0 .05"><freejoint/><geom size=".02" contype="0" conaffinity="0"/><site name="s0" pos=".04 0 0"/>
<site name="s1" pos="-.04 .01 0"/><site name="s2" pos="0 -.02 .02"/>
<body pos=".03 0 0"><joint name="front" axis="0 1 0" range="-1 1" limited="true"/>
<geom type="capsule" size=".004" fromto="0 0 0 0 0 -.05"/><site name="s3" pos=".01 0 -.02"/>
<site name="s4" pos="0 0 -.05"/>
</body><body pos="-.03 0 0"><joint name="hind" axis="0 1 0" range="-1 1" limited="true"/>
<geom type="capsule" size=".004" fromto="0 0 0 0 0 -.05"/><site name="s5" pos=".01 0 -.02"/>
<site name="s6" pos="0 0 -.05"/>
</body></body></worldbody></mujoco>"""
AIRBORNE = 12
"""first frames of the walk, in which the animal is above the floor"""


def walk(n=80):
    """Qpos (frame, 9) of a walk in an arc whose lower foot is on the floor, after some frames in the air."""
    t = np.arange(n) / 100
    q = np.zeros((n, 9))
    q[:, 0], q[:, 1] = 0.3 * np.sin(3 * t), 0.3 * (1 - np.cos(3 * t))
    q[:, 3:7] = Rotation.from_rotvec(3 * t[:, None] * [0, 0, 1]).as_quat(scalar_first=True)
    q[:, 7], q[:, 8] = 0.3 + 0.3 * np.sin(12 * t), 0.3 - 0.3 * np.sin(12 * t)
    m = BodyModel.compile(toy(BIPED)).mj_model
    q[:, 2] -= heights(m, q, floor_of(m))[0].min(1)
    q[:AIRBORNE, 2] += 0.02
    return q


def recorded(q, carried=lambda x: x, clips=("one", "two")):
    """Two clips of keypoints in the camera's frame, with a little noise; ``carried`` maps model to camera."""
    model = BodyModel.compile(toy(BIPED))
    data, out = mujoco.MjData(model.mj_model), []
    for pose in q:
        data.qpos[:] = pose
        mujoco.mj_kinematics(model.mj_model, data)
        out.append(data.site_xpos[model.keypoint_site_ids].copy())
    seen = carried(np.array(out)) + np.random.default_rng(0).normal(0, 1e-4, (len(out), 7, 3))
    half = len(seen) // 2
    return Keypoints.from_clips(
        [seen[:half], seen[half:]], names=model.keypoint_names, rate_hz=100.0, clip_names=list(clips), origin="test"
    )


def lowest_mm(clips):
    m = BodyModel.compile(clips.body).mj_model
    q = np.concatenate([clips.qpos[c, :n] for c, n in enumerate(clips.n_frames)])
    return 1e3 * clips.body.scale * heights(m, q, floor_of(m))[0].min(1)


FIXED = Settings(scale="fixed", tracking_mm=1e-3)


@pytest.mark.parametrize("up_mm", [-35.0, 0.0, 23.0])
def test_the_lowest_foot_comes_onto_the_floor(up_mm):
    keypoints = recorded(walk(), lambda x: x + np.array([0.1, 0, up_mm / 1e3]))
    clips = build(FIXED, toy(BIPED))(keypoints, quiet)
    plain = build(attrs.evolve(FIXED, ground="none"), toy(BIPED))(keypoints, quiet)
    low = lowest_mm(clips)
    assert np.percentile(low, 5) == pytest.approx(0, abs=1e-6) and np.abs(low[AIRBORNE:]).max() < 0.8
    assert low[:AIRBORNE].mean() == pytest.approx(20, abs=1)
    found = clips.provenance["ground"]
    assert found["raised_mm"]["one"] == pytest.approx(-up_mm, abs=0.5) and found["turned_deg"] == 0
    assert found["touching_share"]["two"] == 1 and "floor" in found["floor"]
    # the fit itself is the same, and recorded positions move with the body
    np.testing.assert_allclose(clips.error_mm, plain.error_mm, atol=1e-9)
    np.testing.assert_allclose(clips.qvel, plain.qvel, atol=1e-9)
    moved = clips.tracked_pos - plain.tracked_pos
    np.testing.assert_allclose(1e3 * moved, np.broadcast_to([0, 0, found["raised_mm"]["one"]], moved.shape), atol=1e-9)
    aligned = np.einsum("ij,fkj->fki", clips.alignment[0, :3, :3], keypoints.positions[0]) + clips.alignment[0, :3, 3]
    np.testing.assert_allclose(aligned, clips.tracked_pos[0], atol=1e-12)
    assert sum(r.startswith("ground:") for r in clips.remarks) == 1


def test_a_ground_that_is_given_and_never_touched():
    keypoints = recorded(walk())
    clips = build(attrs.evolve(FIXED, ground_height_mm=-10.0), toy(BIPED))(keypoints, quiet)
    assert clips.provenance["ground"]["raised_mm"]["one"] == pytest.approx(0, abs=0.01)
    clips = build(attrs.evolve(FIXED, ground_height_mm=-50.0), toy(BIPED))(keypoints, quiet)
    assert lowest_mm(clips).min() == pytest.approx(40, abs=1)
    line = clips.remarks[-1] if clips.remarks[-1].startswith("ground: a foot") else clips.remarks[-2]
    assert "one, two" in line and "register.ground_height_mm" in line


def test_a_recording_with_y_up_and_a_camera_that_is_tilted():
    y_up = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]).T  # the camera's y is the model's z
    keypoints = recorded(walk(160), lambda x: x @ y_up.T)
    clips = build(attrs.evolve(FIXED, ground_normal=(0, 1, 0)), toy(BIPED))(keypoints, quiet)
    assert clips.provenance["ground"]["turned_deg"] == pytest.approx(90, abs=1e-6)
    assert np.abs(lowest_mm(clips)[AIRBORNE:]).max() < 1
    slope = Rotation.from_euler("x", 8, degrees=True).as_matrix()
    keypoints = recorded(walk(160), lambda x: x @ slope.T)
    clips = build(FIXED, toy(BIPED))(keypoints, quiet)
    assert clips.provenance["ground"]["tilt_deg"] == pytest.approx(8, abs=0.5)
    assert any("8 deg off" in r and "ground_tilt" in r for r in clips.remarks)
    clips = build(attrs.evolve(FIXED, ground_tilt=True), toy(BIPED))(keypoints, quiet)
    assert np.abs(lowest_mm(clips)[AIRBORNE:]).max() < 2
    assert clips.provenance["ground"]["turned_deg"] == pytest.approx(8, abs=0.5)


def test_a_foot_that_never_comes_near_the_floor_is_named():
    q = walk()
    q[:, 8] = 1.0  # the hind leg is held up
    m = BodyModel.compile(toy(BIPED)).mj_model
    q[:, 2] -= heights(m, q, floor_of(m))[0].min(1)
    clips = build(FIXED, toy(BIPED))(recorded(q), quiet)
    feet = clips.provenance["ground"]["feet_mm"]
    assert min(feet.values()) == pytest.approx(0, abs=0.5) and len(feet) == 2
    line = next(r for r in clips.remarks if "never near the floor" in r)
    assert "register.tracking_mm" in line and line.count("mm)") == 1


def test_clips_with_heights_of_their_own():
    keypoints = recorded(walk()[AIRBORNE:])
    pos = keypoints.positions.copy()
    pos[1, ..., 2] += 0.06
    keypoints = attrs.evolve(keypoints, positions=pos)
    together = build(FIXED, toy(BIPED))(keypoints, quiet)
    assert any("less than 10% of frames of two" in r and "ground=clip" in r for r in together.remarks)
    apart = build(attrs.evolve(FIXED, ground="clip"), toy(BIPED))(keypoints, quiet)
    assert np.abs(lowest_mm(apart)).max() < 1


def test_nothing_changes_without_a_floor():
    keypoints = recorded(walk())
    bare = BIPED.replace('<geom name="floor" type="plane" size="1 1 1" pos="0 0 -.01"/>', "")
    clips = build(FIXED, toy(bare))(keypoints, quiet)
    plain = build(attrs.evolve(FIXED, ground="none"), toy(bare))(keypoints, quiet)
    np.testing.assert_array_equal(clips.qpos, plain.qpos)
    assert clips.provenance["ground"] == {} and WALKER.count("plane") == 0
    ghost = BIPED.replace('name="floor"', 'name="floor" contype="0" conaffinity="0"')
    clips = build(FIXED, toy(ghost))(keypoints, quiet)
    np.testing.assert_array_equal(clips.qpos, plain.qpos)
    assert any("can touch floor" in r and "contype" in r for r in clips.remarks)
