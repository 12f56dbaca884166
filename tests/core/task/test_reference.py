"""Clips brought to the control rate: what is interpolated, what is filtered, and where it ends."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import FREE, clips_of

from mimic_core import Body, BodyModel
from mimic_core.errors import DataError
from mimic_core.task.reference import resample, resample_positions

RATE, CONTROL = 200.0, 400.0


@pytest.fixture(scope="module")
def free_model():
    return BodyModel.compile(Body(name="free", mjcf=FREE, keypoints={"nose": "nose"}))


def _sine(model, frequency_hz, frames=101):
    """A sine of each joint (frame, joint), and the same with its velocity at any time."""
    size = np.array([0.3, -0.2])

    def angle(t):
        return size * np.sin(2 * np.pi * frequency_hz * t[:, None] + np.array([0.0, 1.0])) - 0.2

    def speed(t):
        return size * 2 * np.pi * frequency_hz * np.cos(2 * np.pi * frequency_hz * t[:, None] + np.array([0.0, 1.0]))

    return angle(np.arange(frames) / RATE), angle, speed


def test_interpolates_to_the_control_rate_with_exact_velocities(toy_model):
    frames, angle, speed = _sine(toy_model, 4.0)
    ref = resample(clips_of(toy_model, [frames]), toy_model, CONTROL)
    t = np.arange(201) / CONTROL
    assert ref.n_steps.tolist() == [201] and ref.qpos.shape == (1, 201, 2)
    np.testing.assert_array_equal(ref.qpos[0, ::2], frames)  # a spline passes through its knots
    # error of a cubic spline: 5/384·h⁴·max|q⁗| = 1e-5 rad·… here, and the natural ends disturb a few frames
    inner = slice(20, -20)
    np.testing.assert_allclose(ref.qpos[0, inner], angle(t)[inner], atol=5e-6)
    np.testing.assert_allclose(ref.qvel[0, inner], speed(t)[inner], atol=5e-3)
    assert np.abs(speed(t)).max() > 7  # so that is 0.07 %


def test_velocity_belongs_to_the_recordings_own_rate(toy_model):
    """Frames are divided by their distance in time, not by the model's timestep."""
    line = np.linspace(0.0, 0.5, 51)[:, None] * np.array([1.0, -1.0])
    for rate, speed in ((200.0, 2.0), (100.0, 1.0)):
        ref = resample(clips_of(toy_model, [line], rate_hz=rate), toy_model, CONTROL)
        np.testing.assert_allclose(ref.qvel[0], np.tile([speed, -speed], (ref.n_steps[0], 1)), atol=1e-9)


def test_lowpass_keeps_slow_movement_and_takes_jumps_out(toy_model):
    """A 2nd-order Butterworth both ways has the gain 1/(1 + (f/fc)⁴) (Butterworth 1930, squared)."""
    t = np.arange(400) / RATE
    middle = slice(200, 600)
    at = np.arange(799) / CONTROL
    for frequency in (3.0, 25.0, 60.0):
        q = np.stack([np.sin(2 * np.pi * frequency * t), np.zeros_like(t)], axis=1)
        ref = resample(clips_of(toy_model, [0.1 * q]), toy_model, CONTROL, lowpass_hz=25.0)
        wave = np.sin(2 * np.pi * frequency * at[middle])
        gain = ref.qpos[0, middle, 0] @ wave / (0.1 * wave @ wave)
        warp = np.tan(np.pi * frequency / RATE) / np.tan(np.pi * 25.0 / RATE)  # of the bilinear transform
        assert gain == pytest.approx(1 / (1 + warp**4), abs=0.01)
        if frequency == 3.0:
            np.testing.assert_allclose(ref.qpos[0, middle, 0], 0.1 * wave, atol=3e-5)


def test_lowpass_leaves_a_straight_line_alone_to_its_ends(toy_model):
    line = np.linspace(-0.3, 0.5, 60)[:, None] * np.ones(2)
    clips = clips_of(toy_model, [line])
    np.testing.assert_allclose(
        resample(clips, toy_model, CONTROL, lowpass_hz=25.0).qpos, resample(clips, toy_model, CONTROL).qpos, atol=1e-3
    )


def test_cutoff_of_0_or_above_nyquist_filters_nothing(toy_model):
    frames, _, _ = _sine(toy_model, 60.0)
    clips = clips_of(toy_model, [frames])
    for cutoff in (0.0, 100.0, 300.0):
        np.testing.assert_array_equal(
            resample(clips, toy_model, CONTROL, lowpass_hz=cutoff).qpos, resample(clips, toy_model, CONTROL).qpos
        )


def test_unequal_clips_and_the_state_held_past_the_end(toy_model):
    frames, _, _ = _sine(toy_model, 4.0)
    short, long = frames[:21], frames[:31]
    ref = resample(clips_of(toy_model, [short, long]), toy_model, CONTROL)
    assert ref.n_steps.tolist() == [41, 61] and ref.qpos.shape[1] == 61
    alone = resample(clips_of(toy_model, [short]), toy_model, CONTROL)
    np.testing.assert_array_equal(ref.qpos[0, :41], alone.qpos[0])
    np.testing.assert_array_equal(ref.qpos[0, 41:], np.tile(alone.qpos[0, -1], (20, 1)))
    np.testing.assert_array_equal(ref.qvel[0, 41:], np.tile(alone.qvel[0, -1], (20, 1)))
    assert np.isfinite(ref.qpos).all()


