"""The null model of a registration, on movements whose distance from a rigid body is known."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from toys import clips_of, make_clips

from mimic_core import Body, BodyModel
from mimic_stages.standing import mean_pose_error_mm, mean_pose_summary, rigid_distance


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_rigid_shape_fits_wherever_it_is(seed):
    rng = np.random.default_rng(seed)
    shape = rng.normal(size=(5, 3))
    turned = np.stack([Rotation.random(random_state=rng).apply(shape) + rng.normal(size=3) for _ in range(4)])
    turned[0, 2] = np.nan
    found = rigid_distance(turned, shape)
    assert np.isnan(found[0, 2]) and np.isfinite(found).sum() == 19
    np.testing.assert_allclose(found[np.isfinite(found)], 0, atol=1e-9)


def test_a_mirror_image_does_not_fit():
    shape = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]])
    assert rigid_distance(shape * [1, 1, -1], shape).max() > 0.1


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_it_fits_no_worse_than_left_where_it_is(seed):
    rng = np.random.default_rng(seed)
    points, shape = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    moved = shape - shape.mean(0) + points.mean(0)
    assert (rigid_distance(points, shape) ** 2).sum() <= ((points - moved) ** 2).sum() + 1e-9


def test_a_body_that_stands_still_is_its_own_null(toy_model):
    still = clips_of(toy_model, [np.full((10, 2), 0.1)] * 2)
    np.testing.assert_allclose(mean_pose_error_mm(still), 0, atol=1e-6)


def test_a_hinge_that_turns_by_hand(toy_model):
    """Half of the frames with the elbow at +a, half at -a: elbow and shoulder stay, the hand is 2·l·sin(a/2) off."""
    elbow = toy_model.joint_names.index("elbow")
    turn = np.zeros((20, 2))
    turn[:, elbow] = np.repeat([0.15, -0.15], 10)
    clips = clips_of(toy_model, [turn])
    found = mean_pose_error_mm(attrs.evolve(clips, body=attrs.evolve(clips.body, scale=2.0)))
    hand = toy_model.keypoint_names.index("hand")
    # the rigid body may move a little towards both halves; along the arm they are off by l·(1 − cos a) in the same way
    assert found[0, :, hand].mean() == pytest.approx(2 * 2 * 10 * np.sin(0.15 / 2), rel=0.02)
    assert np.delete(found, hand, axis=2).max() < 0.1


def test_a_free_body_takes_its_pose_along():
    free = """<mujoco><worldbody><body name="trunk"><freejoint/><geom size="0.01"/>
    <site name="a" pos="0.01 0 0"/><site name="b" pos="0 0.02 0"/><site name="c" pos="0 0 0.03"/></body></worldbody>
    </mujoco>"""
    model = BodyModel.compile(Body(name="free", mjcf=free, keypoints={k: k for k in "abc"}))
    turns = Rotation.random(8, random_state=0).as_quat(scalar_first=True)
    walk = np.concatenate([np.random.default_rng(0).normal(size=(8, 3)), turns], axis=1)
    np.testing.assert_allclose(mean_pose_error_mm(clips_of(model, [walk])), 0, atol=1e-5)


def test_missing_positions_are_left_out(toy_model):
    clips = make_clips(toy_model, (20, 30))
    tracked = clips.tracked_pos.copy()
    tracked[0, 5, 1] = np.nan
    found = mean_pose_error_mm(attrs.evolve(clips, tracked_pos=tracked))
    assert np.isnan(found[0, 5, 1]) and np.isnan(found[0, 20:]).all() and np.isfinite(found[1]).all()
    said = mean_pose_summary(clips)
    assert said["per_keypoint"].keys() == {"shoulder", "elbow", "hand"} and said["mean"] > 0
