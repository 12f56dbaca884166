"""The camera that sees made-up movements: in the animal's unit of length, with noise that suits its size."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import Body, BodyModel
from mimic_synthetic.camera import kinematics, record, true_offsets
from mimic_synthetic.settings import Camera

MJCF = """<mujoco><worldbody><body name="trunk">{joint}<geom size=".02" mass=".1"/><site name="s0" pos=".03 0 0"/>
<site name="s1" pos="-.03 0 0"/></body></worldbody></mujoco>"""
FREE, FIXED = "<freejoint/>", '<joint name="turn" axis="0 0 1" range="-90 90"/>'
APART_MM = 30.0
"""of each keypoint from the middle of both"""


def body_of(joint: str, scale: float = 1.0) -> BodyModel:
    keypoints = {"front": "s0", "back": "s1"}
    return BodyModel.compile(Body(name="toy", mjcf=MJCF.format(joint=joint), keypoints=keypoints, scale=scale))


FREE_BODY, FIXED_BODY = body_of(FREE), body_of(FIXED)


def seen(model: BodyModel, camera: Camera, place=(0.0, 0.0, 0.0)):
    """What is recorded of a body that stands still at ``place`` (…, 3) m, and where its keypoints are."""
    q = np.zeros((camera.clips, camera.frames, model.mj_model.nq))
    if model.root is not None:
        q[..., 3], q[..., :3] = 1.0, place
    true = kinematics(model, q, true_offsets(camera, model, np.random.default_rng(1)))
    return record(camera, model, true, np.random.default_rng(0)).positions, true


STILL = Camera(clips=20, frames=100, gap_share=0.0)


@pytest.mark.parametrize("scale", [1.0, 0.01])
@pytest.mark.parametrize("joint", [FREE, FIXED], ids=["free", "fixed"])
def test_noise_that_nobody_asks_for_is_a_sixtieth_of_the_animal(joint, scale):
    positions, true = seen(body_of(joint, scale), STILL)
    error = positions - scale * true
    assert 1e3 * error.std() == pytest.approx(scale * APART_MM / 60, rel=0.05)
    assert np.abs(error.mean((0, 1))).max() < 0.1 * error.std()


@given(st.floats(-50, 50), st.floats(0, 5))
@settings(deadline=None, max_examples=15)
def test_how_far_an_animal_walks_does_not_make_its_camera_worse(away, speed):
    walk = np.zeros((STILL.clips, STILL.frames, 3))
    walk[..., 0] = away + speed * np.arange(STILL.frames) / STILL.rate_hz
    (walking, true), (standing, still) = seen(FREE_BODY, STILL, walk), seen(FREE_BODY, STILL)
    np.testing.assert_allclose(walking - true, standing - still, atol=1e-12)


def test_without_noise_and_offsets_it_sees_what_is_there():
    positions, true = seen(FIXED_BODY, attrs.evolve(STILL, noise_mm=0.0))
    np.testing.assert_allclose(positions, true, atol=1e-15)
    np.testing.assert_allclose(positions[0, 0], [[0.03, 0, 0], [-0.03, 0, 0]], atol=1e-15)


def test_offsets_are_those_of_the_animal_not_of_its_model():
    """A model in centimetres: an offset of 1 mm is 0.1 of its units."""
    camera = attrs.evolve(STILL, offset_mm=1.0)
    cm, m = (true_offsets(camera, body_of(FREE, scale), np.random.default_rng(3)) for scale in (0.01, 1.0))
    at = FREE_BODY.mj_model.site_pos[FREE_BODY.keypoint_site_ids]
    np.testing.assert_allclose(0.01 * (cm - at), m - at, rtol=1e-12)