@pytest.mark.parametrize(
    ("rate", "control", "frames", "steps"),
    [(200, 400, 60, 119), (150, 400, 50, 131), (200, 200, 60, 60), (50, 400, 4, 25), (240, 100, 25, 11)],
)
def test_number_of_instants(toy_model, rate, control, frames, steps):
    """(frames − 1)/rate seconds hold floor((frames − 1)·control/rate) + 1 instants."""
    clips = clips_of(toy_model, [np.zeros((frames, 2))], rate_hz=rate)
    assert resample(clips, toy_model, control).n_steps.tolist() == [steps]


def test_too_short_a_clip_is_named(toy_model):
    clips = clips_of(toy_model, [np.zeros((10, 2)), np.zeros((3, 2))], names=("good", "stub"))
    with pytest.raises(DataError, match=r"clip stub: has 3 frames, at least 4 are needed; leave it out"):
        resample(clips, toy_model, CONTROL)


# -- free root ------------------------------------------------------------------------------------------------


def _spin(axis, rate, frames):
    angle = rate * np.arange(frames) / RATE
    return np.concatenate([np.cos(angle / 2)[:, None], np.sin(angle / 2)[:, None] * axis], axis=1)


def test_free_root_that_spins_steadily(free_model):
    """A constant rotation about a body axis has that constant angular velocity; q and −q are the same pose."""
    axis, rate, frames = np.array([1.0, 2.0, -2.0]) / 3.0, 9.0, 200
    q = np.zeros((frames, free_model.mj_model.nq))
    velocity = np.array([0.1, -0.2, 0.05])
    q[:, :3] = velocity * np.arange(frames)[:, None] / RATE
    q[:, 3:7] = _spin(axis, rate, frames)
    q[:, 7] = 0.5 * np.arange(frames) / RATE
    q[50:120, 3:7] *= -1  # trackers and solvers change the sign as they like
    ref = resample(clips_of(free_model, [q]), free_model, CONTROL)
    inner = slice(30, -30)
    dof = int(free_model.mj_model.joint("root").dofadr[0])
    spin = ref.qvel[0, inner, dof + 3 : dof + 6]
    np.testing.assert_allclose(spin, np.tile(rate * axis, (len(spin), 1)), atol=2e-3)
    np.testing.assert_allclose(ref.qvel[0, inner, dof : dof + 3], np.tile(velocity, (len(spin), 1)), atol=1e-9)
    np.testing.assert_allclose(ref.qvel[0, inner, free_model.joint_dofadr[0]], 0.5, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(ref.qpos[0, :, 3:7], axis=1), 1.0, atol=1e-12)


def test_free_root_velocity_is_what_mujoco_differentiates(free_model):
    m, rng = free_model.mj_model, np.random.default_rng(0)
    t = np.arange(100) / RATE
    turn = np.stack(
        [
            np.cumsum(2 * np.pi * f * np.cos(2 * np.pi * f * t + p)) / RATE
            for f, p in zip((1.0, 1.5, 2.0), rng.uniform(0, 6, 3), strict=True)
        ],
        axis=1,
    )
    q = np.zeros((100, m.nq))
    for i, r in enumerate(turn):
        mujoco.mju_euler2Quat(quat := np.zeros(4), r, "xyz")
        q[i, 3:7] = quat
    q[:, 7] = np.sin(9 * t)
    ref = resample(clips_of(free_model, [q]), free_model, 4000.0)  # close instants, to difference
    for i in (500, 901, 1300):
        between = np.zeros(m.nv)
        mujoco.mj_differentiatePos(m, between, 2 / 4000.0, ref.qpos[0, i - 1], ref.qpos[0, i + 1])
        np.testing.assert_allclose(ref.qvel[0, i], between, atol=2e-3)
        assert np.linalg.norm(between[3:6]) > 3


# -- positions ------------------------------------------------------------------------------------------------


def test_positions_are_interpolated_linearly_and_gaps_stay_gaps():
    clip = np.array([0.0, 1.0, np.nan, 3.0, 5.0])[None, :, None, None] * np.ones(3)
    out = resample_positions(clip, np.array([5]), np.array([9]), 200.0, 400.0)[0, :, 0, 0]
    # frame 2 is missing, and so is what lies between it and its neighbours
    np.testing.assert_allclose(out, [0.0, 0.5, 1.0, np.nan, np.nan, np.nan, 3.0, 4.0, 5.0], rtol=1e-12)


def test_positions_of_unequal_clips():
    clips = np.full((2, 4, 1, 3), np.nan)
    clips[0, :2], clips[1] = 1.0, np.arange(4)[:, None, None]
    out = resample_positions(clips, np.array([2, 4]), np.array([3, 7]), 100.0, 200.0)
    assert out.shape == (2, 7, 1, 3)
    np.testing.assert_array_equal(out[0, :, 0, 0], [1, 1, 1, *[np.nan] * 4])
    np.testing.assert_allclose(out[1, :, 0, 0], [0, 0.5, 1, 1.5, 2, 2.5, 3])


@settings(max_examples=30, deadline=None)
@given(
    frames=st.integers(4, 40),
    rate=st.sampled_from([50.0, 150.0, 200.0, 240.0]),
    control=st.sampled_from([100.0, 400.0, 1000.0]),
)
def test_positions_and_reference_share_their_instants(toy_model, frames, rate, control):
    """A straight line is the same line in both, at every instant."""
    line = (0.4 / frames) * np.arange(frames)[:, None] * np.ones(2)
    ref = resample(clips_of(toy_model, [line], rate_hz=rate), toy_model, control)
    points = line[None, :, None, :1] * np.ones(3)
    out = resample_positions(points, np.array([frames]), ref.n_steps, rate, control)
    np.testing.assert_allclose(out[0, :, 0, 0], ref.qpos[0, :, 0], atol=1e-9)
